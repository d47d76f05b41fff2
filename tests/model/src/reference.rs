// SPDX-License-Identifier: GPL-2.0-only

//! The reference: the duty of one hardware queue, as plainly as possible, with vectors and a look
//! at everything each time.

mod parking;
mod rule;
mod windows;

pub(crate) use self::rule::{Kind, Rule, Set, Side, INJECTIONS};

use self::rule::{limits, members};
use std::collections::BTreeMap;

/// The outcome of an attempt to hold a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The completion is held for so long, once the request is finished.
    Parked(u64),
    NoMemory,
    Full,
}

#[derive(Clone, Debug)]
struct Held {
    number: u64,
    side: Side,
    kind: Kind,
    arrival_ns: u64,
    /// When the driver took it, which for a completion may be later than its arrival.
    taken_ns: u64,
    due_ns: u64,
    by: Set,
    /// Whether it is ready and has limits to ask in its turn.
    asks: bool,
    /// Whether it certainly has a ticket, so that no other entry may go at once.
    is_queued: bool,
    /// Of entries that are due at the same time, the one with the lowest rank goes first.
    rank: i64,
}

#[derive(Debug)]
struct Ready {
    number: u64,
    side: Side,
    /// The entry with the lowest rank goes first.
    rank: i64,
}

/// A completion that is to be held, and has not been taken yet.
#[derive(Debug)]
struct Parked {
    kind: Kind,
    by: Set,
    /// Which of the plans has judged it.
    plan: usize,
}

/// The counts of an injection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) entered: u64,
    pub(crate) left: u64,
    pub(crate) early: u64,
    pub(crate) no_memory: u64,
    pub(crate) over_memory: u64,
}

/// The requests and completions of a hardware queue, and its knowledge of the rules.
pub(crate) struct Reference {
    pub(crate) now_ns: u64,
    /// The plans that were followed; the last one is followed now.
    plans: Vec<Vec<Rule>>,
    /// When each injection ends.
    pub(crate) ends_ns: [Option<u64>; INJECTIONS],
    held: Vec<Held>,
    ready: Vec<Ready>,
    /// By the number of the request.
    parked: BTreeMap<u64, Parked>,
    /// The completions that have arrived, in order: the number, the time, and whether it is over
    /// already.
    arrived: Vec<(u64, u64, bool)>,
    /// For each limit, the number of the last window, and how many I/Os went in it.
    used: BTreeMap<usize, (u64, u32)>,
    /// Until when entries of a side that wait for some limits may give way to entries of the other
    /// side.
    gives_way_ns: BTreeMap<(Side, Set), u64>,
    pub(crate) counts: [Counts; INJECTIONS],
    /// Grows with everything that happens.
    rank: i64,
    /// Falls with each requeued request.
    returned: i64,
}

impl Reference {
    pub(crate) fn new() -> Self {
        Self {
            now_ns: 0,
            plans: vec![Vec::new()],
            ends_ns: [None; INJECTIONS],
            held: Vec::new(),
            ready: Vec::new(),
            parked: BTreeMap::new(),
            arrived: Vec::new(),
            used: BTreeMap::new(),
            gives_way_ns: BTreeMap::new(),
            counts: [Counts::default(); INJECTIONS],
            rank: 0,
            returned: 0,
        }
    }

    fn next_rank(&mut self) -> i64 {
        self.rank += 1;
        self.rank
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        self.plans.last().unwrap()
    }

    fn rule_in(&self, plan: usize, injection: usize) -> Option<&Rule> {
        let mut rules = self.plans[plan].iter();
        rules.find(|rule| rule.injection == injection)
    }

    fn has_ended_at(&self, injection: usize, time_ns: u64) -> bool {
        self.ends_ns[injection].is_some_and(|end_ns| end_ns <= time_ns)
    }

