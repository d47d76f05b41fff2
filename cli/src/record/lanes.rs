// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! How many I/Os a loaded disk serves at a time.
//!
//! If a disk has n lanes and takes I/Os in the order in which they come, an I/O waits until fewer
//! than n of those before it have not ended. Without this wait, it takes as long as one that found
//! a lane free. With a smaller n than the disk's, more than the wait is taken off, so that I/Os
//! would be faster after a wait; with a greater one, they would be slower.

use super::{histogram::Histogram, measure::Kept};
use chaos_policy::policy::lanes::MOST_LANES;

/// The I/Os of each kind that are needed.
const LEAST: u64 = 100;

/// The share of I/Os that have to wait. With fewer, the disk was not loaded, and its times are what
/// they are with any load.
const LEAST_LATE: f64 = 0.1;

/// The ratio of the means of I/Os after a wait and of others that more lanes than the disk's have.
/// A disk without lanes never has it.
const SLOWER: f64 = 1.05;

/// Where the ratio is 1 between two numbers of lanes, the lower one counts up to this place: a path
/// of its own time, and I/Os that overtake each other on it, make the ratio smaller.
const LOWER: f64 = 0.7;

/// A disk that was loaded.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) count: u64,
    /// The times from the moment at which an I/O had its lane.
    pub(super) times: Histogram,
}

/// I/Os in the order in which they began, with all their ends in order.
struct Ios {
    ios: Vec<Kept>,
    ends: Vec<u64>,
    /// The clocks of processors, and the way to an interrupt, are not more exact.
    slack_ns: u64,
}

/// The lanes of a disk that was loaded, from I/Os in any order.
pub(super) fn find(kept: &[Kept]) -> Option<Lanes> {
    let ios = Ios::new(kept.to_vec());
    let lanes = ios.lanes()?;
    let mut times = Histogram::default();
    for (io, begun_ns) in ios.begun(lanes) {
        times.add(io.until_ns.saturating_sub(begun_ns));
    }
    Some(Lanes {
        count: lanes as u64,
        times,
    })
}

impl Ios {
    fn new(mut ios: Vec<Kept>) -> Self {
        ios.sort_by_key(|io| io.from_ns);
        let mut ends: Vec<u64> = ios.iter().map(|io| io.until_ns).collect();
        ends.sort_unstable();
        let whole: u64 = ios
            .iter()
            .map(|io| io.until_ns - io.from_ns.min(io.until_ns))
            .sum();
        let mean_ns = whole / (ios.len() as u64).max(1);
        Self {
            ios,
            ends,
            slack_ns: mean_ns / 100,
        }
    }

    /// The number of lanes.
    fn lanes(&self) -> Option<usize> {
        let mut before: Option<(usize, f64)> = None;
        let mut found = None;
        for lanes in 1..=MOST_LANES as usize {
            let Some(ratio) = self.ratio(lanes)? else {
                continue;
            };
            if ratio >= 1.0 && found.is_none() {
                let place = match before {
                    Some((fewer, less)) => {
                        let width = (lanes - fewer) as f64;
                        fewer as f64 + width * (1.0 - less) / (ratio - less)
                    }
                    None => lanes as f64,
                };
                found = Some((place + 1.0 - LOWER).floor().max(1.0) as usize);
            }
            if ratio >= SLOWER {
                return found;
            }
            before = Some((lanes, ratio));
        }
        None
    }

    /// Each I/O with the moment at which it has one of so many lanes.
    fn begun(&self, lanes: usize) -> impl Iterator<Item = (&Kept, u64)> {
        self.ios.iter().enumerate().map(move |(place, io)| {
            let free_ns = place.checked_sub(lanes).map_or(0, |place| self.ends[place]);
            (io, io.from_ns.max(free_ns))
        })
    }

