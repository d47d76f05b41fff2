// SPDX-License-Identifier: GPL-2.0-only

//! Requests that wait for limits: a line for each set of limits, so that nobody waits behind one who waits for another limit.

use crate::{
    elevator::{Clock, Request, TimeQueue},
    plan::Closed,
};

/// How many lines there are. More sets of limits than that at a time share the last one.
const LINES: usize = 16;

/// All lines of a hardware queue.
///
/// # Invariants
///
/// The bit of a line is set in `waiting` if and only if its queue is not empty.
pub(crate) struct Lines {
    lines: [Line; LINES],
    waiting: u16,
    /// Before this time some line may be closed.
    closed_until_ns: u64,
}

/// Requests that the same limits match, in the order of their due times.
struct Line {
    /// The limits, as a set of rules; 0 if the line was never used.
    limits: u64,
    queue: TimeQueue,
    /// Until when some of the limits is known to admit nothing.
    closed: Closed,
}

impl Line {
    const fn new() -> Self {
        Self {
            limits: 0,
            queue: TimeQueue::new(),
            closed: Closed::NOT,
        }
    }
}

impl Lines {
    /// No line.
    pub(crate) const fn new() -> Self {
        Self {
            lines: [const { Line::new() }; LINES],
            waiting: 0,
            closed_until_ns: 0,
        }
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

    /// Adds a request, whose due time is set, to the line of these limits.
    pub(crate) fn push(&mut self, request: Request, limits: u64) {
        let place = self.place_for(limits);
        self.lines[place].queue.push(request);
        // INVARIANT: The queue is not empty.
        self.waiting |= 1 << place;
    }

    /// The line of these limits, made of an empty one if need be; or the last.
    pub(crate) fn place_for(&mut self, limits: u64) -> usize {
        let find = |wanted: &dyn Fn(&Line) -> bool| self.lines.iter().position(wanted);
        let place = find(&|line| line.limits == limits)
            .or_else(|| find(&|line| line.queue.is_empty()))
            .unwrap_or(LINES - 1);
        let line = &mut self.lines[place];
        if line.limits != limits && line.queue.is_empty() {
            *line = Line::new();
            line.limits = limits;
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
            let time_ns = line.queue.first_due_ns()?.max(line.closed.until_ns);
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
            .filter_map(|line| Some(line.queue.last_due_ns()?.max(line.closed.until_ns)))
            .max()
    }

    /// The set of rules that hold the first request of a line.
    pub(crate) fn first_set(&self, place: usize) -> Option<u64> {
        self.lines[place].queue.first_set()
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

    /// Takes the first request of a line.
    pub(crate) fn pop(&mut self, place: usize) -> Option<Request> {
        let queue = &mut self.lines[place].queue;
        let request = queue.pop();
        if queue.is_empty() {
            // INVARIANT: The queue is empty.
            self.waiting &= !(1 << place);
        }
        request
    }

    /// Takes a request of any line.
    pub(crate) fn pop_any(&mut self) -> Option<Request> {
        if self.waiting == 0 {
            return None;
        }
        self.pop(self.waiting.trailing_zeros() as usize % LINES)
    }
}
