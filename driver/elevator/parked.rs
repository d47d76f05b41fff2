// SPDX-License-Identifier: GPL-2.0-only

//! Completions that a scheduler holds: the device has served the request, and its submitter does
//! not know it yet. The module `record` tells how.
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
/// It must end by [`Parked::complete`]: dropping it loses somebody's I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, and this is the only handle of the record. Each of its bios is parked, or
/// has a count that is the record's, unless it is over.
#[must_use = "a completion that is dropped is somebody's lost I/O"]
pub(crate) struct Parked<C: Copy + Send>(NonNull<Record<C>>);

// SAFETY: The record may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl<C: Copy + Send> Send for Parked<C> {}

impl<D: RequestData> Request<D> {
    /// Whether its completion can be held.
    ///
    /// Not of zone management: a second `bio_endio()` would move write pointers again, and a late
    /// one would let the zones' users go by old ones. Not of reads with integrity, which another
    /// task verifies after the first `bio_endio()`, by what the disk's format is then. Not if
    /// `end_io` tells somebody else of the end, who frees the bios by himself (the paths of
    /// dm-multipath); a flush sequence has one, too, and does not. Not of a part of a write to a
    /// zone: the other part would end with it, and an error of that come to the zone's later
    /// writes.
    pub(crate) fn can_be_parked(&self) -> bool {
        const FLUSH_SEQUENCE: u32 = 1 << bindings::rqf_flags___RQF_FLUSH_SEQ;
        // SAFETY: By the type's invariants.
        let (flags, end_io) = unsafe {
            let request = self.as_raw().as_ptr();
            ((*request).rq_flags, (*request).end_io)
        };
        let is_flushed = flags & FLUSH_SEQUENCE != 0 && {
            let bio = self.bio();
            // SAFETY: A request's bios are valid. The machinery's requests are never merged, so
            // that there is one.
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

    /// Has the request's completion held; how many bytes of memory that takes, or `None` if there
    /// is none.
    ///
    /// # Safety
    ///
    /// The request [can be parked](Self::can_be_parked). `queue` stands for the hardware queue,
    /// which must live until the request is freed, and take its record as one with data of the type
    /// `C`.
    pub(super) unsafe fn park<C: Copy + Send>(
        &self,
        queue: *const (),
        parking: Parking<C, impl Iterator<Item = u64>>,
    ) -> Option<usize> {
        // SAFETY: By this function's requirements.
        let record = unsafe { Record::begin(self, queue, parking) }?;
        self.set_record(record.cast());
        // SAFETY: The record is valid until the request is finished, which is ours.
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

    /// Whether there is nothing to wait for, nor anybody to be told: only the memory is left.
    pub(crate) fn is_over(&self) -> bool {
        self.record().is_over
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: By the type's invariants.
        unsafe { Record::size(self.0) }
    }

    /// Adds a time to the disk's statistics, in which the request took that much less. The caller
    /// must not be moved to another processor meanwhile, as by a lock that it holds.
    pub(crate) fn count_time(&self, added_ns: u64) {
        let record = self.record();
        let mut device = record.counted;
        while !device.is_null() {
            // SAFETY: The device of a bio that has not ended is valid, and so is its disk. Its
            // statistics are a variable of each processor. As `part_stat_add()`: other writers are
            // on this processor, too, and come in between and not at once.
            unsafe {
                let cpu = bindings::raw_smp_processor_id() as usize;
                let offset = (&raw const bindings::__per_cpu_offset)
                    .cast::<ffi::c_ulong>()
                    .add(cpu)
                    .read();
                let stats = (*device).bd_stats.cast::<layouts::DiskStats>();
                let stats = stats.wrapping_byte_add(offset as usize);
                let group = record.flags.statistics_group();
                let word = AtomicU64::from_ptr(&raw mut (*stats).nsecs[group]);
                word.fetch_add(added_ns, Ordering::Relaxed);
                let whole = (*(*device).bd_disk).part0;
                device = if device == whole { null_mut() } else { whole };
            }
        }
    }

    /// Tells the submitter. The caller must hold no locks, as this calls the submitter's
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

/// Completions that any context adds to, without a lock, and another context takes all at once.
pub(super) struct Batch<C>(AtomicPtr<Record<C>>);

impl<C: Copy + Send> Batch<C> {
    /// None.
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Adds one; true if there was none.
    pub(super) fn push(&self, parked: Parked<C>) -> bool {
        let record = parked.into_raw().as_ptr();
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: The record is ours until the exchange.
            unsafe { (*record).list.next = head.cast() };
            // Release: the context that takes it sees the record.
            match self
                .0
                .compare_exchange_weak(head, record, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return head.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Takes all of them, in the order in which they were added.
    pub(super) fn take(&self, mut each: impl FnMut(Parked<C>)) {
        // Most often there is none.
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
                // INVARIANT: The handle was given up by `push`.
                each(Parked(first));
            }
        }
    }
}
