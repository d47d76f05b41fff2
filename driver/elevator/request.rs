// SPDX-License-Identifier: GPL-2.0-only

//! An I/O request that the scheduler owns.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{
    entry::Entry,
    owner,
    parked::{End, Record},
};
use crate::policy::{io::Io, operations::Conditions};
use core::{mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, ffi, warn_on};

/// In `rq_flags`: the scheduler is told when the request is inserted, and when it is finished.
const USE_SCHED: u32 = 1 << bindings::rqf_flags___RQF_USE_SCHED;

/// In `elv.priv[0]`: the request went to the driver.
const RELEASED: usize = 1;

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
/// `elv.priv[0]` is the address of a [`Record`] if the completion is to be held, else 0, and its lowest bit is set once the
/// request was released for the first time; `hash.pprev` is the id of the submitter's PID namespace, or 0. `fifo_time` is the
/// request's arrival and `elv.priv[1]` the time it is due, in nanoseconds of [`super::now_ns`], once they were set. `hash.next`
/// is a set of small numbers once it was put. Before, it is mostly empty (`blk_mq_rq_late_init`), and anything when the driver
/// gives the request back, even if it did not have it from the scheduler (as the paths of dm-multipath do not): a completion
/// may use the field, too (`ipi_list`).
#[must_use = "a request that is dropped is somebody's lost I/O"]
pub(crate) struct Request(NonNull<bindings::request>);

// SAFETY: A request may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl Send for Request {}

