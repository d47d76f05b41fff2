// SPDX-License-Identifier: GPL-2.0-only

//! Locks, and references that are counted.

mod arc;
pub mod lock;
pub mod rcu;

pub use arc::{Arc, ArcBorrow};
pub use lock::{global::GlobalGuard, mutex::Mutex, spinlock::SpinLock};

use crate::bindings;
use core::cell::UnsafeCell;

/// The class of locks that are made at one place of the code, for the kernel's checks of locks.
#[repr(C, align(8))]
pub struct LockClassKey(UnsafeCell<[u8; bindings::SIZE_lock_class_key as usize]>);

// SAFETY: Only C uses its content, under a lock.
unsafe impl Sync for LockClassKey {}

impl LockClassKey {
    /// A class for a static.
    #[doc(hidden)]
    pub const fn new_static() -> Self {
        Self(UnsafeCell::new([0; bindings::SIZE_lock_class_key as usize]))
    }

    pub(crate) fn as_ptr(&'static self) -> *mut bindings::lock_class_key {
        self.0.get().cast()
    }
}

/// The class of the locks that are made here.
#[doc(hidden)]
#[macro_export]
macro_rules! __lock_class {
    () => {{
        static CLASS: $crate::sync::LockClassKey = $crate::sync::LockClassKey::new_static();
        &CLASS
    }};
}

/// A literal as a text of C.
#[doc(hidden)]
#[macro_export]
macro_rules! __c_text {
    ($text:expr) => {
        const {
            match ::core::ffi::CStr::from_bytes_with_nul(::core::concat!($text, "\0").as_bytes()) {
                Ok(text) => text,
                Err(_) => ::core::panic!("a text has a NUL"),
            }
        }
    };
}

#[doc(inline)]
pub use crate::__global_lock as global_lock;
