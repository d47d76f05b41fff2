// SPDX-License-Identifier: GPL-2.0-only

//! The structures and things of the newest kernels. `driver/kernel/elevator.rs` has the same
//! functions for all kernels.

include!("generated.rs");

#[path = "devices.rs"]
mod devices;
pub(crate) use devices::*;

/// Whether the block layer has a scheduler prepare a request for the bio that gets it. Otherwise it
/// may prepare several for one bio of a plug, and give them to later bios with other flags.
pub(crate) const PREPARES_AT_SUBMISSION: bool = true;

/// Whether a probe can see the flushes without data that are submitted: it gets the bio alone, in a
/// context in which it may allocate memory and take a lock.
pub(crate) const SHOWS_FLUSHES: bool = true;

/// The name of a queue's scheduler.
///
/// # Safety
///
/// `eq` must be valid, also while the result is used.
pub(crate) unsafe fn name_of(eq: *const ElevatorQueue) -> *const ffi::c_char {
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
pub(crate) unsafe fn hardware_queue(
    queue: *mut bindings::request_queue,
    number: u32,
) -> *mut bindings::blk_mq_hw_ctx {
    // SAFETY: By this function's requirements the array has this entry.
    unsafe { (*queue).queue_hw_ctx.add(number as usize).read() }
}

/// Has the block layer run each hardware queue by itself, and asynchronous I/O use all tags.
///
/// # Safety
///
/// `queue` must be valid and frozen, and its `elevator_lock` held.
pub(crate) unsafe fn set_usual(queue: *mut bindings::request_queue) {
    // SAFETY: By this function's requirements.
    unsafe {
        bindings::blk_queue_flag_clear(bindings::QUEUE_FLAG_SQ_SCHED, queue);
        (*queue).async_depth = (*queue).nr_requests;
    }
}

/// The disk of a queue.
///
/// # Safety
///
/// `queue` must be valid, and be getting or have a scheduler: then it has a disk.
pub(crate) unsafe fn disk_of(queue: *const bindings::request_queue) -> *mut bindings::gendisk {
    // SAFETY: By this function's requirements.
    unsafe { (*queue).disk }
}

/// Has a bio end as one for which nobody polls (`bio_clear_polled()`). A bio of a CPU's cache, for
/// which a task polls, is to end in a task: before Linux 6.10, the kernel complains about any other
/// end (`bio_put()`), and before 5.18 the cache might break. A task that polls meanwhile finds that
/// the bio has not ended.
///
/// # Safety
///
/// `bio` must be valid, and the caller its only user but for a task that polls.
pub(crate) unsafe fn clear_polled(bio: *mut bindings::bio) {
    const POLLED: u32 = 1 << bindings::req_flag_bits___REQ_POLLED;
    const ALLOC_CACHE: u32 = 1 << bindings::req_flag_bits___REQ_ALLOC_CACHE;
    // SAFETY: By this function's requirements.
    unsafe {
        if (*bio).bi_opf & POLLED != 0 {
            (*bio).bi_opf &= !(POLLED | ALLOC_CACHE);
        }
    }
}

/// The size of a disk in sectors of 512 bytes.
///
/// # Safety
///
/// `disk` must be valid.
pub(crate) unsafe fn capacity(disk: *const bindings::gendisk) -> u64 {
    // SAFETY: By this function's requirements. A single aligned load cannot tear.
    unsafe { (&raw const (*(*disk).part0).bd_nr_sectors).read_volatile() }
}

/// The class of a disk's device, which is that of all disks and partitions.
///
/// # Safety
///
/// `disk` must be valid, and registered.
pub(crate) unsafe fn class_of(disk: *const bindings::gendisk) -> *const bindings::class {
    // SAFETY: By this function's requirements.
    unsafe { (*(*disk).part0).bd_device.class }
}

/// The `dev_t` of the disk that has a device.
///
/// # Safety
///
/// `device` must be valid, and of the class of disks and partitions.
pub(crate) unsafe fn disk_number(device: *mut bindings::device) -> u32 {
    // SAFETY: A device of this class lies in a `block_device`, which keeps its disk; a disk keeps
    // its numbers.
    unsafe {
        let of = kernel::container_of!(device, bindings::block_device, bd_device);
        (*(*(*of).bd_disk).part0).bd_dev
    }
}

/// Whether the hardware queues of a disk share their tags.
///
/// # Safety
///
/// `queue` must be valid, and have a scheduler, while which this does not change.
pub(crate) unsafe fn shares_tags(queue: *const bindings::request_queue) -> bool {
    // SAFETY: By this function's requirements.
    unsafe { !(*queue).sched_shared_tags.is_null() }
}

// Lock classes and lockdep maps have no members unless a kernel is built to debug locks.
#[allow(improper_ctypes)]
extern "C" {
    /// Exported by `EXPORT_TRACEPOINT_SYMBOL_GPL(block_rq_insert)`.
    static mut __tracepoint_block_rq_insert: bindings::tracepoint;
    fn __traceiter_block_rq_insert(
        data: *mut ffi::c_void,
        request: *mut bindings::request,
    ) -> ffi::c_int;
}

/// Whether a probe is attached to the tracepoint `block_rq_insert`.
#[inline]
pub(crate) fn traces_insertions() -> bool {
    // SAFETY: The tracepoint is in the kernel image and so always valid. Its count is a word, so a
    // load of it cannot tear; it is negative while the tracepoint is being enabled.
    unsafe { (&raw const __tracepoint_block_rq_insert.key.key.enabled.counter).read_volatile() > 0 }
}

/// Calls the probes of the tracepoint `block_rq_insert`.
///
/// # Safety
///
/// `request` must be valid. The caller must hold the tracepoint's probes.
pub(crate) unsafe fn trace_insertion(request: *mut bindings::request) {
    // SAFETY: By this function's requirements; the function walks the probes.
    unsafe { __traceiter_block_rq_insert(core::ptr::null_mut(), request) };
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

/// The pool from which `bio_submit_split_bioset` takes the first part of a bio that it splits.
///
/// # Safety
///
/// `bio` must be valid and submitted to a disk.
pub(crate) unsafe fn split_pool(bio: *const bindings::bio) -> *mut bindings::bio_set {
    // SAFETY: By this function's requirements; a bio that has not ended keeps its disk valid.
    unsafe { &raw mut (*(*(*bio).bi_bdev).bd_disk).bio_split }
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
