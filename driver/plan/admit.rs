// SPDX-License-Identifier: GPL-2.0-only

//! The admission of I/Os by a plan's limits: all limits of a set count an I/O, or none.

use super::Plan;
use crate::{
    admission::{Admission, Closed},
    policy::limits::MOST_LIMITS,
    rule::Rule,
    rule_set::RuleSet,
    stats::Lane,
};

impl Plan {
    /// Asks these limits to admit one I/O of so many bytes, with a ticket, at `now_ns`. Updates
    /// `now_ns` where a limit has seen a later time.
    ///
    /// It does the work of [`Plan::charge`] for an I/O that was refused before and may well be
    /// refused again.
    pub(crate) fn admit(
        &self,
        set: RuleSet,
        bytes: u32,
        ticket: u32,
        now_ns: &mut u64,
    ) -> Admission {
        match self.refuses(set, bytes, ticket, now_ns) {
            Some(closed) => Admission::Refused(closed),
            None => self.charge(set, bytes, now_ns),
        }
    }

    /// The first refusal that shows before any limit counts the I/O.
    fn refuses(&self, set: RuleSet, bytes: u32, ticket: u32, now_ns: &mut u64) -> Option<Closed> {
        let before = self.turns.before(set, ticket);
        if before > 0 {
            let refused = self
                .rules_of(set)
                .find_map(|rule| rule.refuses_turn(before, bytes, *now_ns));
            if refused.is_some() {
                return refused;
            }
        }
        if set.is_single() {
            return None;
        }
        // Ask all limits before any of them counts: most refusals then need no taking back.
        self.rules_of(set).find_map(|rule| rule.refuses(now_ns))
    }

    /// Has the limits of this set admit one I/O that goes at once, and counts it as
    /// [`Plan::count_at_once`], if all limits have room for more than one I/O in the windows of
    /// this time. Otherwise this counts nothing, and the caller goes on to [`Plan::charge`].
    ///
    /// The set must be that of a request that this plan has judged, and not empty: if the plan has
    /// only one rule, it is that rule. The caller must have seen that no entry waits for these
    /// limits.
    #[inline]
    pub(crate) fn admit_at_once(
        &self,
        set: RuleSet,
        bytes: u32,
        uncounted: RuleSet,
        lane: Lane,
        now_ns: u64,
    ) -> bool {
        match &self.rules[..] {
            // Most often there is one rule, and this path is the cost of a limit that is not
            // reached.
            [rule] => rule.admits_at_once(bytes, uncounted, lane, now_ns),
            _ => self.all_admit_at_once(set, bytes, uncounted, lane, now_ns),
        }
    }

    /// [`Plan::admit_at_once`] of any number of rules; not inlined, so that it costs nothing where
    /// the plan has one rule.
    #[inline(never)]
    pub(crate) fn all_admit_at_once(
        &self,
        set: RuleSet,
        bytes: u32,
        uncounted: RuleSet,
        lane: Lane,
        now_ns: u64,
    ) -> bool {
        if let Some(rule) = self.sole_rule(set) {
            return rule.admits_at_once(bytes, uncounted, lane, now_ns);
        }
        let admits = self.charge_quickly(self.limits_of(set), bytes, now_ns);
        if admits {
            self.count_at_once(set, uncounted, lane);
        }
        admits
    }

    /// Has all of these limits count one I/O as [`Rule::charge_quickly`], or none of them.
    #[inline]
    fn charge_quickly(&self, set: RuleSet, bytes: u32, now_ns: u64) -> bool {
        let refuses = |rule: &Rule| set.contains(rule.bit) && !rule.charge_quickly(bytes, now_ns);
        let Some(refusing) = self.rules.iter().position(refuses) else {
            return true;
        };
        let before = self.rules.iter().take(refusing);
        let charged = before.filter(|rule| set.contains(rule.bit));
        charged.for_each(|rule| rule.give_back_quickly(bytes, now_ns));
        false
    }

    /// Has all of these limits count one I/O, or none of them.
    #[inline]
    pub(crate) fn charge(&self, set: RuleSet, bytes: u32, now_ns: &mut u64) -> Admission {
        let Some(rule) = self.sole_rule(set) else {
            return self.charge_all(set, bytes, now_ns);
        };
        match rule.charge(bytes, now_ns) {
            Ok(charge) => Admission::Admitted(rule.closed(charge.until_ns)),
            Err(refused) => Admission::Refused(rule.closed(refused.until_ns)),
        }
    }

    /// [`Plan::charge`] of any number of limits; not inlined, as it takes much of the stack.
    #[inline(never)]
    fn charge_all(&self, set: RuleSet, bytes: u32, now_ns: &mut u64) -> Admission {
        let mut closed = Closed::NOT;
        let mut windows = [[0; MOST_LIMITS]; RuleSet::CAPACITY];
        for (place, rule) in self.rules.iter().enumerate() {
            if !set.contains(rule.bit) {
                continue;
            }
            match rule.charge(bytes, now_ns) {
                Ok(charge) => {
                    if charge.until_ns > closed.until_ns {
                        closed = rule.closed(charge.until_ns);
                    }
                    windows[place % RuleSet::CAPACITY] = charge.numbers;
                }
                Err(refused) => {
                    for (before, window) in self.rules.iter().zip(&windows).take(place) {
                        if set.contains(before.bit) {
                            before.give_back(bytes, window);
                        }
                    }
                    return Admission::Refused(rule.closed(refused.until_ns));
                }
            }
        }
        Admission::Admitted(closed)
    }
}
