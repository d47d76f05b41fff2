// SPDX-License-Identifier: GPL-2.0-only

//! What the injections do to the I/O of one disk, worked out when a setting changes and not for each I/O.

use crate::{
    elevator::{Clock, Entry, Parked, Request},
    hold::Held,
    injection::InjectionId,
    policy::{
        bounds::{Bounds, Place},
        io::Io,
        limit::Window,
    },
    rule::{Rule, RuleSpec},
    stats::Count,
    turns::Turns,
};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use kernel::{prelude::*, sync::Arc};

/// The most rules of a plan: each has a bit in the set that is kept with a request.
pub(crate) const MOST_RULES: usize = 64;

/// More than the greatest number of an operation that a filter can name.
const OPERATIONS: usize = 32;

/// The number of the next plan. Nothing else is ordered by it.
static NEXT_EPOCH: AtomicU64 = AtomicU64::new(1);

/// The rules for one disk. Immutable, but for what each rule remembers, and whose turn it is.
///
/// # Invariants
///
/// No two rules have the same `bit`, and `places` has the place of each by the number of its bit. No rule that is not in an entry
/// of `by_operation` matches an operation of that number. `screens` has one for each of `rules`, in the same order.
pub(crate) struct Plan {
    rules: KVec<Rule>,
    /// What is looked at of all rules, so that those that do not match cost little.
    screens: KVec<Screen>,
    places: [u8; MOST_RULES],
    /// The rules that may match an operation, by its number in `enum req_op`; the last entry is for all numbers from there on.
    by_operation: [u64; OPERATIONS],
    /// Its number among all plans: later ones have greater numbers.
    epoch: u64,
    /// All rules.
    all: u64,
    /// The rules that delay.
    delaying: u64,
    /// The rules that limit.
    limiting: u64,
    /// Of those that wait for limits.
    turns: Turns,
    /// Whether some rule asks for the PID namespace of who submits.
    pub(crate) asks_for_pid_namespace: bool,
}

/// The part of a rule that most I/O fails at.
struct Screen {
    /// The rule's.
    bit: u64,
    bounds: Bounds,
}

/// What the rules say about one request.
pub(crate) struct Verdict {
    /// The rules that hold it.
    pub(crate) held_by: u64,
    /// How long, together, in nanoseconds.
    pub(crate) delay_ns: u64,
    /// The rules that hold its completion.
    pub(crate) parked_by: u64,
    /// How long, together, in nanoseconds.
    pub(crate) parked_ns: u64,
}

impl Verdict {
    const NONE: Self = Self {
        held_by: 0,
        delay_ns: 0,
        parked_by: 0,
        parked_ns: 0,
    };
}

/// What a plan has in common with an earlier one for the same disk, as sets of rules.
#[derive(Clone, Copy)]
struct Common {
    /// Of the same injection.
    injection: u64,
    /// And choose the same requests.
    choice: u64,
    /// And delay them in the same way.
    delay: u64,
}

/// A plan that is about to judge again, and what is the same for all that is held.
pub(crate) struct Again<'a> {
    plan: &'a Plan,
    old: &'a Plan,
    common: Common,
    /// The rules that do something now.
    active: u64,
    now_ns: u64,
}

impl Again<'_> {
    /// Judges a held entry again, whose set and due time come from the old plan, and gives it new ones.
    pub(crate) fn judge<E: Held>(&self, entry: &mut E, hw_queue: usize) {
        let (before, now_ns) = (entry.set(), self.now_ns);
        let early = self.old.is_early(entry, now_ns);
        let delayed = before & self.old.delaying;
        self.plan
            .judge_again(entry, self.common, self.active, delayed, now_ns, hw_queue);
        let (held_by, known) = (entry.set(), self.common.injection);
        let added_ns = now_ns.saturating_sub(entry.arrival_ns());
        self.old
            .count_left(before & !(held_by & known), hw_queue, added_ns, early);
        self.plan
            .count(held_by & !(before & known), hw_queue, Count::Entered);
    }
}

