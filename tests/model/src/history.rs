// SPDX-License-Identifier: GPL-2.0-only

//! Histories of one hardware queue: what the driver's code holds and lets go, against [`Reference`].

use crate::{
    elevator::{
        block_layer::{self, Owned},
        Parking, Request,
    },
    hold::{Hold, NotParked, Park, NEVER},
    injection::{Injection, InjectionId},
    ledger::{Count, Ledger},
    orders::order,
    plan::Plan,
    policy::{
        delay::{Delay, NS_PER_US},
        distribution::Shape,
        filter::Filter,
        limit::Limit,
        operations::Operations,
    },
    reference::{Kind, Reference, Rule, INJECTIONS},
    rule::Order,
    shim::{bindings, clock::set_now_ns},
    sync::Arc,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// As requests that were plugged.
    Insert(Batch),
    /// The driver gives the last request back.
    InsertAgain,
    Wait(u64),
    /// Waits for as long as the driver says that nothing may go.
    WaitForNext,
    Pop,
    /// Whether or not it may go, as when the queue has to drain.
    PopAny,
    Follow(Vec<Rule>),
    /// An injection ends after so long.
    EndAfter(usize, u64),
    /// An injection ends now, and there is no memory for a plan without it.
    End(usize),
}

/// Requests that come together.
#[derive(Clone, Debug)]
struct Batch {
    /// What all of them are, but the one after the first.
    kind: Kind,
    second: Kind,
    count: u64,
    /// Whether they were at the driver before without having been here, as with dm-multipath.
    is_used: bool,
}

/// One request.
fn one(kind: Kind) -> Step {
    Step::Insert(Batch {
        kind,
        second: kind,
        count: 1,
        is_used: false,
    })
}

/// Holds no completions.
struct Nobody;

impl Park for Nobody {
    fn park(&mut self, _: &mut Request, _: &Parking) -> Result<(), NotParked> {
        unreachable!("all rules hold requests")
    }
}

/// The driver's code and the reference, side by side.
struct Pair {
    hold: Hold<Request>,
    plan: Option<Arc<Plan>>,
    injections: Vec<Injection>,
    ledgers: Vec<Arc<Ledger>>,
    reference: Reference,
    /// What the disk has got.
    dispatched: Vec<Owned>,
    inserted: u64,
}

impl Pair {
    fn new() -> Self {
        set_now_ns(0);
        let ids = (0..INJECTIONS as u64).map(InjectionId);
        Self {
            hold: Hold::new(),
            plan: None,
            injections: ids.map(|id| Injection::new(id).unwrap()).collect(),
            ledgers: (0..INJECTIONS).map(|_| Ledger::new(1).unwrap()).collect(),
            reference: Reference::default(),
            dispatched: Vec::new(),
            inserted: 0,
        }
    }

    fn wait_until(&mut self, now_ns: u64) {
        set_now_ns(now_ns);
        self.reference.now_ns = now_ns;
    }

    fn insert(&mut self, batch: &Batch) -> Result<(), String> {
        let kinds: Vec<_> = (0..batch.count)
            .map(|place| [batch.kind, batch.second][usize::from(place == 1)])
            .collect();
        let requests = (self.inserted..).zip(&kinds).map(|(number, kind)| {
            let mut request = Owned::new(number, flags(*kind));
            if batch.is_used {
                request.complete_elsewhere();
            }
            request
        });
        let before = self.hold.asking();
        block_layer::insert(requests, |requests| self.hold.insert(requests, &mut Nobody));
        self.compare_asking();
        // What one does, the next one does too, unless nothing is done to it.
        let asking = self.hold.asking();
        let may_ask = |kind: &&Kind| **kind != Kind::Swap;
        let all = kinds.iter().filter(may_ask).count() as u32;
        if asking > before && asking - before != all {
            return Err(format!("{before} ask limits, then {asking}"));
        }
        for kind in kinds {
            let asks = asking > before && kind != Kind::Swap;
            self.reference.insert(self.inserted, kind, asks);
            self.inserted += 1;
        }
        Ok(())
    }

    fn insert_again(&mut self) {
        if let Some(mut request) = self.dispatched.pop() {
            request.complete_elsewhere();
            self.reference.insert_again(request.number());
            block_layer::insert([request], |requests| {
                self.hold.insert(requests, &mut Nobody)
            });
        }
    }

