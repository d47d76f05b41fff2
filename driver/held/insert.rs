// SPDX-License-Identifier: GPL-2.0-only

//! How entries come: requests that are inserted, and completions that arrive.

use super::Held;
use crate::{
    elevator::{Bio, Fifo},
    held_entry::{HeldEntry, Parked, Request},
    parking::{park_or_hold, Park},
    published::State,
    rule_set::RuleSet,
    stats::Count,
    sys::clock::{now_ns, Clock},
};

impl Held<Request> {
    /// Has a request that waits for the disk take I/O that borders on it; true if one has.
    ///
    /// Not while a plan is followed: its rules are asked about each request, and once.
    pub(crate) fn merge(&mut self, bio: Bio<'_>) -> bool {
        self.plan.is_none() && self.ready.merge(bio)
    }

    /// Takes requests that arrive now. If the driver gave one back, it is alone, and neither
    /// delayed nor charged twice. A request that comes at the head for the first time, the data of
    /// a flush, is as any other.
    #[inline]
    pub(crate) fn insert(&mut self, requests: Fifo<Request>, park: &mut impl Park) {
        if requests.first(Request::was_released).unwrap_or(false) {
            return self.insert_again(requests);
        }
        if self.plan.is_none() {
            return self.ready.append(requests);
        }
        // Entries that wait on other hardware queues came before these.
        if self.published.state() == State::Asking && !self.others_wait() {
            return self.ask_in_turn(requests);
        }
        self.judge_all(requests, park);
    }

    /// Whether any entry waits for a limit, on whatever hardware queue.
    #[inline]
    fn others_wait(&self) -> bool {
        let plan = self.plan.as_ref();
        plan.is_some_and(|plan| plan.turns().any_waits())
    }

    /// [`Held::insert`] where rules have to be asked; not inlined, so that it costs nothing where
    /// none have.
    #[inline(never)]
    fn judge_all(&mut self, mut requests: Fifo<Request>, park: &mut impl Park) {
        while let Some(request) = requests.pop_front() {
            self.judge(request, park);
        }
    }

    /// Takes a request that the driver gave back. It went before, so it is first; and it asks no
    /// limits.
    #[cold]
    fn insert_again(&mut self, mut requests: Fifo<Request>) {
        while let Some(mut request) = requests.pop_front() {
            request.set_rules(RuleSet::EMPTY);
            self.ready.push_front(request);
        }
    }

    /// Takes a request that arrives now.
    #[inline]
    fn judge(&mut self, mut request: Request, park: &mut impl Park) {
        let mut clock = Clock::new();
        let Some(plan) = &self.plan else {
            return self.ready.push_back(request);
        };
        let mut verdict = plan.judge(&request, &mut clock, self.hctx, self.limit_all);
        if !verdict.parked_by.is_empty() {
            park_or_hold(plan, &mut request, &mut verdict, self.hctx, park);
        }
        request.set_rules(verdict.held_by);
        if verdict.held_by.is_empty() {
            return self.ready.push_back(request);
        }
        let is_limited = !plan.limits_of(verdict.held_by).is_empty();
        let may_ask = verdict.delay_ns == 0 && (verdict.held_by - self.endless).is_empty();
        if may_ask
            && !plan.turns().any_waits()
            && self.waiting.limit_queues_mut().are_open(&mut clock)
        {
            if self.only_limits {
                // The requests that come next need not be judged.
                self.published.outdate();
            }
            self.asking = self.asking.wrapping_add(1);
            return self.ready.push_back(request);
        }
        let now_ns = clock.now_ns();
        if is_limited {
            // INVARIANT: No request asks while an entry waits in a limit queue, or it might go
            // before those that came earlier.
            self.hold_asking(now_ns);
        }
        self.enter(request, verdict.delay_ns, now_ns);
    }

    /// Takes requests that arrive now, when all that the plan does to any is to have it ask limits,
    /// and no request waits for one.
    #[inline]
    fn ask_in_turn(&mut self, mut requests: Fifo<Request>) {
        requests.update_all(
            |request| {
                if request.is_swap() {
                    return RuleSet::EMPTY;
                }
                self.asking = self.asking.wrapping_add(1);
                self.limit_all
            },
            |data, rules| data.rules = rules,
        );
        self.ready.append(requests);
    }

    /// Has the completions of waiting requests held, too, where a new rule of the plan says so.
    /// Those whose completion is held already are judged again when they arrive.
    pub(crate) fn park_waiting(&mut self, park: &mut impl Park) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        if plan.parks_nothing_new() {
            return;
        }
        let mut waiting = Fifo::new();
        // None has a ticket: all were just judged again.
        while let Some((request, _)) = self.pop_waiting() {
            waiting.push_back(request);
        }
        while let Some(mut request) = waiting.pop_front() {
            if park.can_park(&request) {
                let mut verdict = plan.judge_new(&request, self.hctx);
                if !verdict.parked_by.is_empty() {
                    park_or_hold(&plan, &mut request, &mut verdict, self.hctx, park);
                    if !verdict.held_by.is_empty() {
                        let due_ns = request.due_ns().saturating_add(verdict.delay_ns);
                        request.set_due_ns(due_ns);
                        request.set_rules(request.rules() | verdict.held_by);
                        plan.count(verdict.held_by, self.hctx, Count::Entered);
                    }
                }
            }
            let _ = self.hold(request);
        }
    }
}

impl Held<Parked> {
    /// Takes a completion that has arrived, and was judged when its request was inserted.
    pub(crate) fn arrive(&mut self, mut parked: Parked) {
        let plan = self.plan.as_ref().filter(|_| !parked.is_over());
        let Some(plan) = plan else {
            return self.ready.push_back(parked);
        };
        let may_end = parked.rules() - self.endless;
        // It may have arrived some time ago, and a rule have ended since.
        let is_stale = parked.epoch() != plan.epoch();
        let now_ns = if !may_end.is_empty() || is_stale {
            now_ns()
        } else {
            0
        };
        if is_stale || plan.has_ended(may_end, now_ns) {
            plan.judge_arrival(&mut parked, now_ns, self.hctx);
        }
        if parked.rules().is_empty() {
            return self.ready.push_back(parked);
        }
        self.enter_judged(parked);
    }
}
