// SPDX-License-Identifier: GPL-2.0-only

//! Flushes without data: their answers to filters, and the hold of their completions.
//!
//! A flush is judged when it is submitted, as a request is when it is inserted. One that no rule
//! holds is left alone, and ends as ever.

use crate::{
    elevator::{Flush, Hctx},
    held::Held,
    held_entry::{conditions, Candidate, Parking, Request},
    ioem::Ioem,
    parking::NotParked,
    policy::{
        ending::Flips,
        io::Io,
        operations::{Conditions, FLUSH},
    },
    rule_set::RuleSet,
    stats::Count,
    sys::{cgroup::Cgroup, clock::now_ns, pid_namespace::current_pid_namespace_id},
};

/// A flush that is being submitted, to filters.
struct Submitted<'a> {
    flush: &'a Flush<'a>,
    /// The id of its submitter's PID namespace; 0 if no filter asks for it.
    pid_namespace: u64,
}

impl Io for Submitted<'_> {
    fn operation(&self) -> u32 {
        FLUSH
    }

    fn conditions(&self) -> Conditions {
        conditions(self.flush.flags())
    }

    fn first_sector(&self) -> u64 {
        0
    }

    fn bytes(&self) -> u32 {
        0
    }

    fn partition(&self) -> u8 {
        self.flush.partition()
    }

    fn device(&self) -> u32 {
        self.flush.device()
    }

    fn pid_namespace(&self) -> u64 {
        self.pid_namespace
    }
}

impl Candidate for Submitted<'_> {
    fn is_in_cgroup(&self, cgroup: &Cgroup) -> bool {
        self.flush.cgroups().include(cgroup)
    }
}

/// Has the completion of a flush held if some rule chooses it. The caller holds the lock of the
/// requests, by which these are `held`.
pub(crate) fn park(hctx: &Hctx<Ioem>, held: &Held<Request>, flush: Flush<'_>) {
    let Some(plan) = held.plan() else { return };
    let pid_namespace = match plan.asks_for_pid_namespace {
        true => current_pid_namespace_id(),
        false => 0,
    };
    let submitted = Submitted {
        flush: &flush,
        pid_namespace,
    };
    let verdict = plan.judge_flush(&submitted, held.lane());
    let rules = verdict.parked_by;
    if rules.is_empty() {
        return;
    }
    let bytes = plan.bytes_of(&submitted);
    let only_limits = verdict.parked_ns == 0 && verdict.failed_by.is_empty();
    if only_limits
        && !plan.turns().any_waits_for(rules)
        && plan.all_admit_at_once(rules, bytes, RuleSet::EMPTY, held.lane(), now_ns())
    {
        return;
    }
    let order = Parking {
        rules,
        delay_ns: verdict.parked_ns,
        epoch: plan.epoch(),
        fails: !verdict.failed_by.is_empty(),
        flips: Flips::NONE,
    };
    let order = order.with(&submitted, flush.flags(), flush.cgroups());
    let allowance = &hctx.data().completions.allowance;
    let why = match allowance.has_room() {
        false => NotParked::Full,
        true => match hctx.park_flush(&flush, order) {
            Some(size) => return allowance.take(size),
            None => NotParked::NoMemory,
        },
    };
    plan.count(rules, held.lane(), why.counted_as());
    if let Some(rule) = plan.failing_rule(verdict.failed_by) {
        rule.stats.count(held.lane(), Count::NotFailed);
    }
}
