// SPDX-License-Identifier: GPL-2.0-only

//! Tests that lists of requests release the same requests in the same order as vectors.

use crate::{
    admission::Closed,
    elevator::{
        block_layer::{self, hand_over, submit_before, Owned},
        Fifo, SortedQueue,
    },
    held_entry::{HeldEntry, Request},
    limit_queues::LimitQueues,
    rule_set::RuleSet,
};
use proptest::prelude::*;
use std::collections::VecDeque;

/// A request of this number that is due at this time, with the number as its rules.
fn request(number: u64, due_ns: u64) -> Request {
    let mut request = hand_over(Owned::new(number, 0));
    request.set_due_ns(due_ns);
    request.set_rules(RuleSet::from_bits(number));
    request
}

fn number(request: Request) -> u64 {
    Owned::dispatched(request).number()
}

/// It went to the driver around the scheduler: a write with FUA, before Linux 6.5.
#[test]
fn a_request_that_was_not_prepared_counts_as_released() {
    let prepared = hand_over(Owned::new(1, 1));
    assert!(!prepared.was_released());
    number(prepared);
    let unprepared = hand_over(Owned::unprepared(1, 1));
    assert!(unprepared.was_released());
    number(unprepared);
}

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Pop,
}

/// Pushes of times in order, of times out of order and of equal times; half as many removals.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u64..8).prop_map(Step::Push),
        4 => (0u64..1_000).prop_map(Step::Push),
        1 => any::<u64>().prop_map(Step::Push),
        5 => Just(Step::Pop),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    /// The request with the earliest due time comes first, and of equal due times the request that
    /// was pushed first.
    #[test]
    fn times_come_out_as_sorted(steps in steps()) {
        let mut queue = SortedQueue::new();
        let mut sorted: VecDeque<(u64, u64)> = VecDeque::new();
        let drain = std::iter::repeat_n(Step::Pop, steps.len() + 1);
        for (count, step) in (0..).zip(steps.iter().cloned().chain(drain)) {
            match step {
                Step::Push(due_ns) => {
                    queue.push(request(count, due_ns));
                    let place = sorted.partition_point(|(before_ns, _)| *before_ns <= due_ns);
                    sorted.insert(place, (due_ns, count));
                }
                Step::Pop => prop_assert_eq!(queue.pop().map(number), sorted.pop_front().map(|(_, number)| number)),
            }
            prop_assert_eq!(queue.is_empty(), sorted.is_empty());
            prop_assert_eq!(queue.first_key(), sorted.front().map(|(due_ns, _)| *due_ns));
            prop_assert_eq!(queue.last_key(), sorted.back().map(|(due_ns, _)| *due_ns));
        }
    }

    /// Pushes and pops at either end of a list, and merges among its last eight.
    #[test]
    fn a_list_is_a_list(steps in prop::collection::vec(0u8..6, 0..100), places in prop::collection::vec(0u64..100, 100)) {
        let mut list = Fifo::new();
        let mut plain = VecDeque::new();
        for (count, step) in (0..).zip(steps) {
            match step {
                0 => {
                    list.push_back(request(count, count));
                    plain.push_back(count);
                }
                1 => {
                    list.push_front(request(count, count));
                    plain.push_front(count);
                }
                2 => {
                    let place = places[count as usize];
                    let merged = submit_before(place, |bio| list.merge(bio));
                    prop_assert_eq!(merged, plain.iter().rev().take(8).any(|number| *number == place));
                }
                3 => {
                    // Several requests at once, or none, as the block layer hands them over.
                    let numbers = 100 * count..100 * count + places[count as usize] % 4;
                    let others = numbers.clone().map(|number| Owned::dispatched(request(number, number)));
                    block_layer::insert(others, |others| list.append(others));
                    plain.extend(numbers);
                }
                4 => {
                    let mut numbers = VecDeque::new();
                    list.update_all(
                        |request| numbers.push_back(request.due_ns()),
                        |data, ()| data.rules = RuleSet::from_bits(count),
                    );
                    prop_assert_eq!(&numbers, &plain);
                    prop_assert_eq!(list.first(|request| request.rules().bits()), plain.front().map(|_| count));
                }
                _ => prop_assert_eq!(list.pop_front().map(number), plain.pop_front()),
            }
            prop_assert_eq!(list.is_empty(), plain.is_empty());
            prop_assert_eq!(list.first(Request::due_ns), plain.front().copied());
            prop_assert_eq!(list.last(Request::due_ns), plain.back().copied());
        }
        while let Some(request) = list.pop_front() {
            prop_assert_eq!(Some(number(request)), plain.pop_front());
        }
        prop_assert!(plain.is_empty());
    }

    /// Even with more sets of limits at a time than there are queues, no request is lost, and each
    /// queue keeps the order.
    #[test]
    fn limit_queues_lose_nothing(requests in prop::collection::vec((1u64..40, 0u64..50), 0..200), closed_ns in 0u64..60) {
        let mut queues = LimitQueues::new();
        for (count, (limits, due_ns)) in (0..).zip(&requests) {
            queues.push(request(count, *due_ns), RuleSet::from_bits(*limits));
        }
        let mut seen = vec![false; requests.len()];
        let mut last_ns = 0;
        while let Some((place, time_ns)) = queues.first() {
            prop_assert!(time_ns >= last_ns, "the first of all queues is the earliest");
            last_ns = time_ns;
            if queues.closed(place).until_ns < closed_ns {
                queues.close(place, Closed { until_ns: closed_ns, by: 0 });
                // Now it may not go before that time, and perhaps it is not the first any more.
                continue;
            }
            // Requests that are due queue up, in order.
            assert!(queues.queue_up(place, time_ns, usize::MAX, |_| 0));
            let first = queues.first_queued(place, |entry| entry.rules().bits());
            let popped = queues.pop(place).map(number);
            prop_assert_eq!(popped, first);
            let popped = popped.unwrap() as usize;
            prop_assert_eq!(time_ns, requests[popped].1.max(closed_ns));
            prop_assert!(!std::mem::replace(&mut seen[popped], true));
        }
        prop_assert!(seen.iter().all(|seen| *seen));
        prop_assert!(queues.pop_any().is_none());
    }
}
