// SPDX-License-Identifier: GPL-2.0-only

//! Memory of the kernel, which may not be there.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

mod kbox;
mod vec;

pub use kbox::KBox;
pub use vec::{IntoIter, KVVec, KVec, RemoveError, Vec};

use crate::{bindings, ffi::c_void};
use core::ptr::NonNull;

/// There is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// How to look for memory.
#[derive(Clone, Copy)]
pub struct Flags(u32);

impl core::ops::BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The flags by their names in C.
pub mod flags {
    use super::{bindings, Flags};

    /// May sleep, and start I/O.
    pub const GFP_KERNEL: Flags = Flags(bindings::GFP_KERNEL);
    /// Does not sleep.
    pub const GFP_NOWAIT: Flags = Flags(bindings::GFP_NOWAIT);
    /// Does not print that there is no memory.
    pub const __GFP_NOWARN: Flags = Flags(bindings::__GFP_NOWARN);
}

/// A source of memory.
///
/// # Safety
///
/// A result of `allocate` that is not null must be valid for `size` bytes until it is freed, and
/// aligned to 8 bytes, or to `size` if that is a power of two.
pub unsafe trait Allocator {
    /// Memory of this size, which is above zero; null if there is none.
    fn allocate(size: usize, flags: Flags) -> *mut c_void;

    /// Frees memory.
    ///
    /// # Safety
    ///
    /// `memory` must come from `allocate`, and not be used any more.
    unsafe fn free(memory: *mut c_void);
}

/// Memory that is contiguous.
pub struct Kmalloc;

/// Memory that may consist of several pages.
pub struct KVmalloc;

// SAFETY: kmalloc aligns memory to ARCH_KMALLOC_MINALIGN, at least 8, and powers of two to
// themselves.
unsafe impl Allocator for Kmalloc {
    fn allocate(size: usize, flags: Flags) -> *mut c_void {
        // SAFETY: Any size and flags may be asked for.
        unsafe { bindings::chaos_kmalloc(size, flags.0) }
    }

    unsafe fn free(memory: *mut c_void) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::kfree(memory) };
    }
}

// SAFETY: As kmalloc, or aligned to a page.
unsafe impl Allocator for KVmalloc {
    fn allocate(size: usize, flags: Flags) -> *mut c_void {
        // SAFETY: Any size and flags may be asked for.
        unsafe { bindings::chaos_kvmalloc(size, flags.0) }
    }

    unsafe fn free(memory: *mut c_void) {
        // SAFETY: By this function's requirements.
        unsafe { bindings::kvfree(memory) };
    }
}

/// Memory for values of a type; `size` must be at least as many bytes as they have.
///
/// # Errors
///
/// There is no memory.
fn room<T, A: Allocator>(size: usize, flags: Flags) -> Result<NonNull<T>, AllocError> {
    // The sources of memory align powers of two to themselves.
    let size = if align_of::<T>() > 8 {
        size.checked_next_power_of_two().ok_or(AllocError)?
    } else {
        size
    };
    NonNull::new(A::allocate(size, flags).cast()).ok_or(AllocError)
}

/// Memory for one value, to be freed by [`Kmalloc`].
///
/// # Errors
///
/// There is no memory.
pub(crate) fn room_for_one<T>(flags: Flags) -> Result<NonNull<T>, AllocError> {
    room::<T, Kmalloc>(size_of::<T>().max(1), flags)
}
