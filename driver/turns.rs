// SPDX-License-Identifier: GPL-2.0-only

//! The turns of entries at limits: first come, first served, across hardware queues.
//!
//! An entry that waits for limits draws a ticket. All entries that wait for the same set of limits,
//! on all hardware queues of the disk, have tickets of one sequence. So the plan knows for each
//! entry how many came before it, and no hardware queue takes the turn of another.

use crate::{
    rule_set::RuleSet,
    sys::atomic::{AcqRel, Acquire, AtomicU32, AtomicU64, Relaxed},
};
use core::array;

/// How many sequences there are. All sets of limits beyond the first 15 share the last sequence.
const SEQUENCES: usize = 16;

/// The tickets of all entries that wait for limits of one plan, shared by its hardware queues
/// without a lock.
///
/// A CPU that sees a count late may let an entry go before its turn. That is harmless: the window
/// alone decides how many entries go in it.
pub(crate) struct Turns {
    /// How many entries wait.
    waiting: AtomicU32,
    sequences: [Sequence; SEQUENCES],
}

/// The tickets of the entries that wait for one set of limits.
struct Sequence {
    /// The bits of the set; 0 if no entry has waited yet.
    limits: AtomicU64,
    drawn: AtomicU32,
    /// How many of the entries that drew a ticket have stopped waiting.
    gone: AtomicU32,
}

impl Turns {
    /// The turns of a new plan: no entry waits.
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

    /// The sequence of a set of limits. If there is none, an unused sequence becomes it.
    fn of(&self, limits: RuleSet) -> &Sequence {
        let [others @ .., last] = &self.sequences;
        let own = others.iter().find(|sequence| sequence.is_of(limits));
        own.unwrap_or(last)
    }

    /// Gives a ticket to an entry that begins to wait for these limits.
    pub(crate) fn draw(&self, limits: RuleSet) -> u32 {
        self.waiting.fetch_add(1, Relaxed);
        self.of(limits).drawn.fetch_add(1, Relaxed)
    }

    /// Counts an entry with a ticket that stops waiting for these limits.
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
            // The last sequence may have entries of any limits.
            let own = RuleSet::from_bits(sequence.limits.load(Relaxed));
            let concerns = place == SEQUENCES - 1 || !(own & limits).is_empty();
            concerns && sequence.drawn.load(Relaxed) != sequence.gone.load(Relaxed)
        })
    }

    /// How many entries that wait for these limits came before the entry with this ticket. It is
    /// too small, but not below 0, while entries that came later have left.
    pub(crate) fn before(&self, limits: RuleSet, ticket: u32) -> u32 {
        let before = ticket.wrapping_sub(self.of(limits).gone.load(Relaxed));
        u32::try_from(before as i32).unwrap_or(0)
    }
}

impl Sequence {
    /// Whether this is the sequence of these limits, or becomes it because it was unused.
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
