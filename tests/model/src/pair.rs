// SPDX-License-Identifier: GPL-2.0-only

//! One hardware queue of the driver, with its requests and completions, beside [`Reference`].

mod completions;
mod step;

use self::completions::{Asked, Parker};
pub(crate) use self::step::{one, Batch, Memory, Step};
use crate::{
    elevator::{
        bios::{Disk, Ends, Late, Shape},
        block_layer::{self, Owned},
        hw_queue::HwQueue,
    },
    hold::{Hold, NEVER},
    injection::{Injection, InjectionId, Term},
    io::{Held, Parked, Request},
    ledger::{Count, Ledger},
    orders::order,
    plan::Plan,
    policy::{
        delay::{Delay, NS_PER_US},
        distribution::Shape as Distribution,
        filter::Filter,
        limit::Limit,
        operations::Operations,
    },
    prelude::KVec,
    reference::{Counts, Kind, Reference, Rule, Side, INJECTIONS},
    rule::Order,
    shim::{
        bindings,
        bio::{take_qos_done, take_verified},
        clock::set_now_ns,
    },
    sync::Arc,
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// The driver's code and the reference, side by side.
pub(crate) struct Pair {
    pub(crate) requests: Hold<Request>,
    pub(crate) completions: Hold<Parked>,
    hw_queue: Box<HwQueue>,
    plan: Option<Arc<Plan>>,
    injections: Vec<Injection>,
    pub(crate) ledgers: Vec<Arc<Ledger>>,
    pub(crate) reference: Reference,
    /// The shape of each request.
    shapes: Vec<Shape>,
    ends: Rc<Ends>,
    late: Vec<Late>,
    disk: Disk,
    memory: VecDeque<Memory>,
    /// The memory that completions take.
    used: usize,
    /// The time for which completions were held, together.
    held_ns: u64,
    /// The requests that the disk has, and has not yet served.
    at_device: Vec<Owned>,
    served: u64,
}

impl Pair {
    pub(crate) fn new() -> Self {
        set_now_ns(0);
        // An earlier history of this thread may have left some.
        take_qos_done();
        drop(take_verified());
        let ids = (0..INJECTIONS as u64).map(InjectionId);
        Self {
            requests: Hold::new(),
            completions: Hold::new(),
            hw_queue: HwQueue::new(),
            plan: None,
            injections: ids
                .map(|id| Injection::new(id, KVec::new(), Term::new().unwrap()))
                .collect(),
            ledgers: (0..INJECTIONS).map(|_| Ledger::new(1).unwrap()).collect(),
            reference: Reference::new(),
            shapes: Vec::new(),
            ends: Rc::default(),
            late: Vec::new(),
            disk: Disk::new(),
            memory: VecDeque::new(),
            used: 0,
            held_ns: 0,
            at_device: Vec::new(),
            served: 0,
        }
    }

    fn wait_until(&mut self, now_ns: u64) -> Result<(), String> {
        set_now_ns(now_ns);
        self.reference.now_ns = now_ns;
        Ok(())
    }

    /// Does something with the requests that may have completions held; returns the outcomes.
    fn park<T>(
        &mut self,
        act: impl FnOnce(&mut Hold<Request>, &mut Parker<'_>) -> T,
    ) -> (T, Asked) {
        let mut parker = Parker {
            hw_queue: &self.hw_queue,
            memory: &mut self.memory,
            used: &mut self.used,
            asked: RefCell::default(),
        };
        let result = act(&mut self.requests, &mut parker);
        (result, parker.asked.into_inner())
    }

    fn insert(&mut self, batch: &Batch) -> Result<(), String> {
        let first = self.shapes.len() as u64;
        let kinds: Vec<_> = (0..batch.count)
            .map(|place| [batch.kind, batch.second][usize::from(place == 1)])
            .collect();
        let mut requests = Vec::new();
        for (number, kind) in (first..).zip(&kinds) {
            let mut request = Owned::new(number, flags(*kind));
            if batch.is_used {
                request.complete_elsewhere();
            }
            let late = request.submit(batch.shape, &self.ends, &self.disk);
            self.late.extend(late);
            self.shapes.push(batch.shape);
            requests.push(request);
        }
        let before = self.requests.asking();
        let ((), asked) = self.park(|hold, parker| {
            block_layer::insert(requests, |requests| hold.insert(requests, parker));
        });
        let asking = self.requests.asking();
        let mut more = 0;
        for one in (first..).zip(kinds) {
            let can_be_parked = batch.shape.can_be_parked(one.1 == Kind::Read);
            let outcome = asked.iter().find(|(number, _)| *number == one.0);
            let outcome = outcome.and_then(|(_, outcome)| *outcome);
            let asks = self
                .reference
                .insert(one, can_be_parked, outcome, asking > 0)?;
            more += u32::from(asks);
        }
        // Asking requests stop to ask before the first request that waits comes, and the driver has
        // looked at its completion before.
        self.compare_asking();
        // While any request asks, no request has come that has to wait for limits.
        if asking > 0 && asking != before + more {
            return Err(format!("{before} ask limits, then {asking}"));
        }
        Ok(())
    }

    fn insert_again(&mut self) {
        if let Some(mut request) = self.at_device.pop() {
            request.complete_elsewhere();
            self.reference.insert_again(request.number());
            let ((), asked) = self.park(|hold, parker| {
                block_layer::insert([request], |requests| hold.insert(requests, parker));
            });
            assert_eq!(asked, []);
        }
    }

    /// As the scheduler's.
    pub(crate) fn follow(&mut self, rules: &[Rule]) -> Result<(), String> {
        // As `Queue::is_reached_by` of the configuration: a new plan has no injection that has
        // ended.
        let ends_ns = &self.reference.ends_ns;
        let now_ns = self.reference.now_ns;
        let is_open = |rule: &&Rule| ends_ns[rule.injection].is_none_or(|end_ns| end_ns > now_ns);
        let rules: Vec<Rule> = rules.iter().filter(is_open).cloned().collect();
        let orders = rules.iter().map(|rule| self.order(rule));
        let plan = Plan::new(orders, self.plan.as_deref()).unwrap();
        let old = self.completions.follow(plan.clone());
        self.requests.follow(plan.clone());
        self.compare_asking();
        let ((), asked) = self.park(|hold, parker| hold.park_held(parker));
        self.plan = plan;
        drop(old);
        let shapes = &self.shapes;
        let cannot = |number: u64, kind| !shapes[number as usize].can_be_parked(kind == Kind::Read);
        self.reference.follow(&rules, &asked, cannot)
    }

    /// The driver knows at arrival whether a request asks its limits; asking requests stop to ask
    /// all at once.
    fn compare_asking(&mut self) {
        if self.requests.asking() == 0 {
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
            way: rule.way,
            delay: (rule.delay_ns > 0).then(|| delay(rule.delay_ns)),
            limit: limit.and_then(|(period_us, quota)| Limit::new(period_us, quota)),
            sequence: rule.sequence,
            ..order
        }
    }

    fn end_at(&mut self, injection: usize, end_ns: u64) -> Result<(), String> {
        // An end that has come stays.
        let before = self.reference.ends_ns[injection];
        if before.is_none_or(|before_ns| before_ns > self.reference.now_ns) {
            self.injections[injection].term.set_end_ns(end_ns);
            self.reference.ends_ns[injection] = Some(end_ns);
            self.requests.judge_again(self.reference.now_ns);
            self.completions.judge_again(self.reference.now_ns);
            self.compare_asking();
            self.reference.judge_again();
        }
        Ok(())
    }

    fn pop(&mut self) -> Result<(), String> {
        self.reference.give_way(Side::Requests);
        // As the scheduler does.
        let popped = match self.requests.pop_quickly() {
            Some(popped) => popped,
            None => self.requests.pop(),
        };
        match popped {
            Some(request) => self.dispatch(request, true),
            None => {
                self.compare_asking();
                self.reference.expire(Side::Requests);
                self.nothing_goes(Side::Requests, self.requests.next_ns())
            }
        }
    }

    /// Nothing goes: checks that this is right.
    fn nothing_goes(&self, side: Side, next_ns: u64) -> Result<(), String> {
        let now_ns = self.reference.now_ns;
        let latest_ns = self.reference.next_ns(side);
        if latest_ns.is_some_and(|latest_ns| latest_ns <= now_ns) {
            return Err(format!("some of {side:?} may go, and nothing went"));
        }
        if next_ns <= now_ns {
            return Err(format!("none of {side:?} went, and one is to ask again"));
        }
        Ok(())
    }

    fn pop_any(&mut self) -> Result<(), String> {
        match self.requests.pop_any() {
            Some(request) => self.dispatch(request, false),
            None if self.reference.next_ns(Side::Requests).is_none() => Ok(()),
            None => Err("something is left, and nothing went".into()),
        }
    }

    fn dispatch(&mut self, request: Request, is_due: bool) -> Result<(), String> {
        let request = Owned::dispatched(request);
        let number = request.number();
        self.at_device.push(request);
        // A request that asked and was admitted was not held. A request that one limit refused, and
        // other limits admitted, was held.
        let asked = self.reference.asks(number);
        let was_held = |by: u64| {
            let injection = by.trailing_zeros() as usize;
            let left = self.ledgers[injection].totals().of(Count::Left);
            left != self.reference.counts[injection].left
        };
        if asked.is_none_or(was_held) {
            self.compare_asking();
            if is_due {
                self.reference.expire(Side::Requests);
            }
            return self.reference.take(Side::Requests, number, is_due);
        }
        self.reference.take(Side::Requests, number, is_due)?;
        self.compare_asking();
        if is_due {
            self.reference.expire(Side::Requests);
        }
        Ok(())
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Insert(batch) => self.insert(batch)?,
            Step::InsertAgain => self.insert_again(),
            Step::Wait(time_ns) => self.wait_until(self.reference.now_ns + time_ns)?,
            Step::WaitForNext => {
                let next_ns = self.requests.next_ns().min(self.completions.next_ns());
                if next_ns != NEVER {
                    self.wait_until(next_ns.max(self.reference.now_ns))?;
                }
            }
            Step::Pop => self.pop()?,
            Step::PopAny => self.pop_any()?,
            Step::Serve(place) => self.serve(*place)?,
            Step::EndLate(place) => self.end_late(*place)?,
            Step::Release(most) => self.release(*most)?,
            Step::ReleaseAny => self.release_any()?,
            Step::Memory(memory) => self.memory = memory.iter().copied().collect(),
            Step::Follow(rules) => self.follow(rules)?,
            Step::EndAfter(injection, time_ns) => {
                self.end_at(*injection, self.reference.now_ns + time_ns)?
            }
            Step::End(injection) => self.end_at(*injection, 0)?,
        }
        settle(&mut self.requests)?;
        settle(&mut self.completions)?;
        self.compare()
    }

    /// The conditions that hold at any time.
    fn compare(&self) -> Result<(), String> {
        let sides = [
            (Side::Requests, self.requests.next_ns()),
            (Side::Completions, self.completions.next_ns()),
        ];
        for (side, next_ns) in sides {
            match self.reference.next_ns(side) {
                None if next_ns != NEVER => {
                    return Err(format!("nothing of {side:?} is held until {next_ns}"));
                }
                Some(latest_ns) if next_ns > latest_ns => {
                    return Err(format!(
                        "{side:?} sleep until {next_ns}, and not {latest_ns}"
                    ));
                }
                _ => {}
            }
        }
        // A request that only asks limits is not held until one has refused it.
        let requests = (self.requests.held() + self.requests.asking()) as usize;
        let completions = self.completions.held() as usize;
        let held = [Side::Requests, Side::Completions].map(|side| self.reference.held(side));
        if [requests, completions] != held {
            return Err(format!(
                "holds {requests} and {completions}, and not {held:?}"
            ));
        }
        for (injection, ledger) in self.ledgers.iter().enumerate() {
            let totals = ledger.totals();
            let counted = Counts {
                entered: totals.of(Count::Entered),
                left: totals.of(Count::Left),
                early: totals.of(Count::Early),
                no_memory: totals.of(Count::NoMemory),
                over_memory: totals.of(Count::OverMemory),
            };
            let counts = self.reference.counts[injection];
            if counted != counts {
                return Err(format!(
                    "injection {injection}: {counted:?}, and not {counts:?}"
                ));
            }
        }
        Ok(())
    }

    /// All I/O goes in the end, each once: by its time, or because all has to go.
    pub(crate) fn finish(&mut self, is_due: bool) -> Result<(), String> {
        let (pop, release) = if is_due {
            (Step::Pop, Step::Release(64))
        } else {
            (Step::PopAny, Step::ReleaseAny)
        };
        let mut rounds = 0;
        while !self.reference.is_empty() || !self.at_device.is_empty() || !self.late.is_empty() {
            for step in [Step::WaitForNext, pop.clone(), release.clone()] {
                self.step(&step)?;
            }
            self.step(&Step::Serve(0))?;
            self.step(&Step::EndLate(0))?;
            rounds += 1;
            if rounds > 10_000 {
                return Err("this has no end".into());
            }
        }
        let inserted = self.shapes.len() as u64;
        if self.served != inserted {
            return Err(format!("{} of {inserted} came", self.served));
        }
        for number in 0..inserted {
            self.compare_ends(number)?;
        }
        if let Some(request) = self.requests.pop_any() {
            return Err(format!("{} is left", Owned::dispatched(request).number()));
        }
        if let Some(parked) = self.completions.pop_any() {
            std::mem::forget(parked);
            return Err("a completion is left".into());
        }
        let bios: u32 = self.shapes.iter().map(|shape| shape.bios()).sum();
        let qos_done = take_qos_done();
        if qos_done != u64::from(bios) {
            return Err(format!("rq_qos is done {qos_done} times with {bios} bios"));
        }
        if self.used != 0 || self.disk.times_ns() != [self.held_ns; 2] {
            let (used, times) = (self.used, self.disk.times_ns());
            return Err(format!(
                "{used} bytes are used; {times:?}, {}",
                self.held_ns
            ));
        }
        if let Some(plan) = &self.plan {
            if plan.turns().any_waits_for(u64::MAX) {
                return Err("a ticket was lost".into());
            }
        }
        Ok(())
    }
}

/// As the scheduler does after a change of the held I/O.
fn settle<E: Held>(hold: &mut Hold<E>) -> Result<(), String> {
    if !hold.is_known_rightly() {
        return Err("the published state of held I/O is wrong".into());
    }
    match hold.settled_next_ns() {
        Some(next_ns) if next_ns != hold.next_ns() => {
            return Err("the held I/O has changed, and the change is not published".into());
        }
        Some(_) => {}
        None => hold.settle(),
    }
    Ok(())
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
    Delay::new(Distribution::Uniform, (delay_ns / NS_PER_US) as u32, 0, 0)
}
