// SPDX-License-Identifier: GPL-2.0-only

//! Completions that a scheduler holds: the device has served the request, and its submitter does not know it yet.
//!
//! While the scheduler owns a request, it may have the request's bios counted once more (`bio_inc_remaining`), so that the
//! device's `bio_endio()` does not end them. The request is then served as any other. When the block layer finishes it, all
//! of the block layer's own part of ending the bios is done (integrity, zone write plugs, rq_qos, cgroup), and only the call
//! of `bi_end_io` is left: the bios are parked. A parked bio owns no tag, no reference of the queue, no place in the flush
//! machinery or in writeback's share, and no zone. It ends by a second `bio_endio()`.
//!
//! `bi_end_io` is replaced only where the block layer calls it before this module returns, or before the request is freed.
//! It is never called by this module: that of a part that was split off must not be (`bio_chain_endio()`).
//!
//! A bio that others still count on, as parts that were split off are under way, is not parked: the count is all that is kept, until
//! its time. A bio that was stolen for another path is that path's business: it gets its count back at once, since its disk
//! may be gone before the time is over.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

use super::{
    entry::Entry,
    layouts, owner,
    request::{conditions, operation},
    Request,
};
use crate::policy::{io::Io, operations::Conditions};
use core::{
    mem::{size_of, ManuallyDrop},
    ptr::{null_mut, NonNull},
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering},
};
use kernel::{
    alloc::flags::{__GFP_NOWARN, GFP_NOWAIT},
    bindings, ffi,
    prelude::*,
    warn_on,
};

/// What is remembered of a request whose completion is held. Behind it in memory come the addresses of its bios, and the ids
/// of the cgroups that the first bio is accounted to, from the root on.
///
/// # Invariants
///
/// Each of the bios has a count that is this record's, until it is parked, or the record is over.
#[repr(C)]
pub(crate) struct Record {
    list: bindings::list_head,
    tree: bindings::rb_node,
    /// When the block layer finished the request.
    arrival_ns: u64,
    /// When it is due; before it is finished, for how long it is to be held.
    due_ns: u64,
    set: u64,
    /// What the scheduler wants to know of the time when the request was judged.
    epoch: u64,
    /// The hardware queue that gets it when it is finished.
    queue: *const (),
    // What filters ask for. A bio's own iterator is consumed, and its cgroup is gone.
    flags: u32,
    bytes: u32,
    first_sector: u64,
    pid_namespace: u64,
    device: u32,
    partition: u8,
    /// The device whose statistics the request is in; null if it is in none.
    counted: *mut bindings::block_device,
    /// Whether the bios are not the record's any more.
    is_over: bool,
    // Of the only bio of a request that is in the middle of a flush sequence, while `flushed` takes their place.
    end_io: bindings::bio_end_io_t,
    private: *mut ffi::c_void,
    bios: u32,
    cgroups: u32,
}

const WORD: usize = size_of::<u64>();
const RECORD_WORDS: usize = size_of::<Record>().div_ceil(WORD);

/// What a scheduler tells of a completion that is to be held.
pub(crate) struct Parking {
    /// As [`Entry::set`] of the completion.
    pub(crate) set: u64,
    /// For how long it is held, from when the request is finished.
    pub(crate) delay_ns: u64,
    /// As [`Parked::epoch`].
    pub(crate) epoch: u64,
}

/// A completion that is held.
///
/// It must end by [`Parked::complete`]: dropping it loses somebody's I/O, so the kernel warns.
///
/// # Invariants
///
/// The pointer is valid, and this is the only handle of the record. Each of its bios is parked, or has a count that is the
/// record's, unless it is over.
#[must_use = "a completion that is dropped is somebody's lost I/O"]
pub(crate) struct Parked(NonNull<Record>);

// SAFETY: The record may be handled by any CPU, and by the invariants this handle is its only user.
unsafe impl Send for Parked {}

