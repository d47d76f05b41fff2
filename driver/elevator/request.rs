// SPDX-License-Identifier: GPL-2.0-only

//! An I/O request that the scheduler owns.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{entry::Entry, flags::OpFlags, layouts};
use crate::sys::cgroup::Lineage;
use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, ffi, warn_on};

/// In `rq_flags`: the block layer calls the scheduler when it inserts and when it finishes the
/// request.
const USE_SCHED: u32 = 1 << bindings::rqf_flags___RQF_USE_SCHED;

/// In `elv.priv[0]`: the scheduler has dispatched the request.
const RELEASED: usize = 1;

// Words are kept in pointer-sized fields.
const _: () = assert!(usize::BITS == u64::BITS);

/// How many of the scheduler's words a request can keep.
pub(crate) const REQUEST_WORDS: usize = 4;

/// A scheduler's data in a request.
///
/// Any words must be valid data. The words are the ones that [`Elevator::prepare_request`] or the
/// scheduler has set, until the request is dispatched. They are arbitrary in a request that comes
/// back from the driver, even if the block layer had sent it there around the scheduler.
///
/// [`Elevator::prepare_request`]: super::Elevator::prepare_request
pub(crate) trait RequestData: Copy + Default + Send {
    /// Makes the data of words.
    fn from_words(words: [u64; REQUEST_WORDS]) -> Self;

    /// Makes the words of the data.
    fn into_words(self) -> [u64; REQUEST_WORDS];
}

impl RequestData for () {
    fn from_words(_: [u64; REQUEST_WORDS]) -> Self {}

    fn into_words(self) -> [u64; REQUEST_WORDS] {
        [0; REQUEST_WORDS]
    }
}

/// The fate of the bios of a finished request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The driver has ended them.
    Usual,
    /// The request is in the middle of a flush sequence, which ends its bio before the request is
    /// freed.
    Flush,
    /// A multipath device has stolen them for another path (`blk_steal_bios`), which ends them.
    Stolen,
}

/// The scheduler's decision on a new request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Prepared<D> {
    /// The scheduler's data.
    pub(crate) data: D,
    /// Whether the request may bypass the scheduler.
    pub(crate) passes_by: bool,
    /// Whether the block layer shall merge no bio into the request, so that the request has one.
    pub(crate) is_alone: bool,
}

/// A request between its insertion and its dispatch.
///
/// It must end in [`super::Elevator::dispatch_request`]: there is no other way to end it, and
/// dropping it loses a submitter's I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, the request was inserted and not yet dispatched, and this is its only
/// handle. In this time only the scheduler uses its fields `queuelist`, `rb_node`, `hash`, `elv`
/// and `fifo_time`. The scheduler never touches `state`, `tag`, `ref` and `deadline`.
///
/// `elv.priv[0]` of a prepared request is the address of a record if the completion is to be held,
/// else 0, and its lowest bit is set once the request was dispatched. `elv.priv[1]`, `fifo_time`
/// and `hash` are the words of `D`. `hash` is mostly empty in a new request
/// (`blk_mq_rq_late_init`). It is arbitrary in a request that comes back from the driver, since a
/// completion may use the field (`ipi_list`), even if the driver did not get the request from the
/// scheduler (as the paths of dm-multipath do not).
#[must_use = "a request that is dropped is somebody's lost I/O"]
pub(crate) struct Request<D: RequestData>(NonNull<bindings::request>, PhantomData<D>);

// SAFETY: A request may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl<D: RequestData> Send for Request<D> {}

impl<D: RequestData> Request<D> {
    pub(super) fn as_raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    /// Gives the request to the block layer, with its nodes in the state in which they came.
    #[inline]
    pub(super) fn into_dispatched(self) -> *mut bindings::request {
        let request = Entry::into_raw(self).as_ptr();
        // SAFETY: By the invariants the request is valid, and these fields are ours until the
        // caller has it.
        unsafe {
            let node = &raw mut (*request).__bindgen_anon_1.queuelist;
            (*node).next = node;
            (*node).prev = node;
            (*request).__bindgen_anon_2.hash = bindings::hlist_node {
                next: core::ptr::null_mut(),
                pprev: core::ptr::null_mut(),
            };
            let record = &mut (*request).elv.priv_[0];
            *record = record.map_addr(|at| at | RELEASED);
        }
        request
    }

    /// Writes the scheduler's data into its fields, which have values of an earlier request in the
    /// same memory.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared by `blk_mq_rq_late_init` in the context of its submitter,
    /// and not yet inserted.
    #[inline]
    pub(super) unsafe fn prepare(request: *mut bindings::request, data: D) {
        // SAFETY: By this function's requirements; the fields belong to the scheduler from the
        // allocation on.
        unsafe {
            (*request).elv.priv_[0] = core::ptr::null_mut();
            put_words(request, data.into_words());
        }
    }

