// SPDX-License-Identifier: GPL-2.0-only

//! A fake of scopes of allocations, without reserves.

pub(crate) fn without_reserves<T>(allocate: impl FnOnce() -> T) -> T {
    allocate()
}
