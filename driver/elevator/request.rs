// SPDX-License-Identifier: GPL-2.0-only

//! An I/O request that the scheduler owns.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use super::{entry::Entry, flags::OpFlags};
use crate::sys::cgroup::Lineage;
use core::{marker::PhantomData, mem::ManuallyDrop, ptr::NonNull};
use kernel::{bindings, ffi, warn_on};

/// In `rq_flags`: the scheduler is told when the request is inserted, and when it is finished.
const USE_SCHED: u32 = 1 << bindings::rqf_flags___RQF_USE_SCHED;

/// In `elv.priv[0]`: the request went to the driver.
const RELEASED: usize = 1;

// Words are kept in pointer-sized fields.
const _: () = assert!(usize::BITS == u64::BITS);

/// How many words of a scheduler's a request can keep.
pub(crate) const REQUEST_WORDS: usize = 4;

/// A scheduler's data in a request.
///
/// Any words must be a value: the data are what [`Elevator::prepare_request`] has made of them,
/// until the request goes to the driver. When the driver gives the request back, they are anything.
/// They are anything, too, in a request that the block layer has sent to the driver around the
/// scheduler, and that comes to the scheduler after that.
///
/// [`Elevator::prepare_request`]: super::Elevator::prepare_request
pub(crate) trait RequestData: Copy + Default + Send {
    /// The data that these words are.
    fn from_words(words: [u64; REQUEST_WORDS]) -> Self;

    /// The words that these data are.
    fn into_words(self) -> [u64; REQUEST_WORDS];
}

impl RequestData for () {
    fn from_words(_: [u64; REQUEST_WORDS]) -> Self {}

    fn into_words(self) -> [u64; REQUEST_WORDS] {
        [0; REQUEST_WORDS]
    }
}

/// What becomes of the bios of a request that is finished.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The driver has ended them.
    Usual,
    /// The request is in the middle of a flush sequence, which ends its bio before the request is
    /// freed.
    Flush,
    /// Somebody has taken them for another path (`blk_steal_bios`), which ends them.
    Stolen,
}

/// What becomes of a new request.
#[derive(Clone, Copy, Default)]
pub(crate) struct Prepared<D> {
    /// The scheduler's data.
    pub(crate) data: D,
    /// Whether it may pass the scheduler by, as if there were none.
    pub(crate) passes_by: bool,
}

/// A request between its insertion and its dispatch.
///
/// It must end in [`super::Elevator::dispatch_request`]: there is no other way to end it, and
/// dropping it loses somebody's I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, the request was inserted and not yet dispatched, and this is the only
/// handle of it. Then its fields `queuelist`, `rb_node`, `hash`, `elv` and `fifo_time` are the
/// scheduler's alone; `state`, `tag`, `ref` and `deadline` are never its business.
///
/// `elv.priv[0]` is the address of a record if the completion is to be held, else 0, and its
/// lowest bit is set once the request went to the driver. `elv.priv[1]`, `fifo_time` and `hash` are
/// the words of `D`. `hash` is mostly empty before (`blk_mq_rq_late_init`), and anything when the
/// driver gives the request back, even if the driver did not get it from the scheduler (as the
/// paths of dm-multipath do not): a completion may use the field, too (`ipi_list`).
#[must_use = "a request that is dropped is somebody's lost I/O"]
pub(crate) struct Request<D: RequestData>(NonNull<bindings::request>, PhantomData<D>);

// SAFETY: A request may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl<D: RequestData> Send for Request<D> {}

impl<D: RequestData> Request<D> {
    pub(super) fn as_raw(&self) -> NonNull<bindings::request> {
        self.0
    }

