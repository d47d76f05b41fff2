// SPDX-License-Identifier: GPL-2.0-only

//! What the injections do to the I/O of one disk, worked out when a setting changes and not for each I/O.

use crate::{
    elevator::{Allocation, Clock, Request},
    injection::InjectionId,
    ledger::Count,
    policy::{
        filter::{Forecast, Io, Submission},
        limit::Window,
    },
    rule::{Order, Rule},
};
use kernel::{prelude::*, sync::Arc};

/// The most rules of a plan: each has a bit in the set that is kept with a request.
pub(crate) const MOST_RULES: usize = 64;

/// More than the greatest number of an operation that a filter can name.
const OPERATIONS: usize = 32;

/// The rules for one disk. Immutable, but for what each rule remembers.
///
/// # Invariants
///
/// No two rules have the same `bit`, and `places` has the place of each by the number of its bit. No rule that is not in an entry
/// of `by_operation` matches an operation of that number.
pub(crate) struct Plan {
    rules: KVec<Rule>,
    places: [u8; MOST_RULES],
    /// The rules that may match an operation, by its number in `enum req_op`; the last entry is for all numbers from there on.
    by_operation: [u64; OPERATIONS],
    /// All rules.
    all: u64,
    /// The rules that delay.
    delaying: u64,
    /// The rules that limit.
    limiting: u64,
    /// Whether some rule asks for the PID namespace of who submits.
    pub(crate) asks_for_pid_namespace: bool,
}

/// What the rules say about one request.
pub(crate) struct Verdict {
    /// The rules that hold it.
    pub(crate) held_by: u64,
    /// How long, together, in nanoseconds.
    pub(crate) delay_ns: u64,
}

/// Whose I/O is held.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Nobody's.
    Nothing,
    /// That of some, and others go on.
    Some,
    /// Everybody's, but for the few that none can hold.
    All,
}

/// What two plans for the same disk have in common, as sets of rules.
#[derive(Clone, Copy)]
struct Common {
    /// Of the same injection.
    injection: u64,
    /// And choose the same requests.
    choice: u64,
    /// And delay them in the same way.
    delay: u64,
}

/// A plan that is about to judge requests again, and what is the same for all of them.
pub(crate) struct Again<'a> {
    plan: &'a Plan,
    old: &'a Plan,
    common: Common,
    /// The rules that do something now.
    active: u64,
    now_ns: u64,
}

impl Again<'_> {
    /// Judges a held request again, whose set and due time come from the old plan, and gives it new ones.
    ///
    /// A rule that is as before is not asked again: who draws often enough draws a short delay at last. Only where a delay
    /// is taken away from a sum, all of the sum's draws are made anew.
    pub(crate) fn judge(&self, request: &mut Request, hw_queue: usize) {
        let Self {
            plan,
            old,
            common,
            active,
            now_ns,
        } = *self;
        let before = request.set();
        let early = old.is_early(request, now_ns);
        let mut held_by = before & common.choice & active;
        let redraw = before & old.delaying & !(common.delay & active) != 0;
        let mut delay_ns = 0u64;
        for rule in plan.rules.iter().filter(|rule| rule.bit & active != 0) {
            let added_ns = if common.choice & rule.bit == 0 {
                // An injection that knew the request before has counted it.
                let knows = common.injection & rule.bit != 0;
                rule.matches(request)
                    .then(|| rule.judge(&mut now_ns.into(), (!knows).then_some(hw_queue)))
                    .flatten()
            } else if held_by & rule.bit == 0 {
                None
            } else if redraw || common.delay & rule.bit == 0 {
                rule.hold_for()
            } else {
                Some(0)
            };
            match added_ns {
                Some(added_ns) => {
                    held_by |= rule.bit;
                    delay_ns = delay_ns.saturating_add(added_ns);
                }
                None => held_by &= !rule.bit,
            }
        }
        let from_ns = if redraw || before & old.delaying == 0 {
            request.arrival_ns()
        } else {
            request.due_ns()
        };
        request.set_due_ns(from_ns.saturating_add(delay_ns));
        request.put_set(held_by);
        let added_ns = now_ns.saturating_sub(request.arrival_ns());
        old.count_left(
            before & !(held_by & common.injection),
            hw_queue,
            added_ns,
            early,
        );
        for rule in plan.rules_of(held_by & !(before & common.injection)) {
            rule.ledger.count(hw_queue, Count::Entered);
        }
    }
}

