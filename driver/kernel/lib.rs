// SPDX-License-Identifier: GPL-2.0-only

//! The crate `kernel` for kernels that were built without one: the part of Rust for Linux's crate
//! that the driver uses, with the same names and semantics.
//!
//! It is compiled with the driver where the kernel has no Rust (`CONFIG_RUST`), or where the rustc
//! is not the kernel's own. Each file stands for the part of the kernel's crate of the same name.
//! The layout of C's structures comes from the kernel's type information ([`bindings`]), and what
//! C has as macros and inline functions from `helpers.c`, which the kernel's own build compiles.
//! [`elevator`] is the only part that the kernel's crate does not have.

#![no_std]

extern crate self as kernel;

pub mod alloc;
#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    improper_ctypes
)]
pub mod bindings;
pub mod configfs;
pub mod elevator;
pub mod error;
pub mod fmt;
pub mod init;
mod module;
pub mod page;
pub mod seq_file;
pub mod str;
pub mod sync;
pub mod time;
pub mod types;
mod warn;
pub mod workqueue;

pub use module::{InPlaceModule, ThisModule};
#[doc(hidden)]
pub use warn::warn;

/// C's types. In the kernel, characters are unsigned, and `long` is as wide as a pointer.
#[allow(non_camel_case_types)]
pub mod ffi {
    pub use core::ffi::c_void;

    /// `char`.
    pub type c_char = u8;
    /// `int`.
    pub type c_int = i32;
    /// `unsigned int`.
    pub type c_uint = u32;
    /// `unsigned long`.
    pub type c_ulong = usize;
}

/// The names that code in the kernel uses without a path.
pub mod prelude {
    pub use crate::{
        alloc::{flags::*, AllocError, Flags, KBox, KVVec, KVec},
        error::{code::*, Error, Result},
        fmt, init,
        init::PinInit,
        module, pin_init,
        str::CStrExt,
        try_pin_init, warn_on, InPlaceModule, ThisModule,
    };
    pub use core::{
        ffi::CStr,
        mem::{align_of, size_of},
        pin::Pin,
    };
    pub use macros::{pin_data, pinned_drop, vtable};
}

/// The object of which a pointer is the address of a field.
#[macro_export]
macro_rules! container_of {
    ($pointer:expr, $type:ty, $($field:tt)+) => {{
        let field = $pointer;
        field.byte_sub(::core::mem::offset_of!($type, $($field)+)).cast::<$type>()
    }};
}
