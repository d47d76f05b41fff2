// SPDX-License-Identifier: GPL-2.0-only

//! Locks that are statics.

use super::{Backend, Guard, Lock, LockClassKey};
use core::{
    ffi::CStr,
    ops::{Deref, DerefMut},
};

/// A type that stands for a lock that is a static.
pub trait GlobalLockBackend: Sized + 'static {
    /// The data.
    type Item: Send + 'static;
    /// The kind of lock.
    type Backend: Backend + 'static;
    /// Its name.
    const NAME: &'static CStr;

    /// Its class.
    fn class() -> &'static LockClassKey;
}

/// A lock that is a static.
pub struct GlobalLock<B: GlobalLockBackend>(Lock<B::Item, B::Backend>);

impl<B: GlobalLockBackend> GlobalLock<B> {
    /// Makes the lock.
    ///
    /// # Safety
    ///
    /// It must be initialized before it is used.
    #[doc(hidden)]
    pub const unsafe fn new(data: B::Item) -> Self {
        Self(Lock::uninit(data))
    }

    /// Initializes the lock.
    ///
    /// # Safety
    ///
    /// No other code may use it meanwhile, nor have used it before.
    pub unsafe fn init(&'static self) {
        // SAFETY: By this function's requirements.
        unsafe { self.0.init(B::NAME, B::class()) };
    }

    /// Takes the lock.
    pub fn lock(&'static self) -> GlobalGuard<B> {
        GlobalGuard(self.0.lock())
    }
}

/// A lock that is held until this is dropped.
pub struct GlobalGuard<B: GlobalLockBackend>(Guard<'static, B::Item, B::Backend>);

impl<B: GlobalLockBackend> Deref for GlobalGuard<B> {
    type Target = B::Item;

    fn deref(&self) -> &B::Item {
        &self.0
    }
}

impl<B: GlobalLockBackend> DerefMut for GlobalGuard<B> {
    fn deref_mut(&mut self) -> &mut B::Item {
        &mut self.0
    }
}

/// Declares a mutex that is a static, and a type of the same name that stands for it.
#[doc(hidden)]
#[macro_export]
macro_rules! __global_lock {
    ($visibility:vis unsafe(uninit) static $name:ident: Mutex<$item:ty> = $data:expr;) => {
        #[allow(clippy::upper_case_acronyms)]
        $visibility enum $name {}

        impl $crate::sync::lock::global::GlobalLockBackend for $name {
            type Item = $item;
            type Backend = $crate::sync::lock::mutex::MutexBackend;
            const NAME: &'static ::core::ffi::CStr =
                $crate::__c_text!(::core::stringify!($name));

            fn class() -> &'static $crate::sync::LockClassKey {
                $crate::__lock_class!()
            }
        }

        $visibility static $name: $crate::sync::lock::global::GlobalLock<$name> =
            // SAFETY: The user of the macro initializes it.
            unsafe { $crate::sync::lock::global::GlobalLock::new($data) };
    };
}
