// SPDX-License-Identifier: GPL-2.0

//! The requests that one hardware queue holds, and which of them may go.
//!
//! A request waits for its delays in the order of time, then, if a limit refuses it, in that limit's line until the limit's
//! next window. Whoever stands in a line is before whoever comes to it. What no rule touches waits for nothing.

use crate::{
    elevator::{now_ns, Fifo, Request, TimeQueue},
    plan::{Plan, Refusal},
};
use kernel::{prelude::*, sync::Arc};

/// The time of [`Hold::next_ns`] when nothing is held.
pub(crate) const NEVER: u64 = u64::MAX;

/// A plan and the memory that a hardware queue needs to follow it.
pub(crate) struct Course {
    plan: Option<Arc<Plan>>,
    /// By the plan's numbers of limits.
    lines: KVec<Line>,
}

/// Those whom one limit has refused.
struct Line {
    requests: Fifo,
    /// When the limit may admit again.
    open_ns: u64,
}

impl Course {
    /// The course of a disk that no rule touches. Needs no memory.
    pub(crate) const fn free() -> Self {
        Self {
            plan: None,
            lines: KVec::new(),
        }
    }

    /// The course by `plan`.
    pub(crate) fn new(plan: Option<Arc<Plan>>) -> Result<Self> {
        let mut course = Self::free();
        if let Some(plan) = plan {
            course.lines.reserve(plan.limits(), GFP_KERNEL)?;
            for _ in 0..plan.limits() {
                let line = Line {
                    requests: Fifo::new(),
                    open_ns: 0,
                };
                course.lines.push(line, GFP_KERNEL)?;
            }
            course.plan = Some(plan);
        }
        Ok(course)
    }
}

/// All requests of a hardware queue that were inserted and not yet dispatched.
pub(crate) struct Hold {
    course: Course,
    /// May go now: no rule touches them, or the driver gave them back.
    ready: Fifo,
    /// Wait for their delays, or are due and not yet looked at.
    delayed: TimeQueue,
    /// How many stand in all lines.
    in_line: usize,
}

impl Hold {
    /// Holds nothing, and follows no rule.
    pub(crate) const fn new() -> Self {
        Self {
            course: Course::free(),
            ready: Fifo::new(),
            delayed: TimeQueue::new(),
            in_line: 0,
        }
    }

    /// Whether a request that comes now has to be judged.
    #[inline]
    pub(crate) fn judges(&self) -> bool {
        self.course.plan.is_some()
    }

    /// Whether every request may go now.
    #[inline]
    pub(crate) fn all_ready(&self) -> bool {
        self.in_line == 0 && self.delayed.is_empty()
    }

    /// Takes a request that may go now.
    #[inline]
    pub(crate) fn push_ready(&mut self, request: Request) {
        self.ready.push_back(request);
    }

    /// Takes a request that the driver gave back. It went before, so it is first.
    pub(crate) fn push_again(&mut self, request: Request) {
        self.ready.push_front(request);
    }

    /// Takes a request that arrived at `now_ns`.
    pub(crate) fn judge(&mut self, mut request: Request, now_ns: u64) {
        request.set_arrival_ns(now_ns);
        self.hold(request);
    }

    /// Draws the request's delays, and counts them from its arrival.
    fn hold(&mut self, mut request: Request) {
        let Some(plan) = &self.course.plan else {
            self.ready.push_back(request);
            return;
        };
        let delay_ns = plan.delay_ns();
        if delay_ns == 0 && plan.limits() == 0 {
            self.ready.push_back(request);
            return;
        }
        // Below NEVER, which would mean that nothing is held.
        let due_ns = request.arrival_ns().saturating_add(delay_ns).min(NEVER - 1);
        request.set_due_ns(due_ns);
        self.delayed.push(request);
    }

    /// The next request, if one may go now.
    pub(crate) fn pop(&mut self) -> Option<Request> {
        if self.all_ready() {
            return self.ready.pop_front();
        }
        let mut now_ns = now_ns();
        // Those who waited are older than those who need not.
        self.pop_line(&mut now_ns)
            .or_else(|| self.pop_due(&mut now_ns))
            .or_else(|| self.ready.pop_front())
    }

