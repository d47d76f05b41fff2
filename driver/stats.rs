// SPDX-License-Identifier: GPL-2.0-only

//! The counters of an injection on one disk.

use crate::{
    policy::histogram::{step, OCTAVES, STEPS, STEPS_OF_OCTAVE},
    sys::atomic::{AtomicU64, Relaxed},
};
use core::{
    array,
    ops::{AddAssign, SubAssign},
};
use kernel::{prelude::*, sync::Arc};

/// The things that are counted.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    /// I/Os that the filter matched.
    Matched,
    /// I/Os for which a delay was drawn.
    Delayed,
    /// I/Os that had to wait for the limit.
    Limited,
    /// I/Os that are or were held.
    Entered,
    /// I/Os that are not held any more.
    Left,
    /// I/Os that went before their time.
    Early,
    /// I/Os that went unheld, since there was no memory at once to hold the completion.
    NoMemory,
    /// I/Os whose request was held instead of the completion, since held completions had all the
    /// memory that they may take.
    OverMemory,
    /// I/Os that ended with the error.
    Failed,
    /// I/Os that ended as if the disk had done them.
    Dropped,
    /// Writes of which the disk got a part.
    Torn,
    /// Reads whose data were changed.
    Corrupted,
    /// I/Os that were to end in one of these ways, and could not.
    NotFailed,
}

/// How many [`Count`]s there are.
const COUNTS: usize = 13;

/// Which counters of [`Stats`] the holder of a lock writes: a hardware queue has two locks, of its
/// requests and of its completions.
#[derive(Clone, Copy)]
pub(crate) struct Lane(usize);

impl Lane {
    /// The lane of the requests of the hardware queue of this number, or of its completions.
    pub(crate) const fn of(hctx: usize, is_completions: bool) -> Self {
        let requests = hctx.saturating_mul(2);
        Self(requests.saturating_add(is_completions as usize))
    }
}

/// The counters of one injection on one disk, separate for each lane: 2,432 bytes of each, so 4,864
/// bytes of each hardware queue. That is as much as the block layer has for a dozen requests.
pub(crate) struct Stats {
    /// A `KVVec`, since with many hardware queues the kernel may have no block of pages that is
    /// large enough.
    lanes: KVVec<Counters>,
    /// A histogram of hold times for each lane: [`OCTAVES`] octaves, one lane after the other.
    added: KVVec<Octave>,
}

/// The counters of one lane. Only the holder of the lane's lock writes them, so that no addition is
/// lost. They have cache lines of their own, so that no other lane waits for them.
#[repr(align(64))]
struct Counters {
    /// I/Os that went at once and were not counted as matched before. A rule that takes all I/O and
    /// only limits it mostly counts nothing else.
    at_once: AtomicU64,
    counts: [AtomicU64; COUNTS],
}

/// Steps of a histogram, in one cache line. The times of I/Os that an injection holds are mostly in
/// few octaves.
#[repr(align(64))]
struct Octave([AtomicU64; STEPS_OF_OCTAVE]);

const _: () = assert!(size_of::<Counters>() + OCTAVES * size_of::<Octave>() == 2_432);

/// The sums of all hardware queues' counters, but for the histogram.
#[derive(Clone, Copy)]
pub(crate) struct Totals {
    counts: [u64; COUNTS],
}

/// The sums of all hardware queues' histograms, a number for each step. It is on the heap, as it is
/// too large for the stack.
pub(crate) struct Added(KVec<u64>);

