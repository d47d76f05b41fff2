// SPDX-License-Identifier: GPL-2.0-only

//! Random histories of one hardware queue, in which the driver's code must hold and release the
//! same entries as [`Reference`](crate::reference::Reference).

use crate::{
    elevator::bios::Shape,
    pair::{one, Batch, Memory, Pair, Step},
    policy::{units::NS_PER_US, way::Way},
    reference::{Kind, Rule, INJECTIONS},
    stats::Count,
};
use proptest::prelude::*;

/// A rule of one injection. Few and short times, so that many things happen at once; and a delay
/// without an end, to which others are added.
fn rule(injection: usize) -> impl Strategy<Value = Rule> {
    let kind = prop_oneof![Just(None), Just(Some(Kind::Read)), Just(Some(Kind::Write))];
    let delay_ns = prop_oneof![
        3 => Just(0),
        3 => (1u64..6).prop_map(|us| us * NS_PER_US),
        3 => Just(50 * NS_PER_US),
        1 => Just(u64::MAX),
    ];
    let limit = prop::option::of(
        (prop_oneof![Just(2u64), Just(7), Just(40)], 1u32..4)
            .prop_map(|(us, quota)| (us * NS_PER_US, quota)),
    );
    let way = prop_oneof![Just(Way::Request), Just(Way::Completion), Just(Way::Auto)];
    let rule = (kind, way, delay_ns, limit, 0u64..2);
    rule.prop_map(move |(kind, way, delay_ns, limit, sequence)| Rule {
        injection,
        kind,
        way,
        delay_ns,
        limit,
        sequence,
    })
}

/// Rules of some of the injections; as in the configuration, each rule has an effect.
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

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        8 => (1u32..4).prop_map(Shape::Plain),
        1 => Just(Shape::NoBio),
        2 => Just(Shape::Chained),
        1 => Just(Shape::Stolen),
        2 => Just(Shape::Flush),
        1 => Just(Shape::FlushChained),
        1 => Just(Shape::Verified),
        1 => Just(Shape::FlushStolen),
        1 => Just(Shape::Foreign),
    ]
}

fn memory() -> impl Strategy<Value = Vec<Memory>> {
    let one = prop_oneof![Just(Memory::Some), Just(Memory::None), Just(Memory::Full)];
    prop::collection::vec(one, 1..8)
}

/// Requests of one kind, perhaps with one among them that no rule is about.
fn batch() -> impl Strategy<Value = Step> {
    let exempt = prop_oneof![Just(Kind::Swap), Just(Kind::Command)];
    let kind = prop_oneof![8 => Just(Kind::Read), 8 => Just(Kind::Write), 1 => exempt.clone()];
    let count = prop_oneof![3 => Just(1), 1 => 2u64..5];
    let batch = (kind, prop::option::of(exempt), count, 0..8, shape());
    batch.prop_map(|(kind, exempt, count, used, shape)| {
        Step::Insert(Batch {
            kind,
            second: exempt.unwrap_or(kind),
            count,
            is_used: used == 0,
            shape,
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
        16 => any::<usize>().prop_map(Step::Serve),
        4 => any::<usize>().prop_map(Step::EndLate),
        12 => (1usize..5).prop_map(Step::Release),
        1 => Just(Step::ReleaseAny),
        2 => memory().prop_map(Step::Memory),
        3 => rules().prop_map(Step::Follow),
        1 => (0..INJECTIONS, 0u64..20_000).prop_map(|(injection, ns)| Step::EndAfter(injection, ns)),
        1 => (0..INJECTIONS).prop_map(Step::End),
    ]
}

/// Plays a history, and panics at the first failure.
fn happens(first: &[Rule], steps: &[Step], is_due: bool) {
    let mut pair = Pair::new();
    let mut done = pair.follow(first);
    done = done.and_then(|()| steps.iter().try_for_each(|step| pair.step(step)));
    done = done.and_then(|()| pair.finish(is_due));
    if let Err(error) = done {
        // The entries that are left in it would be another failure.
        std::mem::forget(pair);
        panic!("{error}");
    }
}

const fn limit(injection: usize, kind: Option<Kind>, period_ns: u64, quota: u32) -> Rule {
    Rule {
        injection,
        kind,
        way: Way::Request,
        delay_ns: 0,
        limit: Some((period_ns, quota)),
        sequence: 0,
    }
}

/// A rule for all I/O has ended, and the next request asks a limit.
#[test]
fn an_end_is_noticed_by_who_asks() {
    let all = Rule {
        delay_ns: 1_000,
        limit: None,
        ..limit(3, None, 0, 0)
    };
    let steps = [Step::EndAfter(3, 1), Step::Wait(1), one(Kind::Read)];
    happens(&[limit(1, Some(Kind::Read), 2_000, 1), all], &steps, true);
}

/// One limit refuses a request, and another limit refuses other ready requests at the same time.
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
        // The driver forgets which limits are closed.
        Step::EndAfter(2, 0),
        write,
        read.clone(),
        read,
    ];
    happens(&rules, &steps, true);
}

/// How many of two requests match, and how many leave early, if `steps` follow on their insertion.
fn counts(rule: Rule, steps: &[Step]) -> [u64; 2] {
    let mut pair = Pair::new();
    pair.follow(&[rule]).unwrap();
    for step in [one(Kind::Read), one(Kind::Write)].iter().chain(steps) {
        pair.step(step).unwrap();
    }
    pair.finish(true).unwrap();
    let totals = pair.stats[0].totals();
    [Count::Matched, Count::Early].map(|count| totals.of(count))
}

/// A request is early if it goes before its delay is over, or while it waits for a limit. It is not
/// early if it only had limits to ask, or could have gone.
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
    /// Whatever happens to the rules, entries go in the order of time, never early, exactly once,
    /// and no more in a window than its quota.
    #[test]
    fn a_hardware_queue_does_what_the_reference_does(
        first in rules(), steps in prop::collection::vec(step(), 0..250), is_due in any::<bool>(),
    ) {
        happens(&first, &steps, is_due);
    }
}