    fn follow(&mut self, rules: &[Rule]) {
        // As `Queue::is_reached_by` of the configuration: an injection that has ended is in no new plan.
        let ends_ns = &self.reference.ends_ns;
        let now_ns = self.reference.now_ns;
        let is_open = |rule: &&Rule| ends_ns[rule.injection].is_none_or(|end_ns| end_ns > now_ns);
        let rules: Vec<Rule> = rules.iter().filter(is_open).cloned().collect();
        let orders = rules.iter().map(|rule| self.order(rule));
        self.plan = Plan::new(orders, self.plan.as_deref()).unwrap();
        self.hold.follow(self.plan.clone());
        self.compare_asking();
        self.reference.follow(&rules);
    }

    /// Who asks its limits is known when it comes; that they ask no more, they do all at once.
    fn compare_asking(&mut self) {
        if self.hold.asking() == 0 {
            self.reference.nobody_asks();
        }
    }

    fn order(&self, rule: &Rule) -> Order<'_> {
        let order = order(
            &self.injections[rule.injection],
            &self.ledgers[rule.injection],
        );
        let limit = rule
            .limit
            .map(|(period_ns, quota)| ((period_ns / NS_PER_US) as u32, quota));
        Order {
            filter: Filter {
                operations: operations(rule.kind),
                ..order.filter
            },
            delay: (rule.delay_ns > 0).then(|| delay(rule.delay_ns)),
            limit: limit.and_then(|(period_us, quota)| Limit::new(period_us, quota)),
            sequence: rule.sequence,
            ..order
        }
    }

    fn end_at(&mut self, injection: usize, end_ns: u64) {
        // An end that has come stays.
        let before = self.reference.ends_ns[injection];
        if before.is_none_or(|before_ns| before_ns > self.reference.now_ns) {
            self.injections[injection].term.set_end_ns(end_ns);
            self.reference.ends_ns[injection] = Some(end_ns);
            self.hold.judge_again(self.reference.now_ns);
            self.compare_asking();
            self.reference.judge_again();
        }
    }

    fn pop(&mut self) -> Result<(), String> {
        let now_ns = self.reference.now_ns;
        // As the scheduler does.
        let popped = match self.hold.pop_quickly() {
            Some(popped) => popped,
            None => self.hold.pop(),
        };
        self.compare_asking();
        self.reference.expire();
        match popped {
            Some(request) => self.dispatch(request, true),
            None if self
                .reference
                .next_ns()
                .is_some_and(|next_ns| next_ns <= now_ns) =>
            {
                Err("something may go, and nothing went".into())
            }
            None if self.hold.next_ns() <= now_ns => {
                Err("nothing went, and the block layer is told to ask again".into())
            }
            None => Ok(()),
        }
    }

    fn pop_any(&mut self) -> Result<(), String> {
        match self.hold.pop_any() {
            Some(request) => self.dispatch(request, false),
            None if self.reference.is_empty() => Ok(()),
            None => Err("something is left, and nothing went".into()),
        }
    }

    fn dispatch(&mut self, mut request: Request, is_due: bool) -> Result<(), String> {
        // As the scheduler does.
        request.set_released();
        let request = Owned::dispatched(request);
        self.reference.take(request.number(), is_due)?;
        self.dispatched.push(request);
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Insert(batch) => self.insert(batch)?,
            Step::InsertAgain => self.insert_again(),
            Step::Wait(time_ns) => self.wait_until(self.reference.now_ns + time_ns),
            Step::WaitForNext => {
                let next_ns = self.hold.next_ns();
                if next_ns != NEVER {
                    self.wait_until(next_ns.max(self.reference.now_ns));
                }
            }
            Step::Pop => self.pop()?,
            Step::PopAny => self.pop_any()?,
            Step::Follow(rules) => self.follow(rules),
            Step::EndAfter(injection, time_ns) => {
                self.end_at(*injection, self.reference.now_ns + time_ns)
            }
            Step::End(injection) => self.end_at(*injection, 0),
        }
        if !self.hold.is_known_rightly() {
            return Err("what is known of those that are held is not so".into());
        }
        // As whatever changes what is held.
        match self.hold.settled_next_ns() {
            Some(next_ns) if next_ns != self.hold.next_ns() => {
                return Err("what is held has changed, and nobody is told".into());
            }
            Some(_) => {}
            None => self.hold.settle(),
        }
        self.compare()
    }

    /// What must be so at any time.
    fn compare(&self) -> Result<(), String> {
        let next_ns = self.hold.next_ns();
        match self.reference.next_ns() {
            None if next_ns != NEVER => return Err(format!("nothing is held until {next_ns}")),
            Some(latest_ns) if next_ns > latest_ns => {
                return Err(format!("sleeps until {next_ns}, and not {latest_ns}"));
            }
            _ => {}
        }
        // Who only asks limits is not held before one has refused him.
        let (held, asking) = (self.hold.held() as usize, self.hold.asking() as usize);
        if held + asking != self.reference.held() {
            return Err(format!(
                "holds {held} and {asking}, and not {}",
                self.reference.held()
            ));
        }
        for (injection, ledger) in self.ledgers.iter().enumerate() {
            let (counted, held) = (ledger.totals().held(), self.reference.held_by(injection));
            if counted > held as u64 || (held as u64) - counted > asking as u64 {
                return Err(format!(
                    "injection {injection} holds {held}, and has counted {counted}"
                ));
            }
        }
        Ok(())
    }

    /// All goes in the end, each once.
    fn finish(&mut self) -> Result<(), String> {
        while !self.reference.is_empty() {
            self.step(&Step::WaitForNext)?;
            self.step(&Step::Pop)?;
        }
        if self.dispatched.len() as u64 != self.inserted {
            return Err(format!(
                "{} of {} came",
                self.dispatched.len(),
                self.inserted
            ));
        }
        match self.hold.pop_any() {
            None => Ok(()),
            Some(request) => Err(format!("{} is left", Owned::dispatched(request).number())),
        }
    }
}

