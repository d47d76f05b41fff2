// SPDX-License-Identifier: GPL-2.0-only

//! An I/O request that the scheduler owns.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::owner::{self, Remember};
use crate::policy::{filter::Io, operations::Conditions};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, warn_on};

// Times are kept in pointer-sized fields.
const _: () = assert!(usize::BITS == u64::BITS);

/// A request between its insertion and its dispatch.
///
/// It must end in [`super::Elevator::dispatch_request`]: there is no other way to end it, and dropping it loses somebody's
/// I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, the request was inserted and not yet dispatched, and this is the only handle of it. Then its
/// fields `queuelist`, `rb_node`, `hash`, `elv` and `fifo_time` are the scheduler's alone; `state`, `tag`, `ref` and
/// `deadline` are never its business.
///
/// `elv.priv[0]` is the submitter's number, and its lowest bit is set once the request was released for the first time;
/// `hash.pprev` is the id of the submitter's PID namespace, or 0. `fifo_time` is the request's arrival and `elv.priv[1]` the
/// time it is due, in nanoseconds of [`super::now_ns`], once they were set. `hash.next` is a set of small numbers once it was put.
/// Before, it is mostly empty (`blk_mq_rq_late_init`), and anything when the driver gives the request back, even if it did not have it
/// from the scheduler (as the paths of dm-multipath do not): a completion may use the field, too (`ipi_list`).
#[must_use = "a request that is dropped is somebody's lost I/O"]
pub(crate) struct Request(NonNull<bindings::request>);

// SAFETY: A request may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl Send for Request {}

impl Request {
    /// # Safety
    ///
    /// The invariants of the type must hold for `request`, from now on by this handle.
    pub(super) unsafe fn from_raw(request: NonNull<bindings::request>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(request)
    }

    /// Gives up ownership.
    pub(super) fn into_raw(self) -> NonNull<bindings::request> {
        ManuallyDrop::new(self).0
    }

    pub(super) fn as_raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    /// Gives the request to the block layer, with the list node in the state in which it came.
    pub(super) fn into_dispatched(self) -> *mut bindings::request {
        let request = self.into_raw().as_ptr();
        // SAFETY: By the invariants the request is valid and its list node ours until the caller has it.
        unsafe {
            let node = &raw mut (*request).__bindgen_anon_1.queuelist;
            (*node).next = node;
            (*node).prev = node;
            (*request).__bindgen_anon_2.hash = bindings::hlist_node {
                next: core::ptr::null_mut(),
                pprev: core::ptr::null_mut(),
            };
        }
        request
    }

    /// Forgets what an earlier user of this request's memory left in the scheduler's fields, and remembers what the scheduler
    /// wants to know of who submits it.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared by `blk_mq_rq_late_init` in the context of its submitter, and not yet inserted.
    #[inline]
    pub(super) unsafe fn prepare(request: *mut bindings::request, remember: Remember) {
        match remember {
            // SAFETY: By this function's requirements.
            Remember::Nothing => unsafe { Self::put_submitter(request, 0, 0) },
            // SAFETY: By this function's requirements.
            _ => unsafe { Self::prepare_with_submitter(request, remember) },
        }
    }

    /// [`Request::prepare`] when something is wanted; not inlined, as nearly always nothing is.
    ///
    /// # Safety
    ///
    /// As for [`Request::prepare`].
    #[inline(never)]
    unsafe fn prepare_with_submitter(request: *mut bindings::request, remember: Remember) {
        let namespace = match remember {
            Remember::ProcessAndNamespace => owner::current_pid_namespace_id() as usize,
            _ => 0,
        };
        // SAFETY: By this function's requirements.
        unsafe { Self::put_submitter(request, owner::current_process() << 1, namespace) };
    }

