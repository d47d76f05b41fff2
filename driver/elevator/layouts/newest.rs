// SPDX-License-Identifier: GPL-2.0-only

//! The structures and things of the newest kernels. `driver/kernel/elevator.rs` has the same
//! functions for all kernels.

include!("generated.rs");

/// Whether the block layer has a scheduler prepare a request for the bio that gets it. Otherwise it
/// may prepare several for one bio of a plug, and give them to later bios with other flags.
pub(crate) const PREPARES_AT_SUBMISSION: bool = true;

/// The hardware queue of this number.
///
/// # Safety
///
/// `queue` must be valid, and have this many hardware queues, which do not change meanwhile.
#[inline]
pub(crate) unsafe fn hardware_queue(
    queue: *mut bindings::request_queue,
    number: u32,
) -> *mut bindings::blk_mq_hw_ctx {
    // SAFETY: By this function's requirements the array has this entry.
    unsafe { (*queue).queue_hw_ctx.add(number as usize).read() }
}

/// Lets asynchronous I/O use all tags.
///
/// # Safety
///
/// `queue` must be valid and frozen, and its `elevator_lock` held.
pub(crate) unsafe fn allow_all_async(queue: *mut bindings::request_queue) {
    // SAFETY: By this function's requirements.
    unsafe { (*queue).async_depth = (*queue).nr_requests };
}

/// The number of a partition; 0 of a whole disk.
///
/// # Safety
///
/// `device` must be valid.
pub(crate) unsafe fn partition_number(device: *const bindings::block_device) -> u8 {
    // SAFETY: By this function's requirements. The lowest byte of the flags is the number
    // (`bdev_partno`), which does not change.
    let flags = unsafe { (&raw const (*device).__bd_flags.counter).read_volatile() };
    (flags as u32 & bindings::BD_PARTNO) as u8
}

/// Whether blk-iolatency counts the bios of a queue. Only blk-iolatency sets the flag
/// (`blkiolatency_enable_work_fn`).
///
/// # Safety
///
/// `queue` must be valid.
pub(crate) unsafe fn has_latency_control(queue: *const bindings::request_queue) -> bool {
    const FLAG: u32 = bindings::QUEUE_FLAG_BIO_ISSUE_TIME;
    // SAFETY: By this function's requirements. The flags change one by one, atomically; a single
    // aligned load cannot tear.
    unsafe { (&raw const (*queue).queue_flags).read_volatile() & (1 << FLAG) != 0 }
}

/// How many requests each hardware queue may have.
///
/// # Safety
///
/// `queue` must be valid.
pub(crate) unsafe fn request_count(queue: *const bindings::request_queue) -> u64 {
    // SAFETY: By this function's requirements. A single aligned load cannot tear.
    let count = unsafe { (&raw const (*queue).nr_requests).read_volatile() };
    u64::from(count)
}
