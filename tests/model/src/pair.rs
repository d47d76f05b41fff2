// SPDX-License-Identifier: GPL-2.0-only

//! One hardware queue of the driver, with its requests and completions, side by side with
//! [`Reference`].

mod completions;
mod rules;
mod step;

use self::completions::{Asked, Parker};
pub(crate) use self::step::{one, Batch, Memory, Step};
use crate::{
    elevator::{
        bios::{Disk, Ends, Late, Shape},
        block_layer::{self, Owned},
        hctx::Hctx,
    },
    held::{Held, Next},
    held_entry::{HeldEntry, Parked, Request},
    injection::{Injection, InjectionId},
    plan::Plan,
    prelude::KVec,
    reference::{Counts, Kind, Reference, Side, INJECTIONS},
    rule_set::RuleSet,
    shim::{
        bindings,
        bio::{take_qos_done, take_verified},
        clock::set_now_ns,
    },
    stats::{Count, Stats},
    sync::Arc,
    waiting::{LAST, NEVER},
};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};

/// The driver's code and the reference, side by side.
pub(crate) struct Pair {
    pub(crate) requests: Held<Request>,
    pub(crate) completions: Held<Parked>,
    hctx: Box<Hctx>,
    plan: Option<Arc<Plan>>,
    injections: Vec<Injection>,
    pub(crate) stats: Vec<Arc<Stats>>,
    pub(crate) reference: Reference,
    /// The shape of each request.
    shapes: Vec<Shape>,
    ends: Rc<Ends>,
    late: Vec<Late>,
    disk: Disk,
    memory: VecDeque<Memory>,
    /// How many bytes held completions take.
    used: usize,
    /// For how long completions were held, summed up.
    held_ns: u64,
    /// The requests that the device has and has not served yet.
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
            requests: Held::new(),
            completions: Held::new(),
            hctx: Hctx::new(),
            plan: None,
            injections: ids
                .map(|id| Injection::new(id, KVec::new()).unwrap())
                .collect(),
            stats: (0..INJECTIONS).map(|_| Stats::new(1).unwrap()).collect(),
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

    /// Calls `act`, which may have completions held, and returns its result and the outcomes of
    /// these.
    fn park<T>(
        &mut self,
        act: impl FnOnce(&mut Held<Request>, &mut Parker<'_>) -> T,
    ) -> (T, Asked) {
        let mut parker = Parker {
            hctx: &self.hctx,
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
        let ((), asked) = self.park(|held, parker| {
            block_layer::insert(requests, |requests| held.insert(requests, parker));
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
        // Ready requests have no limits to ask from the first request on that waits. The driver
        // looked at the completion of that request before.
        self.compare_asking();
        // While a ready request has limits to ask, no request has come that has to wait for limits.
        if asking > 0 && asking != before + more {
            return Err(format!("{before} ask limits, then {asking}"));
        }
        Ok(())
    }

    fn insert_again(&mut self) {
        if let Some(mut request) = self.at_device.pop() {
            request.complete_elsewhere();
            self.reference.insert_again(request.number());
            let ((), asked) = self.park(|held, parker| {
                block_layer::insert([request], |requests| held.insert(requests, parker));
            });
            assert_eq!(asked, []);
        }
    }

    /// Tells the reference when the ready requests have stopped having limits to ask, which they do
    /// all at once.
    fn compare_asking(&mut self) {
        if self.requests.asking() == 0 {
            self.reference.nobody_asks();
        }
    }

    fn pop(&mut self) -> Result<(), String> {
        self.reference.give_way(Side::Requests);
        // As the scheduler does.
        let popped = match self.requests.pop_quickly() {
            Next::Entry(request) => Some(request),
            Next::Nothing => None,
            Next::Unknown => self.requests.pop(),
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

    /// Checks that the driver was right to release no entry.
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
        // A ready request that its limits admitted at once was not held. It was held if a limit had
        // refused another request before, and its own limits then admitted it.
        let asked = self.reference.asks(number);
        let was_held = |by: u64| {
            let injection = by.trailing_zeros() as usize;
            let left = self.stats[injection].totals().of(Count::Left);
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
                // Nothing waits for the end of a delay that has none.
                if next_ns < LAST {
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
        publish(&mut self.requests)?;
        publish(&mut self.completions)?;
        self.compare()
    }

    /// Checks the conditions that hold after each step.
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
        // A ready request that has limits to ask is not held before a limit has refused it.
        let requests = (self.requests.count() + self.requests.asking()) as usize;
        let completions = self.completions.count() as usize;
        let held = [Side::Requests, Side::Completions].map(|side| self.reference.held(side));
        if [requests, completions] != held {
            return Err(format!(
                "holds {requests} and {completions}, and not {held:?}"
            ));
        }
        for (injection, stats) in self.stats.iter().enumerate() {
            let totals = stats.totals();
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

    /// Plays on until every entry has gone once: by its time if `is_due`, else at once. Delays
    /// without an end get one.
    pub(crate) fn finish(&mut self, is_due: bool) -> Result<(), String> {
        let mut rules = self.reference.rules().to_vec();
        let endless = rules.iter_mut().filter(|rule| rule.delay_ns == u64::MAX);
        if endless.map(|rule| rule.delay_ns = 1_000).count() > 0 {
            self.step(&Step::Follow(rules))?;
        }
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
            if plan.turns().any_waits_for(RuleSet::from_bits(u64::MAX)) {
                return Err("a ticket was lost".into());
            }
        }
        Ok(())
    }
}

/// Publishes as the scheduler does after each change.
fn publish<E: HeldEntry>(held: &mut Held<E>) -> Result<(), String> {
    if !held.is_published_rightly() {
        return Err("the published state is wrong, and not known to be stale".into());
    }
    match held.published_next_ns() {
        Some(next_ns) if next_ns != held.next_ns() => {
            return Err("held entries have changed, and the published state is not stale".into());
        }
        Some(_) => {}
        None => held.set_published(),
    }
    Ok(())
}

fn flags(kind: Kind) -> u32 {
    match kind {
        Kind::Read => bindings::req_op_REQ_OP_READ,
        Kind::Write => bindings::req_op_REQ_OP_WRITE,
        Kind::Swap => bindings::req_op_REQ_OP_WRITE | 1 << bindings::req_flag_bits___REQ_SWAP,
        Kind::Command => bindings::req_op_REQ_OP_DRV_OUT,
    }
}