    /// The rules that hold I/O of this kind at this time.
    fn active(&self, kind: Kind, time_ns: u64) -> impl Iterator<Item = &Rule> {
        self.rules().iter().filter(move |rule| {
            rule.matches(kind)
                && (rule.delay_ns > 0 || rule.limit.is_some())
                && !self.has_ended_at(rule.injection, time_ns)
        })
    }

    /// The injections that hold the request, or the completion, of new I/O of this kind.
    fn judge(&self, kind: Kind, side: Side) -> Set {
        let rules = self.active(kind, self.now_ns);
        let rules = rules.filter(|rule| rule.holds() == side);
        rules.fold(0, |by, rule| by | 1 << rule.injection)
    }

    /// The injections that hold an entry that by an earlier plan the injections in `before` held,
    /// or were to hold.
    ///
    /// A rule that has not changed its choice goes on as before. A rule that has changed it goes on
    /// holding an entry that still matches. Otherwise it is like a new rule, which takes the side
    /// that it holds.
    fn judge_since(&self, plan: usize, kind: Kind, side: Side, before: Set, time_ns: u64) -> Set {
        let last = self.plans.len() - 1;
        let holds = |rule: &&Rule| {
            let injection = rule.injection;
            let was_held = before & 1 << injection != 0;
            let is_known = (plan..=last).all(|plan| self.rule_in(plan, injection).is_some());
            let is_same = is_known
                && (plan..=last).all(|plan| {
                    let then = self.rule_in(plan, injection);
                    then.is_some_and(|then| then.same_choice(rule))
                });
            if is_same {
                was_held
            } else {
                is_known && was_held || rule.holds() == side
            }
        };
        let rules = self.active(kind, time_ns).filter(holds);
        rules.fold(0, |by, rule| by | 1 << rule.injection)
    }

    fn delay_ns(&self, by: Set) -> u64 {
        let rules = self.rules().iter();
        let rules = rules.filter(|rule| by & 1 << rule.injection != 0);
        rules.fold(0, |sum, rule| sum.saturating_add(rule.delay_ns))
    }

    fn count(&mut self, set: Set, what: impl Fn(&mut Counts)) {
        members(set).for_each(|injection| what(&mut self.counts[injection]));
    }

    /// Takes a new request, and returns whether it has limits to ask. `may_ask` says whether
    /// requests that come now may go to the ready ones and ask.
    pub(crate) fn insert(
        &mut self,
        (number, kind): (u64, Kind),
        can_be_parked: bool,
        outcome: Option<Outcome>,
        may_ask: bool,
    ) -> Result<bool, String> {
        let parked = self.judge(kind, Side::Completions);
        let instead = self.park((number, kind), parked, can_be_parked, outcome)?;
        let by = self.judge(kind, Side::Requests) | instead;
        let rank = self.next_rank();
        let side = Side::Requests;
        if by == 0 {
            self.ready.push(Ready { number, side, rank });
            return Ok(false);
        }
        let delay_ns = self.delay_ns(by);
        let is_limited = self.limits(by) != 0;
        let asks = may_ask && is_limited;
        if !asks {
            self.count(by, |counts| counts.entered += 1);
        }
        self.held.push(Held {
            number,
            side,
            kind,
            arrival_ns: self.now_ns,
            taken_ns: self.now_ns,
            due_ns: self.due_ns(self.now_ns, by),
            by,
            asks,
            is_queued: !asks && is_limited && delay_ns == 0,
            rank,
        });
        Ok(asks)
    }

    /// Has all ready requests with limits to ask wait from now on: a limit has refused one of them,
    /// or they have to give way.
    pub(crate) fn nobody_asks(&mut self) {
        let mut all = std::mem::take(&mut self.held);
        for held in all.iter_mut().filter(|held| held.asks) {
            held.arrival_ns = self.now_ns;
            held.taken_ns = self.now_ns;
            held.due_ns = self.now_ns;
            held.asks = false;
            held.is_queued = true;
            self.count(held.by, |counts| counts.entered += 1);
        }
        self.held = all;
    }

