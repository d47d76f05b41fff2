// SPDX-License-Identifier: GPL-2.0-only

//! What waits for limits: a line for each set of limits, so that nobody waits behind an I/O that waits for another limit.
//!
//! An entry first waits in its line for its delays to be over. Then it queues up for the limits: it draws a ticket, by which the
//! plan knows how many came before it, on whatever hardware queue ([`crate::turns`]).

use crate::{
    elevator::{Fifo, SortedQueue},
    io::Held,
    plan::Closed,
    sys::clock::Clock,
};

/// How many lines there are. More sets of limits than that at a time share the last one.
const LINES: usize = 16;

/// All lines of a hardware queue.
///
/// # Invariants
///
/// The bit of a line is set in `waiting` if and only if it is not empty.
pub(crate) struct Lines<E: Held> {
    lines: [Line<E>; LINES],
    waiting: u16,
    /// Before this time some line may be closed.
    closed_until_ns: u64,
}

/// Entries that the same limits match.
struct Line<E: Held> {
    /// The limits, as a set of rules; 0 if the line was never used.
    limits: u64,
    /// Those whose delays are over, in the order of their tickets.
    queued: Fifo<E>,
    /// Those whose delays are not known to be over, in the order of their due times.
    delayed: SortedQueue<E>,
    /// Until when some of the limits is known to admit nothing.
    closed: Closed,
}

impl<E: Held> Line<E> {
    const fn new() -> Self {
        Self {
            limits: 0,
            queued: Fifo::new(),
            delayed: SortedQueue::new(),
            closed: Closed::NOT,
        }
    }

    fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.delayed.is_empty()
    }

    /// When the first entry is or was due.
    fn first_due_ns(&self) -> Option<u64> {
        let queued = self.queued.first(E::due_ns);
        queued.or_else(|| self.delayed.first_key())
    }

    fn last_due_ns(&self) -> Option<u64> {
        self.delayed.last_key().max(self.queued.last(E::due_ns))
    }
}

impl<E: Held> Lines<E> {
    /// No line.
    pub(crate) const fn new() -> Self {
        Self {
            lines: [const { Line::new() }; LINES],
            waiting: 0,
            closed_until_ns: 0,
        }
    }

    /// Forgets what is known of limits. All lines are empty.
    pub(crate) fn reset(&mut self) {
        for line in &mut self.lines {
            line.limits = 0;
            line.closed = Closed::NOT;
        }
        self.closed_until_ns = 0;
    }

    /// Whether nobody waits, and nobody who comes at the time of this clock has to.
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

    /// As [`Lines::are_open`] at any time: nobody waits, and no line is known to be closed.
    #[inline]
    pub(crate) fn are_clear(&self) -> bool {
        u64::from(self.waiting) | self.closed_until_ns == 0
    }

    /// Adds an entry, whose due time is set, to the line of these limits; which one that is.
    pub(crate) fn push(&mut self, entry: E, limits: u64) -> usize {
        let place = self.place_for(limits);
        self.lines[place].delayed.push(entry);
        // INVARIANT: The line is not empty.
        self.waiting |= 1 << place;
        place
    }

    /// Has entries of a line that are due at this time queue up, with the tickets that `draw` gives for their sets; at most so many.
    /// Whether these were all.
    pub(crate) fn queue_up(
        &mut self,
        place: usize,
        now_ns: u64,
        most: usize,
        mut draw: impl FnMut(u64) -> u32,
    ) -> bool {
        let line = &mut self.lines[place];
        for _ in 0..most {
            let first_ns = line.delayed.first_key();
            let is_due = first_ns.is_some_and(|due_ns| due_ns <= now_ns);
            let Some(mut entry) = is_due.then(|| line.delayed.pop()).flatten() else {
                return true;
            };
            entry.set_ticket(draw(entry.set()));
            line.queued.push_back(entry);
        }
        false
    }

