// SPDX-License-Identifier: GPL-2.0-only

//! The choice between holding the completion of a request and holding the request in its place.

use crate::{
    elevator::Status,
    held_entry::{Parking, Request},
    plan::Plan,
    policy::ending::Flips,
    rule_set::RuleSet,
    stats::{Count, Lane},
    sys::clock::now_ns,
    verdict::Verdict,
};

/// A hardware queue that can have completions held, and requests end in place of their dispatch.
pub(crate) trait Park {
    /// Has a request end soon with this status. Gives it back if it has to be dispatched.
    fn end(&mut self, request: Request, status: Status) -> Result<(), Request>;

    /// Whether the completion of a request can be held.
    fn can_park(&self, request: &Request) -> bool;

    /// Has the completion of a request held. [`Park::can_park`] must be true of the request.
    fn park(&mut self, request: &mut Request, order: &Parking) -> Result<(), NotParked>;
}

/// The reason why the completion of a request is not held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotParked {
    /// There is no memory at once.
    NoMemory,
    /// Held completions have all the memory that they may take.
    Full,
}

impl NotParked {
    pub(crate) fn counted_as(self) -> Count {
        match self {
            Self::NoMemory => Count::NoMemory,
            Self::Full => Count::OverMemory,
        }
    }
}

/// Has the completion of a request held by the verdict's rules for that. Where it cannot be held,
/// these rules hold the request instead; but if there is no memory, the request goes unheld.
pub(crate) fn park_or_hold(
    plan: &Plan,
    request: &mut Request,
    verdict: &mut Verdict,
    lane: Lane,
    park: &mut impl Park,
) {
    let rules = verdict.parked_by;
    let why = if !park.can_park(request) {
        NotParked::Full
    } else if verdict.parked_ns == 0
        && !plan.turns().any_waits_for(rules)
        && plan.admit_at_once(
            rules,
            plan.bytes_of(&*request),
            RuleSet::EMPTY,
            lane,
            now_ns(),
        )
    {
        // The rules only limit, and their windows have room: the completion need not be held.
        return;
    } else {
        let order = Parking {
            rules,
            delay_ns: verdict.parked_ns,
            epoch: plan.epoch(),
            fails: false,
            flips: Flips::NONE,
        };
        match park.park(request, &order) {
            Ok(()) => return,
            Err(why) => {
                plan.count(rules, lane, why.counted_as());
                why
            }
        }
    };
    if why == NotParked::Full {
        verdict.held_by |= rules;
        verdict.delay_ns = verdict.delay_ns.saturating_add(verdict.parked_ns);
    }
}