    /// The scheduler's data.
    #[inline]
    pub(crate) fn data(&self) -> D {
        // SAFETY: By the invariants the request is valid, and the fields are ours.
        D::from_words(unsafe {
            let request = self.0.as_ptr();
            let hash = (*request).__bindgen_anon_2.hash;
            [
                (*request).elv.priv_[1].addr() as u64,
                (*request).fifo_time,
                hash.next.addr() as u64,
                hash.pprev.addr() as u64,
            ]
        })
    }

    /// Replaces the scheduler's data.
    #[inline]
    pub(crate) fn set_data(&mut self, data: D) {
        // SAFETY: By the invariants the request is valid, and the fields are ours.
        unsafe { put_words(self.0.as_ptr(), data.into_words()) };
    }

    /// Has the block layer issue the request as if there were no scheduler (`blk_mq_submit_bio`).
    /// If the disk is busy, the request comes to the scheduler all the same.
    ///
    /// # Safety
    ///
    /// As for [`Request::prepare`].
    #[inline]
    pub(super) unsafe fn bypass(request: *mut bindings::request) {
        // SAFETY: By this function's requirements; only the submitter changes the flags until the
        // request is inserted.
        unsafe { (*request).rq_flags &= !USE_SCHED };
    }

    /// Has the block layer merge no bio into the request (`rq_mergeable`). The flag is that of
    /// schedulers for requests that are about to be dispatched, and nobody else asks for it. Before
    /// Linux 7.2, a request that a plug keeps loses flags of its operation when it gets a bio.
    ///
    /// # Safety
    ///
    /// As for [`Request::prepare`].
    #[inline]
    pub(super) unsafe fn keep_alone(request: *mut bindings::request) {
        // SAFETY: By this function's requirements; only the submitter changes the flags until the
        // request is inserted.
        unsafe { (*request).rq_flags |= 1 << bindings::rqf_flags___RQF_STARTED };
    }

    /// The address of its record, and [`RELEASED`].
    ///
    /// A request that nobody has prepared has arbitrary words, which it may share with the state of
    /// a flush sequence (`flush`). It had gone to the driver around the scheduler, and comes from
    /// there: before Linux 6.5 those are writes with FUA (`blk_mq_rq_ctx_init`). So it counts as
    /// released. Where the block layer prepares requests at submission, it prepares all that it
    /// inserts, and the flag says something else: see [`Request::bypass`].
    #[inline]
    fn record_word(&self) -> usize {
        // SAFETY: By the invariants the request is valid, and the fields are ours.
        let (flags, word) = unsafe {
            let request = self.0.as_ptr();
            ((*request).rq_flags, (*request).elv.priv_[0].addr())
        };
        if layouts::PREPARES_AT_SUBMISSION || flags & USE_SCHED != 0 {
            word
        } else {
            RELEASED
        }
    }

    /// Whether its completion has a record.
    #[inline]
    pub(super) fn has_record(&self) -> bool {
        self.record_word() & !RELEASED != 0
    }

    /// Remembers the record of its completion, and has the block layer call the scheduler when it
    /// finishes the request.
    ///
    /// The handle is not `Sync`, so no other CPU looks at the field meanwhile.
    pub(super) fn set_record(&self, record: NonNull<ffi::c_void>) {
        // SAFETY: By the invariants the fields are ours. When the block layer finishes a request
        // with the flag, it calls the queue's scheduler. That is the scheduler that prepared the
        // request, since it does not change while the queue has a request.
        unsafe {
            let request = self.0.as_ptr();
            let released = (*request).elv.priv_[0].addr() & RELEASED;
            (*request).elv.priv_[0] = record.as_ptr().map_addr(|at| at | released);
            (*request).rq_flags |= USE_SCHED;
        }
    }

