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

/// The device to which the first bio of a request was submitted.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
#[inline]
unsafe fn device_of(request: *const bindings::request) -> Option<NonNull<bindings::block_device>> {
    // SAFETY: By this function's requirements. `blk_partition_remap` does not change a bio's
    // device.
    unsafe {
        let bio = NonNull::new((*request).bio)?;
        NonNull::new((*bio.as_ptr()).bi_bdev)
    }
}

/// The `dev_t` of the device to which a request was submitted; 0 for none.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
pub unsafe fn device_number(request: *const bindings::request) -> u32 {
    // SAFETY: By this function's requirements; a device keeps its number.
    unsafe { device_of(request).map_or(0, |device| (*device.as_ptr()).bd_dev) }
}

/// The number of the partition to which a request was submitted; 0 for the whole disk.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
pub unsafe fn partition_number(request: *const bindings::request) -> u8 {
    // SAFETY: By this function's requirements. The number is the lowest byte of the flags
    // (`bdev_partno`), or a byte of its own, and does not change.
    unsafe {
        device_of(request).map_or(0, |device| {
            let flags = &raw const (*device.as_ptr()).__bd_flags;
            flags.cast::<u8>().read_volatile()
        })
    }
}
