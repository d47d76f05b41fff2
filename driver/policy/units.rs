// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Units of time.

/// Nanoseconds in a microsecond.
pub const NS_PER_US: u64 = 1_000;