/// How often `bio_endio` has to be called.
///
/// # Safety
///
/// `bio` must be valid while the result is used.
unsafe fn remaining<'a>(bio: *mut bindings::bio) -> &'a AtomicI32 {
    // SAFETY: By this function's requirements; C changes the word by atomic operations only.
    unsafe { AtomicI32::from_ptr(&raw mut (*bio).__bi_remaining.counter) }
}

impl Record {
    fn words(bios: u32, cgroups: u32) -> usize {
        let tail = (bios as usize).saturating_add(cgroups as usize);
        RECORD_WORDS.saturating_add(tail)
    }

    /// How much memory a record takes.
    fn size(bios: u32, cgroups: u32) -> usize {
        Self::words(bios, cgroups).saturating_mul(WORD)
    }

    /// The words behind the record.
    ///
    /// # Safety
    ///
    /// `record` must be valid.
    unsafe fn tail(record: NonNull<Self>) -> *mut u64 {
        // SAFETY: The record was allocated with these words behind it.
        unsafe { record.cast::<u64>().as_ptr().add(RECORD_WORDS) }
    }

    /// Visits the bios. They may end meanwhile, and the last of them may take what is not the record's with it.
    ///
    /// # Safety
    ///
    /// `record` must be valid, and the caller its only user.
    unsafe fn for_each_bio(record: NonNull<Self>, mut visit: impl FnMut(*mut bindings::bio)) {
        // SAFETY: By this function's requirements; `new` has written a bio's address into each of these words.
        unsafe {
            let bios = Self::tail(record).cast::<*mut bindings::bio>();
            for place in 0..record.as_ref().bios as usize {
                visit(bios.add(place).read());
            }
        }
    }

    /// The ids of the cgroups.
    ///
    /// # Safety
    ///
    /// `record` must be valid while the result is used.
    unsafe fn cgroups<'a>(record: NonNull<Self>) -> &'a [u64] {
        // SAFETY: By this function's requirements; `new` has written all of these words.
        unsafe {
            let first = Self::tail(record).add(record.as_ref().bios as usize);
            core::slice::from_raw_parts(first, record.as_ref().cgroups as usize)
        }
    }

