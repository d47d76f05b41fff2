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

#[cfg(newest = "bio.bi_bdev")]
#[path = "../elevator/layouts/devices.rs"]
mod devices;
#[cfg(not(newest = "bio.bi_bdev"))]
#[path = "elevator/before_5_12.rs"]
mod devices;
pub use devices::*;

#[cfg(newest = "elevator_mq_ops.alloc_sched_data")]
pub use crate::bindings::{elv_register, elv_unregister, ElevatorMqOps, ElevatorType};

#[cfg(not(newest = "elevator_mq_ops.alloc_sched_data"))]
#[allow(dead_code)]
#[path = "../sys/no_io.rs"]
mod no_io;
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

/// Whether a probe can see the flushes without data that are submitted: it gets the bio alone, in a
/// context in which it may allocate memory and take a lock. Before Linux 5.12, a bio that gets a
/// request does not tell its partition. Before 7.0, the probe runs without preemption, where a
/// real-time kernel allows neither.
pub const SHOWS_FLUSHES: bool =
    cfg!(newest = "bio.bi_bdev") && (!cfg!(CONFIG_PREEMPT_RT) || PREPARES_AT_SUBMISSION);

/// The name of a queue's scheduler.
///
/// # Safety
///
/// `eq` must be valid, also while the result is used.
pub unsafe fn name_of(eq: *const ElevatorQueue) -> *const crate::ffi::c_char {
    // SAFETY: By this function's requirements. A queue holds its scheduler's type, which has a
    // name.
    unsafe { (*(*eq).type_).elevator_name }
}

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

/// Has the block layer run each hardware queue by itself, and asynchronous I/O use all tags.
///
/// # Safety
///
/// `queue` must be valid and frozen, and its `elevator_lock` held.
pub unsafe fn set_usual(queue: *mut bindings::request_queue) {
    // SAFETY: By this function's requirements.
    unsafe { bindings::chaos_clear_sq_sched(queue) };
    // Older kernels have no such limit but the schedulers' own.
    #[cfg(newest = "request_queue.async_depth")]
    // SAFETY: By this function's requirements.
    unsafe {
        (*queue).async_depth = (*queue).nr_requests;
    }
}

/// The disk of a queue. Before Linux 5.15 it may be null: a disk that is being removed keeps its
/// scheduler for a while.
///
/// # Safety
///
/// `queue` must be valid, and be getting a scheduler.
pub unsafe fn disk_of(queue: *mut bindings::request_queue) -> *mut bindings::gendisk {
    #[cfg(newest = "request_queue.disk")]
    // SAFETY: By this function's requirements.
    unsafe {
        (*queue).disk
    }
    #[cfg(not(newest = "request_queue.disk"))]
    // SAFETY: By this function's requirements. The disk holds the queue, and is freed after it has
    // left the set of queues that may get a scheduler.
    unsafe {
        bindings::chaos_disk_of(queue)
    }
}

/// Has a bio end as one for which nobody polls (`bio_clear_polled()`). A bio of a CPU's cache, for
/// which a task polls, is to end in a task: before Linux 6.10, the kernel complains about any other
/// end (`bio_put()`), and before 5.18 the cache might break. A task that polls meanwhile finds that
/// the bio has not ended.
///
/// # Safety
///
/// `bio` must be valid, and the caller its only user but for a task that polls.
pub unsafe fn clear_polled(bio: *mut bindings::bio) {
    // SAFETY: By this function's requirements.
    unsafe { bindings::chaos_clear_polled(bio) }
}

/// The size of a disk in sectors of 512 bytes.
///
/// # Safety
///
/// `disk` must be valid.
pub unsafe fn capacity(disk: *mut bindings::gendisk) -> u64 {
    // SAFETY: By this function's requirements.
    unsafe { bindings::chaos_capacity(disk) }
}

/// The class of a disk's device, which is that of all disks and partitions.
///
/// # Safety
///
/// `disk` must be valid, and registered.
pub unsafe fn class_of(disk: *mut bindings::gendisk) -> *const bindings::class {
    // SAFETY: By this function's requirements.
    unsafe { bindings::chaos_class_of(disk) }
}

