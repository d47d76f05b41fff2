// SPDX-License-Identifier: GPL-2.0-only

//! The C functions by which the block layer calls a scheduler; each turns pointers into references and calls [`Elevator`].
//!
//! Who calls them, and holding what, is told at [`super`]. They are the counterpart of `struct elevator_mq_ops`.

use super::{
    layouts::{BlkMqDebugfsAttr, ElevatorMqOps, ElevatorQueue, ElevatorType, ElvFsEntry},
    owner,
    request::operation,
    trace, Bio, Elevator, Fifo, Hctx, Queue, Request,
};
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{
    bindings, ffi,
    page::PAGE_SIZE,
    prelude::*,
    seq_file::SeqFile,
    sync::{Arc, ArcBorrow},
};

/// Makes the `struct elevator_type` of a scheduler.
pub(super) struct VTable<E: Elevator>(PhantomData<E>);

impl<E: Elevator> VTable<E> {
    /// The structure to register; `elv_register` makes it known.
    pub(super) fn elevator_type(module: &'static ThisModule) -> ElevatorType {
        // SAFETY: The structure consists of integers, pointers, optional functions and arrays of these, for all of which
        // zero is a value, and means that an optional thing is absent.
        let mut elevator_type: ElevatorType = unsafe { core::mem::zeroed() };
        elevator_type.elevator_attrs = (&raw const *Self::ATTRIBUTES).cast();
        elevator_type.queue_debugfs_attrs = &raw const Self::QUEUE_DEBUG[0];
        elevator_type.hctx_debugfs_attrs = &raw const Self::HW_QUEUE_DEBUG[0];
        elevator_type.elevator_name = E::NAME.as_char_ptr();
        elevator_type.elevator_alias = E::ALIAS.as_char_ptr();
        elevator_type.elevator_owner = module.as_ptr();
        elevator_type.ops = Self::ops();
        elevator_type
    }

    fn ops() -> ElevatorMqOps {
        // SAFETY: As in `elevator_type`.
        let mut ops: ElevatorMqOps = unsafe { core::mem::zeroed() };
        ops.alloc_sched_data = Some(Self::alloc_sched_data);
        ops.free_sched_data = Some(Self::free_sched_data);
        ops.init_sched = Some(Self::init_sched);
        ops.exit_sched = Some(Self::exit_sched);
        ops.init_hctx = Some(Self::init_hctx);
        ops.exit_hctx = Some(Self::exit_hctx);
        ops.bio_merge = Some(Self::bio_merge);
        ops.prepare_request = Some(Self::prepare_request);
        ops.finish_request = Some(Self::finish_request);
        ops.insert_requests = Some(Self::insert_requests);
        ops.dispatch_request = Some(Self::dispatch_request);
        ops.has_work = Some(Self::has_work);
        ops
    }

    /// # Safety
    ///
    /// Called by the block layer only.
    unsafe extern "C" fn alloc_sched_data(queue: *mut bindings::request_queue) -> *mut ffi::c_void {
        // SAFETY: The block layer's queue is valid, and outlives its scheduler.
        let queue = unsafe { Queue::<E>::new(NonNull::new_unchecked(queue)) };
        // Null is the only error that the block layer understands here; it takes it for ENOMEM.
        Arc::pin_init(queue, GFP_KERNEL).map_or(core::ptr::null_mut(), |queue| {
            queue.into_raw().cast_mut().cast()
        })
    }

    /// # Safety
    ///
    /// Called by the block layer only, once for each successful `alloc_sched_data`, after `exit_sched` or without any
    /// `init_sched`.
    unsafe extern "C" fn free_sched_data(data: *mut ffi::c_void) {
        if !data.is_null() {
            // SAFETY: The pointer is from `alloc_sched_data`, and nobody borrows from it after `exit_sched`.
            drop(unsafe { Arc::from_raw(data.cast_const().cast::<Queue<E>>()) });
        }
    }

