// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Lanes: at most so many I/Os in service at a time, each for its delay, as by the heads of a disk.
//!
//! An I/O books the lane that is free first, when it arrives. So I/Os go in the order of their
//! arrival, and nothing has to look at them again when a lane becomes free.

use super::window::Shared;

/// The most lanes that an injection can have.
pub const MOST_LANES: u64 = 64;

/// Books a lane for an I/O that arrives at this time and is in service for `service_ns`, and
/// returns how long the I/O takes from its arrival: its wait for a lane, and its service. Each of
/// the shared words is the time at which its lane becomes free.
///
/// Without lanes, the I/O does not wait.
pub fn book(lanes: &[impl Shared], arrival_ns: u64, service_ns: u64) -> u64 {
    loop {
        let free = lanes.iter().map(|lane| (lane, lane.load()));
        let Some((lane, free_ns)) = free.min_by_key(|(_, free_ns)| *free_ns) else {
            return service_ns;
        };
        let end_ns = free_ns.max(arrival_ns).saturating_add(service_ns);
        // Another I/O may have booked the lane meanwhile, and then another one may be free first.
        if lane.exchange(free_ns, end_ns) {
            return end_ns.saturating_sub(arrival_ns);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::policy::window::Word;
    use proptest::prelude::*;
    use std::{cell::Cell, vec::Vec};

    fn lanes(count: usize) -> Vec<Word> {
        (0..count).map(|_| Word(Cell::new(0))).collect()
    }

    #[test]
    fn one_lane_serves_one_after_another() {
        let lanes = lanes(1);
        assert_eq!(book(&lanes, 100, 10), 10);
        assert_eq!(book(&lanes, 105, 10), 15);
        assert_eq!(book(&lanes, 105, 10), 25);
        assert_eq!(book(&lanes, 200, 10), 10);
    }

    #[test]
    fn without_lanes_nothing_waits() {
        let none: [Word; 0] = [];
        assert_eq!(book(&none, 100, 10), 10);
    }

    #[test]
    fn times_saturate() {
        let lanes = lanes(1);
        assert_eq!(book(&lanes, u64::MAX - 5, 10), 5);
        assert_eq!(book(&lanes, 7, u64::MAX), u64::MAX - 7);
    }

    proptest! {
        /// Servers, each of which takes the next I/O of a queue when it is free.
        #[test]
        fn lanes_are_servers_of_one_queue(
            count in 1usize..8,
            ios in prop::collection::vec((0u64..50, 0u64..100), 1..200),
        ) {
            let lanes = lanes(count);
            let (mut now_ns, mut servers) = (0, std::vec![0u64; count]);
            for (pause_ns, service_ns) in ios {
                now_ns += pause_ns;
                servers.sort_unstable();
                let start_ns = servers[0].max(now_ns);
                servers[0] = start_ns + service_ns;
                prop_assert_eq!(book(&lanes, now_ns, service_ns), start_ns + service_ns - now_ns);
            }
        }
    }
}
