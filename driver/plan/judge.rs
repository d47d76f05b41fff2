// SPDX-License-Identifier: GPL-2.0-only

//! The judgement of a plan on I/Os that arrive, and on entries that an earlier plan has judged.

use super::Plan;
use crate::{
    held_entry::{Candidate, HeldEntry, Parked, Request},
    policy::{bounds::Place, io::Io, operations::FLUSH},
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

/// The part of a second judgement that is the same for all entries.
struct Basis<'a> {
    /// The plan that has judged the entries before, if it is still known.
    old: Option<&'a Plan>,
    common: Common,
    /// The rules of the plan that have not ended.
    active: RuleSet,
    now_ns: u64,
}

/// A plan that judges held entries again, which another plan has judged.
pub(crate) struct Again<'a> {
    plan: &'a Plan,
    old: &'a Plan,
    basis: Basis<'a>,
}

impl Again<'_> {
    /// Judges a held entry again, and replaces its rules and its due time, which come from the old
    /// plan.
    pub(crate) fn judge<E: HeldEntry>(&self, entry: &mut E, lane: Lane) {
        let (before, now_ns) = (entry.rules(), self.basis.now_ns);
        let early = self.old.is_early(entry, now_ns);
        let delayed = before & self.old.delaying;
        self.plan.judge_again(entry, &self.basis, delayed, lane);
        let (held_by, known) = (entry.rules(), self.basis.common.injection);
        let added_ns = now_ns.saturating_sub(entry.arrival_ns());
        self.old
            .count_left(before - (held_by & known), lane, added_ns, early);
        self.plan
            .count(held_by - (before & known), lane, Count::Entered);
    }
}

impl Basis<'_> {
    /// The part of an entry's delay that it has booked of lanes: the rest, where each rule in
    /// `others` delays all I/O for the same time. To book again would take the entry back to the
    /// end of the line.
    ///
    /// `None` if that is not known, as an entry does not remember the parts of its delay.
    fn booked_ns(&self, entry: &impl HeldEntry, others: RuleSet) -> Option<u64> {
        let mut others_ns = 0u64;
        for rule in self.old?.rules_of(others) {
            others_ns = others_ns.saturating_add(rule.constant_delay_ns()?);
        }
        let delay_ns = entry.due_ns().saturating_sub(entry.arrival_ns());
        delay_ns.checked_sub(others_ns)
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

    /// Judges a flush without data that is being submitted. All rules that affect it hold its
    /// completion.
    pub(crate) fn judge_flush(&self, flush: &impl Candidate, lane: Lane) -> Verdict {
        let (mut verdict, mut clock) = (Verdict::NONE, Clock::new());
        for rule in self.rules_of(self.for_operation(flush.operation())) {
            rule.add_to(&mut verdict, flush, &mut clock, Some(lane));
        }
        verdict.hold_completion();
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
    /// rules draw again; a rule with lanes keeps what it has booked. A rule that held the entry
    /// goes on holding it in the same way. A new rule takes only the kind of entry that it holds,
    /// requests or completions.
    fn judge_again<E: HeldEntry>(
        &self,
        entry: &mut E,
        basis: &Basis<'_>,
        delayed: RuleSet,
        lane: Lane,
    ) {
        let Basis {
            common,
            active,
            now_ns,
            ..
        } = *basis;
        let before = entry.rules();
        let mut held_by = before & common.choice & active;
        let redraw = !(delayed - (common.delay & active)).is_empty();
        let mut delay_ns = 0u64;
        let booked = self.booking & delayed & common.delay & active;
        let mut booked_ns = match redraw && !booked.is_empty() {
            true => basis.booked_ns(entry, delayed - booked),
            false => None,
        };
        let since_ns = now_ns.saturating_sub(entry.arrival_ns());
        for rule in self.rules.iter().filter(|rule| active.contains(rule.bit)) {
            let added_ns = if !common.choice.contains(rule.bit) {
                // An injection that knew the entry before has counted it.
                let knows = common.injection.contains(rule.bit);
                let was_affected = knows && before.contains(rule.bit);
                // The disk has served the I/O of a completion, so it is late for an error. A flush
                // is only ever held as a completion.
                let is_its_kind =
                    rule.holds_requests() != E::IS_COMPLETION || entry.operation() == FLUSH;
                let is_new_kind = is_its_kind && !(E::IS_COMPLETION && rule.ending.is_some());
                let takes = was_affected || is_new_kind;
                let (clock, lane) = (&mut now_ns.into(), (!knows).then_some(lane));
                (takes && rule.matches(entry))
                    .then(|| rule.judge(entry, clock, lane, was_affected, since_ns))
                    .flatten()
            } else if !held_by.contains(rule.bit) {
                None
            } else if let Some(kept_ns) = booked_ns.filter(|_| booked.contains(rule.bit)) {
                // The sum of all such rules.
                booked_ns = Some(0);
                Some(kept_ns)
            } else if redraw || !common.delay.contains(rule.bit) {
                // As when the entry arrived, if the rule is the same.
                let is_same = common.delay.contains(rule.bit);
                let (at_ns, since_ns) = match is_same {
                    true => (entry.arrival_ns(), 0),
                    false => (now_ns, since_ns),
                };
                rule.hold_for(entry, &mut at_ns.into(), since_ns)
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
        let delay_ns = parked.due_ns().saturating_sub(parked.arrival_ns());
        // The record does not say which of the earlier plan's rules have delayed the completion,
        // only for how long they did together.
        let delayed = parked.rules().when(delay_ns > 0);
        let basis = self.basis(None, parked.epoch(), now_ns);
        self.judge_again(parked, &basis, delayed, lane);
    }

    /// Prepares to judge entries again, at this time, that `old` has judged before.
    pub(crate) fn again<'a>(&'a self, old: &'a Self, now_ns: u64) -> Again<'a> {
        let basis = self.basis(Some(old), old.epoch, now_ns);
        // The I/O of a rule that has ended goes, and needs its lanes no more.
        self.clear_lanes(self.all - basis.active);
        Again {
            plan: self,
            old,
            basis,
        }
    }

    fn basis<'a>(&self, old: Option<&'a Self>, epoch: u64, now_ns: u64) -> Basis<'a> {
        Basis {
            old,
            common: self.since(epoch),
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
