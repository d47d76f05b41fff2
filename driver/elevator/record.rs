// SPDX-License-Identifier: GPL-2.0-only

//! The record of a request whose completion is held, and its counts on the request's bios.
//!
//! While the scheduler owns a request, it may count the request's bios once more
//! (`bio_inc_remaining`), so that the device's `bio_endio()` does not end them. The device serves
//! the request as any other. When the block layer finishes the request, this module has the block
//! layer do all of its own part of ending the bios (integrity, zone write plugs, rq_qos, cgroup),
//! and only the call of `bi_end_io` is left: the bios are parked. A parked bio owns no tag, no
//! reference of the queue, no place in the flush machinery or in writeback's share, and no zone. It
//! ends by a second `bio_endio()`.
//!
//! This module replaces `bi_end_io` only where the block layer calls it before this module returns,
//! or before the request is freed. It never calls `bi_end_io` itself, which the `bi_end_io` of a
//! split-off part forbids (`bio_chain_endio()`).
//!
//! A bio with further counts, because split-off parts are under way, is not parked: the record just
//! keeps its own count until its time. A bio that a multipath device has stolen for another path is
//! that path's business: the record gives its count back at once, since the bio's disk may be gone
//! before the time is over.
//!
//! C header: [`include/linux/bio.h`](srctree/include/linux/bio.h)

use super::{
    bio_end::{park_bio, remaining, restore},
    flags::OpFlags,
    flips::{places_of, Flip},
    layouts,
    request::End,
    Request, RequestData,
};
use crate::sys::no_io::without_reserves;
use core::{
    mem::{align_of, size_of},
    ptr::{null_mut, NonNull},
    sync::atomic::Ordering,
};
use kernel::{
    alloc::flags::{__GFP_NOWARN, GFP_NOWAIT},
    bindings, ffi,
    prelude::*,
};

/// The record of a request whose completion is held. Behind it in memory come the addresses of its
/// bios, the scheduler's words, and the places of bits to flip.
///
/// # Invariants
///
/// Each of the bios has a count that belongs to this record, until the bio is parked, or the record
/// is over. The bio of a flush without data has none, but its `bi_end_io` finds this record.
#[repr(C)]
pub(crate) struct Record<C> {
    pub(super) list: bindings::list_head,
    pub(super) tree: bindings::rb_node,
    /// The hardware queue that gets the record when the request is finished.
    queue: *const (),
    /// The request's operation and flags, kept because the request may be gone.
    pub(super) flags: OpFlags,
    bios: u32,
    words: u32,
    flips: u32,
    /// Whether the record has given its counts back.
    pub(super) is_over: bool,
    /// The device whose statistics count the request; null if none do.
    pub(super) counted: *mut layouts::Counted,
    // The two fields of the only bio of a flush, with data or without, while `flushed` replaces
    // them.
    end_io: bindings::bio_end_io_t,
    private: *mut ffi::c_void,
    /// The scheduler's data.
    pub(super) data: C,
}

const WORD: usize = size_of::<u64>();

/// How many words the place of a bit takes.
const FLIP_WORDS: usize = {
    let words = size_of::<Flip>() / WORD;
    assert!(size_of::<Flip>() == words * WORD && align_of::<Flip>() <= WORD);
    words
};

/// A completion that is to be held, as the scheduler describes it.
pub(crate) struct Parking<C, W, F> {
    /// The data to keep with it.
    pub(crate) data: C,
    /// How many words to keep behind the data.
    pub(crate) word_count: u32,
    /// These words; the record has 0 for each that is missing.
    pub(crate) words: W,
    /// The numbers of the bits to flip in the data of a read, in rising order, if
    /// [`Parked::flip`](super::Parked::flip) is called.
    pub(crate) flips: F,
}

/// The I/O of a new record.
pub(super) struct Recorded {
    /// The first of its bios, which the others follow.
    pub(super) first_bio: *mut bindings::bio,
    pub(super) flags: OpFlags,
    /// The device whose statistics count it; null if none do.
    pub(super) counted: *mut layouts::Counted,
}