impl Stats {
    /// Counters for this many hardware queues, at zero.
    pub(crate) fn new(hctxs: u32) -> Result<Arc<Self>> {
        let count = Lane::of(hctxs as usize, false).0;
        let octaves = count.saturating_mul(OCTAVES);
        let mut lanes = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            let counters = Counters {
                at_once: AtomicU64::new(0),
                counts: array::from_fn(|_| AtomicU64::new(0)),
            };
            lanes.push(counters, GFP_KERNEL)?;
        }
        let mut added = KVVec::with_capacity(octaves, GFP_KERNEL)?;
        for _ in 0..octaves {
            let octave = Octave(array::from_fn(|_| AtomicU64::new(0)));
            added.push(octave, GFP_KERNEL)?;
        }
        Ok(Arc::new(Self { lanes, added }, GFP_KERNEL)?)
    }

    /// Counts one I/O. The caller holds the lane's lock.
    #[inline]
    pub(crate) fn count(&self, lane: Lane, what: Count) {
        if let Some(counters) = self.lanes.get(lane.0) {
            add_one(&counters.counts[what as usize]);
        }
    }

    /// Counts one I/O that stops being held, `added_ns` after its arrival.
    #[inline]
    pub(crate) fn count_left(&self, lane: Lane, added_ns: u64) {
        if let Some(counters) = self.lanes.get(lane.0) {
            add_one(&counters.counts[Count::Left as usize]);
        }
        self.count_added(lane, step(added_ns));
    }

    #[inline]
    fn count_added(&self, lane: Lane, step: usize) {
        if let Some(octave) = self.octave(lane.0, step) {
            add_one(&octave.0[step % STEPS_OF_OCTAVE]);
        }
    }

    /// The octave of a step in the histogram of the lane of this number.
    #[inline]
    fn octave(&self, lane: usize, step: usize) -> Option<&Octave> {
        let first = lane.saturating_mul(OCTAVES);
        self.added.get(first.saturating_add(step / STEPS_OF_OCTAVE))
    }

    /// Counts one I/O that might have been held, and went at once. Counts it as matched too, unless
    /// `counted` says that it was counted as matched before.
    #[inline]
    pub(crate) fn count_at_once(&self, lane: Lane, counted: bool) {
        if counted {
            self.count_added(lane, step(0));
        } else if let Some(counters) = self.lanes.get(lane.0) {
            add_one(&counters.at_once);
        }
    }

    /// The sums. While I/O goes on, they do not all belong to the same moment.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::ZERO;
        for counters in &self.lanes {
            let matched = &mut totals.counts[Count::Matched as usize];
            *matched = matched.wrapping_add(counters.at_once.load(Relaxed));
            for (sum, count) in totals.counts.iter_mut().zip(&counters.counts) {
                *sum = sum.wrapping_add(count.load(Relaxed));
            }
        }
        totals
    }

    /// Adds the histogram to these sums, as [`Stats::totals`].
    pub(crate) fn add_to(&self, sums: &mut Added) {
        for (lane, counters) in self.lanes.iter().enumerate() {
            let first = lane.saturating_mul(OCTAVES);
            let octaves = self.added.iter().skip(first).take(OCTAVES);
            let counts = octaves.flat_map(|octave| &octave.0);
            for (sum, count) in sums.0.iter_mut().zip(counts) {
                *sum = sum.wrapping_add(count.load(Relaxed));
            }
            // An I/O that went at once is in the first step, too.
            if let Some(sum) = sums.0.get_mut(step(0)) {
                *sum = sum.wrapping_add(counters.at_once.load(Relaxed));
            }
        }
    }
}

#[inline]
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
}

impl Totals {
    /// All sums are 0.
    pub(crate) const ZERO: Self = Self {
        counts: [0; COUNTS],
    };

    /// The sum of one counter.
    pub(crate) fn of(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }

    /// How many I/Os are held now.
    pub(crate) fn held(&self) -> u64 {
        // An I/O that came and left between the two loads is only in the second.
        self.of(Count::Entered).saturating_sub(self.of(Count::Left))
    }

    /// The base to subtract later, so that counting begins again now, while held I/Os stay held.
    pub(crate) fn base(&self) -> Self {
        let mut base = *self;
        let left = self.of(Count::Left);
        base.counts[Count::Entered as usize] = left;
        base
    }
}

impl AddAssign<&Self> for Totals {
    fn add_assign(&mut self, other: &Self) {
        let both = self.counts.iter_mut().zip(&other.counts);
        both.for_each(|(sum, more)| *sum = sum.wrapping_add(*more));
    }
}

impl SubAssign<&Self> for Totals {
    fn sub_assign(&mut self, other: &Self) {
        let both = self.counts.iter_mut().zip(&other.counts);
        both.for_each(|(sum, less)| *sum = sum.wrapping_sub(*less));
    }
}

impl Added {
    /// All sums are 0.
    ///
    /// # Errors
    ///
    /// ENOMEM.
    pub(crate) fn new() -> Result<Self> {
        let mut sums = KVec::with_capacity(STEPS, GFP_KERNEL)?;
        for _ in 0..STEPS {
            sums.push(0, GFP_KERNEL)?;
        }
        Ok(Self(sums))
    }

    /// The sums of all steps.
    pub(crate) fn steps(&self) -> &[u64] {
        &self.0
    }

    /// Sets all sums to 0.
    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(|sum| *sum = 0);
    }
}

impl AddAssign<&Self> for Added {
    fn add_assign(&mut self, other: &Self) {
        let both = self.0.iter_mut().zip(&other.0);
        both.for_each(|(sum, more)| *sum = sum.wrapping_add(*more));
    }
}

impl SubAssign<&Self> for Added {
    fn sub_assign(&mut self, other: &Self) {
        let both = self.0.iter_mut().zip(&other.0);
        both.for_each(|(sum, less)| *sum = sum.wrapping_sub(*less));
    }
}
