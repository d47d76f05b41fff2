// SPDX-License-Identifier: GPL-2.0-only

//! The requests that one hardware queue holds, and which of them may go.
//!
//! A request waits for its delays in the order of time, then for every limit to admit it. What no rule touches waits for
//! nothing.

use crate::{
    elevator::{now_ns, Fifo, Request, TimeQueue},
    plan::Plan,
};
use kernel::sync::Arc;

/// The time of [`Hold::next_ns`] when nothing is held.
pub(crate) const NEVER: u64 = u64::MAX;

/// All requests of a hardware queue that were inserted and not yet dispatched.
pub(crate) struct Hold {
    /// What is done to them; `None` is nothing.
    plan: Option<Arc<Plan>>,
    /// May go now: no rule touches them, or the driver gave them back.
    ready: Fifo,
    /// Wait for their delays or, after these, for the limits.
    delayed: TimeQueue,
    /// Before this time some limit is known to admit nothing.
    open_ns: u64,
}

impl Hold {
    /// Holds nothing, and follows no rule.
    pub(crate) const fn new() -> Self {
        Self {
            plan: None,
            ready: Fifo::new(),
            delayed: TimeQueue::new(),
            open_ns: 0,
        }
    }

    /// Whether a request that comes now has to be judged.
    #[inline]
    pub(crate) fn judges(&self) -> bool {
        self.plan.is_some()
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
        let Some(plan) = &self.plan else {
            self.ready.push_back(request);
            return;
        };
        let delay_ns = plan.delay_ns();
        if delay_ns == 0 && !plan.limits() {
            self.ready.push_back(request);
            return;
        }
        // Below NEVER, which would mean that nothing is held.
        let due_ns = request.arrival_ns().saturating_add(delay_ns).min(NEVER - 1);
        request.set_due_ns(due_ns);
        self.delayed.push(request);
    }

    /// Whether every request may go now.
    #[inline]
    pub(crate) fn all_ready(&self) -> bool {
        self.delayed.is_empty()
    }

    /// The next request, if one may go now.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Request> {
        // Those who waited are older than those who need not.
        self.pop_due().or_else(|| self.ready.pop_front())
    }

    /// The next request, whether or not it may go.
    pub(crate) fn pop_any(&mut self) -> Option<Request> {
        self.delayed.pop().or_else(|| self.ready.pop_front())
    }

    /// The next request whose delays are over, if the limits admit it.
    fn pop_due(&mut self) -> Option<Request> {
        let due_ns = self.delayed.first_due_ns()?;
        let mut now_ns = now_ns();
        if due_ns.max(self.open_ns) > now_ns {
            return None;
        }
        if let Some(plan) = &self.plan {
            let admitted = plan.admit(&mut now_ns);
            let (Ok(open_ns) | Err(open_ns)) = admitted;
            self.open_ns = open_ns;
            admitted.ok()?;
        }
        self.delayed.pop()
    }

    /// The earliest time at which [`Hold::pop`] may give a request: 0 is now, [`NEVER`] that nothing is held.
    ///
    /// It is exact as far as this hardware queue can know. Asking for a dispatch that then gives nothing is no small thing:
    /// the block layer plans to ask again after 3 ms, and where that meets a run that is asked for at the same moment, the
    /// latter is put off as well (`blk_mq_delay_run_hw_queues` looks for a pending run before it changes its time).
    #[inline]
    pub(crate) fn next_ns(&self) -> u64 {
        if !self.ready.is_empty() {
            return 0;
        }
        self.delayed
            .first_due_ns()
            .map_or(NEVER, |due_ns| due_ns.max(self.open_ns))
    }

    /// Follows another plan, and judges all that is held again, from its own arrival. Gives back the old plan.
    pub(crate) fn follow(&mut self, plan: Option<Arc<Plan>>) -> Option<Arc<Plan>> {
        let old = core::mem::replace(&mut self.plan, plan);
        let keeps = match (&old, &self.plan) {
            (Some(old), Some(new)) => old.same_delays(new),
            _ => false,
        };
        if keeps {
            // A delay that did not change is not drawn again: who draws often enough draws a short one at last.
            self.open_ns = 0;
        } else {
            self.judge_again();
        }
        old
    }

    /// Judges all that is held again, from its own arrival.
    pub(crate) fn judge_again(&mut self) {
        self.open_ns = 0;
        let mut held = Fifo::new();
        while let Some(request) = self.delayed.pop() {
            held.push_back(request);
        }
        while let Some(request) = held.pop_front() {
            self.hold(request);
        }
    }
}
