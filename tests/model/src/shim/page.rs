// SPDX-License-Identifier: GPL-2.0-only

//! Pages of memory, as the kernel crate has them.

/// The size of a page.
pub(crate) const PAGE_SIZE: usize = 4096;
