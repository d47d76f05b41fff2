// SPDX-License-Identifier: GPL-2.0-only

//! Completions that a scheduler holds: the device has served the request, and its submitter does
//! not know it yet. The module `record` says how this works.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

use super::{
    bio::is_split_off, entry::Entry, layouts, record::Record, Parking, Request, RequestData,
};
use core::{
    mem::ManuallyDrop,
    ptr::{null_mut, NonNull},
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};
use kernel::{bindings, ffi, warn_on};

/// A completion that is held, with the scheduler's data `C`.
///
/// It must end by [`Parked::complete`]: dropping it loses a submitter's I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, and this is the only handle of the record. Each of its bios is parked, or
/// has a count that belongs to the record, unless the record is over.
#[must_use = "a completion that is dropped is somebody's lost I/O"]
pub(crate) struct Parked<C: Copy + Send>(NonNull<Record<C>>);

// SAFETY: The record may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl<C: Copy + Send> Send for Parked<C> {}

impl<D: RequestData> Request<D> {
    /// Whether its completion can be held.
    ///
    /// These completions cannot:
    ///
    /// * Zone management. A second `bio_endio()` would move write pointers again, and after a late
    ///   one the zones' users would go by old write pointers.
    /// * A read with integrity. A worker verifies it after the first `bio_endio()`, by the format
    ///   that the disk has then.
    /// * A request with an `end_io` that frees the bios by itself (the paths of dm-multipath). A
    ///   flush sequence has an `end_io` that does not.
    /// * A part of a zone write that was split. The other part would end with it, and an error of
    ///   the other part would come to the zone's later writes.
    pub(crate) fn can_be_parked(&self) -> bool {
        const FLUSH_SEQUENCE: u32 = 1 << bindings::rqf_flags___RQF_FLUSH_SEQ;
        // SAFETY: By the type's invariants.
        let (flags, end_io) = unsafe {
            let request = self.as_raw().as_ptr();
            ((*request).rq_flags, (*request).end_io)
        };
        let is_flushed = flags & FLUSH_SEQUENCE != 0 && {
            let bio = self.bio();
            // SAFETY: A request's bios are valid. The block layer merges no request of a flush
            // sequence, so there is one bio.
            !bio.is_null() && unsafe { (*bio).bi_next.is_null() }
        };
        let is_verified = self.flags().is_read() && self.flags().has_integrity();
        !self.bio().is_null()
            && !self.flags().manages_zones()
            && !is_verified
            && !self.has_record()
            && (end_io.is_none() || is_flushed)
            && !self.is_part_of_zone_write()
    }

    fn is_part_of_zone_write(&self) -> bool {
        const ZONE: u16 = 1 << bindings::BIO_ZONE_WRITE_PLUGGING;
        let mut bio = self.bio();
        while !bio.is_null() {
            // SAFETY: A request's bios are valid while the scheduler owns it.
            unsafe {
                if (*bio).bi_flags & ZONE != 0 && is_split_off(bio) {
                    return true;
                }
                bio = (*bio).bi_next;
            }
        }
        false
    }

    /// Has the request's completion held. Returns how many bytes of memory that takes, or `None` if
    /// there is no memory.
    ///
    /// # Safety
    ///
    /// The request [can be parked](Self::can_be_parked). `queue` is the address of the hardware
    /// queue, which must live until the request is freed, and must take the request's record as one
    /// with data of the type `C`.
    pub(super) unsafe fn park<C: Copy + Send>(
        &self,
        queue: *const (),
        parking: Parking<C, impl Iterator<Item = u64>, impl ExactSizeIterator<Item = u64>>,
    ) -> Option<usize> {
        // SAFETY: By this function's requirements.
        let record = unsafe { Record::begin(self, queue, parking) }?;
        self.set_record(record.cast());
        // SAFETY: The record is valid until the request is finished, and the request is ours.
        Some(unsafe { Record::size(record) })
    }
}

impl<C: Copy + Send> Parked<C> {
    /// # Safety
    ///
    /// The type's invariants must hold for `record`.
    pub(super) unsafe fn from_record(record: NonNull<Record<C>>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(record)
    }

