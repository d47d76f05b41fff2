// SPDX-License-Identifier: GPL-2.0-only

//! I/O that ends by a rule and not as the disk ends it: in place of its dispatch, with a part of
//! its data, or with other data.

use crate::{
    elevator::{self, Failable, Status},
    ending::Ending,
    held::Held,
    held_entry::{HeldEntry, Parked, Parking, Request, RequestData},
    parking::{park_or_hold, NotParked, Park},
    plan::Plan,
    policy::ending::{torn_blocks, Flips},
    rule::Rule,
    rule_set::RuleSet,
    stats::{Count, Lane},
    verdict::Verdict,
};

/// Requests that are about to end.
pub(crate) type Failing = elevator::Failing<RequestData>;

/// Decides how an arriving request ends by a rule, and its holds before that. Returns the status
/// with which it ends at once, if nothing holds it. The rules in `uncounted` have not counted yet
/// that it matches.
#[inline(never)]
pub(crate) fn fail_or_hold(
    plan: &Plan,
    request: &mut Request,
    verdict: &mut Verdict,
    uncounted: RuleSet,
    lane: Lane,
    park: &mut impl Park,
) -> Option<Status> {
    let rule = plan.failing_rule(verdict.failed_by)?;
    match rule.ending? {
        Ending::InPlace(status) => end_in_place(
            plan,
            (rule, status),
            request,
            verdict,
            uncounted,
            lane,
            park,
        ),
        Ending::Torn(status) => {
            if !is_held_before(plan, request, verdict, lane, park) {
                rule.tear(request, status, lane);
            }
            None
        }
        Ending::Corrupted(count) => {
            corrupt(plan, (rule, count), request, verdict, uncounted, lane, park);
            None
        }
    }
}

/// Ends a request with a status. The disk gets neither the request nor its data. The exception is
/// the data request of a flush sequence, which only its completion can end.
fn end_in_place(
    plan: &Plan,
    (rule, status): (&Rule, Status),
    request: &mut Request,
    verdict: &mut Verdict,
    uncounted: RuleSet,
    lane: Lane,
    park: &mut impl Park,
) -> Option<Status> {
    let fails_later = match request.failable(status) {
        Failable::AtDispatch => {
            if !is_held_before(plan, request, verdict, lane, park) {
                rule.count_ended(lane);
                return Some(status);
            }
            true
        }
        // No completion undoes a write that `drop` was to keep from the disk.
        Failable::AtCompletion if status != Status::DONE => {
            let spoiled = Spoiled {
                moves_all: true,
                flips: Flips::NONE,
            };
            end_completion(plan, spoiled, request, verdict, uncounted, lane, park)
        }
        Failable::AtCompletion | Failable::Not => {
            if !verdict.parked_by.is_empty() {
                park_or_hold(plan, request, verdict, lane, park);
            }
            false
        }
    };
    // A rule that holds the request counts this when the request goes.
    if !fails_later && !verdict.held_by.contains(rule.bit) {
        rule.stats.count(lane, Count::NotFailed);
    }
    None
}

/// Has new rules that hold completions hold a request, or its completion, that waits already.
pub(crate) fn hold_new(
    plan: &Plan,
    request: &mut Request,
    verdict: &mut Verdict,
    lane: Lane,
    park: &mut impl Park,
) {
    let rule = plan.failing_rule(verdict.failed_by);
    match rule.and_then(|rule| Some((rule, rule.ending?))) {
        None => park_or_hold(plan, request, verdict, lane, park),
        Some((rule, Ending::Corrupted(count))) => {
            let none = RuleSet::EMPTY;
            corrupt(plan, (rule, count), request, verdict, none, lane, park);
        }
        // The disk will not get it, or not all of it.
        Some(_) => verdict.hold_request(),
    }
}

/// Has the data of a read changed while its completion is held. Other rules may hold the request
/// before that.
fn corrupt(
    plan: &Plan,
    (rule, count): (&Rule, u8),
    request: &mut Request,
    verdict: &mut Verdict,
    uncounted: RuleSet,
    lane: Lane,
    park: &mut impl Park,
) {
    // Another rule with an ending that holds the request would end it, and is younger.
    let moves_all = plan.failing_rule(verdict.held_by).is_some();
    let spoiled = Spoiled {
        moves_all,
        flips: rule.flips(count, request),
    };
    if !end_completion(plan, spoiled, request, verdict, uncounted, lane, park)
        && !verdict.held_by.contains(rule.bit)
    {
        rule.stats.count(lane, Count::NotFailed);
    }
}

/// Has a completion held, and counts for its rules why it is not, if it could be.
fn try_to_park(
    plan: &Plan,
    request: &mut Request,
    order: &Parking,
    lane: Lane,
    park: &mut impl Park,
) -> Result<(), NotParked> {
    if !park.can_park(request) {
        return Err(NotParked::Full);
    }
    park.park(request, order)
        .inspect_err(|why| plan.count(order.rules, lane, why.counted_as()))
}

/// Whether rules hold a request before it ends. If they delay or limit the request, all of them
/// hold it. Else rules may hold its completion: the request ends at once, so that it keeps no tag,
/// and its submitter learns of that later.
fn is_held_before(
    plan: &Plan,
    request: &mut Request,
    verdict: &mut Verdict,
    lane: Lane,
    park: &mut impl Park,
) -> bool {
    if verdict.delay_ns > 0 || !plan.limits_of(verdict.held_by).is_empty() {
        verdict.hold_request();
        return true;
    }
    let at_once = core::mem::replace(&mut verdict.held_by, RuleSet::EMPTY);
    if !verdict.parked_by.is_empty() {
        park_or_hold(plan, request, verdict, lane, park);
        if !verdict.held_by.is_empty() {
            verdict.held_by |= at_once;
            return true;
        }
    }
    plan.count_at_once(at_once, RuleSet::EMPTY, lane);
    false
}