fn flags(kind: Kind) -> u32 {
    match kind {
        Kind::Read => bindings::req_op_REQ_OP_READ,
        Kind::Write => bindings::req_op_REQ_OP_WRITE,
        Kind::Swap => bindings::req_op_REQ_OP_WRITE | 1 << bindings::req_flag_bits___REQ_SWAP,
    }
}

fn operations(kind: Option<Kind>) -> Operations {
    let words: &[u8] = match kind {
        None => b"",
        Some(Kind::Read) => b"read",
        Some(_) => b"write",
    };
    Operations::parse(words).unwrap()
}

fn delay(delay_ns: u64) -> Delay {
    Delay::new(Shape::Uniform, (delay_ns / NS_PER_US) as u32, 0, 0)
}

/// What one injection does. Few and short times, so that many things happen at once.
fn rule(injection: usize) -> impl Strategy<Value = Rule> {
    let kind = prop_oneof![Just(None), Just(Some(Kind::Read)), Just(Some(Kind::Write))];
    let delay_ns = prop_oneof![
        Just(0),
        (1u64..6).prop_map(|us| us * NS_PER_US),
        Just(50 * NS_PER_US)
    ];
    let limit = prop::option::of(
        (prop_oneof![Just(2u64), Just(7), Just(40)], 1u32..4)
            .prop_map(|(us, quota)| (us * NS_PER_US, quota)),
    );
    (kind, delay_ns, limit, 0u64..2).prop_map(move |(kind, delay_ns, limit, sequence)| Rule {
        injection,
        kind,
        delay_ns,
        limit,
        sequence,
    })
}

/// What some of the injections do; as in the configuration, none is there for nothing.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let each: Vec<_> = (0..INJECTIONS)
        .map(|injection| prop::option::of(rule(injection)))
        .collect();
    each.prop_map(|rules| {
        let rules = rules.into_iter().flatten();
        rules
            .filter(|rule| rule.delay_ns > 0 || rule.limit.is_some())
            .collect()
    })
}

/// Of one kind, and perhaps a swap among them.
fn batch() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![8 => Just(Kind::Read), 8 => Just(Kind::Write), 1 => Just(Kind::Swap)];
    let count = prop_oneof![3 => Just(1), 1 => 2u64..5];
    (kind, any::<bool>(), count, 0..8).prop_map(|(kind, with_swap, count, used)| {
        Step::Insert(Batch {
            kind,
            second: if with_swap { Kind::Swap } else { kind },
            count,
            is_used: used == 0,
        })
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => batch(),
        2 => Just(Step::InsertAgain),
        6 => (0u64..4_000).prop_map(Step::Wait),
        8 => Just(Step::WaitForNext),
        24 => Just(Step::Pop),
        1 => Just(Step::PopAny),
        3 => rules().prop_map(Step::Follow),
        1 => (0..INJECTIONS, 0u64..20_000).prop_map(|(injection, ns)| Step::EndAfter(injection, ns)),
        1 => (0..INJECTIONS).prop_map(Step::End),
    ]
}

