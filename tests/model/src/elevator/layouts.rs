// SPDX-License-Identifier: GPL-2.0-only

//! The one private structure of the block layer that is wanted here.

pub(crate) struct BlkMqAllocData {
    pub(crate) flags: u32,
    pub(crate) shallow_depth: u32,
    pub(crate) cmd_flags: u32,
}