impl<C: Copy> Record<C> {
    /// How many words the record itself takes, without the words behind it.
    const OWN_WORDS: usize = {
        assert!(align_of::<Self>() <= WORD);
        size_of::<Self>().div_ceil(WORD)
    };

    fn total_words(bios: u32, words: u32, flips: u32) -> usize {
        let tail = (bios as usize)
            .saturating_add(words as usize)
            .saturating_add((flips as usize).saturating_mul(FLIP_WORDS));
        Self::OWN_WORDS.saturating_add(tail)
    }

    /// How much memory a record takes, in bytes.
    ///
    /// # Safety
    ///
    /// `record` must be valid.
    pub(super) unsafe fn size(record: NonNull<Self>) -> usize {
        // SAFETY: By this function's requirements.
        let record = unsafe { record.as_ref() };
        let words = Self::total_words(record.bios, record.words, record.flips);
        words.saturating_mul(WORD)
    }

    /// The words behind the record.
    ///
    /// # Safety
    ///
    /// `record` must be valid.
    unsafe fn tail(record: NonNull<Self>) -> *mut u64 {
        // SAFETY: The record was allocated with these words behind it.
        unsafe { record.cast::<u64>().as_ptr().add(Self::OWN_WORDS) }
    }

    /// Visits the bios. `visit` may end them, and the end of the last one may free everything that
    /// the record does not own.
    ///
    /// # Safety
    ///
    /// `record` must be valid, and the caller its only user.
    pub(super) unsafe fn for_each_bio(
        record: NonNull<Self>,
        mut visit: impl FnMut(*mut bindings::bio),
    ) {
        // SAFETY: By this function's requirements; `new` has written a bio's address into each of
        // these words.
        unsafe {
            let bios = Self::tail(record).cast::<*mut bindings::bio>();
            for place in 0..record.as_ref().bios as usize {
                visit(bios.add(place).read());
            }
        }
    }

    /// The scheduler's words.
    ///
    /// # Safety
    ///
    /// `record` must be valid while the result is used.
    pub(super) unsafe fn words<'a>(record: NonNull<Self>) -> &'a [u64] {
        // SAFETY: By this function's requirements; `new` has written all of these words.
        unsafe {
            let first = Self::tail(record).add(record.as_ref().bios as usize);
            core::slice::from_raw_parts(first, record.as_ref().words as usize)
        }
    }

    /// The places of bits to flip.
    ///
    /// # Safety
    ///
    /// `record` must be valid while the result is used.
    pub(super) unsafe fn flips<'a>(record: NonNull<Self>) -> &'a [Flip] {
        // SAFETY: By this function's requirements; `new` has written all of these places.
        unsafe {
            let known = record.as_ref();
            let before = (known.bios as usize).saturating_add(known.words as usize);
            let first = Self::tail(record).add(before).cast::<Flip>();
            core::slice::from_raw_parts(first, known.flips as usize)
        }
    }

    /// Makes a record that does not count the bios yet. `None` if there is no memory at once.
    ///
    /// # Safety
    ///
    /// The bios of `of` must be valid, and not end meanwhile.
    unsafe fn new(
        of: &Recorded,
        queue: *const (),
        parking: Parking<C, impl Iterator<Item = u64>, impl ExactSizeIterator<Item = u64>>,
    ) -> Option<NonNull<Self>> {
        let (mut bios, mut bio) = (0u32, of.first_bio);
        while !bio.is_null() {
            bios = bios.saturating_add(1);
            // SAFETY: By this function's requirements.
            bio = unsafe { (*bio).bi_next };
        }
        let words = parking.word_count;
        let flip_count = parking.flips.len() as u32;
        // Even a task that frees memory gets none of the reserves: without memory, the I/O just
        // goes without being held.
        let flags = GFP_NOWAIT | __GFP_NOWARN;
        let total = Self::total_words(bios, words, flip_count);
        let memory = without_reserves(|| KVec::<u64>::with_capacity(total, flags).ok())?;
        let (memory, _, _) = memory.into_raw_parts();
        let record = NonNull::new(memory.cast::<Self>())?;
        // SAFETY: The memory has room for all that this writes, and is aligned (see `OWN_WORDS`).
        // It is ours.
        unsafe {
            record.write(Self {
                list: bindings::list_head {
                    next: null_mut(),
                    prev: null_mut(),
                },
                tree: core::mem::zeroed(),
                queue,
                flags: of.flags,
                bios,
                words,
                flips: flip_count,
                is_over: false,
                counted: of.counted,
                end_io: None,
                private: null_mut(),
                data: parking.data,
            });
            let tail = Self::tail(record);
            let mut bio = of.first_bio;
            for place in 0..bios as usize {
                tail.add(place).cast::<*mut bindings::bio>().write(bio);
                bio = (*bio).bi_next;
            }
            let given = parking.words.chain(core::iter::repeat(0));
            for (place, word) in given.enumerate().take(words as usize) {
                tail.add(bios as usize).add(place).write(word);
            }
            let first = tail.add(bios as usize).add(words as usize).cast::<Flip>();
            for place in 0..flip_count as usize {
                first.add(place).write(Flip::NONE);
            }
            let flips = places_of(of.first_bio, of.flags, parking.flips);
            for (place, flip) in flips.enumerate().take(flip_count as usize) {
                first.add(place).write(flip);
            }
        }
        Some(record)
    }

