// SPDX-License-Identifier: GPL-2.0-only

//! What one hardware queue has to do, told as plainly as possible: vectors, and a look at everything each time.

use std::collections::BTreeMap;

/// How many injections there may be.
pub(crate) const INJECTIONS: usize = 4;

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    /// A write of memory pages, which nothing may hold.
    Swap,
}

/// What an injection does, in nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) injection: usize,
    /// Only reads or writes; `None` is both.
    pub(crate) kind: Option<Kind>,
    pub(crate) delay_ns: u64,
    /// The period and the quota.
    pub(crate) limit: Option<(u64, u32)>,
    /// Which sequence of draws it is; nothing here depends on it.
    pub(crate) sequence: u64,
}

/// A set of injections, a bit for each.
type Set = u64;

#[derive(Clone, Debug)]
struct Held {
    number: u64,
    kind: Kind,
    arrival_ns: u64,
    due_ns: u64,
    by: Set,
    /// Whether it is among the ready, since it waits for nothing that is known; in its turn it asks its limits.
    asks: bool,
    /// Of those that are due at the same time, those of lower rank go first.
    rank: i64,
}

#[derive(Debug)]
struct Ready {
    number: u64,
    /// Those of lower rank go first.
    rank: i64,
}

/// The requests that a hardware queue has, and what it knows.
#[derive(Default)]
pub(crate) struct Reference {
    pub(crate) now_ns: u64,
    rules: Vec<Rule>,
    /// When each injection ends.
    pub(crate) ends_ns: [Option<u64>; INJECTIONS],
    held: Vec<Held>,
    ready: Vec<Ready>,
    /// Of each limit, the number of the last window, and how many I/Os went in it.
    used: BTreeMap<usize, (u64, u32)>,
    /// Grows with everything that happens.
    rank: i64,
    /// Falls with each request that comes back.
    returned: i64,
}

impl Reference {
    fn next_rank(&mut self) -> i64 {
        self.rank += 1;
        self.rank
    }

    fn has_ended(&self, injection: usize) -> bool {
        self.ends_ns[injection].is_some_and(|end_ns| end_ns <= self.now_ns)
    }

    /// The injections that hold a request of this kind, and how long.
    fn judge(&self, kind: Kind) -> (Set, u64) {
        let rules = self.rules.iter().filter(|rule| {
            kind != Kind::Swap
                && rule.kind.is_none_or(|wanted| wanted == kind)
                && (rule.delay_ns > 0 || rule.limit.is_some())
                && !self.has_ended(rule.injection)
        });
        rules.fold((0, 0), |(by, delay_ns), rule| {
            (by | 1 << rule.injection, delay_ns + rule.delay_ns)
        })
    }

    pub(crate) fn insert(&mut self, number: u64, kind: Kind, asks: bool) {
        let (by, delay_ns) = self.judge(kind);
        let rank = self.next_rank();
        if by == 0 {
            return self.ready.push(Ready { number, rank });
        }
        self.held.push(Held {
            number,
            kind,
            arrival_ns: self.now_ns,
            due_ns: self.now_ns + delay_ns,
            by,
            asks,
            rank,
        });
    }

    /// Those who asked have been refused, or have to give way: they wait from now on.
    pub(crate) fn nobody_asks(&mut self) {
        for held in self.held.iter_mut().filter(|held| held.asks) {
            held.arrival_ns = self.now_ns;
            held.due_ns = self.now_ns;
            held.asks = false;
        }
    }

    /// A request that the driver had comes back.
    pub(crate) fn insert_again(&mut self, number: u64) {
        self.returned -= 1;
        let rank = self.returned;
        self.ready.push(Ready { number, rank });
    }

    pub(crate) fn follow(&mut self, rules: &[Rule]) {
        let old = std::mem::replace(&mut self.rules, rules.to_vec());
        let old_period = |injection| {
            let old = old.iter().find(|old| old.injection == injection)?;
            Some(old.limit?.0)
        };
        let counts_on = |injection: &usize| {
            let rule = rules.iter().find(|rule| rule.injection == *injection);
            let period = rule.and_then(|rule| Some(rule.limit?.0));
            period.is_some() && period == old_period(*injection)
        };
        self.used.retain(|injection, _| counts_on(injection));
        self.judge_again();
    }

    /// Judges all that is held again, each from its own arrival.
    pub(crate) fn judge_again(&mut self) {
        let rank = self.next_rank();
        for mut held in std::mem::take(&mut self.held) {
            let (by, delay_ns) = self.judge(held.kind);
            if by == 0 {
                let number = held.number;
                self.ready.push(Ready { number, rank });
            } else {
                held.by = by;
                held.due_ns = held.arrival_ns + delay_ns;
                // Of those that will be due at the same time, any may be the first now.
                held.rank = rank;
                self.held.push(held);
            }
        }
    }

