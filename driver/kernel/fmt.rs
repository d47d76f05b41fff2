// SPDX-License-Identifier: GPL-2.0-only

//! Formatting of text.

pub use core::fmt::{Arguments, Error, Result, Write};

/// Arguments for formatting.
#[macro_export]
macro_rules! fmt {
    ($($arguments:tt)*) => { ::core::format_args!($($arguments)*) };
}