    /// The mean of I/Os that waited for one of so many lanes, by the mean of the others. None
    /// inside if there are not enough of the others, and outside if there are not enough that
    /// waited: then this is so with any further lane, too.
    fn ratio(&self, lanes: usize) -> Option<Option<f64>> {
        let [mut late, mut free] = [(0, 0.0), (0, 0.0)];
        for (io, begun_ns) in self.begun(lanes) {
            let is_late = begun_ns > io.from_ns + self.slack_ns;
            let sum: &mut (u64, f64) = if is_late { &mut late } else { &mut free };
            sum.0 += 1;
            sum.1 += io.until_ns as f64 - begun_ns as f64;
        }
        if late.0 < LEAST || (late.0 as f64) < LEAST_LATE * self.ios.len() as f64 {
            return None;
        }
        let mean = |(count, sum): (u64, f64)| sum / count as f64;
        Some((free.0 >= LEAST).then(|| mean(late) / mean(free)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from 0 to 1.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((mixed ^ mixed >> 31) >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    /// The quantile of a time of service, in nanoseconds, whose mean is about a millisecond.
    type Service = fn(f64) -> f64;

    const SERVICES: [Service; 4] = [
        |_| 1e6,
        |p| 5e5 + 1e6 * p,
        |p| 1e5 - 9e5 * (1.0 - p).ln(),
        |p| {
            if p < 0.7 {
                8e4
            } else {
                2.6e6 + 4e6 * (p - 0.7)
            }
        },
    ];

    /// I/Os that come at random, so many in a millisecond.
    fn load(lanes: usize, per_ms: f64, service: Service) -> Vec<Kept> {
        let mut numbers = Numbers(7);
        let mut free_ns = vec![0; lanes];
        let mut now_ns = 0.0;
        let ios = (0..8_000).map(|_| {
            now_ns -= 1e6 / per_ms * (1.0 - numbers.next()).ln();
            let from_ns = now_ns as u64;
            let lane = (0..lanes).min_by_key(|lane| free_ns[*lane]).unwrap();
            let until_ns = from_ns.max(free_ns[lane]) + service(numbers.next()) as u64;
            free_ns[lane] = until_ns;
            Kept { from_ns, until_ns }
        });
        ios.collect()
    }

    #[test]
    fn the_lanes_of_a_loaded_disk_are_found_with_their_times() {
        for (place, service) in SERVICES.into_iter().enumerate() {
            for lanes in [1, 2, 4, 8] {
                let found = find(&load(lanes, 0.8 * lanes as f64, service));
                let found = found.unwrap_or_else(|| panic!("service {place}, {lanes} lanes"));
                assert_eq!(found.count, lanes as u64, "service {place}");
                let mean_us = found.times.mean_ns() / 1_000;
                assert!((930..=1_070).contains(&mean_us), "{lanes}: {mean_us}");
            }
        }
    }

    /// Each of 16 at a time overtakes some others on its way, which takes a while.
    #[test]
    fn the_order_on_the_way_need_not_be_that_of_the_lanes() {
        let mut numbers = Numbers(3);
        let mut ios = Vec::new();
        let mut now_ns = 0;
        for _ in 0..600 {
            let mut free_ns = [now_ns; 4];
            let mut from: Vec<u64> = (0..16).map(|place| now_ns + place * 10_000).collect();
            for _ in 0..4 {
                let place = (numbers.next() * 15.0) as usize;
                from.swap(place, place + 1);
            }
            for from_ns in from {
                let lane = (0..4).min_by_key(|lane| free_ns[*lane]).unwrap();
                let service_ns = 1e6 + 3e6 * numbers.next();
                let until_ns = free_ns[lane].max(from_ns) + service_ns as u64;
                free_ns[lane] = until_ns;
                now_ns = now_ns.max(until_ns);
                let until_ns = until_ns + 60_000;
                ios.push(Kept { from_ns, until_ns });
            }
            now_ns += 20_000_000;
        }
        assert_eq!(find(&ios).unwrap().count, 4);
    }

    #[test]
    fn a_disk_without_a_load_has_no_lanes() {
        for (place, service) in SERVICES.into_iter().enumerate() {
            for (lanes, per_ms) in [(100, 1.0), (100, 4.0), (100, 16.0), (150, 40.0), (8, 1.0)] {
                let found = find(&load(lanes, per_ms, service));
                let found = found.map(|found| found.count);
                assert_eq!(found, None, "service {place}, {per_ms} in a millisecond");
            }
        }
        assert!(find(&[]).is_none());
    }
}