    /// Makes a record of a request whose completion is held, and counts its bios once more. `None`
    /// if there is no memory at once.
    ///
    /// # Safety
    ///
    /// The request [can be parked](Request::can_be_parked).
    pub(super) unsafe fn begin<D: RequestData>(
        request: &Request<D>,
        queue: *const (),
        parking: Parking<C, impl Iterator<Item = u64>, impl ExactSizeIterator<Item = u64>>,
    ) -> Option<NonNull<Self>> {
        let of = Recorded {
            first_bio: request.bio(),
            flags: request.flags(),
            counted: request.counted_for(),
        };
        // SAFETY: A request's bios are valid while the scheduler owns it.
        let record = unsafe { Self::new(&of, queue, parking) }?;
        if request.has_record() {
            // The iterator of the words has parked the request.
            // SAFETY: The record is ours, and has counted nothing.
            unsafe { Self::free(record) };
            return None;
        }
        // SAFETY: The record is ours. Its bios belong to the request, and that to the scheduler: no
        // other code changes the flags of a bio that no driver has. INVARIANT: Each of them gets a
        // count.
        unsafe {
            Self::for_each_bio(record, |bio| {
                // As `bio_inc_remaining()`. Without the flag there is no other count, and the last
                // split-off part may have left 0.
                if (*bio).bi_flags & 1 << bindings::BIO_CHAIN == 0 {
                    remaining(bio).store(1, Ordering::Relaxed);
                    (*bio).bi_flags |= 1 << bindings::BIO_CHAIN;
                }
                remaining(bio).fetch_add(1, Ordering::AcqRel);
            });
        }
        Some(record)
    }

    /// Makes a record of a flush without data that is being submitted, at whose end the block layer
    /// calls `flushed`. `None` if there is no memory at once.
    ///
    /// # Safety
    ///
    /// `of` must have one bio, whose end nobody waits for but its submitter: no other bio may have
    /// a count on it. The caller must be its only user, and the bio must end while the hardware
    /// queue `queue` lives.
    pub(super) unsafe fn begin_flush(
        of: &Recorded,
        queue: *const (),
        parking: Parking<C, impl Iterator<Item = u64>, impl ExactSizeIterator<Item = u64>>,
        flushed: Flushed,
    ) -> Option<NonNull<Self>> {
        // SAFETY: By this function's requirements. INVARIANT: The bio finds the record.
        unsafe {
            let record = Self::new(of, queue, parking)?;
            let end_io = (*of.first_bio).bi_end_io;
            if end_io.is_some_and(|end_io| core::ptr::fn_addr_eq(end_io, flushed)) {
                // The iterator of the words, or an earlier call, has diverted the bio.
                Self::free(record);
                return None;
            }
            Self::divert(record, of.first_bio, flushed);
            Some(record)
        }
    }