impl Plan {
    /// The plan that these orders make for a disk whose plan was `old`; `None` if there are none.
    ///
    /// # Errors
    ///
    /// ENOSPC if there are too many, and ENOMEM.
    pub(crate) fn new<'a>(
        orders: impl Iterator<Item = Order<'a>>,
        old: Option<&Self>,
    ) -> Result<Option<Arc<Self>>> {
        let mut plan = Self {
            rules: KVec::new(),
            places: [0; MOST_RULES],
            by_operation: [0; OPERATIONS],
            all: 0,
            delaying: 0,
            limiting: 0,
            asks_for_pid_namespace: false,
        };
        for order in orders {
            let before = old.and_then(|old| old.rule_of(order.injection));
            plan.rules.push(Rule::new(order, before)?, GFP_KERNEL)?;
        }
        if plan.rules.is_empty() {
            return Ok(None);
        }
        if plan.rules.len() > MOST_RULES {
            return Err(ENOSPC);
        }
        plan.give_bits(old);
        plan.asks_for_pid_namespace = plan.rules.iter().any(Rule::asks_for_pid_namespace);
        Ok(Some(Arc::new(plan, GFP_KERNEL)?))
    }

    /// Gives each rule a bit: its old one, so that requests need not be told, or a free one.
    fn give_bits(&mut self, old: Option<&Self>) {
        let mut used = 0;
        for rule in self.rules.iter_mut() {
            let before = old.and_then(|old| old.rule_of(rule.injection));
            rule.bit = before.map_or(0, |before| before.bit);
            used |= rule.bit;
        }
        for (place, rule) in self.rules.iter_mut().enumerate() {
            if rule.bit == 0 {
                // There are at most as many rules as bits.
                rule.bit = 1u64.checked_shl(used.trailing_ones()).unwrap_or(0);
                used |= rule.bit;
            }
            // INVARIANT: The bit is this rule's alone. A place is below 64.
            self.places[rule.number()] = place as u8;
            self.all |= rule.bit;
            self.delaying |= if rule.delay.is_some() { rule.bit } else { 0 };
            self.limiting |= if rule.limit.is_some() { rule.bit } else { 0 };
            for (number, set) in (0..).zip(&mut self.by_operation) {
                // INVARIANT: The rule is left out only where it cannot match.
                *set |= if rule.may_match(number) { rule.bit } else { 0 };
            }
        }
    }

    /// The rules that may match an operation of this number.
    #[inline]
    fn for_operation(&self, number: u32) -> u64 {
        self.by_operation[(number as usize).min(OPERATIONS - 1)]
    }

    fn rule_of(&self, injection: InjectionId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.injection == injection)
    }

    /// The rule of a number that is in the set of a request that this plan has judged.
    fn rule(&self, number: u32) -> Option<&Rule> {
        let place = self.places.get(number as usize)?;
        self.rules.get(usize::from(*place))
    }

    /// The rule that is all of a set, if it is one.
    #[inline]
    fn sole_rule(&self, set: u64) -> Option<&Rule> {
        set.is_power_of_two()
            .then(|| self.rule(set.trailing_zeros()))
            .flatten()
    }

    /// The rules of a set.
    fn rules_of(&self, set: u64) -> impl Iterator<Item = &Rule> {
        numbers(set).filter_map(|number| self.rule(number))
    }

    /// Whether both do the same to every I/O.
    pub(crate) fn same(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (None, None) => true,
            (Some(one), Some(other)) => {
                one.rules.len() == other.rules.len()
                    && one
                        .rules
                        .iter()
                        .zip(&other.rules)
                        .all(|(one, other)| one.same(other))
            }
            _ => false,
        }
    }

    /// Whether the rules are of this injection, among others.
    pub(crate) fn has(&self, injection: InjectionId) -> bool {
        self.rule_of(injection).is_some()
    }

    /// The mean delay of an injection in nanoseconds.
    pub(crate) fn mean_delay_ns(&self, injection: InjectionId) -> Option<u64> {
        Some(self.rule_of(injection)?.delay.as_ref()?.mean_ns())
    }

    /// The rules of a set that limit.
    #[inline]
    pub(crate) fn limits_of(&self, set: u64) -> u64 {
        set & self.limiting
    }

    /// When the first of the rules that do something now will have ended.
    pub(crate) fn next_end_ns(&self, now_ns: u64) -> u64 {
        let ends = self.rules.iter().map(|rule| rule.term.end_ns());
        ends.filter(|end_ns| *end_ns > now_ns)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The rules that have no end, as long as none gets one.
    pub(crate) fn endless(&self) -> u64 {
        self.set_of(|rule| rule.term.end_ns() == u64::MAX)
    }

    /// Of rules without an end, those of which it is known that all they do to any I/O is to limit it.
    pub(crate) fn limit_all(&self, endless: u64) -> u64 {
        endless & self.limiting & !self.delaying & self.set_of(Rule::takes_all)
    }

    /// Whether these are all of the rules.
    pub(crate) fn is_all(&self, set: u64) -> bool {
        set == self.all
    }

    fn set_of(&self, has: impl Fn(&Rule) -> bool) -> u64 {
        let rules = self.rules.iter().filter(|rule| has(rule));
        rules.fold(0, |set, rule| set | rule.bit)
    }

    /// Whether some rule delays.
    pub(crate) fn delays(&self) -> bool {
        self.delaying != 0
    }

    /// Whose I/O is held at this time.
    pub(crate) fn share(&self, clock: &mut Clock) -> Share {
        let mut share = Share::Nothing;
        for rule in &self.rules {
            if rule.term.is_open_by(clock) {
                if rule.takes_all() {
                    return Share::All;
                }
                share = Share::Some;
            }
        }
        share
    }

    /// Judges a request that arrives now at the hardware queue of this number, whose lock is held. Of the rules in `limit_all`
    /// it is known what they say ([`Plan::limit_all`]); they do not count it as matched.
    #[inline]
    pub(crate) fn judge(
        &self,
        request: &Request,
        clock: &mut Clock,
        hw_queue: usize,
        limit_all: u64,
    ) -> Verdict {
        let mut verdict = Verdict {
            held_by: 0,
            delay_ns: 0,
        };
        // Who waits for memory waits for this: as in blk-throttle, it is never held.
        if request.is_swap() {
            return verdict;
        }
        verdict.held_by = limit_all;
        for rule in self.rules_of(self.for_operation(request.operation()) & !limit_all) {
            if !rule.matches(request) {
                continue;
            }
            if let Some(delay_ns) = rule.judge(clock, Some(hw_queue)) {
                verdict.held_by |= rule.bit;
                verdict.delay_ns = verdict.delay_ns.saturating_add(delay_ns);
            }
        }
        verdict
    }

    /// What there is to know for judging requests again that `old` has judged before, at this time.
    pub(crate) fn again<'a>(&'a self, old: &'a Self, now_ns: u64) -> Again<'a> {
        Again {
            plan: self,
            old,
            common: self.common(old),
            active: self.active(now_ns),
            now_ns,
        }
    }

    fn common(&self, old: &Self) -> Common {
        let mut common = Common {
            injection: 0,
            choice: 0,
            delay: 0,
        };
        for rule in &self.rules {
            let before = old.rule_of(rule.injection);
            // The bit is the same: see `give_bits`.
            let Some(before) = before else { continue };
            common.injection |= rule.bit;
            if rule.same_choice(before) {
                common.choice |= rule.bit;
                if rule.delay == before.delay {
                    common.delay |= rule.bit;
                }
            }
        }
        common
    }

    /// The rules that do something at this time.
    fn active(&self, now_ns: u64) -> u64 {
        self.set_of(|rule| rule.term.is_open(now_ns))
    }

    /// Counts a request that these rules hold from now on.
    #[inline]
    pub(crate) fn count_entered(&self, set: u64, hw_queue: usize) {
        for rule in self.rules_of(set) {
            rule.ledger.count(hw_queue, Count::Entered);
        }
    }

    /// Counts a request that these rules held, `added_ns` after its arrival.
    #[inline]
    pub(crate) fn count_left(&self, set: u64, hw_queue: usize, added_ns: u64, early: bool) {
        for rule in self.rules_of(set) {
            rule.ledger.count_left(hw_queue, added_ns);
            if early {
                rule.ledger.count(hw_queue, Count::Early);
            }
        }
    }

    /// Whether a request that this plan holds, and that goes now whatever its limits say, goes before its time. In a line it may have
    /// waited for more than its delay; but who only asked limits until now has not.
    pub(crate) fn is_early(&self, request: &Request, now_ns: u64) -> bool {
        let is_limited = self.limits_of(request.set()) != 0;
        request.due_ns() > now_ns || (is_limited && request.arrival_ns() < now_ns)
    }

    /// Counts a request that these rules might have held, and that went at once; those in `uncounted` have not counted that it
    /// matches.
    #[inline]
    pub(crate) fn count_at_once(&self, set: u64, uncounted: u64, hw_queue: usize) {
        for rule in self.rules.iter().filter(|rule| rule.bit & set != 0) {
            rule.ledger
                .count_at_once(hw_queue, rule.bit & uncounted == 0);
        }
    }

    /// Counts a request that matches these rules.
    #[inline]
    pub(crate) fn count_matched(&self, set: u64, hw_queue: usize) {
        for rule in self.rules_of(set) {
            rule.ledger.count(hw_queue, Count::Matched);
        }
    }

    /// Counts a request that had to wait for the limit of the rule of this number.
    pub(crate) fn count_limited(&self, number: u32, hw_queue: usize) {
        if let Some(rule) = self.rule(number) {
            rule.ledger.count(hw_queue, Count::Limited);
        }
    }

    /// Whether a request that is about to be made will be held.
    pub(crate) fn forecast(&self, submission: &Allocation<'_>) -> Forecast {
        if submission.swaps_out() {
            return Forecast::No;
        }
        let mut clock = Clock::new();
        let rules = self.rules_of(self.for_operation(submission.operation()));
        rules
            .filter(|rule| rule.term.is_open_by(&mut clock))
            .map(|rule| rule.forecast(submission))
            .max()
            .unwrap_or(Forecast::No)
    }

    /// Asks these limits to admit one I/O at `now_ns`, which is brought up to date where a limit has seen a later time.
    ///
    /// As [`Plan::charge`], for one who was refused before and may well be again.
    pub(crate) fn admit(&self, set: u64, now_ns: &mut u64) -> Result<Closed, Closed> {
        // Most refusals need no counting and taking back: ask before.
        if !set.is_power_of_two() {
            for rule in self.rules_of(set) {
                rule.ask(now_ns).map_err(|until_ns| rule.closed(until_ns))?;
            }
        }
        self.charge(set, now_ns)
    }

    /// Has the limits of this set admit one I/O that goes at once, and counts it as [`Plan::count_at_once`], if all have room for
    /// more than that in the windows of this time; else nothing is counted, and [`Plan::charge`] knows what to do.
    ///
    /// The set is not empty, and of a request that this plan has judged: if there is one rule, it is that.
    #[inline]
    pub(crate) fn admit_at_once(
        &self,
        set: u64,
        uncounted: u64,
        hw_queue: usize,
        now_ns: u64,
    ) -> bool {
        match &self.rules[..] {
            // Most often there is one, and this is what a limit that does not bind costs.
            [rule] => rule.admits_at_once(uncounted, hw_queue, now_ns),
            _ => self.all_admit_at_once(set, uncounted, hw_queue, now_ns),
        }
    }

    /// [`Plan::admit_at_once`] of any number of rules; not inlined, so that it costs nothing where there is one or none.
    #[inline(never)]
    fn all_admit_at_once(&self, set: u64, uncounted: u64, hw_queue: usize, now_ns: u64) -> bool {
        if let Some(rule) = self.sole_rule(set) {
            return rule.admits_at_once(uncounted, hw_queue, now_ns);
        }
        let admits = self.charge_quickly(self.limits_of(set), now_ns);
        if admits {
            self.count_at_once(set, uncounted, hw_queue);
        }
        admits
    }

    /// Has each of these limits count one I/O as [`Rule::charge_quickly`], or none of them.
    #[inline]
    fn charge_quickly(&self, set: u64, now_ns: u64) -> bool {
        let refuses = |rule: &Rule| rule.bit & set != 0 && !rule.charge_quickly(now_ns);
        let Some(refusing) = self.rules.iter().position(refuses) else {
            return true;
        };
        let before = self.rules.iter().take(refusing);
        let charged = before.filter(|rule| rule.bit & set != 0);
        charged.for_each(|rule| rule.give_back_quickly(now_ns));
        false
    }

    /// Has each of these limits count one I/O, or none of them. Either way the answer tells until when no other I/O is
    /// admitted, as far as was seen.
    #[inline]
    pub(crate) fn charge(&self, set: u64, now_ns: &mut u64) -> Result<Closed, Closed> {
        let Some(rule) = self.sole_rule(set) else {
            return self.charge_all(set, now_ns);
        };
        match rule.charge(now_ns) {
            Ok(charge) => Ok(rule.closed(charge.until_ns)),
            Err(until_ns) => Err(rule.closed(until_ns)),
        }
    }

    /// [`Plan::charge`] of any number of limits.
    fn charge_all(&self, set: u64, now_ns: &mut u64) -> Result<Closed, Closed> {
        let mut closed = Closed::NOT;
        let mut windows = [Window::NONE; MOST_RULES];
        for (place, rule) in self.rules.iter().enumerate() {
            if rule.bit & set == 0 {
                continue;
            }
            match rule.charge(now_ns) {
                Ok(charge) => {
                    if charge.until_ns > closed.until_ns {
                        closed = rule.closed(charge.until_ns);
                    }
                    windows[place % MOST_RULES] = charge.window;
                }
                Err(until_ns) => {
                    for (before, window) in self.rules.iter().zip(windows).take(place) {
                        if before.bit & set != 0 {
                            before.give_back(window);
                        }
                    }
                    return Err(rule.closed(until_ns));
                }
            }
        }
        Ok(closed)
    }
}

/// Until when some of a set of limits admits nothing.
#[derive(Clone, Copy)]
pub(crate) struct Closed {
    /// 0 if all of them may admit something at once.
    pub(crate) until_ns: u64,
    /// The number of that limit's rule.
    pub(crate) by: u32,
}

impl Closed {
    /// All of them may admit something.
    pub(crate) const NOT: Self = Self { until_ns: 0, by: 0 };
}

/// The numbers in a set.
#[inline]
fn numbers(mut set: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        (set != 0).then(|| {
            let number = set.trailing_zeros();
            set &= set.wrapping_sub(1);
            number
        })
    })
}
