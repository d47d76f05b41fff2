// SPDX-License-Identifier: GPL-2.0-only

//! The second judgement of held entries, when the hardware queue follows another plan or a rule has
//! ended.

use super::Held;
use crate::{
    elevator::Fifo, held_entry::HeldEntry, plan::Plan, rule_set::RuleSet, sys::clock::now_ns,
    waiting::NEVER,
};
use kernel::sync::Arc;

impl<E: HeldEntry> Held<E> {
    /// Follows another plan, judges all waiting entries again, and returns the old plan.
    pub(crate) fn follow(&mut self, plan: Option<Arc<Plan>>) -> Option<Arc<Plan>> {
        let now_ns = now_ns();
        self.hold_asking(now_ns);
        if self.plan.is_none() {
            // INVARIANT: Without a plan, no code has set the rules of ready entries.
            let mut ready = core::mem::replace(&mut self.ready, Fifo::new());
            while let Some(mut entry) = ready.pop_front() {
                entry.set_rules(RuleSet::EMPTY);
                self.ready.push_back(entry);
            }
        }
        let old = core::mem::replace(&mut self.plan, plan);
        self.judge_again_after(old.as_deref(), now_ns);
        old
    }

    /// Judges all waiting entries again, after a rule has ended or its end has changed.
    pub(crate) fn judge_again(&mut self, now_ns: u64) {
        self.hold_asking(now_ns);
        let plan = self.plan.clone();
        self.judge_again_after(plan.as_deref(), now_ns);
    }

    /// Judges all waiting entries again, each from its own arrival. An entry that only had limits
    /// to ask until now arrives now. The plan `old` has judged them before.
    fn judge_again_after(&mut self, old: Option<&Plan>, now_ns: u64) {
        let mut waiting = Fifo::new();
        while let Some((entry, has_ticket)) = self.pop_waiting() {
            if has_ticket {
                old.inspect(|old| old.turns().leave(old.limits_of(entry.rules())));
            }
            waiting.push_back(entry);
        }
        // The new plan may have other limits.
        self.waiting.limit_queues_mut().reset();
        self.published.outdate();
        let plan = self.plan.clone();
        let plan = plan.as_deref();
        self.next_end_ns = plan.map_or(NEVER, |plan| plan.next_end_ns(now_ns));
        self.endless = plan.map_or(RuleSet::EMPTY, Plan::endless);
        self.limit_all = plan.map_or(RuleSet::EMPTY, |plan| plan.limit_all(self.endless));
        self.only_limits = plan.is_some_and(|plan| plan.is_all(self.limit_all));
        let again = plan.zip(old);
        let again = again.map(|(plan, old)| plan.again(old, now_ns));
        if plan.is_none() {
            old.inspect(|old| old.clear_all_lanes());
        }
        while let Some(mut entry) = waiting.pop_front() {
            match (&again, old) {
                (Some(again), _) => again.judge(&mut entry, self.lane),
                (None, Some(old)) => {
                    let added_ns = now_ns.saturating_sub(entry.arrival_ns());
                    let early = old.is_early(&entry, now_ns);
                    old.count_left(entry.rules(), self.lane, added_ns, early);
                    entry.set_rules(RuleSet::EMPTY);
                }
                (None, None) => {}
            }
            if entry.rules().is_empty() {
                self.ready.push_back(entry);
            } else {
                let _ = self.hold(entry);
            }
        }
    }
}
