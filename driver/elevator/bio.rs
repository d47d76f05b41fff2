// SPDX-License-Identifier: GPL-2.0-only

//! Bios: I/O as it is submitted.

use super::layouts;
use core::{marker::PhantomData, ptr::NonNull};
use kernel::bindings;

/// A bio that may become part of a request that is there already.
///
/// # Invariants
///
/// `bio` is valid and being submitted to `queue`, whose reference its submitter holds, and
/// `segments` is the number of its segments. Nobody else uses it meanwhile.
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

    /// Has one of the last requests of a list take the bio, if one of them borders on it and may;
    /// true if one has. Then the bio is that request's, and its submitter has nothing more to do.
    ///
    /// The block layer looks at eight of them, from the last on, by `prev`, until that is `list`
    /// itself; it changes their bios, place and size, and no list.
    ///
    /// # Safety
    ///
    /// `list` must be valid. From it on, `prev` must lead through `queuelist` of valid requests of
    /// the bio's queue, which nobody else uses, back to `list`.
    pub(super) unsafe fn merge_into(self, list: *mut bindings::list_head) -> bool {
        // SAFETY: By the type's invariants and this function's requirements. It is called as kyber
        // calls it: by the submitter, under a lock that no interrupt takes.
        unsafe {
            layouts::blk_bio_list_merge(self.queue.as_ptr(), list, self.bio.as_ptr(), self.segments)
        }
    }
}

/// Whether the block layer has split the bio off another one, which ends after it.
///
/// # Safety
///
/// `bio` must be valid, and submitted to a disk.
pub(super) unsafe fn is_split_off(bio: *mut bindings::bio) -> bool {
    // SAFETY: By this function's requirements; a bio that has not ended keeps its disk.
    // `bio_submit_split_bioset` takes the part that comes first from the disk's pool.
    unsafe {
        let pool = &raw mut (*(*(*bio).bi_bdev).bd_disk).bio_split;
        core::ptr::eq((*bio).bi_pool, pool)
    }
}