    /// Takes the record of a finished request, if there is one, and finds out how its bios end.
    ///
    /// Only `blk_steal_bios` clears `biotail`. Where a driver takes bios by itself (xen-blkfront,
    /// after a migration), it submits them to the same disk again, which outlives the record.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared, and about to be finished.
    #[inline]
    pub(super) unsafe fn take_record(
        request: *mut bindings::request,
    ) -> Option<(NonNull<ffi::c_void>, End)> {
        // SAFETY: By this function's requirements; the field has the value that `prepare` or
        // `set_record` has put there.
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
            Some((record, end))
        }
    }

    /// The device whose statistics count the request; null if none do.
    pub(super) fn counted_for(&self) -> *mut layouts::Counted {
        const IO_STAT: u32 = 1 << bindings::rqf_flags___RQF_IO_STAT;
        // SAFETY: By the invariants the request is valid.
        unsafe {
            let request = self.0.as_ptr();
            if (*request).rq_flags & IO_STAT == 0 {
                return core::ptr::null_mut();
            }
            layouts::counted_for(request)
        }
    }

    /// The queue of its disk.
    #[inline]
    pub(super) fn queue(&self) -> *mut bindings::request_queue {
        // SAFETY: By the invariants the request is valid; it keeps its queue.
        unsafe { (*self.0.as_ptr()).q }
    }

    /// Whether it is a request of this hardware queue.
    pub(super) fn is_of(&self, hctx: *const bindings::blk_mq_hw_ctx) -> bool {
        // SAFETY: By the invariants the request is valid; it keeps its hardware queue.
        core::ptr::eq(unsafe { (*self.0.as_ptr()).mq_hctx }, hctx)
    }

    /// Whether the scheduler has dispatched the request before, so that the driver gave it back.
    /// Not of a prepared request that went to the driver around the scheduler before.
    #[inline]
    pub(crate) fn was_released(&self) -> bool {
        self.record_word() & RELEASED != 0
    }

    /// Whether the request swaps memory pages out or in.
    #[inline]
    pub(crate) fn is_swap(&self) -> bool {
        self.flags().swaps_out() || self.flags().is_read() && self.swaps_in()
    }

    /// Whether a request that reads does so for a page that was swapped out.
    ///
    /// The request has no flag for that, but its page shows it: in `swap_read_folio` the page is
    /// locked, not up to date, and backed by swap. Pages of files are not backed by swap, and pages
    /// that direct I/O reads into were up to date before a task could map them.
    fn swaps_in(&self) -> bool {
        const LOCKED: usize = 1 << bindings::pageflags_PG_locked;
        const UPTODATE: usize = 1 << bindings::pageflags_PG_uptodate;
        const SWAPBACKED: usize = 1 << bindings::pageflags_PG_swapbacked;
        let Some(bio) = NonNull::new(self.bio()) else {
            return false;
        };
        // SAFETY: A request's bios are valid until it ends. A bio that reads has vectors, its
        // iterator has the place of the next one, and their pages stay until it has ended. A single
        // aligned load of a page's flags cannot tear.
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

    /// Its operation and flags.
    #[inline]
    pub(crate) fn flags(&self) -> OpFlags {
        // SAFETY: By the invariants the request is valid, and this handle is its only user: these
        // fields only change while a list has the request (`Fifo::merge`).
        OpFlags::from_raw(unsafe { (*self.0.as_ptr()).cmd_flags })
    }

    /// The first sector, of 512 bytes, on the whole disk.
    #[inline]
    pub(crate) fn first_sector(&self) -> u64 {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).__sector }
    }

    /// How many bytes it transfers.
    #[inline]
    pub(crate) fn bytes(&self) -> u32 {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).__data_len }
    }

    /// The number of the partition to which it was submitted; 0 for the whole disk.
    pub(crate) fn partition(&self) -> u8 {
        // SAFETY: By the invariants the request is valid; its bios are so until it ends.
        unsafe { layouts::partition_number(self.0.as_ptr()) }
    }

    /// The `dev_t` of the device to which it was submitted; 0 for none.
    pub(crate) fn device(&self) -> u32 {
        // SAFETY: By the invariants the request is valid; its bios are so until it ends.
        unsafe { layouts::device_number(self.0.as_ptr()) }
    }

    /// The cgroups to which the kernel accounts it.
    pub(crate) fn cgroups(&self) -> Lineage<'_> {
        // SAFETY: A request's bios are valid and submitted.
        unsafe { Lineage::of(self.bio()) }
    }

    /// The first of its bios, which it keeps until it ends.
    #[inline]
    pub(super) fn bio(&self) -> *mut bindings::bio {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).bio }
    }
}

// SAFETY: By the type's invariants, only the scheduler uses the nodes and words.
unsafe impl<D: RequestData> Entry for Request<D> {
    type Raw = bindings::request;

    fn into_raw(self) -> NonNull<bindings::request> {
        ManuallyDrop::new(self).0
    }

    unsafe fn from_raw(raw: NonNull<bindings::request>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(raw, PhantomData)
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
}

/// Writes the words of a scheduler's data.
///
/// # Safety
///
/// `request` must be valid, and only the caller may use its scheduler's fields.
#[inline]
unsafe fn put_words(request: *mut bindings::request, words: [u64; REQUEST_WORDS]) {
    use core::ptr::without_provenance_mut as pointer;
    let [priv_1, fifo_time, next, pprev] = words;
    // SAFETY: By this function's requirements. No code follows these pointers.
    unsafe {
        (*request).elv.priv_[1] = pointer(priv_1 as usize);
        (*request).fifo_time = fifo_time;
        (*request).__bindgen_anon_2.hash = bindings::hlist_node {
            next: pointer(next as usize),
            pprev: pointer(pprev as usize),
        };
    }
}

impl<D: RequestData> Drop for Request<D> {
    fn drop(&mut self) {
        warn_on!(true);
    }
}