    /// # Safety
    ///
    /// As for [`Request::prepare`].
    #[inline]
    unsafe fn put_submitter(request: *mut bindings::request, process: usize, namespace: usize) {
        // SAFETY: By this function's requirements; the fields belong to the scheduler since the allocation.
        unsafe {
            (*request).elv.priv_[0] = core::ptr::without_provenance_mut(process);
            (*request).__bindgen_anon_2.hash.pprev = core::ptr::without_provenance_mut(namespace);
        }
    }

    /// Whether the request went to the driver before, which gave it back.
    #[inline]
    pub(crate) fn was_released(&self) -> bool {
        // SAFETY: By the invariants the field is ours, and `prepare` has initialized it.
        unsafe { (*self.0.as_ptr()).elv.priv_[0].addr() & 1 != 0 }
    }

    /// Remembers that the request went to the driver.
    #[inline]
    pub(crate) fn set_released(&mut self) {
        // SAFETY: By the invariants the field is ours. The pointer is never followed.
        unsafe {
            let field = &mut (*self.0.as_ptr()).elv.priv_[0];
            *field = core::ptr::without_provenance_mut(field.addr() | 1);
        }
    }

    /// The number of the process that submitted it; 0 if it was not to be remembered.
    #[inline]
    pub(crate) fn submitter(&self) -> usize {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).elv.priv_[0].addr() >> 1 }
    }

    /// A set of numbers below 64 that the scheduler keeps with the request.
    #[inline]
    pub(crate) fn set(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).__bindgen_anon_2.hash.next.addr() as u64 }
    }

    /// Replaces the set.
    #[inline]
    pub(crate) fn put_set(&mut self, set: u64) {
        // SAFETY: By the invariants the field is ours. The pointer is never followed.
        unsafe {
            (*self.0.as_ptr()).__bindgen_anon_2.hash.next =
                core::ptr::without_provenance_mut(set as usize)
        };
    }

    /// Whether the request swaps memory pages out or in.
    #[inline]
    pub(crate) fn is_swap(&self) -> bool {
        swaps_out(self.flags())
            || operation(self.flags()) == bindings::req_op_REQ_OP_READ && self.swaps_in()
    }

    /// Whether a request that reads does so for a page that was swapped out.
    ///
    /// No flag of it tells, but the page does: `swap_read_folio` has it locked, not up to date, and backed by swap. Pages of
    /// files are not backed by swap, and those that direct I/O reads into were up to date before they could be mapped.
    fn swaps_in(&self) -> bool {
        const LOCKED: usize = 1 << bindings::pageflags_PG_locked;
        const UPTODATE: usize = 1 << bindings::pageflags_PG_uptodate;
        const SWAPBACKED: usize = 1 << bindings::pageflags_PG_swapbacked;
        let Some(bio) = NonNull::new(self.bio()) else {
            return false;
        };
        // SAFETY: A request's bios are valid while it is not ended. One that reads has vectors, of which the iterator tells
        // the next, and their pages stay until it has ended. A single aligned load of a page's flags cannot tear.
        let flags = unsafe {
            let iterator = (*bio.as_ptr()).bi_iter;
            let vectors = (*bio.as_ptr()).bi_io_vec;
            if vectors.is_null() {
                return false;
            }
            let page = (*vectors.add(iterator.bi_idx as usize)).bv_page;
            (&raw const (*page).flags.f).read_volatile()
        };
        flags & (LOCKED | UPTODATE | SWAPBACKED) == LOCKED | SWAPBACKED
    }

    #[inline]
    fn flags(&self) -> u32 {
        // SAFETY: By the invariants the request is valid, and this handle its only user: it only changes while a list has it
        // (`Fifo::merge`).
        unsafe { (*self.0.as_ptr()).cmd_flags }
    }

    /// The first of the bios, which are there until the request ends.
    #[inline]
    fn bio(&self) -> *mut bindings::bio {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).bio }
    }

    /// The device to which the first bio was submitted.
    #[inline]
    fn block_device(&self) -> Option<NonNull<bindings::block_device>> {
        let bio = NonNull::new(self.bio())?;
        // SAFETY: A request's bios are valid while it is not ended. Going from a partition to its disk leaves the device of
        // a bio as it was (`blk_partition_remap`).
        NonNull::new(unsafe { (*bio.as_ptr()).bi_bdev })
    }

    /// When the request arrived.
    #[inline]
    pub(crate) fn arrival_ns(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).fifo_time }
    }

    /// Sets when the request arrived.
    #[inline]
    pub(crate) fn set_arrival_ns(&mut self, arrival_ns: u64) {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).fifo_time = arrival_ns };
    }

    /// When the request's delays are over.
    #[inline]
    pub(crate) fn due_ns(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).elv.priv_[1].addr() as u64 }
    }

    /// Sets when the request's delays are over.
    #[inline]
    pub(crate) fn set_due_ns(&mut self, due_ns: u64) {
        // SAFETY: By the invariants the field is ours. The pointer is never followed.
        unsafe {
            (*self.0.as_ptr()).elv.priv_[1] = core::ptr::without_provenance_mut(due_ns as usize)
        };
    }
}

