// SPDX-License-Identifier: GPL-2.0-only

//! The newest interface on older kernels, which have the scheduler make its own data, and, up to
//! 6.16, its own queue.
//!
//! The functions that the kernel calls take the older arguments, do what newer kernels do
//! themselves, and call the scheduler's: the newest call these where allocations wait for no I/O
//! (`blk_mq_freeze_queue`).

use super::no_io::NoIo;
use crate::{
    bindings::{self, bio, blk_mq_hw_ctx, list_head, module, request, request_queue},
    error::code::ENOMEM,
    ffi::{c_char, c_int, c_uint, c_void},
};
use bindings::{BlkMqDebugfsAttr, ElevatorQueue, ElvFsEntry};

/// `struct elevator_mq_ops` of the newest kernels, as far as the driver uses it.
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct ElevatorMqOps {
    pub alloc_sched_data: Option<unsafe extern "C" fn(*mut request_queue) -> *mut c_void>,
    pub free_sched_data: Option<unsafe extern "C" fn(*mut c_void)>,
    pub init_sched: Option<unsafe extern "C" fn(*mut request_queue, *mut ElevatorQueue) -> c_int>,
    pub exit_sched: Option<unsafe extern "C" fn(*mut ElevatorQueue)>,
    pub init_hctx: Option<unsafe extern "C" fn(*mut blk_mq_hw_ctx, c_uint) -> c_int>,
    pub exit_hctx: Option<unsafe extern "C" fn(*mut blk_mq_hw_ctx, c_uint)>,
    pub bio_merge: Option<unsafe extern "C" fn(*mut request_queue, *mut bio, c_uint) -> bool>,
    pub prepare_request: Option<unsafe extern "C" fn(*mut request)>,
    pub finish_request: Option<unsafe extern "C" fn(*mut request)>,
    pub insert_requests: Option<unsafe extern "C" fn(*mut blk_mq_hw_ctx, *mut list_head, u32)>,
    pub dispatch_request: Option<unsafe extern "C" fn(*mut blk_mq_hw_ctx) -> *mut request>,
    pub has_work: Option<unsafe extern "C" fn(*mut blk_mq_hw_ctx) -> bool>,
}

/// `struct elevator_type` of the newest kernels, as far as the driver uses it, and the kernel's.
#[allow(missing_docs)]
pub struct ElevatorType {
    pub ops: ElevatorMqOps,
    pub elevator_attrs: *const ElvFsEntry,
    pub elevator_name: *const c_char,
    pub elevator_alias: *const c_char,
    pub elevator_owner: *mut module,
    pub queue_debugfs_attrs: *const BlkMqDebugfsAttr,
    pub hctx_debugfs_attrs: *const BlkMqDebugfsAttr,
    native: bindings::ElevatorType,
}

/// The scheduler's functions.
///
/// # Safety
///
/// `eq` must be valid and of a registered [`ElevatorType`].
unsafe fn ops_of<'a>(eq: *mut ElevatorQueue) -> &'a ElevatorMqOps {
    // SAFETY: By this function's requirements its type is the kernel's part of such an object.
    unsafe { &(*crate::container_of!((*eq).type_, ElevatorType, native)).ops }
}

/// Makes the scheduler's data, as the newest kernels do before they call it, and starts the queue.
///
/// # Safety
///
/// The queue must be valid, frozen and quiesced, and `eq` valid and of a registered
/// [`ElevatorType`].
unsafe fn start(queue: *mut request_queue, eq: *mut ElevatorQueue) -> c_int {
    // SAFETY: By this function's requirements. The data are given back if the start fails.
    unsafe {
        let ops = ops_of(eq);
        let data = ops
            .alloc_sched_data
            .map_or(core::ptr::null_mut(), |alloc| alloc(queue));
        if data.is_null() {
            return ENOMEM.to_errno();
        }
        (*eq).elevator_data = data;
        let status = ops.init_sched.map_or(0, |init| init(queue, eq));
        if status != 0 {
            if let Some(free) = ops.free_sched_data {
                free(data);
            }
        }
        status
    }
}

/// Starts a queue.
///
/// # Safety
///
/// Only the block layer may call this: with the queue frozen and quiesced.
#[cfg(newest = "elevator_mq_ops.init_sched")]
unsafe extern "C" fn init_sched(queue: *mut request_queue, eq: *mut ElevatorQueue) -> c_int {
    let _no_io = NoIo::new();
    // SAFETY: By this function's requirements.
    unsafe { start(queue, eq) }
}