/// Plays a history, and panics at what goes wrong.
fn happens(first: &[Rule], steps: &[Step]) {
    let mut pair = Pair::new();
    pair.follow(first);
    let mut done = steps.iter().try_for_each(|step| pair.step(step));
    done = done.and_then(|()| pair.finish());
    if let Err(error) = done {
        // What is left in it would be another failure.
        std::mem::forget(pair);
        panic!("{error}");
    }
}

const fn limit(injection: usize, kind: Option<Kind>, period_ns: u64, quota: u32) -> Rule {
    Rule {
        injection,
        kind,
        delay_ns: 0,
        limit: Some((period_ns, quota)),
        sequence: 0,
    }
}

/// A rule for all has ended, and what comes asks a limit.
#[test]
fn an_end_is_noticed_by_who_asks() {
    let all = Rule {
        delay_ns: 1_000,
        limit: None,
        ..limit(3, None, 0, 0)
    };
    let steps = [Step::EndAfter(3, 1), Step::Wait(1), one(Kind::Read)];
    happens(&[limit(1, Some(Kind::Read), 2_000, 1), all], &steps);
}

/// One limit refuses, and others of those who asked it are refused by another one at the same time.
#[test]
fn a_refusal_is_of_all_who_cannot_go() {
    let rules = [
        limit(0, None, 40_000, 3),
        limit(1, Some(Kind::Read), 2_000, 1),
    ];
    let [read, write] = [Kind::Read, Kind::Write].map(one);
    let steps = [
        read.clone(),
        write.clone(),
        read.clone(),
        Step::Pop,
        Step::Pop,
        Step::Pop,
        Step::Wait(2_000),
        Step::Pop,
        // What is known of limits is forgotten.
        Step::EndAfter(2, 0),
        write,
        read.clone(),
        read,
    ];
    happens(&rules, &steps);
}

/// How many match, and how many leave early, of two that are inserted and then released by `steps`.
fn counts(rule: Rule, steps: &[Step]) -> [u64; 2] {
    let mut pair = Pair::new();
    pair.follow(&[rule]);
    for step in [one(Kind::Read), one(Kind::Write)].iter().chain(steps) {
        pair.step(step).unwrap();
    }
    pair.finish().unwrap();
    let totals = pair.ledgers[0].totals();
    [Count::Matched, Count::Early].map(|count| totals.of(count))
}

/// Early is who is let go before his delay is over, or while he waits for a limit: not who only asks one, or could have gone.
#[test]
fn early_is_before_the_time() {
    let asks = limit(0, None, 40_000, 100);
    let waits = limit(0, None, 40_000, 1);
    let delays = Rule {
        limit: None,
        delay_ns: 1_000,
        ..asks.clone()
    };
    let end = || Step::Follow(Vec::new());
    for (rule, steps, early) in [
        (asks.clone(), vec![end()], 0),
        (asks, vec![Step::PopAny], 0),
        (
            waits.clone(),
            vec![Step::Pop, Step::Pop, Step::Wait(1), end()],
            1,
        ),
        (
            waits,
            vec![Step::Pop, Step::Pop, Step::Wait(1), Step::PopAny],
            1,
        ),
        (delays.clone(), vec![end()], 2),
        (delays.clone(), vec![Step::Wait(1_000), end()], 0),
        (delays, vec![Step::Wait(999), Step::PopAny], 1),
    ] {
        assert_eq!(counts(rule, &steps), [2, early], "{steps:?}");
    }
}

proptest! {
    /// Never early, in the order of time, no more than each window's quota, and each exactly once, whatever happens to the
    /// rules meanwhile.
    #[test]
    fn a_hardware_queue_does_what_the_reference_does(
        first in rules(), steps in prop::collection::vec(step(), 0..200),
    ) {
        happens(&first, &steps);
    }
}