    /// # Safety
    ///
    /// Called by the block layer only, with the queue frozen and quiesced, and `elevator_data` from `alloc_sched_data`.
    unsafe extern "C" fn init_sched(
        queue: *mut bindings::request_queue,
        eq: *mut ElevatorQueue,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements `eq` is valid and carries our data.
        let data =
            unsafe { ArcBorrow::from_raw((*eq).elevator_data.cast_const().cast::<Queue<E>>()) };
        if let Err(error) = E::start_queue(data) {
            return error.to_errno();
        }
        // SAFETY: The queue is valid, and since it is frozen and its `elevator_lock` held, these fields are ours to set, as
        // each scheduler does: each hardware queue is run for itself, all tags may be used by asynchronous I/O, and the
        // queue belongs to this elevator.
        unsafe {
            bindings::blk_queue_flag_clear(bindings::QUEUE_FLAG_SQ_SCHED, queue);
            (*queue).async_depth = (*queue).nr_requests;
            (*queue).elevator = eq.cast();
        }
        0
    }

    /// # Safety
    ///
    /// Called by the block layer only, after a successful `init_sched` and after `exit_hctx` of all hardware queues, with the queue
    /// frozen.
    unsafe extern "C" fn exit_sched(eq: *mut ElevatorQueue) {
        // SAFETY: By this function's requirements `eq` is valid and carries our data.
        let queue = unsafe { &*(*eq).elevator_data.cast::<Queue<E>>() };
        E::stop_queue(queue);
    }