/// `req_op()`.
#[inline]
pub(super) fn operation(flags: u32) -> u32 {
    const REQ_OP_MASK: u32 = (1 << 8) - 1;
    flags & REQ_OP_MASK
}

/// Whether the flags of an operation are those of memory pages that are written to swap.
#[inline]
pub(super) fn swaps_out(flags: u32) -> bool {
    flags & (1 << bindings::req_flag_bits___REQ_SWAP) != 0
}

/// What a filter can ask about flags of an operation.
#[inline]
pub(super) fn conditions(flags: u32) -> Conditions {
    const SYNC: u32 = 1 << bindings::req_flag_bits___REQ_SYNC;
    const FUA: u32 = 1 << bindings::req_flag_bits___REQ_FUA;
    const META: u32 = 1 << bindings::req_flag_bits___REQ_META;
    const PREFLUSH: u32 = 1 << bindings::req_flag_bits___REQ_PREFLUSH;
    // As `op_is_sync()`.
    let sync =
        operation(flags) == bindings::req_op_REQ_OP_READ || flags & (SYNC | FUA | PREFLUSH) != 0;
    [
        (sync, Conditions::SYNC),
        (flags & FUA != 0, Conditions::FUA),
        (flags & META != 0, Conditions::META),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .fold(Conditions::NONE, |all, (_, one)| all.and(one))
}

impl Io for Request {
    #[inline]
    fn operation(&self) -> u32 {
        operation(self.flags())
    }

    #[inline]
    fn conditions(&self) -> Conditions {
        conditions(self.flags())
    }

    #[inline]
    fn first_sector(&self) -> u64 {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).__sector }
    }

    #[inline]
    fn bytes(&self) -> u32 {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).__data_len }
    }

    fn partition(&self) -> u8 {
        self.block_device().map_or(0, |device| {
            // SAFETY: A bio's device is valid until the bio ends. The lowest byte of the flags is the number of the
            // partition (`bdev_partno`), and is set once.
            let flags =
                unsafe { (&raw const (*device.as_ptr()).__bd_flags.counter).read_volatile() };
            (flags & 0xff) as u8
        })
    }

    fn device(&self) -> u32 {
        self.block_device().map_or(0, |device| {
            // SAFETY: A bio's device is valid until the bio ends, and keeps its number.
            unsafe { (*device.as_ptr()).bd_dev }
        })
    }

    fn is_in_cgroup(&self, id: u64) -> bool {
        // SAFETY: A request's bios are valid and submitted.
        unsafe { owner::bio_is_in_cgroup(self.bio(), id) }
    }

    #[inline]
    fn pid_namespace(&self) -> u64 {
        // SAFETY: By the invariants the field is ours, and `prepare` has initialized it.
        unsafe { (*self.0.as_ptr()).__bindgen_anon_2.hash.pprev.addr() as u64 }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        warn_on!(true);
    }
}
