// SPDX-License-Identifier: GPL-2.0-only

//! The end of a bio in two parts: the block layer's own, and the call of `bi_end_io` later.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

use core::sync::atomic::{AtomicI32, Ordering};
use kernel::{bindings, ffi};

/// How many calls of `bio_endio` end the bio.
///
/// # Safety
///
/// `bio` must be valid while the result is used.
pub(super) unsafe fn remaining<'a>(bio: *mut bindings::bio) -> &'a AtomicI32 {
    // SAFETY: By this function's requirements; C changes the word by atomic operations only.
    unsafe { AtomicI32::from_ptr(&raw mut (*bio).__bi_remaining.counter) }
}

/// The fields of a bio that `parked` replaces, while `bio_endio()` runs.
struct Place {
    end_io: bindings::bio_end_io_t,
    private: *mut ffi::c_void,
}

/// Has the block layer do all of its own part of ending a bio, if there is no other count.
///
/// # Safety
///
/// The bio must have a count that belongs to the caller.
pub(super) unsafe fn park_bio(bio: *mut bindings::bio) {
    // SAFETY: The count keeps the bio. If it is the only count, the device has ended the bio, no
    // split-off part is under way, and the bio is ours alone.
    unsafe {
        if remaining(bio).load(Ordering::Acquire) != 1 {
            return;
        }
        let mut place = Place {
            end_io: (*bio).bi_end_io,
            private: (*bio).bi_private,
        };
        (*bio).bi_end_io = Some(parked);
        (*bio).bi_private = (&raw mut place).cast();
        // Calls `parked` before it returns: there is no other count, and there is nothing to
        // verify.
        bindings::bio_endio(bio);
    }
}

/// The block layer has done its part of ending the bio.
///
/// # Safety
///
/// Called by [`park_bio`] only, through `bio_endio()`.
unsafe extern "C" fn parked(bio: *mut bindings::bio) {
    // SAFETY: By this function's requirements `bi_private` is a `Place` on the stack of `park_bio`,
    // which waits for this call.
    unsafe {
        let place: *const Place = (*bio).bi_private.cast_const().cast();
        restore(bio, (*place).end_io, (*place).private);
    }
}

/// Restores a bio to its state before it had counts, except for the block layer's part of its end.
///
/// # Safety
///
/// The caller must be the bio's only user.
pub(super) unsafe fn restore(
    bio: *mut bindings::bio,
    end_io: bindings::bio_end_io_t,
    private: *mut ffi::c_void,
) {
    const DONE: u16 = 1 << bindings::BIO_QOS_THROTTLED | 1 << bindings::BIO_QOS_MERGED;
    // SAFETY: By this function's requirements.
    unsafe {
        (*bio).bi_end_io = end_io;
        (*bio).bi_private = private;
        // rq_qos is done with the bio, and a second `bio_endio()` must not call it again.
        (*bio).bi_flags &= !DONE;
        remaining(bio).store(1, Ordering::Release);
    }
}
