// SPDX-License-Identifier: GPL-2.0-only

//! Read-copy-update.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use crate::bindings;
use core::marker::PhantomData;

/// While it lives, the kernel frees nothing that waits for readers. The task must not sleep.
pub struct Guard(PhantomData<*mut ()>);

/// Begins to read.
pub fn read_lock() -> Guard {
    // SAFETY: May be called in any context; the guard's drop ends it.
    unsafe { bindings::chaos_rcu_read_lock() };
    Guard(PhantomData)
}

impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: The guard has begun it, in the same task, as it is not `Send`.
        unsafe { bindings::chaos_rcu_read_unlock() };
    }
}