    /// Takes a requeued request.
    pub(crate) fn insert_again(&mut self, number: u64) {
        self.returned -= 1;
        self.ready.push(Ready {
            number,
            side: Side::Requests,
            rank: self.returned,
        });
    }

    /// Follows other rules. `asked` has the outcomes for held requests whose completions new rules
    /// want to hold; `cannot` says for which requests that is impossible.
    pub(crate) fn follow(
        &mut self,
        rules: &[Rule],
        asked: &[(u64, Option<Outcome>)],
        cannot: impl Fn(u64, Kind) -> bool,
    ) -> Result<(), String> {
        self.plans.push(rules.to_vec());
        let plan = self.plans.len() - 1;
        let old_period = |injection| Some(self.rule_in(plan - 1, injection)?.limit?.0);
        let counts_on = |injection: &usize| {
            let period = self.rule_in(plan, *injection);
            let period = period.and_then(|rule| Some(rule.limit?.0));
            period.is_some() && period == old_period(*injection)
        };
        let mut used = self.used.clone();
        used.retain(|injection, _| counts_on(injection));
        self.used = used;
        self.judge_again_since(plan - 1, Side::Completions);
        self.judge_again_since(plan - 1, Side::Requests);
        self.park_held(asked, cannot)
    }

    /// Judges all held entries again, after an injection has got an end.
    pub(crate) fn judge_again(&mut self) {
        let plan = self.plans.len() - 1;
        self.judge_again_since(plan, Side::Completions);
        self.judge_again_since(plan, Side::Requests);
    }

    /// Judges all held entries of a side again, each from its own arrival.
    fn judge_again_since(&mut self, plan: usize, side: Side) {
        let rank = self.next_rank();
        self.gives_way_ns.retain(|(other, _), _| *other != side);
        for mut held in std::mem::take(&mut self.held) {
            if held.side != side {
                self.held.push(held);
                continue;
            }
            let before = held.by;
            let was_early = self.is_early(&self.plans[plan], &held);
            let by = self.judge_since(plan, held.kind, side, before, self.now_ns);
            self.count(by & !before, |counts| counts.entered += 1);
            self.count_left(before & !by, was_early);
            if by == 0 {
                let number = held.number;
                self.ready.push(Ready { number, side, rank });
            } else {
                held.by = by;
                held.due_ns = self.due_ns(held.arrival_ns, by);
                held.taken_ns = held.arrival_ns;
                held.is_queued = false;
                // Any of the entries that are due at the same time may be the first now.
                held.rank = rank;
                self.held.push(held);
            }
        }
    }

    fn count_left(&mut self, set: Set, early: bool) {
        self.count(set, |counts| {
            counts.left += 1;
            counts.early += u64::from(early);
        });
    }

    /// Whether an entry that goes now without asking its limits goes before its time.
    fn is_early(&self, rules: &[Rule], held: &Held) -> bool {
        let is_limited = limits(rules, held.by) != 0;
        held.due_ns > self.now_ns || is_limited && held.arrival_ns < self.now_ns
    }

    /// Judges the entries of a side again, if an injection that holds one of them has ended.
    pub(crate) fn expire(&mut self, side: Side) {
        let ended = members(Set::MAX).filter(|one| self.has_ended_at(*one, self.now_ns));
        let ended = ended.fold(0, |set, injection| set | 1 << injection);
        if self.of(side).any(|held| held.by & ended != 0) {
            self.judge_again_since(self.plans.len() - 1, side);
            // The entries have lost their turns.
            self.give_way(side);
        }
    }

