// SPDX-License-Identifier: GPL-2.0-only

//! Locks that have the data that they protect.

pub mod global;
pub mod mutex;
pub mod spinlock;

use super::LockClassKey;
use crate::{
    init::{pin_init_from_closure, PinInit},
    types::Opaque,
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// A kind of lock.
///
/// # Safety
///
/// Between `lock` and `unlock`, no other caller of `lock` for the same state may go on, and the
/// later one must see all that the earlier one did.
pub unsafe trait Backend {
    /// The lock of C.
    type State;

    /// Initializes a lock.
    ///
    /// # Safety
    ///
    /// `state` must be valid for writing, and not move afterwards.
    unsafe fn init(state: *mut Self::State, name: &'static CStr, class: &'static LockClassKey);

    /// Takes a lock.
    ///
    /// # Safety
    ///
    /// It must be initialized, and the context one in which the lock may be taken.
    unsafe fn lock(state: *mut Self::State);

    /// Takes a lock if it is free, and returns whether it was.
    ///
    /// # Safety
    ///
    /// As for `lock`.
    unsafe fn try_lock(state: *mut Self::State) -> bool;

    /// Gives a lock back.
    ///
    /// # Safety
    ///
    /// The caller must have taken it.
    unsafe fn unlock(state: *mut Self::State);
}

/// A lock and its data.
///
/// # Invariants
///
/// Only the holder of the lock uses the data.
pub struct Lock<T, B: Backend> {
    state: Opaque<B::State>,
    data: UnsafeCell<T>,
}

// SAFETY: A lock may move to another thread if its data may.
unsafe impl<T: Send, B: Backend> Send for Lock<T, B> {}
// SAFETY: By the invariants, one thread at a time uses the data.
unsafe impl<T: Send, B: Backend> Sync for Lock<T, B> {}

impl<T, B: Backend> Lock<T, B> {
    /// Makes a lock of this name and class.
    pub fn new(
        data: impl PinInit<T>,
        name: &'static CStr,
        class: &'static LockClassKey,
    ) -> impl PinInit<Self> {
        // SAFETY: The slot is valid and pinned, and this initializes both fields.
        unsafe {
            pin_init_from_closure(move |slot: *mut Self| {
                data.__pinned_init((&raw mut (*slot).data).cast())?;
                B::init((&raw mut (*slot).state).cast(), name, class);
                Ok(())
            })
        }
    }

    /// A lock of a static, which `init` has to initialize before it is used.
    pub(crate) const fn uninit(data: T) -> Self {
        Self {
            state: Opaque::uninit(),
            data: UnsafeCell::new(data),
        }
    }

    /// Initializes the lock of a static.
    ///
    /// # Safety
    ///
    /// No other code may use it meanwhile, nor have used it before.
    pub(crate) unsafe fn init(&'static self, name: &'static CStr, class: &'static LockClassKey) {
        // SAFETY: By this function's requirements; a static does not move.
        unsafe { B::init(self.state.get(), name, class) };
    }

    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T, B> {
        // SAFETY: It was initialized when it was made, or by `init`.
        unsafe { B::lock(self.state.get()) };
        // INVARIANT: Just taken.
        Guard {
            lock: self,
            _not_send: PhantomData,
        }
    }
}

impl<T, B: Backend> Lock<T, B> {
    /// Takes the lock if it is free.
    #[must_use = "the lock is given back at once if this is dropped"]
    pub fn try_lock(&self) -> Option<Guard<'_, T, B>> {
        // SAFETY: As in `lock`.
        unsafe { B::try_lock(self.state.get()) }.then(|| {
            // INVARIANT: Just taken.
            Guard {
                lock: self,
                _not_send: PhantomData,
            }
        })
    }
}

/// A lock that is held until this is dropped.
///
/// # Invariants
///
/// The task has taken the lock.
#[must_use = "the lock is given back at once if this is dropped"]
pub struct Guard<'a, T, B: Backend> {
    lock: &'a Lock<T, B>,
    _not_send: PhantomData<*mut ()>,
}

// SAFETY: A shared guard gives shared references of the data.
unsafe impl<T: Sync, B: Backend> Sync for Guard<'_, T, B> {}

impl<T, B: Backend> Deref for Guard<'_, T, B> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the invariants.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T, B: Backend> DerefMut for Guard<'_, T, B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the invariants, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T, B: Backend> Drop for Guard<'_, T, B> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the invariants.
        unsafe { B::unlock(self.lock.state.get()) };
    }
}