impl Request {
    pub(super) fn as_raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    /// Gives the request to the block layer, with the list node in the state in which it came.
    pub(super) fn into_dispatched(self) -> *mut bindings::request {
        let request = Entry::into_raw(self).as_ptr();
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

    /// Forgets what an earlier user of this request's memory left in the scheduler's fields, and remembers in which PID
    /// namespace its submitter is.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared by `blk_mq_rq_late_init` in the context of its submitter, and not yet inserted.
    #[inline]
    pub(super) unsafe fn prepare(request: *mut bindings::request, namespace: u64) {
        // SAFETY: By this function's requirements; the fields belong to the scheduler since the allocation.
        unsafe {
            (*request).elv.priv_[0] = core::ptr::null_mut();
            (*request).__bindgen_anon_2.hash.pprev =
                core::ptr::without_provenance_mut(namespace as usize);
        }
    }

    /// Has the block layer issue the request without the scheduler, as it does without any (`blk_mq_submit_bio`), unless the
    /// disk is busy: then the request comes to the scheduler all the same.
    ///
    /// # Safety
    ///
    /// As for [`Request::prepare`].
    #[inline]
    pub(super) unsafe fn bypass(request: *mut bindings::request) {
        // SAFETY: By this function's requirements; the flags are the submitter's until the request is inserted.
        unsafe { (*request).rq_flags &= !USE_SCHED };
    }

    /// Whether there is a record of its completion.
    #[inline]
    pub(super) fn has_record(&self) -> bool {
        // SAFETY: By the invariants the field is ours, and `prepare` has initialized it.
        unsafe { (*self.0.as_ptr()).elv.priv_[0].addr() & !RELEASED != 0 }
    }

    /// Remembers a record of its completion, and has the block layer tell when it finishes the request.
    pub(super) fn set_record(&mut self, record: NonNull<Record>) {
        // SAFETY: By the invariants the fields are ours. What has the flag is finished by the scheduler that prepared it: this one,
        // as it cannot change while there is a request.
        unsafe {
            let request = self.0.as_ptr();
            let released = (*request).elv.priv_[0].addr() & RELEASED;
            (*request).elv.priv_[0] = record
                .as_ptr()
                .cast::<ffi::c_void>()
                .map_addr(|at| at | released);
            (*request).rq_flags |= USE_SCHED;
        }
    }

    /// Takes the record of a finished request, if there is one, and how its bios end. Only `blk_steal_bios` clears `biotail`. Where a
    /// driver takes bios by itself (xen-blkfront, after a migration), they go to the same disk again, which outlives the record.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared, and about to be finished.
    #[inline]
    pub(super) unsafe fn take_record(
        request: *mut bindings::request,
    ) -> Option<(NonNull<Record>, End)> {
        // SAFETY: By this function's requirements; the field has what `prepare` or `set_record` has put there.
        unsafe {
            let word = (*request).elv.priv_[0];
            let record = NonNull::new(word.map_addr(|at| at & !RELEASED))?;
            (*request).elv.priv_[0] = core::ptr::without_provenance_mut(word.addr() & RELEASED);
            let is_flush = (*request).rq_flags & (1 << bindings::rqf_flags___RQF_FLUSH_SEQ) != 0;
            let end = match (*request).biotail.is_null() {
                true => End::Stolen,
                false if is_flush => End::Flush,
                false => End::Usual,
            };
            Some((record.cast(), end))
        }
    }

    /// The device in whose statistics the request is counted; null if none.
    pub(super) fn counted_for(&self) -> *mut bindings::block_device {
        const IO_STAT: u32 = 1 << bindings::rqf_flags___RQF_IO_STAT;
        // SAFETY: By the invariants the request is valid.
        unsafe {
            let request = self.0.as_ptr();
            if (*request).rq_flags & IO_STAT == 0 {
                return core::ptr::null_mut();
            }
            (*request).part
        }
    }

    /// Whether the request went to the driver before, which gave it back.
    #[inline]
    pub(crate) fn was_released(&self) -> bool {
        // SAFETY: By the invariants the field is ours, and `prepare` has initialized it.
        unsafe { (*self.0.as_ptr()).elv.priv_[0].addr() & RELEASED != 0 }
    }

    /// Remembers that the request went to the driver.
    #[inline]
    pub(crate) fn set_released(&mut self) {
        // SAFETY: By the invariants the field is ours.
        unsafe {
            let field = &mut (*self.0.as_ptr()).elv.priv_[0];
            *field = field.map_addr(|at| at | RELEASED);
        }
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
    pub(super) fn flags(&self) -> u32 {
        // SAFETY: By the invariants the request is valid, and this handle its only user: it only changes while a list has it
        // (`Fifo::merge`).
        unsafe { (*self.0.as_ptr()).cmd_flags }
    }

    /// The first of the bios, which are there until the request ends.
    #[inline]
    pub(super) fn bio(&self) -> *mut bindings::bio {
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
}

// SAFETY: By the type's invariants, the nodes and words are the scheduler's.
unsafe impl Entry for Request {
    type Raw = bindings::request;

    fn into_raw(self) -> NonNull<bindings::request> {
        ManuallyDrop::new(self).0
    }

    unsafe fn from_raw(raw: NonNull<bindings::request>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(raw)
    }

    unsafe fn list_node(raw: NonNull<bindings::request>) -> *mut bindings::list_head {
        // SAFETY: By this function's requirements.
        unsafe { &raw mut (*raw.as_ptr()).__bindgen_anon_1.queuelist }
    }

    unsafe fn of_list_node(node: *mut bindings::list_head) -> NonNull<bindings::request> {
        // SAFETY: By this function's requirements, the node lies in a request.
        unsafe {
            NonNull::new_unchecked(kernel::container_of!(
                node,
                bindings::request,
                __bindgen_anon_1.queuelist
            ))
        }
    }

    unsafe fn tree_node(raw: NonNull<bindings::request>) -> *mut bindings::rb_node {
        // SAFETY: By this function's requirements.
        unsafe { &raw mut (*raw.as_ptr()).__bindgen_anon_3.rb_node }
    }

    unsafe fn of_tree_node(node: *mut bindings::rb_node) -> NonNull<bindings::request> {
        // SAFETY: By this function's requirements, the node lies in a request.
        unsafe {
            NonNull::new_unchecked(kernel::container_of!(
                node,
                bindings::request,
                __bindgen_anon_3.rb_node
            ))
        }
    }

    fn raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    #[inline]
    fn arrival_ns(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).fifo_time }
    }

    #[inline]
    fn set_arrival_ns(&mut self, arrival_ns: u64) {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).fifo_time = arrival_ns };
    }

    #[inline]
    fn due_ns(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).elv.priv_[1].addr() as u64 }
    }

    #[inline]
    fn set_due_ns(&mut self, due_ns: u64) {
        // SAFETY: By the invariants the field is ours. The pointer is never followed.
        unsafe {
            (*self.0.as_ptr()).elv.priv_[1] = core::ptr::without_provenance_mut(due_ns as usize)
        };
    }

    #[inline]
    fn set(&self) -> u64 {
        // SAFETY: By the invariants the field is ours.
        unsafe { (*self.0.as_ptr()).__bindgen_anon_2.hash.next.addr() as u64 }
    }

    #[inline]
    fn put_set(&mut self, set: u64) {
        // SAFETY: By the invariants the field is ours. The pointer is never followed.
        unsafe {
            (*self.0.as_ptr()).__bindgen_anon_2.hash.next =
                core::ptr::without_provenance_mut(set as usize)
        };
    }
}

/// `req_op()`.
#[inline]
pub(super) fn operation(flags: u32) -> u32 {
    const REQ_OP_MASK: u32 = (1 << bindings::REQ_OP_BITS) - 1;
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
            (flags as u32 & bindings::BD_PARTNO) as u8
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
