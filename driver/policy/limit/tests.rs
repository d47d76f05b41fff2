// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tests of limits, against plain counts.

extern crate std;
use super::*;
use crate::policy::window::Word;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::vec::Vec;

#[test]
fn a_window_admits_its_quota_and_names_the_next() {
    let limit = Limit::new(1_000, 2, 0).unwrap();
    let mut window = limit.fresh(5_300_000);
    for _ in 0..2 {
        match limit.answer(window, limit.number(5_300_000), 1) {
            Answer::Admit(next) => window = next,
            Answer::Wait(_) => panic!("refused within the quota"),
        }
    }
    assert_eq!(
        limit.answer(window, limit.number(5_999_999), 1),
        Answer::Wait(6_000_000)
    );
    assert!(matches!(
        limit.answer(window, limit.number(6_000_000), 1),
        Answer::Admit(_)
    ));
}

#[test]
fn nothing_is_a_limit_of_zero() {
    assert_eq!(Limit::new(0, 1, 0), None);
    assert_eq!(Limit::new(1, 0, 0), None);
}

#[test]
fn the_largest_quota_and_the_latest_time_do_not_overflow() {
    let limit = Limit::new(1, u32::MAX, 0).unwrap();
    let full = Window::new(7, u32::MAX.into());
    assert_eq!(
        limit.answer(full, limit.number(7_500), 1),
        Answer::Wait(8_000)
    );
    assert!(matches!(
        limit.answer(limit.fresh(u64::MAX), limit.number(u64::MAX), 1),
        Answer::Admit(_)
    ));
    let full = Window::new(limit.number(u64::MAX), u32::MAX.into());
    assert!(matches!(
        limit.answer(full, limit.number(u64::MAX), 1),
        Answer::Wait(_)
    ));
}

#[test]
fn giving_back_makes_room_for_one() {
    let limit = Limit::new(10, 1, 0).unwrap();
    let Answer::Admit(full) = limit.answer(limit.fresh(0), limit.number(0), 1) else {
        panic!()
    };
    assert!(matches!(
        limit.answer(full, limit.number(0), 1),
        Answer::Wait(_)
    ));
    let word = Word(Cell::new(full.to_word()));
    limit.give_back(&word, 1, 0);
    assert_eq!(word.load(), limit.fresh(0).to_word());
    // Another window has not counted this I/O, so it gives nothing back.
    let Answer::Admit(next) = limit.answer(full, limit.number(10_000), 1) else {
        panic!()
    };
    word.0.set(next.to_word());
    limit.give_back(&word, 1, 0);
    assert_eq!(word.load(), next.to_word());
}

#[test]
fn a_later_window_gives_a_debt_back() {
    let limit = Limit::new(1, 10, 5).unwrap();
    // An I/O of cost 35 was charged in window 6, of which window 7 has 25 left.
    let word = Word(Cell::new(Window::new(7, 25).to_word()));
    limit.give_back(&word, 35, 6);
    // No more than the burst is saved.
    assert_eq!(word.load(), Window::new(7, -5).to_word());
}

#[test]
fn a_smaller_burst_forgets_what_was_saved() {
    let before = Limit::new(1, 10, 100).unwrap();
    let limit = Limit::new(1, 10, 5).unwrap();
    let word = Word(Cell::new(before.fresh(7_000).to_word()));
    before.forget_saved(&word);
    assert_eq!(word.load(), before.fresh(7_000).to_word());
    limit.forget_saved(&word);
    assert_eq!(word.load(), limit.fresh(7_000).to_word());
}

#[test]
fn a_long_debt_is_asked_again_before_its_end() {
    let limit = Limit::new(1_000, 10, 0).unwrap();
    assert_eq!(limit.soon(0, 5_500_000), 0);
    assert_eq!(limit.soon(6_000_000, 5_500_000), 6_000_000);
    assert_eq!(limit.soon(60_000_000, 5_500_000), 15_500_000);
    let long = Limit::new(1_000_000, 10, 0).unwrap();
    assert_eq!(long.soon(9_000_000_000, 5_500_000_000), 6_000_000_000);
}

