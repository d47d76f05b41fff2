// SPDX-License-Identifier: GPL-2.0-only

//! How a plan judges I/Os: those that arrive, and those that an earlier plan has judged.

use super::Plan;
use crate::{
    held_entry::{HeldEntry, Parked, Request},
    policy::{bounds::Place, io::Io},
    rule_set::RuleSet,
    stats::Count,
    sys::clock::Clock,
    verdict::Verdict,
};

/// What a plan has in common with an earlier one for the same disk.
#[derive(Clone, Copy)]
struct Common {
    /// The rules of the same injections.
    injection: RuleSet,
    /// Of these, those that choose the same requests.
    choice: RuleSet,
    /// Of these, those that delay them in the same way.
    delay: RuleSet,
}

/// A plan that is about to judge again, and what is the same for all entries.
pub(crate) struct Again<'a> {
    plan: &'a Plan,
    old: &'a Plan,
    common: Common,
    /// The rules that do something now.
    active: RuleSet,
    now_ns: u64,
}

impl Again<'_> {
    /// Judges a held entry again, whose rules and due time come from the old plan, and gives it new
    /// ones.
    pub(crate) fn judge<E: HeldEntry>(&self, entry: &mut E, hctx: usize) {
        let (before, now_ns) = (entry.rules(), self.now_ns);
        let early = self.old.is_early(entry, now_ns);
        let delayed = before & self.old.delaying;
        self.plan
            .judge_again(entry, self.common, self.active, delayed, now_ns, hctx);
        let (held_by, known) = (entry.rules(), self.common.injection);
        let added_ns = now_ns.saturating_sub(entry.arrival_ns());
        self.old
            .count_left(before - (held_by & known), hctx, added_ns, early);
        self.plan
            .count(held_by - (before & known), hctx, Count::Entered);
    }
}

impl Plan {
    /// Judges a request that arrives now at the hardware queue of this number, whose lock is held.
    /// The rules in `limit_all` hold it in any case ([`Plan::limit_all`]); they do not count it as
    /// matched.
    #[inline]
    pub(crate) fn judge(
        &self,
        request: &Request,
        clock: &mut Clock,
        hctx: usize,
        limit_all: RuleSet,
    ) -> Verdict {
        let mut verdict = Verdict::NONE;
        // Tasks that need memory wait for this: as in blk-throttle, it is never held.
        if request.is_swap() {
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
                rule.add_to(&mut verdict, request, clock, Some(hctx));
            }
        }
        verdict
    }

    /// Whether no rule of this plan that holds completions is newer than all earlier plans.
    pub(crate) fn parks_nothing_new(&self) -> bool {
        self.newly_parking().is_empty()
    }

    fn newly_parking(&self) -> RuleSet {
        self.set_of(|rule| rule.choice_since == self.epoch && !rule.holds_requests())
    }

    /// The verdict of the new rules that hold completions on a request that is held already.
    pub(crate) fn judge_new(&self, request: &Request, hctx: usize) -> Verdict {
        let mut verdict = Verdict::NONE;
        for rule in self.rules_of(self.newly_parking() - request.rules()) {
            // As in `judge_again`.
            let is_new = rule.known_since == self.epoch;
            let counted = is_new.then_some(hctx);
            rule.add_to(&mut verdict, request, &mut Clock::new(), counted);
        }
        verdict
    }

    /// Judges an entry again, whose rules and due time come from another plan, and gives it new
    /// ones. The rules of `delayed` have delayed it.
    ///
    /// A rule that is as before is not asked again: an entry that draws often enough draws a short
    /// delay at last. Only where a delay is taken away from a sum, all of the sum's draws are made
    /// anew. A rule that knew the entry goes on holding it as it is; a new one takes requests, or
    /// completions, as it would have.
    fn judge_again<E: HeldEntry>(
        &self,
        entry: &mut E,
        common: Common,
        active: RuleSet,
        delayed: RuleSet,
        now_ns: u64,
        hctx: usize,
    ) {
        let before = entry.rules();
        let mut held_by = before & common.choice & active;
        let redraw = !(delayed - (common.delay & active)).is_empty();
        let mut delay_ns = 0u64;
        for rule in self.rules.iter().filter(|rule| active.contains(rule.bit)) {
            let added_ns = if !common.choice.contains(rule.bit) {
                // An injection that knew it before has counted it.
                let knows = common.injection.contains(rule.bit);
                let takes =
                    knows && before.contains(rule.bit) || rule.holds_requests() != E::IS_COMPLETION;
                (takes && rule.matches(entry))
                    .then(|| rule.judge(&mut now_ns.into(), (!knows).then_some(hctx)))
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

    /// Judges a completion that arrives now, and that an earlier plan has judged when its request
    /// was inserted.
    #[cold]
    pub(crate) fn judge_arrival(&self, parked: &mut Parked, now_ns: u64, hctx: usize) {
        let common = self.since(parked.epoch());
        let delay_ns = parked.due_ns().saturating_sub(parked.arrival_ns());
        // It is not known any more which of the earlier plan's rules have delayed it, but only how
        // long all of them together.
        let delayed = parked.rules().when(delay_ns > 0);
        let active = self.active(now_ns);
        self.judge_again(parked, common, active, delayed, now_ns, hctx);
    }

    /// Prepares to judge entries again that `old` has judged before, at this time.
    pub(crate) fn again<'a>(&'a self, old: &'a Self, now_ns: u64) -> Again<'a> {
        Again {
            plan: self,
            old,
            common: self.since(old.epoch),
            active: self.active(now_ns),
            now_ns,
        }
    }

    /// What this has in common with the plan of that number.
    fn since(&self, epoch: u64) -> Common {
        Common {
            injection: self.set_of(|rule| rule.known_since <= epoch),
            choice: self.set_of(|rule| rule.choice_since <= epoch),
            delay: self.set_of(|rule| rule.delay_since <= epoch),
        }
    }
}
