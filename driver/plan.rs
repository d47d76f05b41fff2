// SPDX-License-Identifier: GPL-2.0-only

//! The plan of one disk: the effects of all injections on its I/O, worked out when a setting
//! changes and not for each I/O.

mod admit;
mod judge;
pub(crate) mod mean;

use crate::{
    held_entry::HeldEntry,
    injection::InjectionId,
    policy::{
        bounds::Bounds,
        io::Io,
        limits::transferred,
        operations::{FLUSH, OTHER},
    },
    rule::{Rule, RuleSpec},
    rule_set::RuleSet,
    stats::{Count, Lane},
    turns::Turns,
};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use kernel::{prelude::*, sync::Arc};

/// How many operations filters tell apart: [`OTHER`] is the last.
const OPERATIONS: usize = OTHER as usize + 1;

/// The number of the next plan. Relaxed: only the numbers count.
static NEXT_EPOCH: AtomicU64 = AtomicU64::new(1);

/// The rules for one disk. Only the state of each rule and the turns at limits change.
///
/// # Invariants
///
/// No two rules have the same `bit`, and `places` has the place of each rule by the number of its
/// bit. An entry of `by_operation` has all rules that may match an operation of its number.
/// `screens` has a screen for each of `rules`, in the same order.
pub(crate) struct Plan {
    rules: KVec<Rule>,
    /// A few words of each rule, so that rules that do not match cost little.
    screens: KVec<Screen>,
    places: [u8; RuleSet::CAPACITY],
    /// The rules that may match an operation, by its number as filters know it.
    by_operation: [RuleSet; OPERATIONS],
    /// The plan's number: later plans have greater numbers.
    epoch: u64,
    /// All rules.
    all: RuleSet,
    /// The rules that delay.
    delaying: RuleSet,
    /// The rules with lanes or arms.
    booking: RuleSet,
    /// The rules that limit.
    limiting: RuleSet,
    /// The rules that end I/O with an error.
    failing: RuleSet,
    /// Whether some of these are about requests, and not about flushes alone.
    fails_requests: bool,
    /// The turns of entries that wait for limits.
    turns: Turns,
    /// Whether some limit asks for the size of an I/O.
    asks_for_bytes: bool,
    /// Whether some rule asks for the submitter's PID namespace.
    pub(crate) asks_for_pid_namespace: bool,
}

/// The part of a rule that rules out most I/Os.
struct Screen {
    /// The bit of the rule.
    bit: RuleSet,
    bounds: Bounds,
}