/// The `dev_t` of the disk that has a device.
///
/// # Safety
///
/// `device` must be valid, and of the class of disks and partitions.
pub unsafe fn disk_number(device: *mut bindings::device) -> u32 {
    // SAFETY: By this function's requirements.
    unsafe { bindings::chaos_disk_number(device) }
}

/// Whether the hardware queues of a disk share their tags. Before Linux 5.16 none do.
///
/// # Safety
///
/// `queue` must be valid, and have a scheduler, while which this does not change.
pub unsafe fn shares_tags(_queue: *const bindings::request_queue) -> bool {
    #[cfg(newest = "request_queue.sched_shared_tags")]
    // SAFETY: By this function's requirements.
    unsafe {
        !(*_queue).sched_shared_tags.is_null()
    }
    #[cfg(not(newest = "request_queue.sched_shared_tags"))]
    false
}

#[cfg(newest = "__traceiter_block_rq_insert")]
extern "C" {
    static mut __tracepoint_block_rq_insert: bindings::tracepoint;
}

/// Whether a probe may be attached to the tracepoint `block_rq_insert`. Older kernels do not export
/// it, but a function that asks for itself.
#[inline]
pub fn traces_insertions() -> bool {
    #[cfg(newest = "__traceiter_block_rq_insert")]
    // SAFETY: The tracepoint is in the kernel image and so always valid. Its count is a word, so a
    // load of it cannot tear; it is negative while the tracepoint is being enabled.
    unsafe {
        (&raw const __tracepoint_block_rq_insert.key.key.enabled.counter).read_volatile() > 0
    }
    #[cfg(not(newest = "__traceiter_block_rq_insert"))]
    true
}

/// Calls the probes of the tracepoint `block_rq_insert`.
///
/// # Safety
///
/// `request` must be valid. The caller must hold the tracepoint's probes.
pub unsafe fn trace_insertion(request: *mut bindings::request) {
    #[cfg(newest = "__traceiter_block_rq_insert")]
    // SAFETY: By this function's requirements; the function walks the probes.
    unsafe {
        bindings::__traceiter_block_rq_insert(core::ptr::null_mut(), request);
    }
    #[cfg(not(newest = "__traceiter_block_rq_insert"))]
    // SAFETY: By this function's requirements.
    unsafe {
        bindings::blk_mq_sched_request_inserted(request);
    }
}

/// Whether blk-iolatency counts the bios of a queue.
///
/// # Safety
///
/// `queue` must be valid.
pub unsafe fn has_latency_control(_queue: *const bindings::request_queue) -> bool {
    #[cfg(newest = "QUEUE_FLAG_BIO_ISSUE_TIME")]
    // SAFETY: By this function's requirements. The flags change one by one, atomically; a single
    // aligned load cannot tear.
    unsafe {
        const FLAG: u32 = bindings::QUEUE_FLAG_BIO_ISSUE_TIME;
        (&raw const (*_queue).queue_flags).read_volatile() & (1 << FLAG) != 0
    }
    // Older kernels have no flag for it. Where blk-iolatency exists, it may be at work.
    #[cfg(not(newest = "QUEUE_FLAG_BIO_ISSUE_TIME"))]
    cfg!(CONFIG_BLK_CGROUP_IOLATENCY)
}

/// The pool from which the block layer takes the first part of a bio that it splits.
///
/// # Safety
///
/// `bio` must be valid and submitted to a disk.
pub unsafe fn split_pool(bio: *const bindings::bio) -> *mut bindings::bio_set {
    #[cfg(newest = "gendisk.bio_split")]
    // SAFETY: By this function's requirements; a bio that has not ended keeps its disk valid.
    unsafe {
        &raw mut (*(*(*bio).bi_bdev).bd_disk).bio_split
    }
    // Before Linux 6.0 it is the queue's.
    #[cfg(not(newest = "gendisk.bio_split"))]
    // SAFETY: As above.
    unsafe {
        bindings::chaos_split_pool(bio)
    }
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
