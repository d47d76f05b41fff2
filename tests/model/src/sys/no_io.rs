// SPDX-License-Identifier: GPL-2.0-only

//! Scopes of allocations; there are no reserves here.

pub(crate) fn without_reserves<T>(allocate: impl FnOnce() -> T) -> T {
    allocate()
}
