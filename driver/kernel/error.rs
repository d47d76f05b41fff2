// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's error codes.
//!
//! C header: [`include/linux/errno.h`](srctree/include/linux/errno.h)

use crate::{alloc::AllocError, bindings};
use core::{convert::Infallible, num::NonZeroI32};

/// An error code of the kernel.
///
/// # Invariants
///
/// It lies between -`MAX_ERRNO` and -1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(NonZeroI32);

/// A result with a code of the kernel.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// The codes by their names in C.
pub mod code {
    use super::{bindings, Error};

    macro_rules! codes {
        ($($name:ident)*) => {
            $(
                /// The code of this name.
                pub const $name: Error = Error::of(bindings::$name);
            )*
        };
    }

    codes! {
        EPERM ENOENT ESRCH ENOMEM EBUSY ENODEV ENOTDIR EINVAL ENOSPC ERANGE
    }
}

impl Error {
    const fn of(number: u32) -> Self {
        // INVARIANT: C's numbers of errors are small and positive; a test of the constant follows.
        match NonZeroI32::new(-(number as i32)) {
            Some(code) if number <= bindings::MAX_ERRNO => Self(code),
            _ => panic!("C has no such code"),
        }
    }

    /// The error of a negative number of C; EINVAL if it is none.
    pub const fn from_errno(errno: i32) -> Self {
        match NonZeroI32::new(errno) {
            // INVARIANT: Just tested.
            Some(code) if errno < 0 && errno >= -(bindings::MAX_ERRNO as i32) => Self(code),
            _ => code::EINVAL,
        }
    }

    /// The number, which is negative.
    pub const fn to_errno(self) -> i32 {
        self.0.get()
    }

    /// The error as C has it in a pointer (`ERR_PTR`).
    pub(crate) const fn to_ptr<T>(self) -> *mut T {
        core::ptr::without_provenance_mut(self.to_errno() as isize as usize)
    }
}

/// The result that a number of C stands for.
pub const fn to_result(errno: i32) -> Result {
    if errno < 0 {
        Err(Error::from_errno(errno))
    } else {
        Ok(())
    }
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        code::ENOMEM
    }
}

impl From<core::str::Utf8Error> for Error {
    fn from(_: core::str::Utf8Error) -> Self {
        code::EINVAL
    }
}

impl From<core::fmt::Error> for Error {
    fn from(_: core::fmt::Error) -> Self {
        code::EINVAL
    }
}

impl From<Infallible> for Error {
    fn from(error: Infallible) -> Self {
        match error {}
    }
}
