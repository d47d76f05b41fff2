// SPDX-License-Identifier: GPL-2.0-only

//! Keeps the block layer from throttling writeback for all of a disk, since it would for what a scheduler holds.
//!
//! It lets some buffered writes of a disk be on their way at once (`wbt_wait`), before a scheduler is asked and whoever submits
//! them. Those that are held count until they end, so that the others would wait for them.
//!
//! C header: `block/blk-wbt.h`, which no distribution installs: see [`super::layouts`]; bfq does the same.

use core::ptr::NonNull;
use kernel::bindings;

/// Ends the throttling that the block layer does by default, and keeps it from being begun. What somebody has changed by
/// `wbt_lat_usec` stays.
///
/// # Safety
///
/// `queue` must be valid and have a disk, and the caller may sleep. The queue must be frozen: who waits to be let through now is
/// only woken when something ends that was let through before.
#[cfg_attr(not(CONFIG_BLK_WBT), expect(unused_variables))]
pub(super) unsafe fn unthrottle(queue: NonNull<bindings::request_queue>) {
    #[cfg(CONFIG_BLK_WBT)]
    // SAFETY: By this function's requirements. The flag is changed atomically; the function takes the disk's `rqos_state_mutex`, which
    // others take while the queue is frozen (`wbt_set_lat`).
    unsafe {
        bindings::blk_queue_flag_set(bindings::QUEUE_FLAG_DISABLE_WBT_DEF, queue.as_ptr());
        super::layouts::wbt_disable_default((*queue.as_ptr()).disk);
    }
}

/// Has the block layer throttle writeback again, if it would by default: not if blk-iocost is at work on the disk, which has ended it,
/// too, and begins it itself when it stops (`ioc_qos_write`). That alone sets `QUEUE_FLAG_RQ_ALLOC_TIME`, at the same times.
///
/// # Safety
///
/// As for [`unthrottle`], which was called before.
#[cfg_attr(not(CONFIG_BLK_WBT), expect(unused_variables))]
pub(super) unsafe fn throttle(queue: NonNull<bindings::request_queue>) {
    #[cfg(CONFIG_BLK_WBT)]
    // SAFETY: As in `unthrottle`. blk-iocost changes its flag while the queue is frozen.
    unsafe {
        let queue = queue.as_ptr();
        bindings::blk_queue_flag_clear(bindings::QUEUE_FLAG_DISABLE_WBT_DEF, queue);
        let by_iocost = 1 << bindings::QUEUE_FLAG_RQ_ALLOC_TIME;
        if (*queue).queue_flags & by_iocost == 0 {
            super::layouts::wbt_enable_default((*queue).disk);
        }
    }
}
