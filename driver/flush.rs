// SPDX-License-Identifier: GPL-2.0-only

//! Flushes without data: their answers to filters, and the hold of their completions.
//!
//! The scheduler sees a flush when it is submitted, and judges it when it arrives as a completion:
//! a flush that no filter chooses is left alone, and so comes to its submitter as ever.

use crate::{
    elevator::{Flush, FlushWatch, Hctx},
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
    sys::{cgroup::Cgroup, pid_namespace::current_pid_namespace_id},
};
use kernel::prelude::*;

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
    let rules = plan.choosing(&submitted);
    if rules.is_empty() {
        return;
    }
    // No plan has this number, so the one of its arrival judges it.
    let order = Parking {
        rules: RuleSet::EMPTY,
        delay_ns: 0,
        epoch: 0,
        fails: true,
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
}

/// Has the scheduler see flushes, if an injection asks for them by this text of `op`.
///
/// # Errors
///
/// EOPNOTSUPP if this kernel does not show flushes, and ENOMEM.
pub(crate) fn watch(asks: bool) -> Result<Option<FlushWatch>> {
    asks.then(FlushWatch::new::<Ioem>).transpose()
}