    /// [`Lines::queue_up`] of all lines, at most so many of each.
    pub(crate) fn queue_all_up(
        &mut self,
        now_ns: u64,
        most: usize,
        mut draw: impl FnMut(u64) -> u32,
    ) -> bool {
        let mut were_all = true;
        let mut waiting = self.waiting;
        while waiting != 0 {
            let place = waiting.trailing_zeros() as usize % LINES;
            waiting &= waiting.wrapping_sub(1);
            were_all &= self.queue_up(place, now_ns, most, &mut draw);
        }
        were_all
    }

    /// The line of these limits, made of an empty one if need be; or the last.
    pub(crate) fn place_for(&mut self, limits: u64) -> usize {
        let find = |wanted: &dyn Fn(&Line<E>) -> bool| self.lines.iter().position(wanted);
        let place = find(&|line| line.limits == limits)
            .or_else(|| find(&|line| line.is_empty()))
            .unwrap_or(LINES - 1);
        let line = &mut self.lines[place];
        if line.limits != limits && line.is_empty() {
            line.limits = limits;
            line.closed = Closed::NOT;
        }
        place
    }

    /// The line that may be asked first, and when.
    #[inline]
    pub(crate) fn first(&self) -> Option<(usize, u64)> {
        let mut waiting = self.waiting;
        let mut first = None;
        while waiting != 0 {
            let place = waiting.trailing_zeros() as usize % LINES;
            waiting &= waiting.wrapping_sub(1);
            let line = &self.lines[place];
            let time_ns = line.first_due_ns()?.max(line.closed.until_ns);
            if first.is_none_or(|(_, before_ns)| time_ns < before_ns) {
                first = Some((place, time_ns));
            }
        }
        first
    }

    /// When the last of all may go, as far as is known.
    pub(crate) fn last_ns(&self) -> Option<u64> {
        let lines = self.lines.iter();
        lines
            .filter_map(|line| Some(line.last_due_ns()?.max(line.closed.until_ns)))
            .max()
    }

    /// The set of rules that hold the first entry of a line that has queued up, and its ticket.
    pub(crate) fn first_queued(&self, place: usize) -> Option<(u64, u32)> {
        self.lines[place]
            .queued
            .first(|entry| (entry.set(), entry.ticket()))
    }

    /// Until when a line was last known to be closed, and by which rule.
    pub(crate) fn closed(&self, place: usize) -> Closed {
        self.lines[place].closed
    }

    /// Remembers until when a line is closed, if it is.
    pub(crate) fn close(&mut self, place: usize, closed: Closed) {
        let line = &mut self.lines[place];
        if closed.until_ns > line.closed.until_ns {
            line.closed = closed;
            self.closed_until_ns = self.closed_until_ns.max(closed.until_ns);
        }
    }

    /// Takes the first entry of a line that has queued up.
    pub(crate) fn pop(&mut self, place: usize) -> Option<E> {
        let line = &mut self.lines[place];
        let entry = line.queued.pop_front();
        if line.is_empty() {
            // INVARIANT: The line is empty.
            self.waiting &= !(1 << place);
        }
        entry
    }

    /// Takes an entry of any line, and whether it had queued up.
    pub(crate) fn pop_any(&mut self) -> Option<(E, bool)> {
        if self.waiting == 0 {
            return None;
        }
        let place = self.waiting.trailing_zeros() as usize % LINES;
        if let Some(entry) = self.pop(place) {
            return Some((entry, true));
        }
        let line = &mut self.lines[place];
        let entry = line.delayed.pop()?;
        if line.is_empty() {
            // INVARIANT: The line is empty.
            self.waiting &= !(1 << place);
        }
        Some((entry, false))
    }

    /// Looks at each entry, as long as `look` wants to see more; whether it still does.
    pub(crate) fn look_at_all(&self, look: &mut impl FnMut(&E) -> bool) -> bool {
        let mut lines = self.lines.iter();
        lines.all(|line| line.queued.look_at_all(look) && line.delayed.look_at_all(look))
    }
}