    /// The next request, whether or not it may go.
    pub(crate) fn pop_any(&mut self) -> Option<Request> {
        if self.in_line > 0 {
            let in_line = self
                .course
                .lines
                .iter_mut()
                .find_map(|line| line.requests.pop_front());
            self.in_line = self.in_line.saturating_sub(1);
            return in_line;
        }
        self.delayed.pop().or_else(|| self.ready.pop_front())
    }

    /// The next request from a line that is open.
    fn pop_line(&mut self, now_ns: &mut u64) -> Option<Request> {
        if self.in_line == 0 {
            return None;
        }
        let plan = self.course.plan.clone()?;
        for number in 0..self.course.lines.len() {
            while self.course.lines[number].open_ns <= *now_ns {
                let Some(request) = self.course.lines[number].requests.pop_front() else {
                    break;
                };
                self.in_line = self.in_line.saturating_sub(1);
                match plan.admit(now_ns) {
                    Ok(()) => return Some(request),
                    // The line's own limit: everybody in it waits on.
                    Err(refusal) if refusal.limit == number => self.stand_first(request, &refusal),
                    Err(refusal) => self.stand(request, &refusal),
                }
            }
        }
        None
    }

    /// The next request whose delays are over and which the limits admit.
    fn pop_due(&mut self, now_ns: &mut u64) -> Option<Request> {
        while self
            .delayed
            .first_due_ns()
            .is_some_and(|due_ns| due_ns <= *now_ns)
        {
            let request = self.delayed.pop()?;
            if let Some(line) = self
                .course
                .lines
                .iter_mut()
                .find(|line| !line.requests.is_empty())
            {
                line.requests.push_back(request);
                self.in_line = self.in_line.saturating_add(1);
                continue;
            }
            let Some(plan) = &self.course.plan else {
                return Some(request);
            };
            match plan.admit(now_ns) {
                Ok(()) => return Some(request),
                Err(refusal) => self.stand(request, &refusal),
            }
        }
        None
    }

    /// Has a request stand in the line of the limit that refused it, by the time it was due.
    fn stand(&mut self, request: Request, refusal: &Refusal) {
        let line = &mut self.course.lines[refusal.limit];
        if line
            .requests
            .first_due_ns()
            .is_some_and(|first| request.due_ns() < first)
        {
            return self.stand_first(request, refusal);
        }
        line.requests.push_back(request);
        line.open_ns = refusal.until_ns;
        self.in_line = self.in_line.saturating_add(1);
    }

    fn stand_first(&mut self, request: Request, refusal: &Refusal) {
        let line = &mut self.course.lines[refusal.limit];
        line.requests.push_front(request);
        line.open_ns = refusal.until_ns;
        self.in_line = self.in_line.saturating_add(1);
    }

    /// The earliest time at which [`Hold::pop`] may give a request: 0 is now, [`NEVER`] that nothing is held.
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        if !self.ready.is_empty() {
            return 0;
        }
        let due_ns = self.delayed.first_due_ns().unwrap_or(NEVER);
        if self.in_line == 0 {
            return due_ns;
        }
        let lines = self
            .course
            .lines
            .iter()
            .filter(|line| !line.requests.is_empty());
        lines.fold(due_ns, |next_ns, line| next_ns.min(line.open_ns))
    }

    /// Follows another course, and judges all that is held again, from its own arrival. Gives back the old course.
    pub(crate) fn follow(&mut self, course: Course) -> Course {
        let mut held = self.take_held();
        let old = core::mem::replace(&mut self.course, course);
        let keeps = match (&old.plan, &self.course.plan) {
            (Some(old), Some(new)) => old.same_delays(new),
            _ => false,
        };
        while let Some(request) = held.pop_front() {
            // A delay that did not change is not drawn again: who draws often enough draws a short one at last.
            if keeps {
                self.delayed.push(request);
            } else {
                self.hold(request);
            }
        }
        old
    }

    /// Judges all that is held again, after a rule of the plan has ended.
    pub(crate) fn judge_again(&mut self) {
        let mut held = self.take_held();
        while let Some(request) = held.pop_front() {
            self.hold(request);
        }
    }

    /// Everything that may not go yet, oldest first as far as lines are concerned.
    fn take_held(&mut self) -> Fifo {
        let mut held = Fifo::new();
        for line in self.course.lines.iter_mut() {
            held.append(&mut line.requests);
        }
        self.in_line = 0;
        while let Some(request) = self.delayed.pop() {
            held.push_back(request);
        }
        held
    }
}
