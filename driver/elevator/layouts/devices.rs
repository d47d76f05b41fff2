// SPDX-License-Identifier: GPL-2.0-only

//! The device to which I/O was submitted, and its statistics: since Linux 5.12, a bio keeps its
//! device, be it a disk or a partition.

// The crate of `driver/kernel` has this file, too, and exports it.
#![allow(unreachable_pub)]

use super::{bindings, DiskStats};
use core::ptr::NonNull;

/// A device whose statistics count requests.
pub type Counted = bindings::block_device;

/// The device whose statistics count a request, if any do.
///
/// # Safety
///
/// `request` must be valid, and not finished.
pub unsafe fn counted_for(request: *const bindings::request) -> *mut Counted {
    // SAFETY: By this function's requirements.
    unsafe { (*request).part }
}

/// Visits the statistics of a device and of its disk, which are per-CPU variables.
///
/// # Safety
///
/// `device` must be null, or the device of a bio that has not ended.
pub unsafe fn for_each_statistics(device: *mut Counted, mut visit: impl FnMut(*mut DiskStats)) {
    let mut next = device;
    while !next.is_null() {
        // SAFETY: The device of a bio that has not ended is valid, and so is its disk.
        unsafe {
            visit((*next).bd_stats.cast());
            let whole = (*(*next).bd_disk).part0;
            next = if next == whole {
                core::ptr::null_mut()
            } else {
                whole
            };
        }
    }
}

/// The device to which a bio was submitted.
///
/// # Safety
///
/// `bio` must be null, or valid.
#[inline]
unsafe fn device_of(bio: *const bindings::bio) -> Option<NonNull<bindings::block_device>> {
    // SAFETY: By this function's requirements. `blk_partition_remap` does not change a bio's
    // device.
    NonNull::new(unsafe { bio.as_ref() }?.bi_bdev)
}

/// The `dev_t` of the device to which a request was submitted; 0 for none.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
pub unsafe fn device_number(request: *const bindings::request) -> u32 {
    // SAFETY: By this function's requirements.
    unsafe { device_number_of((*request).bio) }
}

/// The number of the partition to which a request was submitted; 0 for the whole disk.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
pub unsafe fn partition_number(request: *const bindings::request) -> u8 {
    // SAFETY: By this function's requirements.
    unsafe { partition_number_of((*request).bio) }
}

/// The queue to which a bio is being submitted; null for none.
///
/// # Safety
///
/// `bio` must be valid and submitted to a disk.
pub unsafe fn queue_of(bio: *const bindings::bio) -> *mut bindings::request_queue {
    // SAFETY: By this function's requirements. A bio keeps its device valid, and a disk its queue.
    unsafe {
        device_of(bio).map_or(core::ptr::null_mut(), |device| {
            (*(*device.as_ptr()).bd_disk).queue
        })
    }
}

/// The `dev_t` of the device to which a bio was submitted; 0 for none.
///
/// # Safety
///
/// `bio` must be null, or valid and not ended.
pub unsafe fn device_number_of(bio: *const bindings::bio) -> u32 {
    // SAFETY: By this function's requirements; a device keeps its number.
    unsafe { device_of(bio).map_or(0, |device| (*device.as_ptr()).bd_dev) }
}

/// The number of the partition to which a bio was submitted; 0 for the whole disk.
///
/// # Safety
///
/// `bio` must be null, or valid and not ended.
pub unsafe fn partition_number_of(bio: *const bindings::bio) -> u8 {
    // SAFETY: By this function's requirements. The number is the lowest byte of the flags
    // (`bdev_partno`), or a byte of its own, and does not change.
    unsafe {
        device_of(bio).map_or(0, |device| {
            let flags = &raw const (*device.as_ptr()).__bd_flags;
            flags.cast::<u8>().read_volatile()
        })
    }
}