impl Plan {
    /// The plan that these specs make for a disk whose plan was `old`; `None` if there are none.
    ///
    /// # Errors
    ///
    /// ENOSPC if there are too many, and ENOMEM.
    pub(crate) fn new<'a>(
        specs: impl Iterator<Item = RuleSpec<'a>>,
        old: Option<&Self>,
    ) -> Result<Option<Arc<Self>>> {
        let epoch = NEXT_EPOCH.fetch_add(1, Relaxed);
        let mut rules = KVec::new();
        for spec in specs {
            Rule::add(spec, old, epoch, &mut rules)?;
        }
        match rules.len() {
            0 => Ok(None),
            1..=MOST_RULES => Self::of(rules, old, epoch).map(Some),
            _ => Err(ENOSPC),
        }
    }

    /// The plan of these rules; not inlined, as it takes much of the stack.
    #[inline(never)]
    fn of(rules: KVec<Rule>, old: Option<&Self>, epoch: u64) -> Result<Arc<Self>> {
        let mut plan = Self {
            asks_for_pid_namespace: rules.iter().any(Rule::asks_for_pid_namespace),
            screens: KVec::new(),
            rules,
            places: [0; MOST_RULES],
            by_operation: [0; OPERATIONS],
            epoch,
            all: 0,
            delaying: 0,
            limiting: 0,
            turns: Turns::new(),
        };
        plan.give_bits(old);
        for rule in &plan.rules {
            // INVARIANT: They are pushed in the order of the rules.
            let (bit, bounds) = (rule.bit, rule.bounds());
            plan.screens.push(Screen { bit, bounds }, GFP_KERNEL)?;
        }
        Ok(Arc::new(plan, GFP_KERNEL)?)
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

    /// The operations that some rule may be about: a bit for each number. The last one is of all numbers from there on.
    pub(crate) fn operations(&self) -> u32 {
        let concerned = self.by_operation.iter().enumerate();
        concerned.fold(0, |bits, (number, set)| {
            bits | u32::from(*set != 0) << number
        })
    }

    /// The rule of an injection.
    pub(crate) fn rule_of(&self, injection: InjectionId) -> Option<&Rule> {
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

    /// The injections of a set's rules.
    pub(crate) fn injections_of(&self, set: u64) -> impl Iterator<Item = InjectionId> + '_ {
        self.rules_of(set).map(|rule| rule.injection)
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
        let ends = self.rules.iter().map(|rule| rule.lease.end_ns());
        ends.filter(|end_ns| *end_ns > now_ns)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The rules that have no end, as long as none gets one.
    pub(crate) fn endless(&self) -> u64 {
        self.set_of(|rule| rule.lease.end_ns() == u64::MAX)
    }

    /// Of rules without an end, those of which it is known that all they do to any I/O is to limit it.
    pub(crate) fn limit_all(&self, endless: u64) -> u64 {
        let all = self.set_of(|rule| rule.takes_all() && rule.holds_requests());
        endless & self.limiting & !self.delaying & all
    }

    /// Whether these are all of the rules.
    pub(crate) fn is_all(&self, set: u64) -> bool {
        set == self.all
    }

    fn set_of(&self, has: impl Fn(&Rule) -> bool) -> u64 {
        let rules = self.rules.iter().filter(|rule| has(rule));
        rules.fold(0, |set, rule| set | rule.bit)
    }

    /// Its number among all plans.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether some rule of a set has ended at this time.
    pub(crate) fn has_ended(&self, set: u64, now_ns: u64) -> bool {
        self.rules_of(set).any(|rule| !rule.lease.is_open(now_ns))
    }

    /// Whether an injection holds requests of this disk.
    pub(crate) fn holds_requests_of(&self, injection: InjectionId) -> bool {
        self.rule_of(injection).is_some_and(Rule::holds_requests)
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
        let mut verdict = Verdict::NONE;
        // Who waits for memory waits for this: as in blk-throttle, it is never held.
        if request.is_swap() {
            return verdict;
        }
        verdict.held_by = limit_all;
        let candidates = self.for_operation(request.operation()) & !limit_all;
        if candidates == 0 {
            return verdict;
        }
        let place = Place::of(request);
        for (screen, rule) in self.screens.iter().zip(&self.rules) {
            if screen.bit & candidates != 0 && screen.bounds.may_match(&place) {
                rule.add_to(&mut verdict, request, clock, Some(hw_queue));
            }
        }
        verdict
    }

    /// Whether no rule of this plan that holds completions is newer than all earlier plans.
    pub(crate) fn parks_nothing_new(&self) -> bool {
        self.newly_parking() == 0
    }

    fn newly_parking(&self) -> u64 {
        self.set_of(|rule| rule.choice_since == self.epoch && !rule.holds_requests())
    }

    /// What the new rules that hold completions say about a request that is held already.
    pub(crate) fn judge_new(&self, request: &Request, hw_queue: usize) -> Verdict {
        let mut verdict = Verdict::NONE;
        for rule in self.rules_of(self.newly_parking() & !request.set()) {
            // As in `judge_again`.
            let is_new = rule.known_since == self.epoch;
            let counted = is_new.then_some(hw_queue);
            rule.add_to(&mut verdict, request, &mut Clock::new(), counted);
        }
        verdict
    }

    /// Judges again, whose set and due time come from another plan, and gives it new ones.
    ///
    /// A rule that is as before is not asked again: who draws often enough draws a short delay at last. Only where a delay
    /// is taken away from a sum, all of the sum's draws are made anew. A rule that knew it goes on holding it as it is;
    /// a new one takes requests, or completions, as it would have.
    fn judge_again<E: Held>(
        &self,
        entry: &mut E,
        common: Common,
        active: u64,
        delayed: u64,
        now_ns: u64,
        hw_queue: usize,
    ) {
        let before = entry.set();
        let mut held_by = before & common.choice & active;
        let redraw = delayed & !(common.delay & active) != 0;
        let mut delay_ns = 0u64;
        for rule in self.rules.iter().filter(|rule| rule.bit & active != 0) {
            let added_ns = if common.choice & rule.bit == 0 {
                // An injection that knew it before has counted it.
                let knows = common.injection & rule.bit != 0;
                let takes =
                    knows && before & rule.bit != 0 || rule.holds_requests() != E::IS_COMPLETION;
                (takes && rule.matches(entry))
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
        let from_ns = if redraw || delayed == 0 {
            entry.arrival_ns()
        } else {
            entry.due_ns()
        };
        entry.set_due_ns(from_ns.saturating_add(delay_ns));
        entry.put_set(held_by);
    }

    /// Judges a completion that arrives now, and that an earlier plan has judged when its request was inserted.
    #[cold]
    pub(crate) fn judge_arrival(&self, parked: &mut Parked, now_ns: u64, hw_queue: usize) {
        let common = self.since(parked.epoch());
        let delay_ns = parked.due_ns().saturating_sub(parked.arrival_ns());
        // Which of the earlier plan's rules have delayed it is not known any more, but only all of them together.
        let delayed = if delay_ns > 0 { parked.set() } else { 0 };
        self.judge_again(
            parked,
            common,
            self.active(now_ns),
            delayed,
            now_ns,
            hw_queue,
        );
    }

    /// What there is to know for judging requests again that `old` has judged before, at this time.
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

    /// The rules that do something at this time.
    fn active(&self, now_ns: u64) -> u64 {
        self.set_of(|rule| rule.lease.is_open(now_ns))
    }

    /// Counts an I/O for these rules.
    #[inline]
    pub(crate) fn count(&self, set: u64, hw_queue: usize, what: Count) {
        for rule in self.rules_of(set) {
            rule.stats.count(hw_queue, what);
        }
    }

    /// Counts a request that these rules held, `added_ns` after its arrival.
    #[inline]
    pub(crate) fn count_left(&self, set: u64, hw_queue: usize, added_ns: u64, early: bool) {
        for rule in self.rules_of(set) {
            rule.stats.count_left(hw_queue, added_ns);
            if early {
                rule.stats.count(hw_queue, Count::Early);
            }
        }
    }

    /// Whether a request that this plan holds, and that goes now whatever its limits say, goes before its time. In a line it may have
    /// waited for more than its delay; but who only asked limits until now has not.
    pub(crate) fn is_early<E: Held>(&self, request: &E, now_ns: u64) -> bool {
        let is_limited = self.limits_of(request.set()) != 0;
        request.due_ns() > now_ns || (is_limited && request.arrival_ns() < now_ns)
    }

    /// Counts a request that these rules might have held, and that went at once; those in `uncounted` have not counted that it
    /// matches.
    #[inline]
    pub(crate) fn count_at_once(&self, set: u64, uncounted: u64, hw_queue: usize) {
        for rule in self.rules.iter().filter(|rule| rule.bit & set != 0) {
            rule.stats
                .count_at_once(hw_queue, rule.bit & uncounted == 0);
        }
    }

    /// Counts a request that had to wait for the limit of the rule of this number.
    pub(crate) fn count_limited(&self, number: u32, hw_queue: usize) {
        if let Some(rule) = self.rule(number) {
            rule.stats.count(hw_queue, Count::Limited);
        }
    }

    /// Of those that wait for limits.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Asks these limits to admit one I/O with a ticket at `now_ns`, which is brought up to date where a limit has seen a later time.
    ///
    /// As [`Plan::charge`], for one who was refused before and may well be again.
    pub(crate) fn admit(&self, set: u64, ticket: u32, now_ns: &mut u64) -> Result<Closed, Closed> {
        let before = self.turns.before(set, ticket);
        if before > 0 {
            for rule in self.rules_of(set) {
                rule.await_turn(before, *now_ns)
                    .map_err(|until_ns| rule.closed(until_ns))?;
            }
        }
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
    /// The set is not empty, and of a request that this plan has judged: if there is one rule, it is that. The caller has seen
    /// that nobody waits for these limits.
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

    /// [`Plan::charge`] of any number of limits; not inlined, as it takes much of the stack.
    #[inline(never)]
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
                    for (before, window) in self.rules.iter().zip(&windows).take(place) {
                        if before.bit & set != 0 {
                            before.give_back(*window);
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