    /// Has the block layer call `flushed` at the end of a bio of this record.
    ///
    /// # Safety
    ///
    /// `record` must be valid, and the caller the only user of it and of the bio.
    unsafe fn divert(record: NonNull<Self>, bio: *mut bindings::bio, flushed: Flushed) {
        let record = record.as_ptr();
        // SAFETY: By this function's requirements.
        unsafe {
            (*record).end_io = (*bio).bi_end_io;
            (*record).private = (*bio).bi_private;
            (*bio).bi_end_io = Some(flushed);
            (*bio).bi_private = record.cast();
        }
    }

    /// Frees the memory.
    ///
    /// # Safety
    ///
    /// `record` must be valid, and this must be its last use.
    pub(super) unsafe fn free(record: NonNull<Self>) {
        // SAFETY: By this function's requirements; the memory comes from a vector of this capacity.
        unsafe {
            let words = Self::size(record) / WORD;
            drop(KVec::from_raw_parts(
                record.cast::<u64>().as_ptr(),
                0,
                words,
            ));
        }
    }
}

/// The function that the block layer calls at the end of a flush sequence; see [`Record::flushed`].
pub(super) type Flushed = unsafe extern "C" fn(*mut bindings::bio);

impl<C: Copy> Record<C> {
    /// Parks the bios of a request that the block layer has finished, and returns true. Returns
    /// false if a flush sequence still has a count on the bio: then the block layer calls `flushed`
    /// at the end of the sequence. May be called in any context.
    ///
    /// # Safety
    ///
    /// `record` must have been taken from the request, and the request must end as `end` says.
    pub(super) unsafe fn finish(record: NonNull<Self>, end: End, flushed: Flushed) -> bool {
        // SAFETY: By this function's requirements the record is ours.
        unsafe {
            match end {
                End::Usual => Self::for_each_bio(record, |bio| park_bio(bio)),
                // The path that has the bios now may end them before their time, and their disk may
                // be gone then.
                End::Stolen => Self::give_back(record),
                End::Flush => {
                    let mut waits = false;
                    Self::for_each_bio(record, |bio| {
                        // The two counts are the sequence's and ours. We give ours back, so the
                        // sequence's `bio_endio()` calls `flushed`, and it does so before the block
                        // layer frees the request.
                        if remaining(bio).load(Ordering::Acquire) == 2 {
                            Self::divert(record, bio, flushed);
                            remaining(bio).fetch_sub(1, Ordering::AcqRel);
                            waits = true;
                        }
                    });
                    return !waits;
                }
            }
        }
        true
    }

    /// The record of a bio whose flush has ended, and the hardware queue that gets it.
    ///
    /// # Safety
    ///
    /// The block layer must have called the `bi_end_io` that [`Record::finish`] or
    /// [`Record::begin_flush`] has put into the bio, at the end of the same request's flush.
    pub(super) unsafe fn flushed(bio: *mut bindings::bio) -> (*const (), NonNull<Self>) {
        // SAFETY: By this function's requirements `bi_private` is the record.
        unsafe {
            let record: *mut Self = (*bio).bi_private.cast();
            restore(bio, (*record).end_io, (*record).private);
            ((*record).queue, NonNull::new_unchecked(record))
        }
    }

    /// Gives the record's counts back, after which the record is over. A bio ends with its last
    /// count.
    ///
    /// # Safety
    ///
    /// `record` must be valid, finished and not over, and the caller its only user. The caller must
    /// hold no locks, as this may call the submitter's `bi_end_io`.
    pub(super) unsafe fn give_back(record: NonNull<Self>) {
        // SAFETY: By this function's requirements each bio is parked, so that this call does the
        // rest of its end; or it has our count.
        unsafe {
            Self::for_each_bio(record, |bio| {
                if remaining(bio).load(Ordering::Acquire) == 1 {
                    // There is no other count: this restores the state without counts.
                    (*bio).bi_flags &= !(1 << bindings::BIO_CHAIN);
                    layouts::clear_polled(bio);
                }
                bindings::bio_endio(bio);
            });
            (*record.as_ptr()).is_over = true;
            // The bio kept the device valid, and may have ended.
            (*record.as_ptr()).counted = null_mut();
        }
    }
}