/// How a completion ends by a rule.
struct Spoiled {
    /// Whether the rules that hold the request hold the completion instead.
    moves_all: bool,
    flips: Flips,
}

/// Has the completion of a request, which the disk serves, end by a rule. Returns whether it will.
/// Where it cannot be held, all rules hold the request. Without memory, the rules for requests hold
/// it, and the rules for completions hold nothing.
fn end_completion(
    plan: &Plan,
    spoiled: Spoiled,
    request: &mut Request,
    verdict: &mut Verdict,
    uncounted: RuleSet,
    lane: Lane,
    park: &mut impl Park,
) -> bool {
    let (held_by, delay_ns) = (verdict.held_by, verdict.delay_ns);
    if spoiled.moves_all {
        verdict.hold_completion();
    }
    let order = order(plan, verdict.parked_by, verdict.parked_ns, spoiled.flips);
    let why = try_to_park(plan, request, &order, lane, park).err();
    match why {
        None => {
            let moved = held_by - verdict.held_by;
            plan.count(moved & uncounted, lane, Count::Matched);
        }
        Some(NotParked::Full) => verdict.hold_request(),
        Some(NotParked::NoMemory) => (verdict.held_by, verdict.delay_ns) = (held_by, delay_ns),
    }
    why.is_none()
}

/// The order to hold a completion that ends by one of these rules.
fn order(plan: &Plan, rules: RuleSet, delay_ns: u64, flips: Flips) -> Parking {
    Parking {
        rules,
        delay_ns,
        epoch: plan.epoch(),
        fails: true,
        flips,
    }
}

impl Rule {
    /// Counts an I/O that has ended as this rule says.
    fn count_ended(&self, lane: Lane) {
        if let Some(ending) = self.ending {
            self.stats.count(lane, ending.counted_as());
        }
    }

    /// The bits that it flips of a read.
    fn flips(&self, count: u8, request: &Request) -> Flips {
        Flips::of(self.draw_damage(), count, request.bytes())
    }

    /// Has the disk get the first blocks of a write, if the write can be torn.
    fn tear(&self, request: &mut Request, status: Status, lane: Lane) {
        let tearable = request.tearable();
        let torn = tearable.and_then(|tearable| {
            let blocks = torn_blocks(self.draw_damage(), tearable.blocks())?;
            tearable.tear(blocks, status);
            Some(())
        });
        match torn {
            Some(()) => self.count_ended(lane),
            None => self.stats.count(lane, Count::NotFailed),
        }
    }
}

impl Held<Request> {
    /// Ends a request whose time has come, or changes it, as the rules say that have held it.
    /// Returns it if it has to be dispatched.
    pub(crate) fn fail(&self, mut request: Request, park: &mut impl Park) -> Option<Request> {
        let Some(plan) = self.plan() else {
            return Some(request);
        };
        let rule = plan.failing_rule(request.rules());
        let Some((rule, ending)) = rule.and_then(|rule| Some((rule, rule.ending?))) else {
            return Some(request);
        };
        match ending {
            Ending::InPlace(status) => match park.end(request, status) {
                Ok(()) => {
                    rule.count_ended(self.lane());
                    return None;
                }
                Err(back) => {
                    rule.stats.count(self.lane(), Count::NotFailed);
                    request = back;
                }
            },
            Ending::Torn(status) => rule.tear(&mut request, status, self.lane()),
            Ending::Corrupted(count) => {
                if !self.corrupt_late(plan, rule, count, &mut request, park) {
                    rule.stats.count(self.lane(), Count::NotFailed);
                }
            }
        }
        Some(request)
    }

    /// Has the data of a read changed whose request this rule has held, and returns whether it
    /// will. A limit would ask a second time.
    fn corrupt_late(
        &self,
        plan: &Plan,
        rule: &Rule,
        count: u8,
        request: &mut Request,
        park: &mut impl Park,
    ) -> bool {
        let order = order(plan, rule.bit, 0, rule.flips(count, request));
        plan.limits_of(rule.bit).is_empty()
            && try_to_park(plan, request, &order, self.lane(), park).is_ok()
    }
}

impl Held<Parked> {
    /// Has a completion fail that goes now, or changes its data, if it is to.
    pub(crate) fn fail(&self, parked: &mut Parked) {
        if !parked.fails() || parked.is_over() {
            return;
        }
        let plan = self.plan();
        let rule = plan.and_then(|plan| plan.failing_rule(parked.rules()));
        let Some((rule, ending)) = rule.and_then(|rule| Some((rule, rule.ending?))) else {
            return;
        };
        let has_ended = match ending {
            // The disk has served it.
            Ending::InPlace(Status::DONE) | Ending::Torn(_) => false,
            Ending::InPlace(status) => {
                parked.fail(status);
                true
            }
            Ending::Corrupted(_) => parked.flip(),
        };
        match has_ended {
            true => rule.count_ended(self.lane()),
            false => rule.stats.count(self.lane(), Count::NotFailed),
        }
    }
}