    /// A record of a request, without any count of its bios yet. `None` if there is no memory at once.
    fn new(request: &Request, queue: *const (), order: &Parking) -> Option<NonNull<Self>> {
        let first_bio = request.bio();
        let (mut bios, mut bio) = (0u32, first_bio);
        while !bio.is_null() {
            bios = bios.saturating_add(1);
            // SAFETY: A request's bios are valid while the scheduler owns it.
            bio = unsafe { (*bio).bi_next };
        }
        // SAFETY: The first bio is valid and submitted, or null.
        let cgroup = unsafe { owner::Lineage::of(first_bio) };
        let cgroups = cgroup.len();
        // Without the reserves, also for those who free memory: the I/O goes without being held then.
        let flags = GFP_NOWAIT | __GFP_NOWARN;
        let words = Self::words(bios, cgroups);
        let memory = super::without_reserves(|| KVec::<u64>::with_capacity(words, flags).ok())?;
        let (memory, _, _) = memory.into_raw_parts();
        let record = NonNull::new(memory.cast::<Self>())?;
        // SAFETY: The memory is as large as is written here, and aligned, as all fields are words or less. It is ours.
        unsafe {
            record.write(Self {
                list: bindings::list_head {
                    next: null_mut(),
                    prev: null_mut(),
                },
                tree: core::mem::zeroed(),
                arrival_ns: 0,
                due_ns: order.delay_ns,
                set: order.set,
                epoch: order.epoch,
                queue,
                flags: request.flags(),
                bytes: request.bytes(),
                first_sector: request.first_sector(),
                pid_namespace: request.pid_namespace(),
                device: request.device(),
                partition: request.partition(),
                counted: request.counted_for(),
                is_over: false,
                end_io: None,
                private: null_mut(),
                bios,
                cgroups,
            });
            let tail = Self::tail(record);
            let mut bio = first_bio;
            for place in 0..bios as usize {
                tail.add(place).cast::<*mut bindings::bio>().write(bio);
                bio = (*bio).bi_next;
            }
            for (place, id) in cgroup.ids().enumerate().take(cgroups as usize) {
                tail.add(bios as usize).add(place).write(id);
            }
        }
        Some(record)
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// `record` must be of `new`, and this its last use.
    unsafe fn free(record: NonNull<Self>) {
        // SAFETY: The memory is of a vector of this capacity.
        unsafe {
            let words = Self::words(record.as_ref().bios, record.as_ref().cgroups);
            drop(KVec::from_raw_parts(
                record.cast::<u64>().as_ptr(),
                0,
                words,
            ));
        }
    }
}

impl Request {
    /// Whether its completion can be held.
    ///
    /// Not of zone management: a second `bio_endio()` would move write pointers again, and a late one would let the zones'
    /// users go by old ones. Not of reads with integrity, which another task verifies after the first `bio_endio()`, by what the
    /// disk's format is then. Not if somebody else is told of the end by `end_io`, who frees the bios by himself (the paths of
    /// dm-multipath); a flush sequence has one, too, and does not. Not of a part of a write to a zone: the other part would end with
    /// it, and an error of that come to the zone's later writes.
    pub(crate) fn can_be_parked(&self) -> bool {
        const FLUSH_SEQUENCE: u32 = 1 << bindings::rqf_flags___RQF_FLUSH_SEQ;
        let operation = self.operation();
        let is_zone_management = (bindings::req_op_REQ_OP_ZONE_OPEN
            ..=bindings::req_op_REQ_OP_ZONE_RESET_ALL)
            .contains(&operation);
        // SAFETY: By the type's invariants.
        let (flags, end_io) = unsafe {
            let request = self.as_raw().as_ptr();
            ((*request).rq_flags, (*request).end_io)
        };
        let is_flushed = flags & FLUSH_SEQUENCE != 0 && {
            let bio = self.bio();
            // SAFETY: A request's bios are valid. The machinery's requests are never merged, so that there is one.
            !bio.is_null() && unsafe { (*bio).bi_next.is_null() }
        };
        let is_verified = operation == bindings::req_op_REQ_OP_READ
            && self.flags() & (1 << bindings::req_flag_bits___REQ_INTEGRITY) != 0;
        !self.bio().is_null()
            && !is_zone_management
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
                if (*bio).bi_flags & ZONE != 0 && owner::is_split_off(bio) {
                    return true;
                }
                bio = (*bio).bi_next;
            }
        }
        false
    }

    /// Has the request's completion held; how many bytes of memory that takes, or `None` if there is none.
    ///
    /// # Safety
    ///
    /// The request [can be parked](Self::can_be_parked). `queue` is what `finish` and [`Flushed`] know of the hardware queue,
    /// which must live until the request is freed.
    pub(super) unsafe fn park(&mut self, queue: *const (), order: &Parking) -> Option<usize> {
        let record = Record::new(self, queue, order)?;
        // SAFETY: The record is ours, and its bios are the request's, which is the scheduler's: nobody else changes the flags
        // of a bio that no driver has. INVARIANT: Each of them gets a count.
        unsafe {
            Record::for_each_bio(record, |bio| {
                // As `bio_inc_remaining()`. Without the flag, nobody else counts, and the last who did may have left 0.
                if (*bio).bi_flags & 1 << bindings::BIO_CHAIN == 0 {
                    remaining(bio).store(1, Ordering::Relaxed);
                    (*bio).bi_flags |= 1 << bindings::BIO_CHAIN;
                }
                remaining(bio).fetch_add(1, Ordering::AcqRel);
            });
        }
        self.set_record(record);
        // SAFETY: The record is ours.
        Some(unsafe { Record::size(record.as_ref().bios, record.as_ref().cgroups) })
    }
}

/// The function that the block layer calls at the end of a flush sequence; see [`flushed`].
pub(super) type Flushed = unsafe extern "C" fn(*mut bindings::bio);

/// What becomes of the bios of a request that is finished.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The driver has ended them.
    Usual,
    /// The request is in the middle of a flush sequence, which ends its bio before the request is freed.
    Flush,
    /// Somebody has taken them for another path (`blk_steal_bios`), which ends them.
    Stolen,
}

