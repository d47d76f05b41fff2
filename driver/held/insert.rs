// SPDX-License-Identifier: GPL-2.0-only

//! The arrival of entries: requests that are inserted, and completions that arrive.

use super::Held;
use crate::{
    elevator::{Bio, Fifo},
    failing::{fail_or_hold, hold_new},
    held_entry::{HeldEntry, Parked, Request},
    parking::{park_or_hold, Park},
    published::State,
    rule_set::RuleSet,
    stats::Count,
    sys::clock::{now_ns, Clock},
};

impl Held<Request> {
    /// Merges a bio into a ready request that it borders on, if one may take it, and returns
    /// whether it has.
    ///
    /// It merges nothing while there is a plan, whose rules judge each request, and only once.
    pub(crate) fn merge(&mut self, bio: Bio<'_>) -> bool {
        self.plan.is_none() && self.ready.merge(bio)
    }

    /// Takes requests that arrive now. A requeued request comes alone, and is neither delayed nor
    /// charged twice. The data request of a flush comes at the head for the first time, and is like
    /// any other.
    #[inline]
    pub(crate) fn insert(&mut self, requests: Fifo<Request>, park: &mut impl Park) {
        if requests.first(Request::was_released).unwrap_or(false) {
            return self.insert_again(requests);
        }
        if self.plan.is_none() {
            return self.ready.append(requests);
        }
        // Entries that wait on other hardware queues came before these requests.
        if self.published.state() == State::Asking && !self.others_wait() {
            return self.ask_in_turn(requests);
        }
        self.judge_all(requests, park);
    }

    /// Whether any entry waits for a limit, on any hardware queue.
    #[inline]
    fn others_wait(&self) -> bool {
        let plan = self.plan.as_ref();
        plan.is_some_and(|plan| plan.turns().any_waits())
    }

    /// [`Held::insert`] where rules have to judge; not inlined, so that it costs nothing elsewhere.
    #[inline(never)]
    fn judge_all(&mut self, mut requests: Fifo<Request>, park: &mut impl Park) {
        while let Some(request) = requests.pop_front() {
            self.judge(request, park);
        }
    }

    /// Takes a requeued request. It went before, so it is first, and it asks no limits.
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
        let mut verdict = plan.judge(&request, &mut clock, self.lane, self.limit_all);
        if !verdict.failed_by.is_empty() {
            let (uncounted, lane) = (self.limit_all, self.lane);
            let ends = fail_or_hold(plan, &mut request, &mut verdict, uncounted, lane, park);
            if let Some(status) = ends {
                request = match park.end(request, status) {
                    Ok(()) => return,
                    Err(request) => request,
                };
            }
        } else if !verdict.parked_by.is_empty() {
            park_or_hold(plan, &mut request, &mut verdict, self.lane, park);
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
                // The plan need not judge the requests that come next.
                self.published.outdate();
            }
            self.asking = self.asking.wrapping_add(1);
            return self.ready.push_back(request);
        }
        let now_ns = clock.now_ns();
        if is_limited {
            // INVARIANT: No ready request has limits to ask while an entry waits in a limit queue,
            // or it might go before entries that came earlier.
            self.hold_asking(now_ns);
        }
        self.enter(request, verdict.delay_ns, now_ns);
    }

    /// Takes requests that arrive now, when the plan only has each of them ask the limits of
    /// `limit_all`, and no entry waits for a limit.
    #[inline]
    fn ask_in_turn(&mut self, mut requests: Fifo<Request>) {
        requests.update_all(
            |request| {
                if request.is_exempt() {
                    return RuleSet::EMPTY;
                }
                self.asking = self.asking.wrapping_add(1);
                self.limit_all
            },
            |data, rules| data.rules = rules,
        );
        self.ready.append(requests);
    }

    /// Has the completions of waiting requests held too, where a new rule of the plan says so. A
    /// completion that is to be held already is judged again when it arrives.
    pub(crate) fn park_waiting(&mut self, park: &mut impl Park) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        if plan.parks_nothing_new() {
            return;
        }
        let mut waiting = Fifo::new();
        // No request has a ticket, since all were just judged again.
        while let Some((request, _)) = self.pop_waiting() {
            waiting.push_back(request);
        }
        while let Some(mut request) = waiting.pop_front() {
            if park.can_park(&request) {
                let mut verdict = plan.judge_new(&request, self.lane);
                if !verdict.parked_by.is_empty() {
                    hold_new(&plan, &mut request, &mut verdict, self.lane, park);
                    if !verdict.held_by.is_empty() {
                        let due_ns = request.due_ns().saturating_add(verdict.delay_ns);
                        request.set_due_ns(due_ns);
                        request.set_rules(request.rules() | verdict.held_by);
                        plan.count(verdict.held_by, self.lane, Count::Entered);
                    }
                }
            }
            let _ = self.hold(request);
        }
    }
}

impl Held<Parked> {
    /// Takes a completion that has arrived, and that a plan judged when its request was inserted.
    pub(crate) fn arrive(&mut self, mut parked: Parked) {
        let plan = self.plan.as_ref().filter(|_| !parked.is_over());
        let Some(plan) = plan else {
            return self.ready.push_back(parked);
        };
        let may_end = parked.rules() - self.endless;
        // It may have arrived some time ago, and a rule may have ended since.
        let is_stale = parked.epoch() != plan.epoch();
        let now_ns = if !may_end.is_empty() || is_stale {
            now_ns()
        } else {
            0
        };
        if is_stale || plan.has_ended(may_end, now_ns) {
            plan.judge_arrival(&mut parked, now_ns, self.lane);
        }
        if parked.rules().is_empty() {
            return self.ready.push_back(parked);
        }
        self.enter_judged(parked);
    }
}
