// SPDX-License-Identifier: GPL-2.0-only

//! The C functions by which the block layer calls a scheduler: the counterpart of
//! `struct elevator_mq_ops`. Each turns pointers into references and calls [`Elevator`].
//!
//! The module [`super`] states the context of each.
//!
//! # Life of a queue and its hardware queues
//!
//! The `# Safety` sections use these words. A queue has *our data* from a successful
//! `alloc_sched_data` to `free_sched_data`. It is *started* from `init_sched` to `exit_sched`, and
//! a hardware queue from `init_hctx` to `exit_hctx`, within that time. The block layer calls these
//! four with the queue frozen, and with `q->elevator_lock` held (`q->sysfs_lock` in older kernels).
//! The queue is quiesced, too (`elevator_switch`). A disk leaves the scheduler before it changes
//! its hardware queues, and comes back afterwards (`blk_mq_update_nr_hw_queues`).
//!
//! There are exceptions:
//!
//! - Where the scheduler leaves since its files in sysfs could not be made
//!   (`elevator_change_done`), nothing quiesces the queue: a dispatch that began before may still
//!   run, whatever the scheduler is.
//! - The same goes for a disk that changes its hardware queues on a kernel that lacks a repair (see
//!   `driver/kernels.md`).
//! - On Linux 5.10 a removed disk leaves the scheduler when the last reference of its queue goes
//!   (`blk_release_queue`). The block layer holds no lock then, but nobody else has the queue: it
//!   stays frozen, and its work was cancelled. The disk and its set of tags may be gone before.

use super::{
    cpus::CpuSet,
    files::Files,
    flags::OpFlags,
    layouts::{self, ElevatorMqOps, ElevatorQueue, ElevatorType},
    trace, Bio, Elevator, Fifo, Hctx, Queue, Request,
};
use core::{marker::PhantomData, ptr::NonNull};
use kernel::{
    bindings, ffi,
    prelude::*,
    sync::{Arc, ArcBorrow},
};

/// Makes the `struct elevator_type` of a scheduler.
pub(super) struct VTable<E: Elevator>(PhantomData<E>);