/// The block layer has finished a request, whose record this is: parks its bios. `None` if that is not known of all that is to
/// be waited for: then `flushed` is called.
///
/// # Safety
///
/// `record` must be of the request, which does not have it any more, and which ends as `end` tells. Any context.
pub(super) unsafe fn finish(record: NonNull<Record>, end: End, flushed: Flushed) -> Option<Parked> {
    // SAFETY: By this function's requirements the record is ours.
    unsafe {
        match end {
            End::Usual => Record::for_each_bio(record, |bio| park_bio(bio)),
            // The path that has them now may end them before their time, and its disk be gone then.
            End::Stolen => give_back(record),
            End::Flush => {
                let mut waits = false;
                Record::for_each_bio(record, |bio| {
                    // Only the sequence and we count on it. Our count goes, and the sequence's `bio_endio()` calls `flushed`, before
                    // it frees the request.
                    if remaining(bio).load(Ordering::Acquire) == 2 {
                        let record = record.as_ptr();
                        (*record).end_io = (*bio).bi_end_io;
                        (*record).private = (*bio).bi_private;
                        (*bio).bi_end_io = Some(flushed);
                        (*bio).bi_private = record.cast();
                        remaining(bio).fetch_sub(1, Ordering::AcqRel);
                        waits = true;
                    }
                });
                if waits {
                    return None;
                }
            }
        }
        Some(arrived(record))
    }
}

/// A flush sequence has ended, whose bio this is: its completion arrives. Which hardware queue wants it is told, too.
///
/// # Safety
///
/// Called as `bi_end_io` that [`finish`] has put into the bio, by the request that had it then.
pub(super) unsafe fn flushed(bio: *mut bindings::bio) -> (*const (), Parked) {
    // SAFETY: By this function's requirements `bi_private` is the record.
    unsafe {
        let record: *mut Record = (*bio).bi_private.cast();
        restore(bio, (*record).end_io, (*record).private);
        ((*record).queue, arrived(NonNull::new_unchecked(record)))
    }
}

/// # Safety
///
/// The record is ours, and nobody else has it.
unsafe fn arrived(record: NonNull<Record>) -> Parked {
    // SAFETY: By this function's requirements.
    unsafe {
        let record = record.as_ptr();
        (*record).arrival_ns = super::now_ns();
        (*record).due_ns = (*record).arrival_ns.saturating_add((*record).due_ns);
    }
    // INVARIANT: By this function's requirements.
    Parked(record)
}

/// Takes the record's counts from its bios: the record is over. Whoever is last ends a bio.
///
/// # Safety
///
/// The record is ours, and not over. No locks may be held, as this may call what the submitter wants to be called.
unsafe fn give_back(record: NonNull<Record>) {
    // SAFETY: By this function's requirements each bio is parked, so that this is what is left of its end; or has our count.
    unsafe {
        Record::for_each_bio(record, |bio| {
            if remaining(bio).load(Ordering::Acquire) == 1 {
                // Nobody else has it: as if nobody had counted.
                (*bio).bi_flags &= !(1 << bindings::BIO_CHAIN);
            }
            bindings::bio_endio(bio);
        });
        (*record.as_ptr()).is_over = true;
        // It is the bio that keeps the device.
        (*record.as_ptr()).counted = null_mut();
    }
}

/// What takes the place of `bi_end_io` while a bio is parked.
struct Place {
    end_io: bindings::bio_end_io_t,
    private: *mut ffi::c_void,
}

/// Has the block layer do all of its part in ending a bio, if nobody else has it.
///
/// # Safety
///
/// The bio must have a count that is the caller's.
unsafe fn park_bio(bio: *mut bindings::bio) {
    // SAFETY: The count keeps the bio. If it is the only one, the device has ended the bio, no part that was split off is under
    // way, and the bio is ours alone.
    unsafe {
        if remaining(bio).load(Ordering::Acquire) != 1 {
            return;
        }
        let mut place = Place {
            end_io: (*bio).bi_end_io,
            private: (*bio).bi_private,
        };
        (*bio).bi_end_io = Some(parked);
        (*bio).bi_private = (&raw mut place).cast();
        // Calls `parked` before it returns: nobody else counts, and there is nothing to verify.
        bindings::bio_endio(bio);
    }
}

