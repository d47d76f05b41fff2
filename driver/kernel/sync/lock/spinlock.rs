// SPDX-License-Identifier: GPL-2.0-only

//! Locks whose waiters spin.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use super::{Backend, Lock, LockClassKey};
use crate::{bindings, str::CStrExt};
use core::ffi::CStr;

/// A lock of this kind, and its data.
pub type SpinLock<T> = Lock<T, SpinLockBackend>;

/// The kind of lock.
pub struct SpinLockBackend;

// SAFETY: The kernel's lock is one.
unsafe impl Backend for SpinLockBackend {
    type State = bindings::spinlock;

    unsafe fn init(state: *mut Self::State, name: &'static CStr, class: &'static LockClassKey) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_spinlock_init(state, name.as_char_ptr(), class.as_ptr()) };
    }

    #[inline]
    unsafe fn lock(state: *mut Self::State) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_spinlock_lock(state) };
    }

    #[inline]
    unsafe fn try_lock(state: *mut Self::State) -> bool {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_spinlock_trylock(state) }
    }

    #[inline]
    unsafe fn unlock(state: *mut Self::State) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_spinlock_unlock(state) };
    }
}

/// Makes a lock of this kind, with a name for the kernel's checks.
#[macro_export]
macro_rules! new_spinlock {
    ($data:expr, $name:literal $(,)?) => {
        $crate::sync::SpinLock::new($data, $crate::__c_text!($name), $crate::__lock_class!())
    };
}