/// Makes the scheduler's queue, which newer kernels make themselves, and starts it.
///
/// # Safety
///
/// Only the block layer may call this: with the queue frozen and quiesced.
#[cfg(not(newest = "elevator_mq_ops.init_sched"))]
unsafe extern "C" fn init_sched(
    queue: *mut request_queue,
    native: *mut bindings::ElevatorType,
) -> c_int {
    let _no_io = NoIo::new();
    // SAFETY: By this function's requirements the queue is valid and the type registered. The
    // queue of the scheduler is given back if the start fails.
    unsafe {
        let eq = bindings::elevator_alloc(queue, native);
        if eq.is_null() {
            return ENOMEM.to_errno();
        }
        let status = start(queue, eq);
        if status != 0 {
            bindings::kobject_put(&raw mut (*eq).kobj);
        }
        status
    }
}

/// # Safety
///
/// Only the block layer may call this, for a queue for which `init_sched` has succeeded.
unsafe extern "C" fn exit_sched(eq: *mut ElevatorQueue) {
    let _no_io = NoIo::new();
    // SAFETY: By this function's requirements. The block layer does not touch the data afterwards.
    unsafe {
        let ops = ops_of(eq);
        if let Some(exit) = ops.exit_sched {
            exit(eq);
        }
        if let Some(free) = ops.free_sched_data {
            free((*eq).elevator_data);
        }
    }
}

/// # Safety
///
/// Only the block layer may call this, for a queue for which `init_sched` has succeeded.
unsafe extern "C" fn init_hctx(hctx: *mut blk_mq_hw_ctx, index: c_uint) -> c_int {
    let _no_io = NoIo::new();
    // SAFETY: By this function's requirements.
    unsafe {
        let ops = ops_of((*(*hctx).queue).elevator);
        ops.init_hctx.map_or(0, |init| init(hctx, index))
    }
}

/// # Safety
///
/// As for the function of the newest kernels.
#[cfg(not(newest = "elevator_mq_ops.insert_requests"))]
unsafe extern "C" fn insert_requests(
    hctx: *mut blk_mq_hw_ctx,
    list: *mut list_head,
    at_head: bool,
) {
    // SAFETY: By this function's requirements.
    unsafe {
        let ops = ops_of((*(*hctx).queue).elevator);
        if let Some(insert) = ops.insert_requests {
            insert(hctx, list, u32::from(at_head));
        }
    }
}

/// Of a run that an insertion causes and of one that a freeze causes, one has to see both. The
/// newest kernels ask under the queue's lock, and later releases of some older ones. The barrier
/// does it in all of them.
///
/// # Safety
///
/// As for the function of the newest kernels.
unsafe extern "C" fn has_work(hctx: *mut blk_mq_hw_ctx) -> bool {
    core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
    // SAFETY: By this function's requirements.
    unsafe {
        let ops = ops_of((*(*hctx).queue).elevator);
        ops.has_work.is_some_and(|has_work| has_work(hctx))
    }
}

/// Registers a scheduler.
///
/// # Safety
///
/// As for the function of C. The type must not move while it is registered.
pub unsafe fn elv_register(elevator_type: *mut ElevatorType) -> c_int {
    // SAFETY: By this function's requirements the type is valid.
    let this = unsafe { &mut *elevator_type };
    let (ops, native) = (&this.ops, &mut this.native);
    native.elevator_attrs = this.elevator_attrs.cast_mut();
    native.elevator_name = this.elevator_name;
    native.elevator_alias = this.elevator_alias;
    native.elevator_owner = this.elevator_owner;
    native.queue_debugfs_attrs = this.queue_debugfs_attrs;
    native.hctx_debugfs_attrs = this.hctx_debugfs_attrs;
    native.ops.init_sched = Some(init_sched);
    native.ops.exit_sched = Some(exit_sched);
    native.ops.init_hctx = Some(init_hctx);
    native.ops.exit_hctx = ops.exit_hctx;
    native.ops.bio_merge = ops.bio_merge;
    native.ops.prepare_request = ops.prepare_request;
    native.ops.finish_request = ops.finish_request;
    #[cfg(newest = "elevator_mq_ops.insert_requests")]
    {
        native.ops.insert_requests = ops.insert_requests;
    }
    #[cfg(not(newest = "elevator_mq_ops.insert_requests"))]
    {
        native.ops.insert_requests = Some(insert_requests);
    }
    native.ops.dispatch_request = ops.dispatch_request;
    native.ops.has_work = Some(has_work);
    // SAFETY: By this function's requirements.
    unsafe { bindings::elv_register(&raw mut (*elevator_type).native) }
}

/// Unregisters a scheduler.
///
/// # Safety
///
/// As for the function of C.
pub unsafe fn elv_unregister(elevator_type: *mut ElevatorType) {
    // SAFETY: By this function's requirements.
    unsafe { bindings::elv_unregister(&raw mut (*elevator_type).native) };
}
