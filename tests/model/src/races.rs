// SPDX-License-Identifier: GPL-2.0-only

//! Tests of the state that hardware queues share without a lock, in all orders of their steps and
//! with all values that their loads may see.

use crate::{
    injection::{Injection, InjectionId},
    lease::Lease,
    plan::Plan,
    policy::{
        limit::Limit,
        limits::{Limits, SECTOR_BYTES},
        units::NS_PER_US,
    },
    prelude::{KVec, GFP_KERNEL},
    rule::RuleSpec,
    rule_set::RuleSet,
    shim::clock::set_now_ns,
    specs::spec,
    stats::{Count, Lane, Stats},
    sync::Arc,
    sys::clock::now_ns,
    turns::Turns,
};
use loom::thread;

/// When the first window begins, and the length of each window.
const PERIOD_NS: u64 = 1_000;
/// How often loom preempts a thread that could go on. It explores all orders with so many
/// preemptions, in less than a minute.
const PREEMPTIONS: usize = 3;

fn explore(test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(test);
}

/// An I/O that limits have admitted: the time before the first was asked, and the last time that
/// one of them has seen.
type Admitted = (u64, u64);

/// A plan of rules that each only limit, to these quotas.
fn plan(quotas: &[u32]) -> Arc<Plan> {
    let ids = (0..quotas.len() as u64).map(InjectionId);
    let injections: Vec<_> = ids
        .map(|id| Injection::new(id, KVec::new()).unwrap())
        .collect();
    let stats = Stats::new(1).unwrap();
    let specs = quotas.iter().zip(&injections).map(|(quota, injection)| {
        let limit = Limit::new((PERIOD_NS / NS_PER_US) as u32, *quota, 0);
        RuleSpec {
            limits: Limits::new(limit, None, 0),
            ..spec(injection, &stats)
        }
    });
    Plan::new(specs, None).unwrap().unwrap()
}

fn admit(plan: &Plan, limits: u64) -> Option<Admitted> {
    let first_ns = now_ns();
    let mut last_ns = first_ns;
    // No thread draws a ticket, so the ticket 0 always has its turn: turns would be many more steps
    // to explore.
    let admission = plan.admit(RuleSet::from_bits(limits), SECTOR_BYTES, 0, &mut last_ns);
    admission.is_admitted().then_some((first_ns, last_ns))
}