    /// # Safety
    ///
    /// Called by the block layer only, between `init_sched` and `exit_sched`, with the queue frozen and quiesced.
    unsafe extern "C" fn init_hctx(
        hctx: *mut bindings::blk_mq_hw_ctx,
        _index: ffi::c_uint,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements both are valid.
        let result =
            unsafe { Self::start_hw_queue(NonNull::new_unchecked(hctx), Self::queue_of(hctx)) };
        match result {
            Ok(()) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// As for `init_hctx`.
    unsafe fn start_hw_queue(hctx: NonNull<bindings::blk_mq_hw_ctx>, queue: &Queue<E>) -> Result {
        // SAFETY: `hctx` is valid until `exit_hctx`, which removes this from the queue's list, and from `sched_data`, before
        // it returns; the block layer calls us for it only in between.
        let hw_queue = Arc::pin_init(unsafe { Hctx::<E>::new(hctx) }, GFP_KERNEL)?;
        queue.add(hw_queue.as_arc_borrow())?;
        E::start_hw_queue(queue, &hw_queue);
        // SAFETY: The queue is frozen and quiesced, so that nobody looks at the field; `exit_hctx` takes the pointer back.
        unsafe { (*hctx.as_ptr()).sched_data = hw_queue.into_raw().cast_mut().cast() };
        Ok(())
    }

    /// # Safety
    ///
    /// Called by the block layer only, once for each successful `init_hctx`, with the queue frozen.
    unsafe extern "C" fn exit_hctx(hctx: *mut bindings::blk_mq_hw_ctx, _index: ffi::c_uint) {
        // SAFETY: The pointer is from `init_hctx`, and no other function is called for this hardware queue any more.
        let hw_queue = unsafe { Arc::from_raw((*hctx).sched_data.cast_const().cast::<Hctx<E>>()) };
        // SAFETY: By this function's requirements `hctx` is valid and its queue ours.
        unsafe { Self::queue_of(hctx) }.remove(&hw_queue);
        // No request is left, and nobody visits it: nothing arrives any more, and after this nothing is left to be released.
        E::stop_hw_queue(&hw_queue);
        hw_queue.end_releases();
    }

    /// # Safety
    ///
    /// Called by the block layer only, by who submits the bio and holds a reference of the queue.
    unsafe extern "C" fn bio_merge(
        queue: *mut bindings::request_queue,
        bio: *mut bindings::bio,
        segments: ffi::c_uint,
    ) -> bool {
        // SAFETY: By this function's requirements; the submitter's reference keeps the hardware queues and the scheduler, so that
        // all of them are started.
        let hw_queue = unsafe { Self::hw_queue_of(hctx_for(queue, bio)) };
        // SAFETY: By this function's requirements.
        let bio = unsafe {
            Bio::from_raw(
                NonNull::new_unchecked(queue),
                NonNull::new_unchecked(bio),
                segments,
            )
        };
        E::bio_merge(hw_queue, bio)
    }

    /// # Safety
    ///
    /// Called by the block layer only, once for each request before its insertion, by its submitter.
    unsafe extern "C" fn prepare_request(request: *mut bindings::request) {
        // SAFETY: By this function's requirements the request is valid, and so is its hardware queue.
        let hw_queue = unsafe { Self::hw_queue_of((*request).mq_hctx) };
        let namespace = if E::asks_for_pid_namespace(hw_queue) {
            owner::current_pid_namespace_id()
        } else {
            0
        };
        // SAFETY: By this function's requirements.
        unsafe {
            Request::prepare(request, namespace);
            if E::passes_by(hw_queue, operation((*request).cmd_flags)) {
                Request::bypass(request);
            }
        }
    }

    /// The driver has done with the request, and its bios have been ended, unless somebody else counts on them.
    ///
    /// # Safety
    ///
    /// Called by the block layer only, once for each request that was prepared and did not pass by.
    unsafe extern "C" fn finish_request(request: *mut bindings::request) {
        // SAFETY: By this function's requirements; the hardware queue is started, as the request has a reference of the queue.
        unsafe { Self::hw_queue_of((*request).mq_hctx).finish(request) };
    }

    /// # Safety
    ///
    /// Called by the block layer only, with requests that it hands over by `list`.
    unsafe extern "C" fn insert_requests(
        hctx: *mut bindings::blk_mq_hw_ctx,
        list: *mut bindings::list_head,
        _flags: u32,
    ) {
        // SAFETY: By this function's requirements `hctx` is valid and started.
        let hw_queue = unsafe { Self::hw_queue_of(hctx) };
        // SAFETY: By this function's requirements the list is valid, and its requests become ours.
        let requests = unsafe { Fifo::take(NonNull::new_unchecked(list)) };
        trace::insert(&requests);
        E::insert_requests(hw_queue, requests);
    }

    /// # Safety
    ///
    /// Called by the block layer only.
    unsafe extern "C" fn dispatch_request(
        hctx: *mut bindings::blk_mq_hw_ctx,
    ) -> *mut bindings::request {
        // SAFETY: By this function's requirements `hctx` is valid and started.
        let hw_queue = unsafe { Self::hw_queue_of(hctx) };
        E::dispatch_request(hw_queue).map_or(core::ptr::null_mut(), Request::into_dispatched)
    }

    /// # Safety
    ///
    /// Called by the block layer only.
    unsafe extern "C" fn has_work(hctx: *mut bindings::blk_mq_hw_ctx) -> bool {
        // SAFETY: By this function's requirements `hctx` is valid and started.
        E::has_work(unsafe { Self::hw_queue_of(hctx) })
    }

    /// The files in the disk's `queue/iosched`, and the empty one that ends the list.
    const ATTRIBUTES: &'static [ElvFsEntry; 2] = &{
        // SAFETY: Of integers, pointers and optional functions, for all of which zero is a value.
        let mut files: [ElvFsEntry; 2] = unsafe { core::mem::zeroed() };
        files[0].attr.name = c"held".to_bytes_with_nul().as_ptr();
        files[0].attr.mode = 0o444;
        files[0].show = Some(Self::show_held);
        files
    };

    /// # Safety
    ///
    /// Called by the block layer only, with `sysfs_lock` held, which `exit_sched` is called with, and a page.
    unsafe extern "C" fn show_held(eq: *mut ElevatorQueue, page: *mut ffi::c_char) -> i64 {
        // SAFETY: By this function's requirements `eq` is valid and carries our data, which are not stopped meanwhile.
        let queue = unsafe { &*(*eq).elevator_data.cast::<Queue<E>>() };
        // SAFETY: By this function's requirements the page is ours to write; what it has is bytes.
        let page = unsafe { &mut *page.cast::<[u8; PAGE_SIZE]>() };
        i64::try_from(E::show_held(queue, page)).unwrap_or(0)
    }

    /// The files in debugfs of a disk's queue, and the empty one that ends the list.
    const QUEUE_DEBUG: &'static [BlkMqDebugfsAttr; 2] = &debug_files(Self::debug_queue);

    /// The files in debugfs of a hardware queue.
    const HW_QUEUE_DEBUG: &'static [BlkMqDebugfsAttr; 2] = &debug_files(Self::debug_hw_queue);

    /// # Safety
    ///
    /// Called by debugfs only, with the `request_queue` of the file, and its `seq_file`, which is nobody else's.
    ///
    /// The file stays for some time after `exit_sched` (`elevator_change_done()`), so that the pointer only tells which queue is
    /// meant: what is shown is found by the scheduler's own list.
    unsafe extern "C" fn debug_queue(
        queue: *mut ffi::c_void,
        out: *mut bindings::seq_file,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements.
        let out = unsafe { SeqFile::from_raw(out) };
        E::show_debug(|hw_queue| hw_queue.is_of(queue.cast()), out);
        0
    }

    /// # Safety
    ///
    /// As for `debug_queue`, with a `blk_mq_hw_ctx`.
    unsafe extern "C" fn debug_hw_queue(
        hctx: *mut ffi::c_void,
        out: *mut bindings::seq_file,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements.
        let out = unsafe { SeqFile::from_raw(out) };
        E::show_debug(|hw_queue| hw_queue.is(hctx.cast()), out);
        0
    }

    /// # Safety
    ///
    /// `hctx` must be valid and between `init_hctx` and `exit_hctx`, also while the result is used.
    #[inline]
    unsafe fn hw_queue_of<'a>(hctx: *mut bindings::blk_mq_hw_ctx) -> &'a Hctx<E> {
        // SAFETY: By this function's requirements the field is the content of the `Arc` that `init_hctx` gave up, which
        // lives until `exit_hctx` takes it back.
        unsafe { &*(*hctx).sched_data.cast::<Hctx<E>>() }
    }

    /// # Safety
    ///
    /// `hctx` must be valid and its queue between `init_sched` and `exit_sched`, also while the result is used.
    unsafe fn queue_of<'a>(hctx: *mut bindings::blk_mq_hw_ctx) -> &'a Queue<E> {
        // SAFETY: By this function's requirements the queue's elevator is ours, and carries our data.
        unsafe {
            let eq: *mut ElevatorQueue = (*(*hctx).queue).elevator.cast();
            &*(*eq).elevator_data.cast::<Queue<E>>()
        }
    }
}

/// A file `held` that `show` fills, and the empty one that ends the list.
const fn debug_files(
    show: unsafe extern "C" fn(*mut ffi::c_void, *mut bindings::seq_file) -> ffi::c_int,
) -> [BlkMqDebugfsAttr; 2] {
    // SAFETY: Of integers, pointers and optional functions, for all of which zero is a value.
    let mut files: [BlkMqDebugfsAttr; 2] = unsafe { core::mem::zeroed() };
    files[0].name = c"held".to_bytes_with_nul().as_ptr();
    files[0].mode = 0o400;
    files[0].show = Some(show);
    files
}

/// The hardware queue for which a request for this bio would be made by this processor: `blk_mq_map_queue()`, whose table is in
/// structures that no header has, by what that table is made from (`blk_mq_map_swqueue`).
///
/// # Safety
///
/// `queue` and `bio` must be valid, and the caller hold a reference of the queue (`q_usage_counter`), so that the hardware
/// queues and the map do not change.
#[inline]
unsafe fn hctx_for(
    queue: *mut bindings::request_queue,
    bio: *mut bindings::bio,
) -> *mut bindings::blk_mq_hw_ctx {
    const POLLED: u32 = 1 << bindings::req_flag_bits___REQ_POLLED;
    // SAFETY: By this function's requirements all of these are valid. The map has an entry for each possible processor, and
    // each is the number of a hardware queue, also while another disk that shares the map is added, for which an entry may become
    // 0. That the task may go to another processor meanwhile does not matter: any of the hardware queues would do.
    unsafe {
        let flags = (*bio).bi_opf;
        let kind = if flags & POLLED != 0 {
            bindings::hctx_type_HCTX_TYPE_POLL
        } else if operation(flags) == bindings::req_op_REQ_OP_READ {
            bindings::hctx_type_HCTX_TYPE_READ
        } else {
            bindings::hctx_type_HCTX_TYPE_DEFAULT
        };
        let set = (*queue).tag_set;
        let maps = &(*set).map;
        let mut map = &maps[bindings::hctx_type_HCTX_TYPE_DEFAULT as usize];
        if kind < (*set).nr_maps {
            if let Some(own) = maps.get(kind as usize).filter(|own| own.nr_queues > 0) {
                map = own;
            }
        }
        let cpu = bindings::raw_smp_processor_id();
        let number = map.mq_map.add(cpu as usize).read_volatile();
        (*queue).queue_hw_ctx.add(number as usize).read()
    }
}
