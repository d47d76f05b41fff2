// SPDX-License-Identifier: GPL-2.0-only

//! Requests that wait for limits: a line for each set of limits, so that nobody waits behind one who waits for another limit.

use crate::elevator::{Request, TimeQueue};

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
}

/// Requests that the same limits match, in the order of their due times.
struct Line {
    /// The limits, as a set of rules; 0 if the line was never used.
    limits: u64,
    queue: TimeQueue,
    /// Before this time some of the limits is known to admit nothing.
    open_ns: u64,
    /// The number of that limit's rule.
    closed_by: u32,
}

impl Line {
    const fn new() -> Self {
        Self {
            limits: 0,
            queue: TimeQueue::new(),
            open_ns: 0,
            closed_by: 0,
        }
    }
}

impl Lines {
    /// No line.
    pub(crate) const fn new() -> Self {
        Self {
            lines: [const { Line::new() }; LINES],
            waiting: 0,
        }
    }

    /// Adds a request, whose due time is set, to the line of these limits.
    pub(crate) fn push(&mut self, request: Request, limits: u64) {
        let place = self.place_for(limits);
        let line = &mut self.lines[place];
        if line.limits != limits && line.queue.is_empty() {
            *line = Line::new();
            line.limits = limits;
        }
        line.queue.push(request);
        // INVARIANT: The queue is not empty.
        self.waiting |= 1 << place;
    }

    /// The line of these limits, or an empty one, or the last.
    fn place_for(&self, limits: u64) -> usize {
        let find = |wanted: &dyn Fn(&Line) -> bool| self.lines.iter().position(wanted);
        find(&|line| line.limits == limits)
            .or_else(|| find(&|line| line.queue.is_empty()))
            .unwrap_or(LINES - 1)
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
            let time_ns = line.queue.first_due_ns()?.max(line.open_ns);
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
            .filter_map(|line| Some(line.queue.last_due_ns()?.max(line.open_ns)))
            .max()
    }

    /// The set of rules that hold the first request of a line.
    pub(crate) fn first_set(&self, place: usize) -> Option<u64> {
        self.lines[place].queue.first_set()
    }

    /// Until when a line was last known to be closed, and by which rule.
    pub(crate) fn closed(&self, place: usize) -> (u64, u32) {
        let line = &self.lines[place];
        (line.open_ns, line.closed_by)
    }

    /// Remembers until when a line is closed, if it is.
    pub(crate) fn close(&mut self, place: usize, open_ns: u64, by: u32) {
        let line = &mut self.lines[place];
        if open_ns > line.open_ns {
            line.open_ns = open_ns;
            line.closed_by = by;
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
