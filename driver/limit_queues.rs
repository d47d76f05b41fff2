// SPDX-License-Identifier: GPL-2.0-only

//! Entries that wait for limits: a queue for each set of limits, so that no entry waits behind an
//! entry that waits for another limit.
//!
//! An entry first waits in its queue until its delays are over. Then it queues up for the limits:
//! it draws a ticket, by which the plan knows how many entries of all hardware queues came before
//! it ([`crate::turns`]).

use crate::{
    admission::Closed,
    elevator::{Fifo, SortedQueue},
    held_entry::HeldEntry,
    rule_set::RuleSet,
    sys::clock::Clock,
};

/// How many queues there are. If entries wait for more sets of limits, further sets share the last
/// queue.
const QUEUES: usize = 16;

/// All limit queues of a hardware queue.
///
/// # Invariants
///
/// The bit of a queue is set in `waiting` if and only if it is not empty.
pub(crate) struct LimitQueues<E: HeldEntry> {
    queues: [LimitQueue<E>; QUEUES],
    waiting: u16,
    /// The time from which on no queue is closed.
    closed_until_ns: u64,
}

/// The queue of the entries that the same limits match.
struct LimitQueue<E: HeldEntry> {
    /// The limits; empty if the queue was never used.
    limits: RuleSet,
    /// Entries whose delays are over, in the order of their tickets.
    queued: Fifo<E>,
    /// Entries that have not queued up yet, in the order of their due times.
    delayed: SortedQueue<E>,
    /// Until when one of the limits is known to admit nothing.
    closed: Closed,
}

impl<E: HeldEntry> LimitQueue<E> {
    const fn new() -> Self {
        Self {
            limits: RuleSet::EMPTY,
            queued: Fifo::new(),
            delayed: SortedQueue::new(),
            closed: Closed::NOT,
        }
    }

    fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.delayed.is_empty()
    }

    /// When the first entry is due, or was.
    fn first_due_ns(&self) -> Option<u64> {
        let queued = self.queued.first(E::due_ns);
        queued.or_else(|| self.delayed.first_key())
    }

    fn last_due_ns(&self) -> Option<u64> {
        self.delayed.last_key().max(self.queued.last(E::due_ns))
    }
}

impl<E: HeldEntry> LimitQueues<E> {
    /// Only empty queues.
    pub(crate) const fn new() -> Self {
        Self {
            queues: [const { LimitQueue::new() }; QUEUES],
            waiting: 0,
            closed_until_ns: 0,
        }
    }

    /// Forgets which limits are closed. To call when all queues are empty.
    pub(crate) fn reset(&mut self) {
        for queue in &mut self.queues {
            queue.limits = RuleSet::EMPTY;
            queue.closed = Closed::NOT;
        }
        self.closed_until_ns = 0;
    }

    /// Whether no entry waits, and no queue is known to be closed at the time of this clock.
    #[inline]
    pub(crate) fn are_open(&mut self, clock: &mut Clock) -> bool {
        if self.waiting != 0 {
            return false;
        }
        if self.closed_until_ns != 0 {
            if clock.now_ns() < self.closed_until_ns {
                return false;
            }
            self.closed_until_ns = 0;
        }
        true
    }

    /// As [`LimitQueues::are_open`], but without a look at the clock: a queue that
    /// [`LimitQueues::close`] has closed counts as closed until `are_open` finds that it is not.
    #[inline]
    pub(crate) fn are_clear(&self) -> bool {
        u64::from(self.waiting) | self.closed_until_ns == 0
    }

    /// Adds an entry, whose due time is set, to the queue of these limits, and returns its place.
    pub(crate) fn push(&mut self, entry: E, limits: RuleSet) -> usize {
        let place = self.place_for(limits);
        self.queues[place].delayed.push(entry);
        // INVARIANT: The queue is not empty.
        self.waiting |= 1 << place;
        place
    }

    /// Has at most `most` entries of a queue that are due at this time queue up for its limits,
    /// with the tickets that `draw` gives for their rules. Returns whether these were all.
    pub(crate) fn queue_up(
        &mut self,
        place: usize,
        now_ns: u64,
        most: usize,
        mut draw: impl FnMut(RuleSet) -> u32,
    ) -> bool {
        let queue = &mut self.queues[place];
        for _ in 0..most {
            let first_ns = queue.delayed.first_key();
            let is_due = first_ns.is_some_and(|due_ns| due_ns <= now_ns);
            let Some(mut entry) = is_due.then(|| queue.delayed.pop()).flatten() else {
                return true;
            };
            entry.set_ticket(draw(entry.rules()));
            queue.queued.push_back(entry);
        }
        false
    }