    fn record(&self) -> &Record<C> {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref() }
    }

    /// The scheduler's data.
    #[inline]
    pub(crate) fn data(&self) -> &C {
        &self.record().data
    }

    /// The scheduler's data, to change them.
    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut C {
        // SAFETY: By the type's invariants.
        unsafe { &mut self.0.as_mut().data }
    }

    /// The scheduler's words that are kept behind the data.
    pub(crate) fn words(&self) -> &[u64] {
        // SAFETY: By the type's invariants.
        unsafe { Record::words(self.0) }
    }

    /// Visits the bios of a completion that is not over.
    pub(super) fn for_each_bio(&mut self, visit: impl FnMut(*mut bindings::bio)) {
        // SAFETY: By the type's invariants; `self` is borrowed mutably.
        unsafe { Record::for_each_bio(self.0, visit) };
    }

    /// Flips the bits of its [`Parking`], and returns true, unless the I/O has ended or failed.
    pub(crate) fn flip(&mut self) -> bool {
        if self.is_over() {
            return false;
        }
        let mut has_failed = false;
        // SAFETY: The bios have not ended.
        self.for_each_bio(|bio| has_failed |= unsafe { (*bio).bi_status } != 0);
        if has_failed {
            return false;
        }
        // SAFETY: By the type's invariants. The bios have not ended, so that their memory is there
        // for what the disk has read.
        unsafe {
            for flip in Record::flips(self.0) {
                flip.apply();
            }
        }
        true
    }

    /// Whether it has given its counts back: no submitter waits for it, and only the memory is
    /// left.
    pub(crate) fn is_over(&self) -> bool {
        self.record().is_over
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: By the type's invariants.
        unsafe { Record::size(self.0) }
    }

    /// Adds the time of the hold to the disk's statistics, which have counted the request without
    /// it. The caller must hold a spinlock, or the kernel might move it to another processor
    /// meanwhile.
    pub(crate) fn count_time(&self, added_ns: u64) {
        let record = self.record();
        let group = record.flags.statistics_group();
        // SAFETY: A bio of the record has not ended while the device is there. The statistics are a
        // per-CPU variable. As `part_stat_add()`: other writers of this variable run on this
        // processor, so they come in between and not at once.
        unsafe {
            layouts::for_each_statistics(record.counted, |stats| {
                let cpu = bindings::raw_smp_processor_id() as usize;
                let offset = (&raw const bindings::__per_cpu_offset)
                    .cast::<ffi::c_ulong>()
                    .add(cpu)
                    .read();
                let stats = stats.wrapping_byte_add(offset as usize);
                let word = AtomicU64::from_ptr(&raw mut (*stats).nsecs[group]);
                word.fetch_add(added_ns, Ordering::Relaxed);
            });
        }
    }

    /// Ends the completion. The caller must hold no locks, as this calls the submitter's
    /// `bi_end_io`.
    pub(crate) fn complete(self) {
        let record = ManuallyDrop::new(self).0;
        // SAFETY: The record is ours.
        unsafe {
            if !record.as_ref().is_over {
                Record::give_back(record);
            }
            Record::free(record);
        }
    }
}

// SAFETY: The nodes are fields of the record, for the owner of its handle alone.
unsafe impl<C: Copy + Send> Entry for Parked<C> {
    type Raw = Record<C>;

    fn into_raw(self) -> NonNull<Record<C>> {
        ManuallyDrop::new(self).0
    }

    unsafe fn from_raw(raw: NonNull<Record<C>>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(raw)
    }

    unsafe fn list_node(raw: NonNull<Record<C>>) -> *mut bindings::list_head {
        // SAFETY: By this function's requirements.
        unsafe { &raw mut (*raw.as_ptr()).list }
    }

    unsafe fn of_list_node(node: *mut bindings::list_head) -> NonNull<Record<C>> {
        // SAFETY: By this function's requirements, the node lies in a record.
        unsafe { NonNull::new_unchecked(kernel::container_of!(node, Record<C>, list)) }
    }

    unsafe fn tree_node(raw: NonNull<Record<C>>) -> *mut bindings::rb_node {
        // SAFETY: By this function's requirements.
        unsafe { &raw mut (*raw.as_ptr()).tree }
    }

    unsafe fn of_tree_node(node: *mut bindings::rb_node) -> NonNull<Record<C>> {
        // SAFETY: By this function's requirements, the node lies in a record.
        unsafe { NonNull::new_unchecked(kernel::container_of!(node, Record<C>, tree)) }
    }

    fn raw(&self) -> NonNull<Record<C>> {
        self.0
    }
}

impl<C: Copy + Send> Drop for Parked<C> {
    fn drop(&mut self) {
        warn_on!(true);
    }
}

/// Completions that any context adds without a lock, and that another context takes all at once.
pub(super) struct Batch<C: Copy + Send>(AtomicPtr<Record<C>>);

impl<C: Copy + Send> Batch<C> {
    /// No completion.
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Adds a completion, and returns whether it is the only one.
    pub(super) fn push(&self, parked: Parked<C>) -> bool {
        let record = parked.into_raw().as_ptr();
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: The record is ours until the exchange.
            unsafe { (*record).list.next = head.cast() };
            // Release: the context that takes the completion sees all of the record.
            match self
                .0
                .compare_exchange_weak(head, record, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Whether there is no completion.
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Takes all completions, in the order in which they were added.
    pub(super) fn take(&self, mut each: impl FnMut(Parked<C>)) {
        // Most often there is no completion.
        if self.is_empty() {
            return;
        }
        // Acquire: see `push`.
        let mut record = self.0.swap(null_mut(), Ordering::Acquire);
        let mut forward: *mut Record<C> = null_mut();
        // SAFETY: The list is ours since the exchange, and ends in null.
        unsafe {
            while !record.is_null() {
                let next: *mut Record<C> = (*record).list.next.cast();
                (*record).list.next = forward.cast();
                forward = record;
                record = next;
            }
            while let Some(first) = NonNull::new(forward) {
                forward = (*first.as_ptr()).list.next.cast();
                // INVARIANT: `push` gave up the handle.
                each(Parked(first));
            }
        }
    }
}

impl<C: Copy + Send> Drop for Batch<C> {
    fn drop(&mut self) {
        // A completion is left whose submitter waits for it.
        warn_on!(!self.is_empty());
    }
}
