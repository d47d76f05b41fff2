// SPDX-License-Identifier: GPL-2.0-only

//! Histories in which an earlier driver was wrong.

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
        // Dropping the pair would only report the I/O that it still has.
        std::mem::forget(pair);
        panic!("{error}");
    }
    pair
}

/// The rules that limit everything, and that no request asks, hold requests.
#[test]
fn a_limit_of_all_completions_holds_no_request() {
    let steps = [one(Kind::Read), one(Kind::Read), Step::Pop, Step::Pop];
    let mut pair = play(&[LIMIT], &steps);
    pair.finish(true).unwrap();
}

/// The worker takes the completion after the end, because another injection was changed in between.
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