    /// Gives the request to the block layer, with the nodes in the state in which they came.
    #[inline]
    pub(super) fn into_dispatched(self) -> *mut bindings::request {
        let request = Entry::into_raw(self).as_ptr();
        // SAFETY: By the invariants the request is valid and these fields ours until the caller has
        // it.
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

    /// Forgets what an earlier user of this request's memory left in the scheduler's fields, and
    /// puts the scheduler's data there.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared by `blk_mq_rq_late_init` in the context of its submitter,
    /// and not yet inserted.
    #[inline]
    pub(super) unsafe fn prepare(request: *mut bindings::request, data: D) {
        // SAFETY: By this function's requirements; the fields belong to the scheduler since the
        // allocation.
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

    /// Has the block layer issue the request without the scheduler, as it does without any
    /// (`blk_mq_submit_bio`). If the disk is busy, the request comes to the scheduler all the same.
    ///
    /// # Safety
    ///
    /// As for [`Request::prepare`].
    #[inline]
    pub(super) unsafe fn bypass(request: *mut bindings::request) {
        // SAFETY: By this function's requirements; the flags are the submitter's until the request
        // is inserted.
        unsafe { (*request).rq_flags &= !USE_SCHED };
    }

    /// Whether there is a record of its completion.
    #[inline]
    pub(super) fn has_record(&self) -> bool {
        // SAFETY: By the invariants the field is ours, and `prepare` has initialized it.
        unsafe { (*self.0.as_ptr()).elv.priv_[0].addr() & !RELEASED != 0 }
    }

    /// Remembers a record of its completion, and has the block layer tell when it finishes the
    /// request.
    ///
    /// The handle is not `Sync`, so that nobody looks at the field meanwhile.
    pub(super) fn set_record(&self, record: NonNull<ffi::c_void>) {
        // SAFETY: By the invariants the fields are ours. The block layer has a request with the
        // flag finished by the scheduler that prepared it: this one, as a queue's scheduler does
        // not change while the queue has a request.
        unsafe {
            let request = self.0.as_ptr();
            let released = (*request).elv.priv_[0].addr() & RELEASED;
            (*request).elv.priv_[0] = record.as_ptr().map_addr(|at| at | released);
            (*request).rq_flags |= USE_SCHED;
        }
    }

    /// Takes the record of a finished request, if there is one, and how its bios end. Only
    /// `blk_steal_bios` clears `biotail`. Where a driver takes bios by itself (xen-blkfront, after
    /// a migration), they go to the same disk again, which outlives the record.
    ///
    /// # Safety
    ///
    /// `request` must be valid, prepared, and about to be finished.
    #[inline]
    pub(super) unsafe fn take_record(
        request: *mut bindings::request,
    ) -> Option<(NonNull<ffi::c_void>, End)> {
        // SAFETY: By this function's requirements; the field has what `prepare` or `set_record` has
        // put there.
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

    /// Whether the request swaps memory pages out or in.
    #[inline]
    pub(crate) fn is_swap(&self) -> bool {
        self.flags().swaps_out() || self.flags().is_read() && self.swaps_in()
    }

    /// Whether a request that reads does so for a page that was swapped out.
    ///
    /// No flag of it tells, but the page does: `swap_read_folio` has it locked, not up to date, and
    /// backed by swap. Pages of files are not backed by swap, and those that direct I/O reads into
    /// were up to date before they could be mapped.
    fn swaps_in(&self) -> bool {
        const LOCKED: usize = 1 << bindings::pageflags_PG_locked;
        const UPTODATE: usize = 1 << bindings::pageflags_PG_uptodate;
        const SWAPBACKED: usize = 1 << bindings::pageflags_PG_swapbacked;
        let Some(bio) = NonNull::new(self.bio()) else {
            return false;
        };
        // SAFETY: A request's bios are valid while it is not ended. One that reads has vectors, of
        // which the iterator tells the next, and their pages stay until it has ended. A single
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

    /// What it does.
    #[inline]
    pub(crate) fn flags(&self) -> OpFlags {
        // SAFETY: By the invariants the request is valid, and this handle its only user: it only
        // changes while a list has it (`Fifo::merge`).
        OpFlags::from_raw(unsafe { (*self.0.as_ptr()).cmd_flags })
    }

    /// The first sector, of 512 bytes, on the whole disk.
    #[inline]
    pub(crate) fn first_sector(&self) -> u64 {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).__sector }
    }

    /// How many bytes it moves.
    #[inline]
    pub(crate) fn bytes(&self) -> u32 {
        // SAFETY: As for `flags`.
        unsafe { (*self.0.as_ptr()).__data_len }
    }

    /// The number of the partition to which it was submitted; 0 for the whole disk.
    pub(crate) fn partition(&self) -> u8 {
        self.block_device().map_or(0, |device| {
            // SAFETY: A bio's device is valid until the bio ends. The lowest byte of the flags is
            // the number of the partition (`bdev_partno`), and is set once.
            let flags =
                unsafe { (&raw const (*device.as_ptr()).__bd_flags.counter).read_volatile() };
            (flags as u32 & bindings::BD_PARTNO) as u8
        })
    }

    /// The `dev_t` of the device to which it was submitted; 0 for none.
    pub(crate) fn device(&self) -> u32 {
        self.block_device().map_or(0, |device| {
            // SAFETY: A bio's device is valid until the bio ends, and keeps its number.
            unsafe { (*device.as_ptr()).bd_dev }
        })
    }

    /// The cgroups that it is accounted to.
    pub(crate) fn cgroups(&self) -> Lineage<'_> {
        // SAFETY: A request's bios are valid and submitted.
        unsafe { Lineage::of(self.bio()) }
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
        // SAFETY: A request's bios are valid while it is not ended. Going from a partition to its
        // disk leaves the device of a bio as it was (`blk_partition_remap`).
        NonNull::new(unsafe { (*bio.as_ptr()).bi_bdev })
    }
}

// SAFETY: By the type's invariants, the nodes and words are the scheduler's.
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
/// `request` must be valid, and its scheduler's fields the caller's.
#[inline]
unsafe fn put_words(request: *mut bindings::request, words: [u64; REQUEST_WORDS]) {
    use core::ptr::without_provenance_mut as pointer;
    let [priv_1, fifo_time, next, pprev] = words;
    // SAFETY: By this function's requirements. Nothing ever follows these pointers.
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
