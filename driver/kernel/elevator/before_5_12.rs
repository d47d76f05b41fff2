// SPDX-License-Identifier: GPL-2.0-only

//! The device to which I/O was submitted, before Linux 5.12: a bio only keeps its disk, and the
//! partition is the one that has the request's first sector.
//!
//! C header: `include/linux/genhd.h`

use super::{bindings, DiskStats};

/// A disk whose statistics count requests. The kernel counts a held completion for the partition,
/// too, but without the time of the hold: a partition may go before its bios have ended.
pub type Counted = bindings::gendisk;

// The structures of partitions are only used in C.
extern "C" {
    fn chaos_counted_disk(request: *const bindings::request) -> *mut bindings::gendisk;
    fn chaos_disk_stats(disk: *mut bindings::gendisk) -> *mut DiskStats;
    fn chaos_device_number(request: *const bindings::request) -> u32;
    fn chaos_partition_number(request: *const bindings::request) -> u8;
}

/// The queue to which a bio is being submitted: none, as no probe sees bios here.
///
/// # Safety
///
/// None.
pub unsafe fn queue_of(_bio: *const bindings::bio) -> *mut bindings::request_queue {
    core::ptr::null_mut()
}

/// The `dev_t` of the device to which a bio was submitted, which is not known.
///
/// # Safety
///
/// None.
pub unsafe fn device_number_of(_bio: *const bindings::bio) -> u32 {
    0
}

/// The number of the partition to which a bio was submitted, which is not known.
///
/// # Safety
///
/// None.
pub unsafe fn partition_number_of(_bio: *const bindings::bio) -> u8 {
    0
}

/// The disk whose statistics count a request, if any do.
///
/// # Safety
///
/// `request` must be valid, and not finished.
pub unsafe fn counted_for(request: *const bindings::request) -> *mut Counted {
    // SAFETY: By this function's requirements.
    unsafe { chaos_counted_disk(request) }
}

/// Visits the statistics of a disk, which are a per-CPU variable.
///
/// # Safety
///
/// `disk` must be null, or the disk of a bio that has not ended.
pub unsafe fn for_each_statistics(disk: *mut Counted, mut visit: impl FnMut(*mut DiskStats)) {
    if !disk.is_null() {
        // SAFETY: The submitter of a bio that has not ended keeps the disk.
        visit(unsafe { chaos_disk_stats(disk) });
    }
}

/// The `dev_t` of the device to which a request was submitted.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
pub unsafe fn device_number(request: *const bindings::request) -> u32 {
    // SAFETY: By this function's requirements.
    unsafe { chaos_device_number(request) }
}

/// The number of the partition to which a request was submitted; 0 for the whole disk.
///
/// # Safety
///
/// `request` must be valid, with bios that have not ended.
pub unsafe fn partition_number(request: *const bindings::request) -> u8 {
    // SAFETY: By this function's requirements.
    unsafe { chaos_partition_number(request) }
}
