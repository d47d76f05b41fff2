// SPDX-License-Identifier: GPL-2.0-only

//! The release of entries: by their time and their limits, or all at once.

use super::{Held, Next};
use crate::{
    admission::{Admission, Closed},
    held_entry::{HeldEntry, Parked},
    rule_set::RuleSet,
    sys::clock::now_ns,
    waiting::Due,
};

impl<E: HeldEntry> Held<E> {
    /// The next entry, if no entry waits and none did ([`Held::is_quiet`]): then it is found at
    /// once, and taking it does not change the published state.
    #[inline]
    pub(crate) fn pop_quickly(&mut self) -> Next<E> {
        if self.plan.is_some() {
            if !self.is_quiet() {
                return Next::Unknown;
            }
            if self.asking > 0 {
                return self.pop_admitted();
            }
        }
        self.ready.pop_front().map_or(Next::Nothing, Next::Entry)
    }

    /// The first ready entry, if it has no limits to ask, or they clearly admit it. To call while
    /// no entry waits.
    #[inline]
    fn pop_admitted(&mut self) -> Next<E> {
        let Some(plan) = self.plan.as_ref() else {
            return Next::Unknown;
        };
        let first = self
            .ready
            .first(|entry| (entry.rules(), plan.bytes_of(entry)));
        let Some((rules, bytes)) = first else {
            return Next::Unknown;
        };
        if !rules.is_empty() {
            if !plan.admit_at_once(rules, bytes, self.limit_all, self.lane, now_ns()) {
                return Next::Unknown;
            }
            self.asking = self.asking.wrapping_sub(1);
        }
        self.ready.pop_front().map_or(Next::Unknown, Next::Entry)
    }

    /// The next entry, if one may go now.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<E> {
        if self.waiting.count() > 0 {
            // Waiting entries are older than ready ones.
            if let Some(entry) = self.pop_due(now_ns()) {
                return Some(entry);
            }
        }
        if self.asking > 0 {
            return self.pop_asking();
        }
        self.ready.pop_front()
    }

    /// The next entry that may go now, when some ready entries have limits to ask.
    #[inline]
    fn pop_asking(&mut self) -> Option<E> {
        let entry = self.ready.pop_front()?;
        let plan = self.plan.as_ref().filter(|_| !entry.rules().is_empty());
        let Some(plan) = plan else {
            return Some(entry);
        };
        self.asking = self.asking.wrapping_sub(1);
        let limits = plan.limits_of(entry.rules());
        let mut now_ns = now_ns();
        // Entries that wait on other hardware queues came before this one.
        let admission = if plan.turns().any_waits_for(limits) {
            Admission::Refused(Closed::NOT)
        } else {
            plan.charge(limits, plan.bytes_of(&entry), &mut now_ns)
        };
        match admission {
            Admission::Admitted(closed) => {
                plan.count_at_once(entry.rules(), self.limit_all, self.lane);
                if closed.until_ns > 0 {
                    self.close(limits, closed, now_ns);
                }
                Some(entry)
            }
            Admission::Refused(closed) => {
                self.enter(entry, 0, now_ns);
                self.close(limits, closed, now_ns);
                // No ready entry has limits to ask any more. Other limits may admit some of these
                // entries, or they turn out to have no rules.
                self.pop_due(now_ns).or_else(|| self.ready.pop_front())
            }
        }
    }

    /// Remembers that some of these limits admit nothing for now, so that no entry need ask them.
    fn close(&mut self, limits: RuleSet, closed: Closed, now_ns: u64) {
        let queues = self.waiting.limit_queues_mut();
        let place = queues.place_for(limits);
        queues.close(place, closed);
        self.published.outdate();
        self.hold_asking(now_ns);
    }

    /// The next entry, whether or not it may go.
    pub(crate) fn pop_any(&mut self) -> Option<E> {
        let Some((entry, has_ticket)) = self.pop_waiting() else {
            let entry = self.ready.pop_front()?;
            if self.asking > 0 && !entry.rules().is_empty() {
                self.asking = self.asking.wrapping_sub(1);
                if let Some(plan) = &self.plan {
                    plan.count_at_once(entry.rules(), self.limit_all, self.lane);
                }
            }
            return Some(entry);
        };
        let now_ns = now_ns();
        let plan = self.plan.as_ref();
        let early = plan.is_some_and(|plan| plan.is_early(&entry, now_ns));
        plan.inspect(|plan| plan.clear_lanes(entry.rules()));
        if has_ticket {
            plan.inspect(|plan| plan.turns().leave(plan.limits_of(entry.rules())));
        }
        Some(self.let_go(entry, now_ns, early))
    }

    /// Counts an entry that has waited and goes now.
    fn let_go(&mut self, entry: E, now_ns: u64, early: bool) -> E {
        if let Some(plan) = &self.plan {
            let added_ns = now_ns.saturating_sub(entry.arrival_ns());
            plan.count_left(entry.rules(), self.lane, added_ns, early);
        }
        entry
    }

    /// The next entry whose delays are over, if the limits that match it admit it.
    fn pop_due(&mut self, mut now_ns: u64) -> Option<E> {
        if now_ns >= self.next_end_ns {
            self.judge_again(now_ns);
        }
        loop {
            let entry = match self.waiting.first_due(now_ns)? {
                Due::Delayed => {
                    self.published.outdate();
                    Some(self.waiting.pop_delayed()?)
                }
                // Each refusal closes a limit queue for some time, so the loop ends.
                Due::Limited(place) => self.ask_limits(place, &mut now_ns),
            };
            if let Some(entry) = entry {
                return Some(self.let_go(entry, now_ns, false));
            }
        }
    }

    /// The first entry of a limit queue, if it has its turn and the limits admit it.
    fn ask_limits(&mut self, place: usize, now_ns: &mut u64) -> Option<E> {
        self.queue_up(place, *now_ns);
        let plan = self.plan.as_ref()?;
        let queues = self.waiting.limit_queues_mut();
        let look = |entry: &E| (entry.rules(), plan.bytes_of(entry), entry.ticket());
        let (rules, bytes, ticket) = queues.first_queued(place, look)?;
        let limits = plan.limits_of(rules);
        let was_closed = queues.closed(place);
        let admission = plan.admit(limits, bytes, ticket, now_ns);
        queues.close(place, admission.closed());
        self.published.outdate();
        if !admission.is_admitted() {
            return None;
        }
        let entry = self.waiting.pop_limited(place)?;
        plan.turns().leave(limits);
        // An entry whose delays were over before the limits admitted any had to wait for them.
        if entry.due_ns() < was_closed.until_ns {
            plan.count_limited(was_closed.by, self.lane);
        }
        Some(entry)
    }
}

impl Held<Parked> {
    /// The next completion that may go at this time. This judges completions again only if
    /// [`Held::has_expired`] at this time.
    pub(crate) fn pop_at(&mut self, now_ns: u64) -> Option<Parked> {
        let due = if self.waiting.count() > 0 {
            self.pop_due(now_ns)
        } else {
            None
        };
        due.or_else(|| self.ready.pop_front())
    }
}
