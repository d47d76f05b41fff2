// SPDX-License-Identifier: GPL-2.0-only

//! The judgement of a plan on I/Os that arrive, and on entries that an earlier plan has judged.

use super::Plan;
use crate::{
    held_entry::{HeldEntry, Parked, Request},
    policy::{bounds::Place, io::Io},
    rule_set::RuleSet,
    stats::{Count, Lane},
    sys::clock::Clock,
    verdict::Verdict,
};

/// The rules that a plan has in common with an earlier plan for the same disk.
#[derive(Clone, Copy)]
struct Common {
    /// The rules whose injections have a rule in both plans.
    injection: RuleSet,
    /// The rules of `injection` that choose the same requests.
    choice: RuleSet,
    /// The rules of `choice` that delay them in the same way.
    delay: RuleSet,
}

/// A plan that judges held entries again, and the data that are the same for all entries.
pub(crate) struct Again<'a> {
    plan: &'a Plan,
    old: &'a Plan,
    common: Common,
    /// The rules of `plan` that have not ended.
    active: RuleSet,
    now_ns: u64,
}

impl Again<'_> {
    /// Judges a held entry again, and replaces its rules and its due time, which come from the old
    /// plan.
    pub(crate) fn judge<E: HeldEntry>(&self, entry: &mut E, lane: Lane) {
        let (before, now_ns) = (entry.rules(), self.now_ns);
        let early = self.old.is_early(entry, now_ns);
        let delayed = before & self.old.delaying;
        self.plan
            .judge_again(entry, self.common, self.active, delayed, now_ns, lane);
        let (held_by, known) = (entry.rules(), self.common.injection);
        let added_ns = now_ns.saturating_sub(entry.arrival_ns());
        self.old
            .count_left(before - (held_by & known), lane, added_ns, early);
        self.plan
            .count(held_by - (before & known), lane, Count::Entered);
    }
}

impl Plan {
    /// Judges a request that arrives now at the hardware queue of this number, whose lock the
    /// caller holds. The rules in `limit_all` ([`Plan::limit_all`]) hold it in any case, and do not
    /// count it as matched.
    #[inline]
    pub(crate) fn judge(
        &self,
        request: &Request,
        clock: &mut Clock,
        lane: Lane,
        limit_all: RuleSet,
    ) -> Verdict {
        let mut verdict = Verdict::NONE;
        if request.is_exempt() {
            return verdict;
        }
        verdict.held_by = limit_all;
        let candidates = self.for_operation(request.operation()) - limit_all;
        if candidates.is_empty() {
            return verdict;
        }
        let place = Place::of(request);
        for (screen, rule) in self.screens.iter().zip(&self.rules) {
            if candidates.contains(screen.bit) && screen.bounds.may_match(&place) {
                rule.add_to(&mut verdict, request, clock, Some(lane));
            }
        }
        verdict
    }

    /// Whether the plan has no rule that holds completions and that no earlier plan had.
    pub(crate) fn parks_nothing_new(&self) -> bool {
        self.newly_parking().is_empty()
    }

    fn newly_parking(&self) -> RuleSet {
        self.set_of(|rule| rule.choice_since == self.epoch && !rule.holds_requests())
    }

    /// The verdict of the new rules that hold completions, on a request that is held already.
    pub(crate) fn judge_new(&self, request: &Request, lane: Lane) -> Verdict {
        let mut verdict = Verdict::NONE;
        for rule in self.rules_of(self.newly_parking() - request.rules()) {
            // As in `judge_again`.
            let is_new = rule.known_since == self.epoch;
            let counted = is_new.then_some(lane);
            rule.add_to(&mut verdict, request, &mut Clock::new(), counted);
        }
        verdict
    }

    /// Judges an entry again, and replaces its rules and its due time, which come from another
    /// plan. The rules of `delayed` have delayed it.
    ///
    /// A rule that has not changed does not draw again, or an entry that draws often enough would
    /// get a short delay in the end. Only if the delay of some rule has to go from the sum, all
    /// rules draw again. A rule that held the entry goes on holding it in the same way. A new rule
    /// takes only the kind of entry that it holds, requests or completions.
    fn judge_again<E: HeldEntry>(
        &self,
        entry: &mut E,
        common: Common,
        active: RuleSet,
        delayed: RuleSet,
        now_ns: u64,
        lane: Lane,
    ) {
        let before = entry.rules();
        let mut held_by = before & common.choice & active;
        let redraw = !(delayed - (common.delay & active)).is_empty();
        let mut delay_ns = 0u64;
        for rule in self.rules.iter().filter(|rule| active.contains(rule.bit)) {
            let added_ns = if !common.choice.contains(rule.bit) {
                // An injection that knew the entry before has counted it.
                let knows = common.injection.contains(rule.bit);
                let was_affected = knows && before.contains(rule.bit);
                let takes = was_affected || rule.holds_requests() != E::IS_COMPLETION;
                let (clock, lane) = (&mut now_ns.into(), (!knows).then_some(lane));
                (takes && rule.matches(entry))
                    .then(|| rule.judge(clock, lane, was_affected))
                    .flatten()
            } else if !held_by.contains(rule.bit) {
                None
            } else if redraw || !common.delay.contains(rule.bit) {
                rule.hold_for()
            } else {
                Some(0)
            };
            match added_ns {
                Some(added_ns) => {
                    held_by |= rule.bit;
                    delay_ns = delay_ns.saturating_add(added_ns);
                }
                None => held_by = held_by - rule.bit,
            }
        }
        let from_ns = if redraw || delayed.is_empty() {
            entry.arrival_ns()
        } else {
            entry.due_ns()
        };
        entry.set_due_ns(from_ns.saturating_add(delay_ns));
        entry.set_rules(held_by);
    }

    /// Judges a completion that arrives now, and that an earlier plan judged when its request was
    /// inserted.
    #[cold]
    pub(crate) fn judge_arrival(&self, parked: &mut Parked, now_ns: u64, lane: Lane) {
        let common = self.since(parked.epoch());
        let delay_ns = parked.due_ns().saturating_sub(parked.arrival_ns());
        // The record does not say which of the earlier plan's rules have delayed the completion,
        // only for how long they did together.
        let delayed = parked.rules().when(delay_ns > 0);
        let active = self.active(now_ns);
        self.judge_again(parked, common, active, delayed, now_ns, lane);
    }

    /// Prepares to judge entries again, at this time, that `old` has judged before.
    pub(crate) fn again<'a>(&'a self, old: &'a Self, now_ns: u64) -> Again<'a> {
        Again {
            plan: self,
            old,
            common: self.since(old.epoch),
            active: self.active(now_ns),
            now_ns,
        }
    }

    /// The rules that this plan has in common with the plan of that number.
    fn since(&self, epoch: u64) -> Common {
        Common {
            injection: self.set_of(|rule| rule.known_since <= epoch),
            choice: self.set_of(|rule| rule.choice_since <= epoch),
            delay: self.set_of(|rule| rule.delay_since <= epoch),
        }
    }
}