    /// [`LimitQueues::queue_up`] of all queues, with at most `most` entries of each.
    pub(crate) fn queue_all_up(
        &mut self,
        now_ns: u64,
        most: usize,
        mut draw: impl FnMut(RuleSet) -> u32,
    ) -> bool {
        let mut were_all = true;
        let mut waiting = self.waiting;
        while waiting != 0 {
            let place = waiting.trailing_zeros() as usize % QUEUES;
            waiting &= waiting.wrapping_sub(1);
            were_all &= self.queue_up(place, now_ns, most, &mut draw);
        }
        were_all
    }

    /// The place of the queue of these limits. If there is none, an empty queue becomes it; if no
    /// queue is empty either, it is the last one.
    pub(crate) fn place_for(&mut self, limits: RuleSet) -> usize {
        let find = |wanted: &dyn Fn(&LimitQueue<E>) -> bool| self.queues.iter().position(wanted);
        let place = find(&|queue| queue.limits == limits)
            .or_else(|| find(&|queue| queue.is_empty()))
            .unwrap_or(QUEUES - 1);
        let queue = &mut self.queues[place];
        if queue.limits != limits && queue.is_empty() {
            queue.limits = limits;
            queue.closed = Closed::NOT;
        }
        place
    }

    /// The place of the queue whose first entry may go first, and the time when it may.
    #[inline]
    pub(crate) fn first(&self) -> Option<(usize, u64)> {
        let mut waiting = self.waiting;
        let mut first = None;
        while waiting != 0 {
            let place = waiting.trailing_zeros() as usize % QUEUES;
            waiting &= waiting.wrapping_sub(1);
            let queue = &self.queues[place];
            let time_ns = queue.first_due_ns()?.max(queue.closed.until_ns);
            if first.is_none_or(|(_, before_ns)| time_ns < before_ns) {
                first = Some((place, time_ns));
            }
        }
        first
    }

    /// When the last entry may go, as far as is known.
    pub(crate) fn last_ns(&self) -> Option<u64> {
        let queues = self.queues.iter();
        queues
            .filter_map(|queue| Some(queue.last_due_ns()?.max(queue.closed.until_ns)))
            .max()
    }

    /// The result of `look` for the first entry that has queued up in a queue.
    pub(crate) fn first_queued<T>(&self, place: usize, look: impl FnOnce(&E) -> T) -> Option<T> {
        self.queues[place].queued.first(look)
    }

    /// Until when a queue is known to be closed, and by which rule.
    pub(crate) fn closed(&self, place: usize) -> Closed {
        self.queues[place].closed
    }

    /// Remembers until when a queue is closed, if it is.
    pub(crate) fn close(&mut self, place: usize, closed: Closed) {
        let queue = &mut self.queues[place];
        if closed.until_ns > queue.closed.until_ns {
            queue.closed = closed;
            self.closed_until_ns = self.closed_until_ns.max(closed.until_ns);
        }
    }

    /// Takes the first entry that has queued up in a queue.
    pub(crate) fn pop(&mut self, place: usize) -> Option<E> {
        let queue = &mut self.queues[place];
        let entry = queue.queued.pop_front();
        if queue.is_empty() {
            // INVARIANT: The queue is empty.
            self.waiting &= !(1 << place);
        }
        entry
    }

    /// Takes an entry of any queue, and returns it and whether it has a ticket.
    pub(crate) fn pop_any(&mut self) -> Option<(E, bool)> {
        if self.waiting == 0 {
            return None;
        }
        let place = self.waiting.trailing_zeros() as usize % QUEUES;
        if let Some(entry) = self.pop(place) {
            return Some((entry, true));
        }
        let queue = &mut self.queues[place];
        let entry = queue.delayed.pop()?;
        if queue.is_empty() {
            // INVARIANT: The queue is empty.
            self.waiting &= !(1 << place);
        }
        Some((entry, false))
    }

    /// Looks at each entry, as long as `look` returns true, and returns whether it always did.
    pub(crate) fn look_at_all(&self, look: &mut impl FnMut(&E) -> bool) -> bool {
        let mut queues = self.queues.iter();
        queues.all(|queue| queue.queued.look_at_all(look) && queue.delayed.look_at_all(look))
    }
}