impl<E: Elevator> VTable<E> {
    /// The structure for `elv_register`.
    pub(super) fn elevator_type(module: &'static ThisModule) -> ElevatorType {
        // SAFETY: The structure consists of integers, pointers, optional functions and arrays of
        // these. Zero is a value of all of them, and means that an optional member is absent.
        let mut elevator_type: ElevatorType = unsafe { core::mem::zeroed() };
        elevator_type.elevator_attrs = (&raw const *Files::<E>::QUEUE).cast();
        elevator_type.queue_debugfs_attrs = &raw const Files::<E>::DEBUG_QUEUE[0];
        elevator_type.hctx_debugfs_attrs = &raw const Files::<E>::DEBUG_HCTX[0];
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
    /// * `queue` must be valid until `free_sched_data` is called for the result, if the result is
    ///   not null.
    /// * The queue must have a disk with a name at `init_sched` (only a disk's attribute leads to
    ///   `elevator_change`).
    unsafe extern "C" fn alloc_sched_data(queue: *mut bindings::request_queue) -> *mut ffi::c_void {
        // SAFETY: By this function's requirements.
        let queue = unsafe { Queue::<E>::new(NonNull::new_unchecked(queue)) };
        // The block layer understands no other error than null here, and takes it for ENOMEM.
        Arc::pin_init(queue, GFP_KERNEL).map_or(core::ptr::null_mut(), |queue| {
            queue.into_raw().cast_mut().cast()
        })
    }

    /// # Safety
    ///
    /// * `data` must be null, or a result of `alloc_sched_data` for which this function was not
    ///   called yet.
    /// * The queue must not be started, and must not start later.
    unsafe extern "C" fn free_sched_data(data: *mut ffi::c_void) {
        if !data.is_null() {
            // SAFETY: By this function's requirements the pointer comes from `into_raw`, and no
            // code borrows from the data while the queue is not started.
            drop(unsafe { Arc::from_raw(data.cast_const().cast::<Queue<E>>()) });
        }
    }

    /// # Safety
    ///
    /// * `queue` and `eq` must be valid, and `eq` have our data of this queue.
    /// * The queue must be frozen and not started, and `q->elevator_lock` must be held.
    /// * If this succeeds, `eq` must stay valid until `exit_sched`.
    unsafe extern "C" fn init_sched(
        queue: *mut bindings::request_queue,
        eq: *mut ElevatorQueue,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements.
        let data =
            unsafe { ArcBorrow::from_raw((*eq).elevator_data.cast_const().cast::<Queue<E>>()) };
        if let Err(error) = E::start_queue(data) {
            data.end();
            return error.to_errno();
        }
        // SAFETY: By this function's requirements the queue is valid. Since it is frozen and its
        // `elevator_lock` held, we may set these fields, as each scheduler does here: the block
        // layer runs each hardware queue by itself, asynchronous I/O may use all tags, and the
        // queue belongs to this elevator.
        unsafe {
            layouts::set_usual(queue);
            (*queue).elevator = eq.cast();
        }
        0
    }

    /// # Safety
    ///
    /// * `eq` must be valid, with our data of a started queue.
    /// * The queue must be frozen, and none of its hardware queues started.
    unsafe extern "C" fn exit_sched(eq: *mut ElevatorQueue) {
        // SAFETY: By this function's requirements.
        let queue = unsafe { &*(*eq).elevator_data.cast::<Queue<E>>() };
        E::stop_queue(queue);
        queue.end();
    }

    /// # Safety
    ///
    /// * `hctx` must be valid and not started. If this succeeds, it must stay valid until
    ///   `exit_hctx`.
    /// * Its queue must be started, frozen and quiesced.
    unsafe extern "C" fn init_hctx(
        hctx: *mut bindings::blk_mq_hw_ctx,
        _index: ffi::c_uint,
    ) -> ffi::c_int {
        // SAFETY: By this function's requirements `hctx` is valid, and its queue started.
        let result =
            unsafe { Self::start_hctx(NonNull::new_unchecked(hctx), Self::queue_of(hctx)) };
        match result {
            Ok(()) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// As for `init_hctx`.
    unsafe fn start_hctx(hctx: NonNull<bindings::blk_mq_hw_ctx>, queue: &Queue<E>) -> Result {
        // SAFETY: `hctx` is valid, and its queue gets a scheduler.
        let cpus = unsafe { CpuSet::of(hctx) }?;
        // SAFETY: `hctx` is valid until `exit_hctx`, which removes this object from the queue's
        // list and from `sched_data` before it returns. In between, `hctx` is started.
        let hw_queue = Arc::pin_init(unsafe { Hctx::<E>::new(hctx, cpus) }, GFP_KERNEL)?;
        queue.add(hw_queue.as_arc_borrow())?;
        E::start_hctx(queue, &hw_queue);
        // SAFETY: The queue is frozen and quiesced, so no other CPU looks at the field. `exit_hctx`
        // takes the pointer back.
        unsafe { (*hctx.as_ptr()).sched_data = hw_queue.into_raw().cast_mut().cast() };
        Ok(())
    }

    /// # Safety
    ///
    /// * `hctx` must be valid and started, and its queue started and frozen.
    /// * No other function of this vtable may run for it meanwhile, or be called for it afterwards.
    ///   (`elevator_change_done` does not see to that if `elv_register_queue` fails.)
    unsafe extern "C" fn exit_hctx(hctx: *mut bindings::blk_mq_hw_ctx, _index: ffi::c_uint) {
        // SAFETY: By this function's requirements the pointer is the one that `init_hctx` stored,
        // and no other function uses it.
        let hw_queue = unsafe { Arc::from_raw((*hctx).sched_data.cast_const().cast::<Hctx<E>>()) };
        // SAFETY: By this function's requirements `hctx` is valid and its queue started.
        unsafe { Self::queue_of(hctx) }.remove(&hw_queue);
        // It has no request, and the queue's list does not lead to it: no completion arrives any
        // more, and after this none is left to release.
        E::stop_hctx(&hw_queue);
        hw_queue.end_calls();
    }

    /// # Safety
    ///
    /// * `queue` and `bio` must be valid. The caller must be submitting `bio` to `queue`, and be
    ///   its only user. `segments` must be the number of its segments.
    /// * The caller must hold a reference of the queue (`q_usage_counter`), so that the queue and
    ///   all of its hardware queues are started and stay started.
    unsafe extern "C" fn bio_merge(
        queue: *mut bindings::request_queue,
        bio: *mut bindings::bio,
        segments: ffi::c_uint,
    ) -> bool {
        // SAFETY: By this function's requirements.
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
    /// * `request` must be valid, prepared by `blk_mq_rq_late_init`, and neither inserted nor
    ///   issued yet.
    /// * The caller must be its submitter, with a reference of the queue (`q_usage_counter`), so
    ///   that its hardware queue is started.
    unsafe extern "C" fn prepare_request(request: *mut bindings::request) {
        // SAFETY: By this function's requirements.
        let (hw_queue, flags) = unsafe {
            let hw_queue = Self::hw_queue_of((*request).mq_hctx);
            (hw_queue, OpFlags::from_raw((*request).cmd_flags))
        };
        let prepared = E::prepare_request(hw_queue, flags);
        // SAFETY: By this function's requirements.
        unsafe {
            Request::prepare(request, prepared.data);
            if prepared.passes_by && layouts::PREPARES_AT_SUBMISSION {
                Request::<E::RequestData>::bypass(request);
            }
            if prepared.is_alone {
                Request::<E::RequestData>::keep_alone(request);
            }
        }
    }

    /// Called when the driver is done with the request and has ended its bios, as far as no other
    /// count keeps them.
    ///
    /// # Safety
    ///
    /// * `request` must be valid, and `prepare_request` of this vtable must have been called for
    ///   it.
    /// * This must be the only call for it since then, and the block layer must be about to free
    ///   it.
    /// * The request must still hold its reference of the queue, so that its hardware queue is
    ///   started.
    unsafe extern "C" fn finish_request(request: *mut bindings::request) {
        // SAFETY: By this function's requirements.
        unsafe { Self::hw_queue_of((*request).mq_hctx).finish(request) };
    }

    /// # Safety
    ///
    /// * `hctx` must be valid and started, and stay so during the call.
    /// * `list` must be a valid list of requests of this hardware queue, which the caller gives
    ///   away. `prepare_request` must have been called for each, or else, before Linux 6.5, the
    ///   driver must have given it back.
    unsafe extern "C" fn insert_requests(
        hctx: *mut bindings::blk_mq_hw_ctx,
        list: *mut bindings::list_head,
        _flags: u32,
    ) {
        // SAFETY: By this function's requirements.
        let hw_queue = unsafe { Self::hw_queue_of(hctx) };
        // SAFETY: By this function's requirements the list is valid, and its requests become ours.
        let requests = unsafe { Fifo::take(NonNull::new_unchecked(list)) };
        trace::insert(&requests);
        E::insert_requests(hw_queue, requests);
    }

    /// # Safety
    ///
    /// `hctx` must be valid and started, and stay so during the call.
    unsafe extern "C" fn dispatch_request(
        hctx: *mut bindings::blk_mq_hw_ctx,
    ) -> *mut bindings::request {
        // SAFETY: By this function's requirements.
        let hw_queue = unsafe { Self::hw_queue_of(hctx) };
        match E::dispatch_request(hw_queue) {
            Some(request) if hw_queue.is_of(request.queue()) => request.into_dispatched(),
            // Another disk's request, whose drop warns: it must not go to this disk.
            _ => core::ptr::null_mut(),
        }
    }

    /// # Safety
    ///
    /// As for `dispatch_request`.
    unsafe extern "C" fn has_work(hctx: *mut bindings::blk_mq_hw_ctx) -> bool {
        // SAFETY: By this function's requirements.
        E::has_work(unsafe { Self::hw_queue_of(hctx) })
    }

    /// # Safety
    ///
    /// `hctx` must be valid and started, also while the result is used.
    #[inline]
    pub(super) unsafe fn hw_queue_of<'a>(hctx: *mut bindings::blk_mq_hw_ctx) -> &'a Hctx<E> {
        // SAFETY: By this function's requirements the field is the content of the `Arc` that
        // `init_hctx` gave up, which lives until `exit_hctx` takes it back.
        unsafe { &*(*hctx).sched_data.cast::<Hctx<E>>() }
    }

    /// # Safety
    ///
    /// `hctx` must be valid and its queue started, also while the result is used.
    unsafe fn queue_of<'a>(hctx: *mut bindings::blk_mq_hw_ctx) -> &'a Queue<E> {
        // SAFETY: By this function's requirements the queue's elevator is ours, with our data.
        unsafe {
            let eq: *mut ElevatorQueue = (*(*hctx).queue).elevator.cast();
            &*(*eq).elevator_data.cast::<Queue<E>>()
        }
    }
}

/// The hardware queue to which a request of this processor for this bio would belong.
///
/// As `blk_mq_map_queue()`, but the table of that function is in structures that no header has:
/// this reads the map from which the block layer makes the table (`blk_mq_map_swqueue`).
///
/// # Safety
///
/// `queue` and `bio` must be valid, and the caller must hold a reference of the queue
/// (`q_usage_counter`), so that the hardware queues and the map do not change.
#[inline]
pub(super) unsafe fn hctx_for(
    queue: *mut bindings::request_queue,
    bio: *mut bindings::bio,
) -> *mut bindings::blk_mq_hw_ctx {
    // SAFETY: By this function's requirements all of these are valid. The map has an entry for each
    // possible processor, and each entry is the number of a hardware queue. It stays one while
    // another disk that shares the map is added: an entry may then become 0. The task may move to
    // another processor meanwhile, but any of the hardware queues would do.
    unsafe {
        let flags = OpFlags::from_raw((*bio).bi_opf);
        let kind = if flags.is_polled() {
            bindings::hctx_type_HCTX_TYPE_POLL
        } else if flags.is_read() {
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
        layouts::hardware_queue(queue, number)
    }
}
