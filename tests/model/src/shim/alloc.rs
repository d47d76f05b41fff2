// SPDX-License-Identifier: GPL-2.0-only

//! The kernel crate's flags of allocations, and a lack of memory on demand.

pub(crate) mod flags {
    use crate::shim::prelude::Flags;

    pub(crate) const GFP_NOWAIT: Flags = Flags;
    pub(crate) const __GFP_NOWARN: Flags = Flags;
}

thread_local! {
    static HAS_MEMORY: std::cell::Cell<bool> = const { std::cell::Cell::new(true) };
}

/// Calls `act` while there is no memory.
pub(crate) fn without_memory<T>(act: impl FnOnce() -> T) -> T {
    HAS_MEMORY.set(false);
    let result = act();
    HAS_MEMORY.set(true);
    result
}

pub(crate) fn has_memory() -> bool {
    HAS_MEMORY.get()
}