/// Has each thread ask its sets of limits one after the other, while time goes on until each of
/// `times_ns`. Then compares how many I/Os each limit has admitted in the last window with how many
/// more it admits.
fn check(quotas: &[u32], threads: &[&'static [u64]], times_ns: &[u64]) {
    let begin_ns = PERIOD_NS;
    set_now_ns(begin_ns);
    let plan = plan(quotas);
    let asking: Vec<_> = threads
        .iter()
        .map(|&asked| {
            let plan = plan.clone();
            thread::spawn(move || -> Vec<(u64, Admitted)> {
                let admitted = asked
                    .iter()
                    .filter_map(|limits| Some((*limits, admit(&plan, *limits)?)));
                admitted.collect()
            })
        })
        .collect();
    times_ns.iter().for_each(|time_ns| set_now_ns(*time_ns));
    let admitted: Vec<_> = asking
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let last = times_ns.last().unwrap_or(&begin_ns) / PERIOD_NS;
    for (number, quota) in quotas.iter().enumerate() {
        let limit = 1 << number;
        for window in begin_ns / PERIOD_NS..=last {
            let counted = admitted.iter().filter(|(limits, _)| limits & limit != 0);
            let windows =
                counted.map(|(_, (first_ns, last_ns))| (first_ns / PERIOD_NS, last_ns / PERIOD_NS));
            let windows: Vec<_> = windows.collect();
            // A thread that asked several limits while a window ended may have been counted in
            // either window.
            let certainly = windows
                .iter()
                .filter(|seen| **seen == (window, window))
                .count();
            let perhaps = windows
                .iter()
                .filter(|seen| seen.0 <= window && window <= seen.1)
                .count();
            assert!(certainly <= *quota as usize, "too many in a window");
            if window == last {
                let room = (0..=*quota)
                    .take_while(|_| admit(&plan, limit).is_some())
                    .count();
                assert!(
                    room + certainly <= *quota as usize,
                    "room for more than the quota"
                );
                assert!(room + perhaps >= *quota as usize, "room was lost");
            }
        }
    }
}

#[test]
fn a_window_admits_its_quota_whoever_asks() {
    explore(|| check(&[1], &[&[1], &[1], &[1]], &[]));
    explore(|| check(&[2], &[&[1, 1], &[1, 1]], &[]));
}

#[test]
fn each_window_admits_its_quota_while_time_goes_on() {
    explore(|| check(&[1], &[&[1, 1], &[1, 1]], &[2 * PERIOD_NS]));
    explore(|| check(&[2], &[&[1], &[1, 1]], &[2 * PERIOD_NS, 3 * PERIOD_NS]));
}

#[test]
fn what_one_limit_refuses_the_others_have_not_counted() {
    explore(|| check(&[2, 1], &[&[0b11], &[0b11], &[0b10]], &[]));
}

#[test]
fn what_is_given_back_is_not_given_to_another_window() {
    explore(|| check(&[1, 1], &[&[0b11], &[0b11]], &[2 * PERIOD_NS]));
    explore(|| check(&[1, 1], &[&[0b11], &[0b10, 0b01]], &[2 * PERIOD_NS]));
}

/// The holders of a hardware queue's two locks count at once, and lose no addition.
#[test]
fn counters_lose_nothing() {
    explore(|| {
        let stats = Stats::new(1).unwrap();
        let holders: Vec<_> = [false, true]
            .into_iter()
            .map(|is_completions| {
                let (stats, lane) = (stats.clone(), Lane::of(0, is_completions));
                thread::spawn(move || stats.count(lane, Count::Entered))
            })
            .collect();
        for holder in holders {
            holder.join().unwrap();
        }
        assert_eq!(stats.totals().of(Count::Entered), 2);
    });
}

#[test]
fn as_many_are_affected_as_were_asked_for() {
    explore(|| {
        let lease = Lease::new().unwrap();
        lease.set_times(2);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let lease = lease.clone();
                thread::spawn(move || lease.take_one())
            })
            .collect();
        let taken = threads.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(taken.filter(|taken| *taken).count(), 2);
    });
}

/// Whatever hardware queues do at once, no ticket is given twice, and no entry waits when all have
/// left, even while two sets of limits take their sequences.
#[test]
fn tickets_lose_nothing() {
    explore(|| {
        let turns = Arc::new(Turns::new(), GFP_KERNEL).unwrap();
        let hctxs: Vec<_> = [[0b01, 0b11], [0b11, 0b01]]
            .into_iter()
            .map(|sets| {
                let sets = sets.map(RuleSet::from_bits);
                let turns = turns.clone();
                thread::spawn(move || {
                    let tickets = sets.map(|limits| turns.draw(limits));
                    sets.into_iter().for_each(|limits| turns.leave(limits));
                    tickets
                })
            })
            .collect();
        let [one, other] = <[_; 2]>::try_from(hctxs).ok().unwrap();
        let ([one_first, one_second], [other_first, other_second]) =
            (one.join().unwrap(), other.join().unwrap());
        for (one, other) in [(one_first, other_second), (one_second, other_first)] {
            assert_eq!(one.min(other), 0, "a ticket is missing");
            assert_eq!(one.max(other), 1, "a ticket was given twice");
        }
        assert!(!turns.any_waits() && !turns.any_waits_for(RuleSet::from_bits(u64::MAX)));
        for limits in [0b01, 0b11].map(RuleSet::from_bits) {
            let next = turns.draw(limits);
            assert_eq!((next, turns.before(limits, next)), (2, 0));
            turns.leave(limits);
        }
    });
}