/// The block layer has nothing more to do with the bio.
///
/// # Safety
///
/// Called by [`park_bio`] only, through `bio_endio()`.
unsafe extern "C" fn parked(bio: *mut bindings::bio) {
    // SAFETY: By this function's requirements `bi_private` is a `Place` on the stack of `park_bio`, which waits.
    unsafe {
        let place: *const Place = (*bio).bi_private.cast_const().cast();
        restore(bio, (*place).end_io, (*place).private);
    }
}

/// Makes a bio what it was before anybody counted on it, but for what the block layer has done with it.
///
/// # Safety
///
/// The bio must be the caller's alone.
unsafe fn restore(
    bio: *mut bindings::bio,
    end_io: bindings::bio_end_io_t,
    private: *mut ffi::c_void,
) {
    const DONE: u16 = 1 << bindings::BIO_QOS_THROTTLED | 1 << bindings::BIO_QOS_MERGED;
    // SAFETY: By this function's requirements.
    unsafe {
        (*bio).bi_end_io = end_io;
        (*bio).bi_private = private;
        // rq_qos is done with it, and a second `bio_endio()` must not have it done again.
        (*bio).bi_flags &= !DONE;
        remaining(bio).store(1, Ordering::Release);
    }
}

impl Parked {
    /// What [`Parking::epoch`] was.
    pub(crate) fn epoch(&self) -> u64 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().epoch }
    }

    /// Whether it is known already that there is nothing to wait for, nor to tell anybody: only the memory is left.
    pub(crate) fn is_over(&self) -> bool {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().is_over }
    }

    /// How much memory it takes.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: By the type's invariants.
        unsafe { Record::size(self.0.as_ref().bios, self.0.as_ref().cgroups) }
    }

    /// Adds the time since its arrival to the disk's statistics, in which the request took that much less. The caller must not
    /// be moved to another processor meanwhile, as by a lock that it holds.
    pub(crate) fn count_time(&self, now_ns: u64) {
        // SAFETY: By the type's invariants.
        let record = unsafe { self.0.as_ref() };
        let added_ns = now_ns.saturating_sub(record.arrival_ns);
        let mut device = record.counted;
        while !device.is_null() {
            // SAFETY: The device of a bio that has not ended is valid, and so is its disk. Its statistics are a variable of each
            // processor. As `part_stat_add()`: other writers are on this processor, too, and come in between and not at once.
            unsafe {
                let cpu = bindings::raw_smp_processor_id() as usize;
                let offset = (&raw const bindings::__per_cpu_offset)
                    .cast::<ffi::c_ulong>()
                    .add(cpu)
                    .read();
                let stats = (*device).bd_stats.cast::<layouts::DiskStats>();
                let stats = stats.wrapping_byte_add(offset as usize);
                let group = stat_group(operation(record.flags));
                let word = AtomicU64::from_ptr(&raw mut (*stats).nsecs[group]);
                word.fetch_add(added_ns, Ordering::Relaxed);
                let whole = (*(*device).bd_disk).part0;
                device = if device == whole { null_mut() } else { whole };
            }
        }
    }

    /// Tells the submitter. No locks may be held, as this calls what the submitter wants to be called.
    pub(crate) fn complete(self) {
        let record = ManuallyDrop::new(self).0;
        // SAFETY: The record is ours.
        unsafe {
            if !record.as_ref().is_over {
                give_back(record);
            }
            Record::free(record);
        }
    }
}

/// `op_stat_group()`.
fn stat_group(op: u32) -> usize {
    let group = match op {
        bindings::req_op_REQ_OP_DISCARD => bindings::stat_group_STAT_DISCARD,
        // `op_is_write()`: these have odd numbers.
        op if op & 1 != 0 => bindings::stat_group_STAT_WRITE,
        _ => bindings::stat_group_STAT_READ,
    };
    group as usize
}