impl Plan {
    /// Makes the plan of these specs for a disk whose plan was `old`; `None` if there is no spec.
    ///
    /// # Errors
    ///
    /// ENOSPC if there are too many specs, and ENOMEM.
    pub(crate) fn new<'a>(
        specs: impl Iterator<Item = RuleSpec<'a>>,
        old: Option<&Self>,
    ) -> Result<Option<Arc<Self>>> {
        let epoch = NEXT_EPOCH.fetch_add(1, Relaxed);
        let mut rules = KVec::new();
        for spec in specs {
            let before = old.and_then(|old| old.rule_of(spec.injection));
            Rule::add(spec, before, epoch, &mut rules)?;
        }
        match rules.len() {
            0 => Ok(None),
            1..=RuleSet::CAPACITY => Self::of(rules, old, epoch).map(Some),
            _ => Err(ENOSPC),
        }
    }

    /// Makes the plan of these rules; not inlined, as it takes much of the stack.
    #[inline(never)]
    fn of(rules: KVec<Rule>, old: Option<&Self>, epoch: u64) -> Result<Arc<Self>> {
        let mut plan = Self {
            asks_for_bytes: false,
            asks_for_pid_namespace: false,
            screens: KVec::new(),
            rules,
            places: [0; RuleSet::CAPACITY],
            by_operation: [RuleSet::EMPTY; OPERATIONS],
            epoch,
            all: RuleSet::EMPTY,
            delaying: RuleSet::EMPTY,
            booking: RuleSet::EMPTY,
            limiting: RuleSet::EMPTY,
            failing: RuleSet::EMPTY,
            fails_requests: false,
            turns: Turns::new(),
        };
        plan.give_bits(old);
        for rule in &plan.rules {
            // INVARIANT: The loop pushes them in the order of the rules.
            let (bit, bounds) = (rule.bit, rule.bounds());
            plan.screens.push(Screen { bit, bounds }, GFP_KERNEL)?;
        }
        Ok(Arc::new(plan, GFP_KERNEL)?)
    }

    /// Gives each rule a bit: the bit of its injection's old rule, so that held requests can keep
    /// their sets, or a free bit; and notes what the rules do. Not inlined, as `of` takes much of
    /// the stack.
    #[inline(never)]
    fn give_bits(&mut self, old: Option<&Self>) {
        let mut used = RuleSet::EMPTY;
        for rule in self.rules.iter_mut() {
            let before = old.and_then(|old| old.rule_of(rule.injection));
            rule.bit = before.map_or(RuleSet::EMPTY, |before| before.bit);
            used |= rule.bit;
        }
        for (place, rule) in self.rules.iter_mut().enumerate() {
            if rule.bit.is_empty() {
                // There are at most as many rules as bits.
                rule.bit = used.unused();
                used |= rule.bit;
            }
            // INVARIANT: The bit is this rule's alone. A place is below 64.
            self.places[rule.number()] = place as u8;
            self.all |= rule.bit;
            self.delaying |= rule.bit.when(rule.delays());
            self.asks_for_bytes |= rule.limits.ask_for_bytes();
            self.asks_for_pid_namespace |= rule.asks_for_pid_namespace();
            self.booking |= rule.bit.when(rule.lanes.is_some());
            self.limiting |= rule.bit.when(!rule.limits.is_none());
            self.failing |= rule.bit.when(rule.ending.is_some());
            self.fails_requests |= rule.ending.is_some() && !rule.is_about_flushes();
            for (number, set) in (0..).zip(&mut self.by_operation) {
                // INVARIANT: The rule is left out only where it cannot match.
                *set |= rule.bit.when(rule.may_match(number));
            }
        }
    }

    /// The rules that may match an operation of this number.
    #[inline]
    fn for_operation(&self, number: u32) -> RuleSet {
        self.by_operation[(number as usize).min(OPERATIONS - 1)]
    }

    /// The operations that some rule may match: a bit for each number.
    pub(crate) fn operations(&self) -> u32 {
        self.operations_of(self.all)
    }

    /// The operations whose requests some rule may end with an error, in the same form.
    pub(crate) fn failing_operations(&self) -> u32 {
        self.operations_of(self.failing) & !(1 << FLUSH)
    }

    fn operations_of(&self, rules: RuleSet) -> u32 {
        let sets = self.by_operation.iter().enumerate();
        sets.fold(0, |bits, (number, set)| {
            bits | u32::from(!(*set & rules).is_empty()) << number
        })
    }

    /// The rule of an injection.
    pub(crate) fn rule_of(&self, injection: InjectionId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.injection == injection)
    }

    /// The rule whose bit has this number. The number must be in a set of this plan's rules.
    fn rule(&self, number: u32) -> Option<&Rule> {
        let place = self.places.get(number as usize)?;
        self.rules.get(usize::from(*place))
    }

    /// The only rule of a set, if the set has one rule.
    #[inline]
    fn sole_rule(&self, set: RuleSet) -> Option<&Rule> {
        set.is_single().then(|| self.rule(set.first())).flatten()
    }

    /// The rules of a set.
    fn rules_of(&self, set: RuleSet) -> impl Iterator<Item = &Rule> {
        set.iter().filter_map(|number| self.rule(number))
    }

    /// The injections of a set's rules.
    pub(crate) fn injections_of(&self, set: RuleSet) -> impl Iterator<Item = InjectionId> + '_ {
        self.rules_of(set).map(|rule| rule.injection)
    }

    /// Whether both plans do the same to every I/O.
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

    /// Whether the plan has a rule of this injection.
    pub(crate) fn has(&self, injection: InjectionId) -> bool {
        self.rule_of(injection).is_some()
    }

    /// How many bytes of an entry its limits count; 0 if none asks.
    #[inline]
    pub(crate) fn bytes_of(&self, io: &impl Io) -> u32 {
        if self.asks_for_bytes {
            transferred(io)
        } else {
            0
        }
    }

    /// The rules of a set that limit.
    #[inline]
    pub(crate) fn limits_of(&self, set: RuleSet) -> RuleSet {
        set & self.limiting
    }

    /// When the next rule lets go of all its I/O.
    pub(crate) fn next_end_ns(&self, now_ns: u64) -> u64 {
        let ends = self.rules.iter().map(|rule| rule.next_end_ns(now_ns));
        ends.min().unwrap_or(u64::MAX)
    }

    /// The rules without an end. The set is right until a rule gets an end.
    pub(crate) fn endless(&self) -> RuleSet {
        self.set_of(Rule::is_endless)
    }

    /// The rules without an end that take every I/O, and do nothing but limit it.
    pub(crate) fn limit_all(&self, endless: RuleSet) -> RuleSet {
        let all = self.set_of(|rule| rule.takes_all() && rule.holds_requests());
        (endless & self.limiting & all) - self.delaying - self.failing
    }

    /// Whether some rule ends requests with an error.
    pub(crate) fn fails_any(&self) -> bool {
        self.fails_requests
    }

    /// The rule of a set that ends I/O: that of the oldest injection, if there are several.
    pub(crate) fn failing_rule(&self, set: RuleSet) -> Option<&Rule> {
        let failing = set & self.failing;
        if failing.is_empty() {
            return None;
        }
        let mut rules = self.rules.iter();
        rules.find(|rule| failing.contains(rule.bit))
    }

    /// Whether a set has all rules.
    pub(crate) fn is_all(&self, set: RuleSet) -> bool {
        set == self.all
    }

    /// The rules that have not ended at this time.
    fn active(&self, now_ns: u64) -> RuleSet {
        self.set_of(|rule| rule.is_active(now_ns))
    }

    fn set_of(&self, has: impl Fn(&Rule) -> bool) -> RuleSet {
        let rules = self.rules.iter().filter(|rule| has(rule));
        rules.fold(RuleSet::EMPTY, |set, rule| set | rule.bit)
    }

    /// The plan's number.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether some rule of a set has ended at this time.
    pub(crate) fn has_ended(&self, set: RuleSet, now_ns: u64) -> bool {
        self.rules_of(set).any(|rule| !rule.is_active(now_ns))
    }

    /// Counts an I/O for these rules.
    #[inline]
    pub(crate) fn count(&self, set: RuleSet, lane: Lane, what: Count) {
        for rule in self.rules_of(set) {
            rule.stats.count(lane, what);
        }
    }

    /// Counts an entry that these rules have held, and that goes `added_ns` after its arrival.
    #[inline]
    pub(crate) fn count_left(&self, set: RuleSet, lane: Lane, added_ns: u64, early: bool) {
        for rule in self.rules_of(set) {
            rule.stats.count_left(lane, added_ns);
            if early {
                rule.stats.count(lane, Count::Early);
            }
        }
    }

    /// Whether an entry that goes now without asking its limits goes before its time.
    ///
    /// An entry that waits for limits is early even after its delay, since they have not admitted
    /// it. It is not early if it was ready until now, and so has not waited.
    pub(crate) fn is_early<E: HeldEntry>(&self, entry: &E, now_ns: u64) -> bool {
        let is_limited = !self.limits_of(entry.rules()).is_empty();
        entry.due_ns() > now_ns || (is_limited && entry.arrival_ns() < now_ns)
    }

    /// Counts a request that these rules might have held, and that goes at once. The rules in
    /// `uncounted` have not counted yet that it matches.
    #[inline]
    pub(crate) fn count_at_once(&self, set: RuleSet, uncounted: RuleSet, lane: Lane) {
        for rule in self.rules.iter().filter(|rule| set.contains(rule.bit)) {
            rule.stats
                .count_at_once(lane, !uncounted.contains(rule.bit));
        }
    }

    /// Counts an entry that had to wait for the limit of the rule of this number.
    pub(crate) fn count_limited(&self, number: u32, lane: Lane) {
        if let Some(rule) = self.rule(number) {
            rule.stats.count(lane, Count::Limited);
        }
    }

    /// Makes the lanes of all rules free, as all I/O goes.
    pub(crate) fn clear_all_lanes(&self) {
        self.clear_lanes(self.all);
    }

    /// Makes the lanes of these rules free.
    pub(crate) fn clear_lanes(&self, set: RuleSet) {
        let lanes = self.rules_of(set).filter_map(|rule| rule.lanes.as_ref());
        lanes.for_each(|lanes| lanes.clear());
    }

    /// The turns of entries that wait for limits.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }
}
