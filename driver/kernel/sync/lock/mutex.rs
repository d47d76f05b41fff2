// SPDX-License-Identifier: GPL-2.0-only

//! Locks whose waiters sleep.
//!
//! C header: [`include/linux/mutex.h`](srctree/include/linux/mutex.h)

use super::{Backend, Lock, LockClassKey};
use crate::{bindings, str::CStrExt};
use core::ffi::CStr;

/// A lock of this kind, and its data.
pub type Mutex<T> = Lock<T, MutexBackend>;

/// The kind of lock.
pub struct MutexBackend;

// SAFETY: The kernel's lock is one.
unsafe impl Backend for MutexBackend {
    type State = bindings::mutex;

    unsafe fn init(state: *mut Self::State, name: &'static CStr, class: &'static LockClassKey) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_mutex_init(state, name.as_char_ptr(), class.as_ptr()) };
    }

    #[inline]
    unsafe fn lock(state: *mut Self::State) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_mutex_lock(state) };
    }

    #[inline]
    unsafe fn try_lock(state: *mut Self::State) -> bool {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_mutex_trylock(state) }
    }

    #[inline]
    unsafe fn unlock(state: *mut Self::State) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::chaos_mutex_unlock(state) };
    }
}

/// Makes a lock of this kind, with a name for the kernel's checks.
#[macro_export]
macro_rules! new_mutex {
    ($data:expr, $name:literal $(,)?) => {
        $crate::sync::Mutex::new($data, $crate::__c_text!($name), $crate::__lock_class!())
    };
}
