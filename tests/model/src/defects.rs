// SPDX-License-Identifier: GPL-2.0-only

//! Histories in which an earlier version of the driver failed.

use crate::{
    pair::{one, Pair, Step},
    policy::way::Way,
    reference::{Kind, Rule, Side},
};

const LIMIT: Rule = Rule {
    injection: 0,
    kind: None,
    way: Way::Completion,
    delay_ns: 0,
    limit: Some((2_000, 1)),
    sequence: 0,
};

fn play(rules: &[Rule], steps: &[Step]) -> Pair {
    let mut pair = Pair::new();
    let mut done = pair.follow(rules);
    done = done.and_then(|()| steps.iter().try_for_each(|step| pair.step(step)));
    if let Err(error) = done {
        // The entries that are left in it would be another failure.
        std::mem::forget(pair);
        panic!("{error}");
    }
    pair
}

/// Only rules that hold requests may be in `limit_all`, whose rules do not judge each request.
#[test]
fn a_limit_of_all_completions_holds_no_request() {
    let steps = [one(Kind::Read), one(Kind::Read), Step::Pop, Step::Pop];
    let mut pair = play(&[LIMIT], &steps);
    pair.finish(true).unwrap();
}

/// Before Linux 6.5 such requests come to schedulers from plugs.
#[test]
fn a_command_of_the_driver_is_not_held() {
    let all = Rule {
        way: Way::Request,
        delay_ns: 50_000,
        ..LIMIT
    };
    let limit = Rule {
        way: Way::Request,
        ..LIMIT
    };
    for rule in [all, limit] {
        let steps = [one(Kind::Command), one(Kind::Command)];
        let mut pair = play(&[rule], &steps);
        assert_eq!(pair.reference.held(Side::Requests), 0);
        pair.finish(true).unwrap();
    }
}

/// The completion is taken late, because the worker comes after the injection's end, and the end of
/// another injection has changed in between.
#[test]
fn no_completion_waits_for_an_injection_that_has_ended() {
    let rule = Rule {
        kind: Some(Kind::Read),
        delay_ns: 50_000,
        limit: None,
        ..LIMIT
    };
    let steps = [
        Step::EndAfter(0, 1_000),
        one(Kind::Read),
        Step::Pop,
        Step::Serve(0),
        Step::Wait(1_000),
        Step::EndAfter(1, 9_000),
        Step::Release(1),
    ];
    let mut pair = play(&[rule], &steps);
    assert_eq!(pair.reference.held(Side::Completions), 0);
    pair.finish(true).unwrap();
}