proptest! {
    /// Compares with a plain count of the I/Os of each window.
    #[test]
    fn same_as_counting(
        period_us in 1u32..50, quota in 1u32..5,
        steps in prop::collection::vec(0u64..20_000, 1..300),
    ) {
        let limit = Limit::new(period_us, quota, 0).unwrap();
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        let mut window = limit.fresh(0);
        let mut now = 0;
        for step in steps {
            now += step;
            let number = now / (u64::from(period_us) * 1_000);
            let count = counts.entry(number).or_default();
            match limit.answer(window, limit.number(now), 1) {
                Answer::Admit(next) => {
                    prop_assert!(*count < quota);
                    *count += 1;
                    window = next;
                }
                Answer::Wait(until) => {
                    prop_assert_eq!(*count, quota);
                    prop_assert_eq!(until, (number + 1) * u64::from(period_us) * 1_000);
                    prop_assert!(until > now);
                }
            }
        }
    }

    /// [`Limit::charge_quickly`], with [`Limit::charge`] where it refuses, does the same as
    /// `charge` alone; and taking an I/O back leaves no trace.
    #[test]
    fn charging_quickly_is_charging(
        period_us in 1u32..50, quota in 1u32..6,
        steps in prop::collection::vec((0u64..20_000, any::<bool>()), 1..300),
    ) {
        let limit = Limit::new(period_us, quota, 0).unwrap();
        let [plain, quick] = [0; 2].map(|_| Word(Cell::new(limit.fresh(0).to_word())));
        let mut now_ns = 0;
        for (step_ns, takes_back) in steps {
            now_ns += step_ns;
            let clock = || now_ns;
            let before = quick.load();
            let is_quick = limit.charge_quickly(&quick, 1, now_ns);
            if is_quick && takes_back {
                limit.give_back(&quick, 1, limit.number(now_ns));
                prop_assert_eq!(quick.load(), before);
                continue;
            }
            let charged = limit.charge(&plain, 1, &mut { now_ns }, clock);
            if is_quick {
                prop_assert_eq!(charged.map(|charge| charge.until_ns), Ok(0));
            } else {
                prop_assert_eq!(limit.charge(&quick, 1, &mut { now_ns }, clock), charged);
            }
            prop_assert_eq!(quick.load(), plain.load());
        }
    }

    /// Several queues share a word by compare-and-exchange, in any order of loads and
    /// exchanges.
    #[test]
    fn shared_windows_never_exceed_their_quota(
        quota in 1u32..4, schedule in prop::collection::vec((0usize..3, 0u8..4, 0u64..700), 1..400),
    ) {
        let limit = Limit::new(1, quota, 0).unwrap();
        let mut shared = limit.fresh(0);
        let mut clock = 0u64;
        let mut pending: Vec<Option<(Window, Window, u64)>> = std::vec![None; 3];
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        // The time at which each queue has charged the I/O that it may take back.
        let mut quick: Vec<Option<u64>> = std::vec![None; 3];
        for (queue, action, step) in schedule {
            clock += step;
            match action {
                0 => {
                    // A queue reads the word first, and the clock after it.
                    let old = shared;
                    if let Answer::Admit(new) = limit.answer(old, limit.number(clock), 1) {
                        pending[queue] = Some((old, new, clock / 1_000));
                    }
                }
                1 => {
                    if let Some((old, new, number)) = pending[queue].take() {
                        if shared == old {
                            shared = new;
                            *counts.entry(number).or_default() += 1;
                        }
                    }
                }
                2 => {
                    let word = Word(Cell::new(shared.to_word()));
                    // This queue has read the clock before the word.
                    let read = clock.saturating_sub(step);
                    if limit.charge_quickly(&word, 1, read) {
                        *counts.entry(read / 1_000).or_default() += 1;
                        quick[queue] = Some(read);
                    }
                    shared = Window::from_word(word.load());
                }
                _ => {
                    if let Some(charged) = quick[queue].take() {
                        let word = Word(Cell::new(shared.to_word()));
                        let is_same = Window::from_word(word.load()).windows_until(charged / 1_000) == 0;
                        limit.give_back(&word, 1, limit.number(charged));
                        prop_assert_eq!(is_same, word.load() != shared.to_word());
                        shared = Window::from_word(word.load());
                        if is_same {
                            *counts.get_mut(&(charged / 1_000)).unwrap() -= 1;
                        }
                    }
                }
            }
        }
        prop_assert!(counts.values().all(|count| *count <= quota));
    }

    /// Compares costs, debts and saved room with a bucket that gets its tokens window by window.
    #[test]
    fn costs_are_paid_by_later_windows_and_saved_room(
        quota in 1u32..50, burst in 0u32..100,
        steps in prop::collection::vec((0u64..4_000, 1u32..200), 1..300),
    ) {
        let limit = Limit::new(1, quota, burst).unwrap();
        let shared = Word(Cell::new(limit.fresh(0).to_word()));
        let (mut tokens, mut last) = (i64::from(quota) + i64::from(burst), 0);
        let mut now_ns = 0;
        for (step_ns, cost) in steps {
            now_ns += step_ns;
            let number = now_ns / 1_000;
            for _ in last..number {
                tokens = tokens.min(burst.into()) + i64::from(quota);
            }
            last = number;
            let room = (tokens.max(0) as u64).div_ceil(cost.into());
            prop_assert_eq!(u64::from(limit.room(&shared, now_ns, cost)), room);
            let is_quick = limit.charge_quickly(&shared, cost, now_ns);
            let charged = if is_quick {
                Ok(0)
            } else {
                let charge = limit.charge(&shared, cost, &mut { now_ns }, || now_ns);
                charge.map(|charge| charge.until_ns)
            };
            // When the next I/O may go, if none goes before.
            let mut next = number;
            let after = tokens - if tokens > 0 { i64::from(cost) } else { 0 };
            let mut left = after;
            while left <= 0 {
                left += i64::from(quota);
                next += 1;
            }
            match charged {
                Ok(until_ns) => {
                    prop_assert!(tokens > 0);
                    let expected = if next > number { next * 1_000 } else { 0 };
                    prop_assert_eq!(until_ns, expected);
                    tokens = after;
                }
                Err(refused) => {
                    prop_assert!(tokens <= 0);
                    prop_assert_eq!(refused.until_ns, next * 1_000);
                }
            }
        }
    }
}

#[test]
fn no_window_makes_up_for_a_greater_quota_before() {
    let before = Limit::new(1_000, 100, 0).unwrap();
    let limit = Limit::new(1_000, 10, 0).unwrap();
    let limit = limit.in_place_of(&before, 5_500_000);
    let admit = |number, used| Answer::Admit(Window::new(number, used));
    // The change takes a while, of a thousand windows here.
    let used = Window::new(1_005, 100);
    assert_eq!(limit.answer(used, 1_005, 1), Answer::Wait(1_006_000_000));
    assert_eq!(limit.answer(used, 1_006, 1), admit(1_006, 1));
    // A later window makes up for an I/O that needed more than its quota.
    let used = Window::new(1_006, 35);
    assert_eq!(limit.answer(used, 1_007, 1), Answer::Wait(1_009_000_000));
    assert_eq!(limit.answer(used, 1_009, 1), admit(1_009, 6));
    // The same limit again changes nothing.
    assert_eq!(limit.in_place_of(&limit, 9_000_000), limit);
}
