// SPDX-License-Identifier: GPL-2.0-only

//! What an injection did to the I/O of one disk, counted.

use crate::{
    policy::histogram::{step, STEPS},
    sys::atomic::{AtomicU64, Relaxed},
};
use core::{
    array,
    ops::{AddAssign, SubAssign},
};
use kernel::{prelude::*, sync::Arc};

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Count {
    /// The filters matched.
    Matched,
    /// A delay was drawn.
    Delayed,
    /// Had to wait for the limit.
    Limited,
    /// Is or was held.
    Entered,
    /// Is held no more.
    Left,
    /// Was let go before its time.
    Early,
    /// Its completion was not held, since there was no memory at once.
    NoMemory,
    /// Its request was held and not its completion, since held completions have all the memory that
    /// they may take.
    OverMemory,
}

/// How many [`Count`]s there are.
const COUNTS: usize = 8;

/// Counters of one injection on one disk, for each hardware queue its own.
pub(crate) struct Stats {
    /// Not one block of pages: with many hardware queues, there may be none that is large enough.
    per_hctx: KVVec<PerHctx>,
}

/// Counters of one hardware queue. Only the holder of this queue's lock writes, so that no addition
/// is lost; on cache lines of their own, so that no other hardware queue waits for them.
#[repr(align(64))]
struct PerHctx {
    /// I/Os that went at once and were not counted as matched before: all that is counted where a
    /// rule for all I/O only limits.
    at_once: AtomicU64,
    counts: [AtomicU64; COUNTS],
    added: [AtomicU64; STEPS],
}

/// The sums of all hardware queues' counters.
#[derive(Clone, Copy)]
pub(crate) struct Totals {
    counts: [u64; COUNTS],
    /// A histogram of the times from arrival to release.
    pub(crate) added: [u64; STEPS],
}

impl Stats {
    /// Counters for this many hardware queues, at zero.
    pub(crate) fn new(hctxs: u32) -> Result<Arc<Self>> {
        let mut per_hctx = KVVec::with_capacity(hctxs as usize, GFP_KERNEL)?;
        for _ in 0..hctxs {
            let counters = PerHctx {
                at_once: AtomicU64::new(0),
                counts: array::from_fn(|_| AtomicU64::new(0)),
                added: array::from_fn(|_| AtomicU64::new(0)),
            };
            per_hctx.push(counters, GFP_KERNEL)?;
        }
        Ok(Arc::new(Self { per_hctx }, GFP_KERNEL)?)
    }

    /// Counts one I/O of the hardware queue of this number, whose lock is held.
    #[inline]
    pub(crate) fn count(&self, hctx: usize, what: Count) {
        if let Some(counters) = self.per_hctx.get(hctx) {
            add_one(&counters.counts[what as usize]);
        }
    }

    /// Counts one I/O that is held no more, `added_ns` after its arrival.
    #[inline]
    pub(crate) fn count_left(&self, hctx: usize, added_ns: u64) {
        if let Some(counters) = self.per_hctx.get(hctx) {
            add_one(&counters.counts[Count::Left as usize]);
            add_one(&counters.added[step(added_ns)]);
        }
    }

    /// Counts one I/O that might have been held, and went at once; as matched too, unless it was
    /// `counted` so before.
    #[inline]
    pub(crate) fn count_at_once(&self, hctx: usize, counted: bool) {
        if let Some(counters) = self.per_hctx.get(hctx) {
            add_one(if counted {
                &counters.added[step(0)]
            } else {
                &counters.at_once
            });
        }
    }

    /// The sums; while I/O goes on, each is right for some moment.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::ZERO;
        for counters in &self.per_hctx {
            let at_once = counters.at_once.load(Relaxed);
            for sum in [
                &mut totals.counts[Count::Matched as usize],
                &mut totals.added[step(0)],
            ] {
                *sum = sum.wrapping_add(at_once);
            }
            for (sum, count) in totals.counts.iter_mut().zip(&counters.counts) {
                *sum = sum.wrapping_add(count.load(Relaxed));
            }
            for (sum, count) in totals.added.iter_mut().zip(&counters.added) {
                *sum = sum.wrapping_add(count.load(Relaxed));
            }
        }
        totals
    }
}

#[inline]
fn add_one(count: &AtomicU64) {
    count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
}

impl Totals {
    /// Nothing was counted.
    pub(crate) const ZERO: Self = Self {
        counts: [0; COUNTS],
        added: [0; STEPS],
    };

    /// One of the sums.
    pub(crate) fn of(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }

    /// How many are held now.
    pub(crate) fn held(&self) -> u64 {
        // An I/O that left between two loads may be missing in the first.
        self.of(Count::Entered).saturating_sub(self.of(Count::Left))
    }

    /// What to subtract later, so that counting begins anew; held I/Os stay held.
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
        let both = self.added.iter_mut().zip(&other.added);
        both.for_each(|(sum, more)| *sum = sum.wrapping_add(*more));
    }
}

impl SubAssign<&Self> for Totals {
    fn sub_assign(&mut self, other: &Self) {
        let both = self.counts.iter_mut().zip(&other.counts);
        both.for_each(|(sum, less)| *sum = sum.wrapping_sub(*less));
        let both = self.added.iter_mut().zip(&other.added);
        both.for_each(|(sum, less)| *sum = sum.wrapping_sub(*less));
    }
}
