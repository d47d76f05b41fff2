// SPDX-License-Identifier: GPL-2.0-only

//! Initialization of objects that do not move (the crate `pin-init`).

use core::{convert::Infallible, marker::PhantomData, pin::Pin};

/// A way to initialize an object that does not move afterwards.
///
/// # Safety
///
/// If `__pinned_init` succeeds, the slot must be initialized. If it fails, no part of the slot may
/// be.
pub unsafe trait PinInit<T, E = Infallible>: Sized {
    /// Initializes the object.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writing, and not initialized. If this succeeds, the object must not
    /// move before it is dropped.
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), E>;
}

// SAFETY: The value is complete.
unsafe impl<T> PinInit<T> for T {
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), Infallible> {
        // SAFETY: By this function's requirements.
        unsafe { slot.write(self) };
        Ok(())
    }
}

// SAFETY: The value is complete, if there is one.
unsafe impl<T, E> PinInit<T, E> for Result<T, E> {
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), E> {
        // SAFETY: By this function's requirements.
        unsafe { slot.write(self?) };
        Ok(())
    }
}

/// The types of the object and the error keep a closure from being one of its own objects.
struct Closure<F, T, E>(F, PhantomData<fn(*mut T) -> E>);

// SAFETY: The maker of the closure has promised it.
unsafe impl<T, E, F: FnOnce(*mut T) -> Result<(), E>> PinInit<T, E> for Closure<F, T, E> {
    unsafe fn __pinned_init(self, slot: *mut T) -> Result<(), E> {
        (self.0)(slot)
    }
}

/// Makes an initializer of a closure.
///
/// # Safety
///
/// The closure must do as [`PinInit`] says of `__pinned_init`, for a slot as it says.
pub const unsafe fn pin_init_from_closure<T, E>(
    init: impl FnOnce(*mut T) -> Result<(), E>,
) -> impl PinInit<T, E> {
    Closure(init, PhantomData)
}

/// Code that runs before the fields of a pinned object are dropped; `#[pinned_drop]` implements it.
///
/// # Safety
///
/// Only `#[pinned_drop]` may implement this, for a type with `#[pin_data(PinnedDrop)]`.
pub unsafe trait PinnedDrop {
    /// As [`Drop::drop`].
    fn drop(self: Pin<&mut Self>, _: OnlyCallFromDrop);
}

/// A token that only the code of `#[pin_data(PinnedDrop)]` makes.
pub struct OnlyCallFromDrop(());

impl OnlyCallFromDrop {
    /// Makes the token.
    ///
    /// # Safety
    ///
    /// Only the `drop` that `#[pin_data(PinnedDrop)]` writes may call this.
    pub const unsafe fn new() -> Self {
        Self(())
    }
}

/// Drops a field that was initialized, unless it is forgotten.
#[doc(hidden)]
pub struct DropGuard<T>(*mut T);

impl<T> DropGuard<T> {
    /// # Safety
    ///
    /// The field must be initialized. Unless the result is forgotten, no other code may use the
    /// field afterwards.
    pub const unsafe fn new(field: *mut T) -> Self {
        Self(field)
    }
}

impl<T> Drop for DropGuard<T> {
    fn drop(&mut self) {
        // SAFETY: By the requirements of `new`.
        unsafe { self.0.drop_in_place() };
    }
}

/// An initializer of a structure that does not fail.
#[macro_export]
macro_rules! pin_init {
    ($type:ident { $($fields:tt)* }) => {
        $crate::__pin_init!(::core::convert::Infallible, $type, $($fields)*)
    };
}

/// An initializer of a structure that does not fail, and may move.
#[macro_export]
macro_rules! init {
    ($type:ident { $($fields:tt)* }) => {
        $crate::__pin_init!(::core::convert::Infallible, $type, $($fields)*)
    };
}

/// An initializer of a structure that fails with an error of the kernel.
#[macro_export]
macro_rules! try_pin_init {
    ($type:ident { $($fields:tt)* }) => {
        $crate::__pin_init!($crate::error::Error, $type, $($fields)*)
    };
}

/// Fields are `name: value` and `name <- initializer`.
#[doc(hidden)]
#[macro_export]
macro_rules! __pin_init {
    ($error:ty, $type:ident, $($fields:tt)*) => {{
        let init = move |slot: *mut _| -> ::core::result::Result<(), $error> {
            $crate::__pin_init_names!(slot, $type, [], $($fields)*);
            $crate::__pin_init_fields!(slot, $($fields)*);
            ::core::result::Result::Ok(())
        };
        // SAFETY: The compiler has seen that these are all fields of the structure. The closure
        // initializes each, and drops the ones before it if one fails.
        unsafe { $crate::init::pin_init_from_closure::<_, $error>(init) }
    }};
}

/// Has the compiler check that the fields are all fields of the structure.
#[doc(hidden)]
#[macro_export]
macro_rules! __pin_init_names {
    ($slot:ident, $type:ident, [$($name:ident)*],) => {
        if false {
            // SAFETY: This is never run.
            #[allow(unreachable_code, clippy::diverging_sub_expression)]
            unsafe {
                ::core::ptr::write($slot, $type { $($name: ::core::unreachable!(),)* });
            }
        }
    };
    ($slot:ident, $type:ident, [$($names:ident)*], $name:ident: $value:expr $(, $($rest:tt)*)?) => {
        $crate::__pin_init_names!($slot, $type, [$($names)* $name], $($($rest)*)?)
    };
    ($slot:ident, $type:ident, [$($names:ident)*], $name:ident <- $value:expr $(, $($rest:tt)*)?) => {
        $crate::__pin_init_names!($slot, $type, [$($names)* $name], $($($rest)*)?)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __pin_init_fields {
    ($slot:ident,) => {};
    ($slot:ident, $name:ident: $value:expr $(, $($rest:tt)*)?) => {{
        let value = $value;
        // SAFETY: The slot is valid for writing.
        unsafe { (&raw mut (*$slot).$name).write(value) };
        $crate::__pin_init_rest!($slot, $name, $($($rest)*)?);
    }};
    ($slot:ident, $name:ident <- $init:expr $(, $($rest:tt)*)?) => {{
        let init = $init;
        // SAFETY: The slot is valid for writing, and pinned, so the field is.
        unsafe { $crate::init::PinInit::__pinned_init(init, &raw mut (*$slot).$name)? };
        $crate::__pin_init_rest!($slot, $name, $($($rest)*)?);
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! __pin_init_rest {
    ($slot:ident, $name:ident, $($rest:tt)*) => {
        // SAFETY: The field is initialized; if the guard drops, the slot is given up.
        let guard = unsafe { $crate::init::DropGuard::new(&raw mut (*$slot).$name) };
        $crate::__pin_init_fields!($slot, $($rest)*);
        ::core::mem::forget(guard);
    };
}
