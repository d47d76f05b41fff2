// SPDX-License-Identifier: GPL-2.0-only

//! Substitutes for private parts of the block layer.

use super::entry::Entry;
use crate::{bindings, held_entry::Request};
use std::{mem::ManuallyDrop, ptr::NonNull};

#[path = "../../../../driver/elevator/layouts/devices.rs"]
#[expect(dead_code, reason = "flushes, which are not here, use all of it")]
mod devices;
pub(crate) use devices::*;

/// As in older kernels, which mark each request that they have a scheduler prepare.
pub(crate) const PREPARES_AT_SUBMISSION: bool = false;

pub(crate) struct DiskStats {
    pub(crate) nsecs: [u64; 4],
}

/// As the driver's for the newest kernels.
///
/// # Safety
///
/// As for the driver's.
pub(crate) unsafe fn split_pool(bio: *const bindings::bio) -> *mut bindings::bio_set {
    // SAFETY: By this function's requirements.
    unsafe { &raw mut (*(*(*bio).bi_bdev).bd_disk).bio_split }
}

/// The model has no task that polls.
///
/// # Safety
///
/// As for the driver's.
pub(crate) unsafe fn clear_polled(_bio: *mut bindings::bio) {}

/// As the block layer's function: looks at the last eight requests of a list, backwards. Here only
/// a bio's sector matters, and a request takes a bio that is just before it.
///
/// # Safety
///
/// As for the block layer's own.
pub(crate) unsafe fn blk_bio_list_merge(
    _queue: *mut bindings::request_queue,
    list: *mut bindings::list_head,
    bio: *mut bindings::bio,
    _segments: u32,
) -> bool {
    // SAFETY: By this function's requirements.
    unsafe {
        let mut node = (*list).prev;
        for _ in 0..8 {
            if node == list {
                break;
            }
            let request =
                kernel::container_of!(node, bindings::request, __bindgen_anon_1.queuelist);
            let request = ManuallyDrop::new(Request::from_raw(NonNull::new_unchecked(request)));
            if request.first_sector() == (*bio).bi_iter.bi_sector.wrapping_add(1) {
                return true;
            }
            node = (*node).prev;
        }
    }
    false
}