// SAFETY: The nodes are fields of the record, for the owner of its handle alone.
unsafe impl Entry for Parked {
    type Raw = Record;

    fn into_raw(self) -> NonNull<Record> {
        ManuallyDrop::new(self).0
    }

    unsafe fn from_raw(raw: NonNull<Record>) -> Self {
        // INVARIANT: By this function's requirements.
        Self(raw)
    }

    unsafe fn list_node(raw: NonNull<Record>) -> *mut bindings::list_head {
        // SAFETY: By this function's requirements.
        unsafe { &raw mut (*raw.as_ptr()).list }
    }

    unsafe fn of_list_node(node: *mut bindings::list_head) -> NonNull<Record> {
        // SAFETY: By this function's requirements, the node lies in a record.
        unsafe { NonNull::new_unchecked(kernel::container_of!(node, Record, list)) }
    }

    unsafe fn tree_node(raw: NonNull<Record>) -> *mut bindings::rb_node {
        // SAFETY: By this function's requirements.
        unsafe { &raw mut (*raw.as_ptr()).tree }
    }

    unsafe fn of_tree_node(node: *mut bindings::rb_node) -> NonNull<Record> {
        // SAFETY: By this function's requirements, the node lies in a record.
        unsafe { NonNull::new_unchecked(kernel::container_of!(node, Record, tree)) }
    }

    fn raw(&self) -> NonNull<Record> {
        self.0
    }

    fn arrival_ns(&self) -> u64 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().arrival_ns }
    }

    fn set_arrival_ns(&mut self, arrival_ns: u64) {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_mut().arrival_ns = arrival_ns };
    }

    fn due_ns(&self) -> u64 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().due_ns }
    }

    fn set_due_ns(&mut self, due_ns: u64) {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_mut().due_ns = due_ns };
    }

    fn set(&self) -> u64 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().set }
    }

    fn put_set(&mut self, set: u64) {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_mut().set = set };
    }
}

impl Io for Parked {
    fn operation(&self) -> u32 {
        // SAFETY: By the type's invariants.
        operation(unsafe { self.0.as_ref().flags })
    }

    fn conditions(&self) -> Conditions {
        // SAFETY: By the type's invariants.
        conditions(unsafe { self.0.as_ref().flags })
    }

    fn first_sector(&self) -> u64 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().first_sector }
    }

    fn bytes(&self) -> u32 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().bytes }
    }

    fn partition(&self) -> u8 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().partition }
    }

    fn device(&self) -> u32 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().device }
    }

    fn is_in_cgroup(&self, id: u64) -> bool {
        // SAFETY: By the type's invariants.
        unsafe { Record::cgroups(self.0) }.contains(&id)
    }

    fn pid_namespace(&self) -> u64 {
        // SAFETY: By the type's invariants.
        unsafe { self.0.as_ref().pid_namespace }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        warn_on!(true);
    }
}

/// Completions that any context adds to, without a lock, and another one takes all at once.
pub(super) struct Batch(AtomicPtr<Record>);

impl Batch {
    /// None.
    pub(super) const fn new() -> Self {
        Self(AtomicPtr::new(null_mut()))
    }

    /// Adds one; true if there was none.
    pub(super) fn push(&self, parked: Parked) -> bool {
        let record = parked.into_raw().as_ptr();
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: The record is ours until the exchange.
            unsafe { (*record).list.next = head.cast() };
            // Release: whoever takes it sees the record.
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
    pub(super) fn take(&self, mut each: impl FnMut(Parked)) {
        // Most often there is none.
        if self.is_empty() {
            return;
        }
        // Acquire: see `push`.
        let mut record = self.0.swap(null_mut(), Ordering::Acquire);
        let mut forward: *mut Record = null_mut();
        // SAFETY: The list is ours since the exchange, and ends in null.
        unsafe {
            while !record.is_null() {
                let next: *mut Record = (*record).list.next.cast();
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