    /// Time has passed: those of whose injections one has ended are judged again.
    pub(crate) fn expire(&mut self) {
        let ended = (0..INJECTIONS).filter(|injection| self.has_ended(*injection));
        let ended = ended.fold(0, |set, injection| set | 1 << injection);
        if self.held.iter().any(|held| held.by & ended != 0) {
            self.judge_again();
        }
    }

    /// The limits among some injections.
    fn limits(&self, by: Set) -> Set {
        let rules = self.rules.iter();
        let limiting = rules.filter(|rule| rule.limit.is_some() && by & 1 << rule.injection != 0);
        limiting.fold(0, |set, rule| set | 1 << rule.injection)
    }

    /// When all of these limits may admit one more, as far as is known now.
    fn open_ns(&self, limits: Set) -> u64 {
        let rules = self
            .rules
            .iter()
            .filter(|rule| limits & 1 << rule.injection != 0);
        let times = rules.filter_map(|rule| {
            let (period_ns, quota) = rule.limit?;
            let window = self.now_ns / period_ns;
            let (last, used) = *self.used.get(&rule.injection)?;
            // More than the quota, if that was lowered meanwhile.
            (last == window && used >= quota).then_some((window + 1) * period_ns)
        });
        times.max().unwrap_or(self.now_ns)
    }

    /// The held request that is the first among those that wait for the same limits, for each such set of limits.
    fn heads(&self) -> BTreeMap<Set, &Held> {
        let mut heads: BTreeMap<Set, &Held> = BTreeMap::new();
        for held in &self.held {
            let head = heads.entry(self.limits(held.by)).or_insert(held);
            if (held.due_ns, held.rank) < (head.due_ns, head.rank) {
                *head = held;
            }
        }
        heads
    }

    /// When something may go at the latest: the driver must not sleep longer.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        if !self.ready.is_empty() {
            return Some(self.now_ns);
        }
        let ends_ns = (0..INJECTIONS).filter(|injection| self.held_by(*injection) > 0);
        let end_ns = ends_ns
            .filter_map(|injection| self.ends_ns[injection])
            .min();
        self.next_held_ns()
            .map(|next_ns| next_ns.min(end_ns.unwrap_or(next_ns)))
    }

    /// Takes a request that `is_due` now or need not be; says what is wrong with that.
    pub(crate) fn take(&mut self, number: u64, is_due: bool) -> Result<(), String> {
        if let Some(place) = self.held.iter().position(|held| held.number == number) {
            let held = self.held[place].clone();
            let limits = self.limits(held.by);
            let head = self.heads()[&limits];
            if (held.due_ns, held.rank) != (head.due_ns, head.rank) {
                return Err(format!("{held:?} goes before {head:?}"));
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
        let place = self.ready.iter().position(|ready| ready.number == number);
        let place = place.ok_or_else(|| format!("nobody inserted {number}, or it went before"))?;
        let ready = self.ready.remove(place);
        if self.ready.iter().any(|other| other.rank < ready.rank) {
            return Err(format!("{ready:?} goes before one of {:?}", self.ready));
        }
        if is_due && self.first_waiting_ns() <= self.now_ns {
            return Err(format!("{ready:?} goes before one that has waited"));
        }
        Ok(())
    }

    /// When the first may go of those that are not among the ready.
    fn first_waiting_ns(&self) -> u64 {
        let heads = self.heads().into_iter();
        let waiting = heads.filter(|(_, head)| !head.asks);
        waiting
            .map(|(limits, head)| head.due_ns.max(self.open_ns(limits)))
            .min()
            .unwrap_or(u64::MAX)
    }

    fn next_held_ns(&self) -> Option<u64> {
        let heads = self.heads().into_iter();
        heads
            .map(|(limits, head)| head.due_ns.max(self.open_ns(limits)))
            .min()
    }

    fn charge(&mut self, limits: Set) {
        for rule in &self.rules {
            let Some((period_ns, _)) = rule.limit else {
                continue;
            };
            if limits & 1 << rule.injection != 0 {
                let window = self.now_ns / period_ns;
                let used = self.used.entry(rule.injection).or_default();
                *used = (window, if used.0 == window { used.1 + 1 } else { 1 });
            }
        }
    }

    /// How many requests wait for anything.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// How many of them an injection holds.
    pub(crate) fn held_by(&self, injection: usize) -> usize {
        let held = self.held.iter();
        held.filter(|held| held.by & 1 << injection != 0).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.ready.is_empty()
    }
}
