// SPDX-License-Identifier: GPL-2.0-only

//! Bios: I/O in the form in which it is submitted.

use super::layouts;
use core::{marker::PhantomData, ptr::NonNull};
use kernel::bindings;

/// A bio that the scheduler may merge into a request.
///
/// # Invariants
///
/// `bio` is valid and being submitted to `queue`, the submitter holds a reference of `queue`, and
/// `segments` is the number of the bio's segments. This handle is the bio's only user.
pub(crate) struct Bio<'a> {
    queue: NonNull<bindings::request_queue>,
    bio: NonNull<bindings::bio>,
    segments: u32,
    _borrow: PhantomData<&'a mut bindings::bio>,
}

impl Bio<'_> {
    /// # Safety
    ///
    /// The invariants of the type must hold while the result lives.
    pub(super) unsafe fn from_raw(
        queue: NonNull<bindings::request_queue>,
        bio: NonNull<bindings::bio>,
        segments: u32,
    ) -> Self {
        // INVARIANT: By this function's requirements.
        Self {
            queue,
            bio,
            segments,
            _borrow: PhantomData,
        }
    }

    /// Whether it is submitted to this queue.
    #[inline]
    pub(super) fn is_of(&self, queue: *const bindings::request_queue) -> bool {
        core::ptr::eq(self.queue.as_ptr(), queue)
    }

    /// Merges the bio into one of the last requests of a list, if it borders on one that may take
    /// it, and returns whether it has. Then the bio belongs to that request, and its submitter has
    /// nothing more to do.
    ///
    /// The block layer follows `prev` from `list` on, and looks at up to eight requests until it is
    /// back at `list`. It changes the bios, the first sector and the size of a request, and no
    /// list.
    ///
    /// # Safety
    ///
    /// `list` must be valid. From it on, `prev` must lead through the `queuelist` of valid requests
    /// of the bio's queue back to `list`, and the caller must be the only user of these requests.
    pub(super) unsafe fn merge_into(self, list: *mut bindings::list_head) -> bool {
        // SAFETY: By the type's invariants and this function's requirements. The call is as
        // kyber's: by the submitter, under a lock that no interrupt takes.
        unsafe {
            layouts::blk_bio_list_merge(self.queue.as_ptr(), list, self.bio.as_ptr(), self.segments)
        }
    }
}

/// Whether the block layer has split the bio off another bio, which ends after it.
///
/// # Safety
///
/// `bio` must be valid, and submitted to a disk.
pub(super) unsafe fn is_split_off(bio: *mut bindings::bio) -> bool {
    // SAFETY: By this function's requirements.
    unsafe { core::ptr::eq((*bio).bi_pool, layouts::split_pool(bio)) }
}
