// SPDX-License-Identifier: GPL-2.0-only

//! The waiting entries of a hardware queue: they wait for delays in the order of time, then for
//! limits.

use crate::{
    elevator::SortedQueue, held_entry::HeldEntry, limit_queues::LimitQueues, rule_set::RuleSet,
};

/// The time at which the next entry may go if there is no entry.
pub(crate) const NEVER: u64 = u64::MAX;

/// The last time at which an entry may be due, and the time of one without an end.
pub(crate) const LAST: u64 = NEVER - 1;

/// The waiting entries of one hardware queue.
pub(crate) struct Waiting<E: HeldEntry> {
    /// Entries that only wait for their delays.
    delayed: SortedQueue<E>,
    /// Entries that wait for their delays and then for limits.
    limited: LimitQueues<E>,
    /// How many entries `delayed` and `limited` have together.
    count: u32,
}

/// The place of an entry that is due.
pub(crate) enum Due {
    /// It is the first entry that only waits for delays.
    Delayed,
    /// It is the first entry of the limit queue of this place.
    Limited(usize),
}

impl<E: HeldEntry> Waiting<E> {
    /// No entry.
    pub(crate) const fn new() -> Self {
        Self {
            delayed: SortedQueue::new(),
            limited: LimitQueues::new(),
            count: 0,
        }
    }

    /// How many entries wait.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The limit queues.
    #[inline]
    pub(crate) fn limit_queues(&self) -> &LimitQueues<E> {
        &self.limited
    }

    /// The limit queues. The caller must not take entries out, which `count` would miss.
    #[inline]
    pub(crate) fn limit_queues_mut(&mut self) -> &mut LimitQueues<E> {
        &mut self.limited
    }

    /// Adds an entry that these limits match, and returns the place of its limit queue if it waits
    /// in one.
    pub(crate) fn push(&mut self, mut entry: E, limits: RuleSet) -> Option<usize> {
        // A due time must not look like `NEVER`.
        entry.set_due_ns(entry.due_ns().min(LAST));
        self.count = self.count.saturating_add(1);
        if !limits.is_empty() {
            return Some(self.limited.push(entry, limits));
        }
        self.delayed.push(entry);
        None
    }

    /// Takes any entry, and returns it and whether it has a ticket.
    pub(crate) fn pop_any(&mut self) -> Option<(E, bool)> {
        let delayed = self.delayed.pop().map(|entry| (entry, false));
        let popped = delayed.or_else(|| self.limited.pop_any())?;
        self.count = self.count.saturating_sub(1);
        Some(popped)
    }

    /// Takes the first entry that only waits for delays.
    pub(crate) fn pop_delayed(&mut self) -> Option<E> {
        let entry = self.delayed.pop()?;
        self.count = self.count.saturating_sub(1);
        Some(entry)
    }

    /// Takes the first entry that has queued up in the limit queue of this place.
    pub(crate) fn pop_limited(&mut self, place: usize) -> Option<E> {
        let entry = self.limited.pop(place)?;
        self.count = self.count.saturating_sub(1);
        Some(entry)
    }

    /// The first entry, if it is due at this time and its limit queue is not known to be closed.
    pub(crate) fn first_due(&self, now_ns: u64) -> Option<Due> {
        let delayed_ns = self.delayed.first_key().unwrap_or(NEVER);
        let limited = self.limited.first();
        let limited_ns = limited.as_ref().map_or(NEVER, |(_, time_ns)| *time_ns);
        if delayed_ns.min(limited_ns) > now_ns {
            None
        } else if delayed_ns <= limited_ns {
            Some(Due::Delayed)
        } else {
            limited.map(|(place, _)| Due::Limited(place))
        }
    }

    /// When the first entry may go; [`NEVER`] if there is none.
    pub(crate) fn first_ns(&self) -> u64 {
        let delayed_ns = self.delayed.first_key().unwrap_or(NEVER);
        self.limited
            .first()
            .map_or(delayed_ns, |(_, time_ns)| time_ns.min(delayed_ns))
    }

    /// When the last entry may go, as far as is known.
    pub(crate) fn last_ns(&self) -> Option<u64> {
        self.delayed.last_key().max(self.limited.last_ns())
    }

    /// Looks at each entry, as long as `look` returns true.
    pub(crate) fn look_at_all(&self, mut look: impl FnMut(&E) -> bool) {
        let _ = self.delayed.look_at_all(&mut look) && self.limited.look_at_all(&mut look);
    }
}
