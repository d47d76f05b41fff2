// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! How much a disk does with how many requests at a time: a disk that does no more with twice as
//! many is saturated.

/// The share of the recording that a level needs to tell something.
const LEAST_SHARE: f64 = 0.05;

/// The I/Os that it needs.
const LEAST: u64 = 100;

/// The growth of the rate, by that of the requests, up to which the disk is saturated.
const GROWTH: f64 = 0.2;

/// The time with a number of requests at the disk, from one power of two to the next.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    ns: u64,
    /// The number of requests, each moment by itself.
    depth_ns: u128,
    ended: u64,
}

impl Level {
    fn rate(&self) -> f64 {
        self.ended as f64 * 1e9 / self.ns as f64
    }

    fn depth(&self) -> f64 {
        self.depth_ns as f64 / self.ns as f64
    }
}

/// All numbers of requests.
#[derive(Debug, Default)]
pub(super) struct Levels {
    levels: Vec<Level>,
    last_ns: u64,
}

impl Levels {
    /// Until this moment, there were so many requests at the disk, of which the last may end now.
    pub(super) fn until(&mut self, ns: u64, depth: u64, ends: bool) {
        let passed_ns = ns.saturating_sub(self.last_ns);
        self.last_ns = self.last_ns.max(ns);
        let Some(place) = depth.checked_ilog2() else {
            return;
        };
        let place = place as usize;
        if place >= self.levels.len() {
            self.levels.resize(place + 1, Level::default());
        }
        let level = &mut self.levels[place];
        level.ns += passed_ns;
        level.depth_ns += u128::from(passed_ns) * u128::from(depth);
        level.ended += u64::from(ends);
    }

    /// The levels that tell something.
    fn telling(&self) -> impl DoubleEndedIterator<Item = &Level> {
        let whole: u64 = self.levels.iter().map(|level| level.ns).sum();
        let tells = move |level: &&Level| {
            level.ended >= LEAST && level.ns as f64 >= whole as f64 * LEAST_SHARE
        };
        self.levels.iter().filter(tells)
    }

    /// The I/Os a second that the disk did at most. The time without any does not count.
    pub(super) fn most(&self) -> Option<f64> {
        self.telling().map(Level::rate).reduce(f64::max)
    }

    /// The I/Os a second that the disk did at most, if it was saturated.
    pub(super) fn saturated(&self) -> Option<f64> {
        let levels: Vec<&Level> = self.telling().collect();
        let (deepest, others) = levels.split_last()?;
        let is_as_fast = |other: &&&Level| {
            let [depth, rate] = [
                deepest.depth() / other.depth(),
                deepest.rate() / other.rate(),
            ];
            depth >= 2.0 && rate <= 1.0 + GROWTH * (depth - 1.0)
        };
        others.iter().find(is_as_fast)?;
        self.most()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second with each of these numbers of requests, in which so many end.
    fn levels(all: &[(u64, u64)]) -> Levels {
        let mut levels = Levels::default();
        let mut now_ns = 0;
        levels.until(now_ns, 0, false);
        for (depth, ends) in all {
            for _ in 0..*ends {
                now_ns += 1_000_000_000 / ends;
                levels.until(now_ns, *depth, true);
            }
        }
        levels
    }

    #[test]
    fn the_most_that_a_disk_did_leaves_its_idle_time_out() {
        let mut levels = levels(&[(1, 1_000), (4, 4_000), (64, 50)]);
        levels.until(60_000_000_000, 0, false);
        let found = levels.most().unwrap();
        assert!((found / 4_000.0 - 1.0).abs() < 0.01, "{found}");
        assert_eq!(Levels::default().most(), None);
    }

    #[test]
    fn a_disk_that_does_no_more_with_more_requests_is_saturated() {
        let found = levels(&[(1, 1_000), (4, 4_000), (16, 4_100)])
            .saturated()
            .unwrap();
        assert!((found / 4_100.0 - 1.0).abs() < 0.01, "{found}");
        assert!(levels(&[(4, 4_000), (64, 3_900)]).saturated().is_some());
    }

    #[test]
    fn a_disk_with_one_number_of_requests_tells_nothing() {
        for all in [
            &[(1, 1_000), (4, 4_000), (16, 16_000)][..],
            &[(16, 4_000)],
            &[(3, 3_000), (4, 3_000)],
            &[(1, 50), (16, 4_000)],
            &[],
        ] {
            assert_eq!(levels(all).saturated(), None, "{all:?}");
        }
    }
}
