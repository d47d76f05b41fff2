// SPDX-License-Identifier: GPL-2.0-only

//! The block layer's interface for schedulers as the newest kernels have it, on older kernels too.
//!
//! The kernel's crate has no part of this name. `driver/elevator` uses the kernel's own structures
//! where these are as in the newest kernels, and this file's otherwise. It is the only one that
//! knows in which things kernels differ.
//!
//! C header: `block/elevator.h`, which no distribution installs

use crate::bindings;

pub use crate::bindings::{
    blk_bio_list_merge, BlkMqDebugfsAttr, DiskStats, ElevatorQueue, ElvFsEntry,
};

#[cfg(newest = "elevator_mq_ops.alloc_sched_data")]
pub use crate::bindings::{elv_register, elv_unregister, ElevatorMqOps, ElevatorType};

#[cfg(not(newest = "elevator_mq_ops.alloc_sched_data"))]
mod older;
#[cfg(not(newest = "elevator_mq_ops.alloc_sched_data"))]
pub use older::{elv_register, elv_unregister, ElevatorMqOps, ElevatorType};

/// Whether the block layer has a scheduler prepare a request for the bio that gets it. Otherwise it
/// may prepare several for one bio of a plug, and give them to later bios with other flags, so none
/// of them may bypass the scheduler.
pub const PREPARES_AT_SUBMISSION: bool = cfg!(all(
    newest = "elevator_mq_ops.alloc_sched_data",
    newest = "request_queue.queue_hw_ctx"
));

/// The hardware queue of this number.
///
/// # Safety
///
/// `queue` must be valid, and have this many hardware queues, which do not change meanwhile.
#[inline]
pub unsafe fn hardware_queue(
    queue: *mut bindings::request_queue,
    number: u32,
) -> *mut bindings::blk_mq_hw_ctx {
    #[cfg(newest = "request_queue.queue_hw_ctx")]
    // SAFETY: By this function's requirements the array has this entry.
    unsafe {
        (*queue).queue_hw_ctx.add(number as usize).read()
    }
    // From 5.18 to 7.1 the queue has an array that grows.
    #[cfg(not(newest = "request_queue.queue_hw_ctx"))]
    // SAFETY: By this function's requirements the queue is valid. The look-up may be called in any
    // context.
    unsafe {
        bindings::xa_load(&raw mut (*queue).hctx_table, number as _).cast()
    }
}

/// Lets asynchronous I/O use all tags.
///
/// # Safety
///
/// `queue` must be valid and frozen, and its `elevator_lock` held.
pub unsafe fn allow_all_async(_queue: *mut bindings::request_queue) {
    #[cfg(newest = "request_queue.async_depth")]
    // SAFETY: By this function's requirements.
    unsafe {
        (*_queue).async_depth = (*_queue).nr_requests;
    }
    // Older kernels have no such limit but the schedulers' own.
}

/// The number of a partition; 0 of a whole disk.
///
/// # Safety
///
/// `device` must be valid.
pub unsafe fn partition_number(device: *const bindings::block_device) -> u8 {
    // SAFETY: By this function's requirements. The number is the lowest byte of the word, or a byte
    // of its own, and does not change.
    unsafe {
        (&raw const (*device).__bd_flags)
            .cast::<u8>()
            .read_volatile()
    }
}

/// Whether blk-iolatency counts the bios of a queue.
///
/// # Safety
///
/// `queue` must be valid.
pub unsafe fn has_latency_control(_queue: *const bindings::request_queue) -> bool {
    #[cfg(has_bio_issue_time)]
    // SAFETY: By this function's requirements. The flags change one by one, atomically; a single
    // aligned load cannot tear.
    unsafe {
        const FLAG: u32 = bindings::QUEUE_FLAG_BIO_ISSUE_TIME;
        (&raw const (*_queue).queue_flags).read_volatile() & (1 << FLAG) != 0
    }
    // Older kernels have no flag for it. Where blk-iolatency exists, it may be at work.
    #[cfg(not(has_bio_issue_time))]
    cfg!(CONFIG_BLK_CGROUP_IOLATENCY)
}

/// How many requests each hardware queue may have.
///
/// # Safety
///
/// `queue` must be valid.
pub unsafe fn request_count(queue: *const bindings::request_queue) -> u64 {
    // SAFETY: By this function's requirements. A single aligned load cannot tear.
    let count = unsafe { (&raw const (*queue).nr_requests).read_volatile() };
    count as u64
}
