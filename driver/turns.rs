// SPDX-License-Identifier: GPL-2.0-only

//! Whose turn it is at a limit: first come, first served, on whatever hardware queue.
//!
//! An entry that waits for limits draws a ticket. All entries that wait for the same set of limits,
//! on all hardware queues of the disk, have tickets of one sequence. So each knows how many came
//! before it, and no hardware queue takes the turn of another.

use crate::{
    rule_set::RuleSet,
    sys::atomic::{AcqRel, Acquire, AtomicU32, AtomicU64, Relaxed},
};
use core::array;

/// How many sets of limits have sequences of their own. More than that share the last one.
const SEQUENCES: usize = 16;

/// The tickets of all entries that wait for limits of one plan, shared by its hardware queues
/// without a lock.
///
/// A count that is seen late lets one entry go in another's place for once. The window alone
/// decides how many go in it.
pub(crate) struct Turns {
    /// How many entries wait.
    waiting: AtomicU32,
    sequences: [Sequence; SEQUENCES],
}

/// The tickets of the entries that wait for one set of limits.
struct Sequence {
    /// Empty if no entry has waited yet.
    limits: AtomicU64,
    drawn: AtomicU32,
    /// How many of the entries that drew a ticket do not wait any more.
    gone: AtomicU32,
}

impl Turns {
    /// No entry waits.
    pub(crate) fn new() -> Self {
        Self {
            waiting: AtomicU32::new(0),
            sequences: array::from_fn(|_| Sequence {
                limits: AtomicU64::new(0),
                drawn: AtomicU32::new(0),
                gone: AtomicU32::new(0),
            }),
        }
    }

    /// The sequence of a set of limits, which an unused one becomes if there is none.
    fn of(&self, limits: RuleSet) -> &Sequence {
        let [others @ .., last] = &self.sequences;
        let own = others.iter().find(|sequence| sequence.is_of(limits));
        own.unwrap_or(last)
    }

    /// Gives a ticket to an entry that waits for these limits from now on.
    pub(crate) fn draw(&self, limits: RuleSet) -> u32 {
        self.waiting.fetch_add(1, Relaxed);
        self.of(limits).drawn.fetch_add(1, Relaxed)
    }

    /// An entry with a ticket does not wait for these limits any more.
    pub(crate) fn leave(&self, limits: RuleSet) {
        self.of(limits).gone.fetch_add(1, Relaxed);
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// Whether any entry waits for any limit.
    #[inline]
    pub(crate) fn any_waits(&self) -> bool {
        self.waiting.load(Relaxed) != 0
    }

    /// Whether any entry waits for one of these limits.
    #[inline]
    pub(crate) fn any_waits_for(&self, limits: RuleSet) -> bool {
        self.any_waits() && self.some_wait_for(limits)
    }

    #[inline(never)]
    fn some_wait_for(&self, limits: RuleSet) -> bool {
        self.sequences.iter().enumerate().any(|(place, sequence)| {
            // The last one may be of any limits.
            let own = RuleSet::from_bits(sequence.limits.load(Relaxed));
            let concerns = place == SEQUENCES - 1 || !(own & limits).is_empty();
            concerns && sequence.drawn.load(Relaxed) != sequence.gone.load(Relaxed)
        })
    }

    /// How many entries that wait for these limits come before the one with this ticket; none if
    /// entries have left that came later.
    pub(crate) fn before(&self, limits: RuleSet, ticket: u32) -> u32 {
        let before = ticket.wrapping_sub(self.of(limits).gone.load(Relaxed));
        u32::try_from(before as i32).unwrap_or(0)
    }
}

impl Sequence {
    /// Whether it is of these limits, or of none until now.
    fn is_of(&self, limits: RuleSet) -> bool {
        let limits = limits.bits();
        let own = self.limits.load(Acquire);
        if own != 0 {
            return own == limits;
        }
        let taken = self.limits.compare_exchange(0, limits, AcqRel, Acquire);
        taken.map_or_else(|others| others == limits, |_| true)
    }
}
