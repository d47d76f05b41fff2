// SPDX-License-Identifier: GPL-2.0-only

//! The kernel crate's ways to ask for memory.

pub(crate) mod flags {
    use crate::shim::prelude::Flags;

    pub(crate) const GFP_NOWAIT: Flags = Flags;
    pub(crate) const __GFP_NOWARN: Flags = Flags;
}
