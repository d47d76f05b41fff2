// SPDX-License-Identifier: GPL-2.0-only

//! Values in memory of their own.

use super::{room_for_one, AllocError, Allocator, Flags, Kmalloc};
use core::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// A value in memory of its own.
///
/// # Invariants
///
/// `value` is valid, this is its only owner, and its memory comes from `room_for_one`.
pub struct KBox<T> {
    value: NonNull<T>,
    _owns: PhantomData<T>,
}

// SAFETY: The box owns its value.
unsafe impl<T: Send> Send for KBox<T> {}
// SAFETY: A shared reference gives a shared reference of the value.
unsafe impl<T: Sync> Sync for KBox<T> {}

impl<T> KBox<T> {
    /// Puts a value into memory.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        let room = room_for_one::<T>(flags)?;
        // SAFETY: The memory is ours, and large enough. INVARIANT: It has the value then.
        unsafe { room.write(value) };
        Ok(Self {
            value: room,
            _owns: PhantomData,
        })
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the invariants.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the invariants.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the invariants.
        unsafe {
            self.value.drop_in_place();
            Kmalloc::free(self.value.as_ptr().cast());
        }
    }
}
