// SPDX-License-Identifier: GPL-2.0-only

//! Types for values of C.

use crate::init::{pin_init_from_closure, PinInit};
use core::{cell::UnsafeCell, marker::PhantomPinned, mem::MaybeUninit};

/// A value of C, which Rust neither reads nor moves, and which need not be initialized.
#[repr(transparent)]
pub struct Opaque<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    _pin: PhantomPinned,
}

impl<T> Opaque<T> {
    /// A value.
    pub const fn new(value: T) -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::new(value)),
            _pin: PhantomPinned,
        }
    }

    /// A value that is not initialized.
    pub const fn uninit() -> Self {
        Self {
            value: UnsafeCell::new(MaybeUninit::uninit()),
            _pin: PhantomPinned,
        }
    }

    /// The address of the value.
    pub const fn get(&self) -> *mut T {
        self.value.get().cast()
    }

    /// The address of the object around a value.
    pub const fn cast_from(value: *const T) -> *const Self {
        value.cast()
    }

    /// Initializes the value by a function of C.
    pub fn ffi_init(init: impl FnOnce(*mut T)) -> impl PinInit<Self> {
        // SAFETY: The slot is valid and pinned, and any bytes are an `Opaque`.
        unsafe {
            pin_init_from_closure(move |slot: *mut Self| {
                init(slot.cast());
                Ok(())
            })
        }
    }

    /// Initializes the value by a function of C that can fail.
    pub fn try_ffi_init<E>(init: impl FnOnce(*mut T) -> Result<(), E>) -> impl PinInit<Self, E> {
        // SAFETY: The slot is valid and pinned, and any bytes are an `Opaque`.
        unsafe { pin_init_from_closure(move |slot: *mut Self| init(slot.cast())) }
    }
}
