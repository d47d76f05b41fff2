// SPDX-License-Identifier: GPL-2.0-only

//! Lists of requests against vectors: the same requests in the same order.

use crate::{
    elevator::{
        block_layer::{self, hand_over, submit_before, Owned},
        Fifo, SortedQueue,
    },
    io::{Held, Request},
    lines::Lines,
    plan::Closed,
};
use proptest::prelude::*;
use std::collections::VecDeque;

/// A request of this number, due at this time, with the number as its set.
fn request(number: u64, due_ns: u64) -> Request {
    let mut request = hand_over(Owned::new(number, 0));
    request.set_due_ns(due_ns);
    request.put_set(number);
    request
}

fn number(request: Request) -> u64 {
    Owned::dispatched(request).number()
}

#[derive(Clone, Debug)]
enum Step {
    Push(u64),
    Pop,
}

/// Times that come in order, times that do not, and equal ones; half as many removals.
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
    /// The first that is due comes first; of several that are due at the same time, the one that
    /// arrived first.
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

    /// At either end of a list, and among its last eight.
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
                    // Several at once, or none, as the block layer hands them over.
                    let numbers = 100 * count..100 * count + places[count as usize] % 4;
                    let others = numbers.clone().map(|number| Owned::dispatched(request(number, number)));
                    block_layer::insert(others, |others| list.append(others));
                    plain.extend(numbers);
                }
                4 => {
                    let mut numbers = VecDeque::new();
                    list.update_all(
                        |request| numbers.push_back(request.due_ns()),
                        |data, ()| data.set = count,
                    );
                    prop_assert_eq!(&numbers, &plain);
                    prop_assert_eq!(list.first(Request::set), plain.front().map(|_| count));
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

    /// Also if more sets of limits come at a time than there are lines: no request is lost, and
    /// each line keeps the order.
    #[test]
    fn lines_lose_nobody(requests in prop::collection::vec((1u64..40, 0u64..50), 0..200), closed_ns in 0u64..60) {
        let mut lines = Lines::new();
        for (count, (limits, due_ns)) in (0..).zip(&requests) {
            lines.push(request(count, *due_ns), *limits);
        }
        let mut seen = vec![false; requests.len()];
        let mut last_ns = 0;
        while let Some((place, time_ns)) = lines.first() {
            prop_assert!(time_ns >= last_ns, "the first of all lines is the earliest");
            last_ns = time_ns;
            if lines.closed(place).until_ns < closed_ns {
                lines.close(place, Closed { until_ns: closed_ns, by: 0 });
                // It does not go before that time, and perhaps is not the first any more.
                continue;
            }
            // Due requests queue up, in order.
            assert!(lines.queue_up(place, time_ns, usize::MAX, |_| 0));
            let first = lines.first_queued(place).map(|(set, _)| set);
            let popped = lines.pop(place).map(number);
            prop_assert_eq!(popped, first);
            let popped = popped.unwrap() as usize;
            prop_assert_eq!(time_ns, requests[popped].1.max(closed_ns));
            prop_assert!(!std::mem::replace(&mut seen[popped], true));
        }
        prop_assert!(seen.iter().all(|seen| *seen));
        prop_assert!(lines.pop_any().is_none());
    }
}
