// SPDX-License-Identifier: GPL-2.0-only

//! Pages of memory.

/// The size of a page in bytes.
pub const PAGE_SIZE: usize = crate::bindings::PAGE_SIZE as usize;