    fn of(&self, side: Side) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(move |held| held.side == side)
    }

    /// The limits among some injections.
    fn limits(&self, by: Set) -> Set {
        limits(self.rules(), by)
    }

    /// For each set of limits, the first entry that waits for it.
    fn heads(&self, side: Side) -> BTreeMap<Set, &Held> {
        let mut heads: BTreeMap<Set, &Held> = BTreeMap::new();
        for held in self.of(side) {
            let head = heads.entry(self.limits(held.by)).or_insert(held);
            if (held.due_ns, held.rank) < (head.due_ns, head.rank) {
                *head = held;
            }
        }
        heads
    }

    /// The latest time at which the next entry may go: the driver must not sleep longer.
    pub(crate) fn next_ns(&self, side: Side) -> Option<u64> {
        if self.ready.iter().any(|ready| ready.side == side) {
            return Some(self.now_ns);
        }
        let ends_ns = (0..INJECTIONS)
            .filter(|injection| self.of(side).any(|held| held.by & 1 << injection != 0));
        let end_ns = ends_ns
            .filter_map(|injection| self.ends_ns[injection])
            .min();
        let heads = self.heads(side).into_iter();
        let next_ns = heads
            .map(|(limits, head)| self.latest_ns(side, limits, head))
            .min();
        next_ns.map(|next_ns| next_ns.min(end_ns.unwrap_or(next_ns)))
    }

    /// The injections that hold a ready request if its limits refuse it; `None` if it has none to
    /// ask.
    pub(crate) fn asks(&self, number: u64) -> Option<Set> {
        let mut held = self.of(Side::Requests);
        let held = held.find(|held| held.number == number && held.asks);
        held.map(|held| held.by)
    }

    /// Takes an entry out that the driver has released, and returns an error if that was wrong.
    /// Only if `is_due` it must have been due.
    pub(crate) fn take(&mut self, side: Side, number: u64, is_due: bool) -> Result<(), String> {
        let is_it = |held: &Held| held.side == side && held.number == number;
        if let Some(place) = self.held.iter().position(is_it) {
            let held = self.held[place].clone();
            let limits = self.limits(held.by);
            let goes_before = |other: &&Held| {
                self.limits(other.by) == limits
                    && (other.due_ns, other.rank) < (held.due_ns, held.rank)
                    // An entry that is taken late may find that later ones have queued up.
                    && (other.taken_ns == other.arrival_ns || other.taken_ns < held.due_ns)
            };
            if let Some(other) = self.of(side).find(goes_before) {
                return Err(format!("{held:?} goes before {other:?}"));
            }
            if !held.asks {
                let early = !is_due && self.is_early(self.rules(), &held);
                self.count_left(held.by, early);
            }
            if is_due {
                if held.due_ns.max(self.open_ns(limits)) > self.now_ns {
                    return Err(format!("{held:?} goes early"));
                }
                self.charge(limits);
            }
            self.held.remove(place);
            return Ok(());
        }
        let is_it = |ready: &Ready| ready.side == side && ready.number == number;
        let place = self.ready.iter().position(is_it);
        let place = place.ok_or_else(|| format!("nobody inserted {number}, or it went before"))?;
        let ready = self.ready.remove(place);
        let mut others = self.ready.iter().filter(|other| other.side == side);
        if others.any(|other| other.rank < ready.rank) {
            return Err(format!("{ready:?} goes before one of {:?}", self.ready));
        }
        if is_due && self.first_waiting_ns(side) <= self.now_ns {
            return Err(format!("{ready:?} goes before one that has waited"));
        }
        Ok(())
    }

    /// When the first entry may go that is not ready.
    fn first_waiting_ns(&self, side: Side) -> u64 {
        let heads = self.heads(side).into_iter();
        let waiting = heads.filter(|(_, head)| !head.asks);
        waiting
            .map(|(limits, head)| self.latest_ns(side, limits, head))
            .min()
            .unwrap_or(u64::MAX)
    }

    /// How many entries of a side wait or have limits to ask.
    pub(crate) fn held(&self, side: Side) -> usize {
        self.of(side).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.ready.is_empty() && self.parked.is_empty()
    }

    /// Whether a request has not been dispatched.
    pub(crate) fn is_before_the_device(&self, number: u64) -> bool {
        let has = |side, other| side == Side::Requests && other == number;
        self.held.iter().any(|held| has(held.side, held.number))
            || self.ready.iter().any(|ready| has(ready.side, ready.number))
    }
}
