// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A histogram of times, so fine that its steps are not seen.

/// The steps of an octave, as a power of two: a step is 0.4 % long.
const BITS: u32 = 8;

/// The histogram: up to 512 ns each nanosecond has a step, and from there on each octave has 256.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    counts: Vec<u64>,
    pub(super) count: u64,
    pub(super) sum_ns: u128,
    pub(super) least_ns: u64,
    pub(super) most_ns: u64,
}

impl Histogram {
    pub(super) fn add(&mut self, ns: u64) {
        self.add_many(ns, 1);
    }

    /// Adds a time so often.
    pub(super) fn add_many(&mut self, ns: u64, count: u64) {
        if count == 0 {
            return;
        }
        let place = place(ns);
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += count;
        self.least_ns = match self.count {
            0 => ns,
            _ => self.least_ns.min(ns),
        };
        self.most_ns = self.most_ns.max(ns);
        self.count += count;
        self.sum_ns += u128::from(ns) * u128::from(count);
    }

    /// Adds all times of another one.
    pub(super) fn join(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (to, from) in self.counts.iter_mut().zip(&other.counts) {
            *to += from;
        }
        self.least_ns = match self.count {
            0 => other.least_ns,
            _ => self.least_ns.min(other.least_ns),
        };
        self.most_ns = self.most_ns.max(other.most_ns);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
    }

    /// The mean.
    pub(super) fn mean_ns(&self) -> u64 {
        let mean = self.sum_ns.checked_div(self.count.into());
        u64::try_from(mean.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// The time up to which this share of all times is.
    pub(super) fn at(&self, share: f64) -> u64 {
        let curve = self.curve();
        let behind = curve.partition_point(|(below, _)| *below < share);
        match (
            behind.checked_sub(1).and_then(|at| curve.get(at)),
            curve.get(behind),
        ) {
            (Some((from, low)), Some((to, high))) => {
                let part = (share - from) / (to - from);
                (low + (high - low) * part).round() as u64
            }
            (None, Some((_, first))) => first.round() as u64,
            _ => self.most_ns,
        }
    }

    /// The share of times up to each time, as points of a rising line: before and after each step
    /// with a count.
    pub(super) fn curve(&self) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        let mut below = 0;
        let steps = self.counts.iter().enumerate();
        for (place, count) in steps.filter(|(_, count)| **count > 0) {
            let share = |number: u64| number as f64 / self.count as f64;
            let [from, to] = [start(place), start(place + 1)];
            // A step of one nanosecond has this time alone.
            let to = if to - from == 1 { from } else { to };
            let within = |ns: u64| ns.clamp(self.least_ns, self.most_ns) as f64;
            points.push((share(below), within(from)));
            below += count;
            points.push((share(below), within(to)));
        }
        points
    }

    /// The times in octaves of microseconds: the end of each, and how many are in it.
    pub(super) fn octaves_us(&self) -> Vec<(u64, u64)> {
        let mut octaves: Vec<(u64, u64)> = Vec::new();
        let steps = self.counts.iter().enumerate();
        for (place, count) in steps.filter(|(_, count)| **count > 0) {
            let end = (start(place) / 1_000 + 1).next_power_of_two();
            match octaves.last_mut() {
                Some((last, sum)) if *last == end => *sum += count,
                _ => octaves.push((end, *count)),
            }
        }
        octaves
    }
}

/// The step of a time.
fn place(ns: u64) -> usize {
    let octave = ns.checked_ilog2().unwrap_or(0).saturating_sub(BITS);
    ((u64::from(octave) << BITS) + (ns >> octave)) as usize
}

/// The first time of a step.
fn start(place: usize) -> u64 {
    let place = place as u64;
    let octave = (place >> BITS).saturating_sub(1);
    (place - (octave << BITS)) << octave
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_in_order_and_short() {
        for ns in [0, 1, 511, 512, 513, 1_000, 65_535, 1 << 40, u64::MAX >> 1] {
            let place = place(ns);
            let [from, to] = [start(place), start(place + 1)];
            assert!((from..to).contains(&ns), "{ns}: {from} to {to}");
            assert!(to - from <= 1 + ns / 256, "{ns}: {from} to {to}");
        }
    }

    #[test]
    fn shares_are_those_of_the_times() {
        let mut histogram = Histogram::default();
        for us in 1..=1_000 {
            histogram.add(us * 1_000);
        }
        for (share, expected) in [(0.5, 500e3), (0.99, 990e3), (0.999, 999e3)] {
            let ns = histogram.at(share) as f64;
            assert!((ns / expected - 1.0).abs() < 5e-3, "{share}: {ns}");
        }
        assert_eq!((histogram.at(0.0), histogram.at(1.0)), (1_000, 1_000_000));
        assert_eq!(histogram.mean_ns(), 500_500);
        let octaves = histogram.octaves_us();
        assert_eq!(octaves.iter().map(|(_, count)| count).sum::<u64>(), 1_000);
        assert_eq!(octaves.last().map(|(end, _)| *end), Some(1_024));
        assert_eq!(Histogram::default().at(0.5), 0);
    }

    #[test]
    fn two_are_as_one_of_all_times() {
        let (mut one, mut other, mut all) = <(Histogram, Histogram, Histogram)>::default();
        for ns in [7, 70_000, 700] {
            one.add(ns);
            all.add(ns);
        }
        for ns in [3, 9_000_000] {
            other.add(ns);
            all.add(ns);
        }
        one.join(&Histogram::default());
        one.join(&other);
        assert_eq!(one.curve(), all.curve());
        assert_eq!((one.least_ns, one.most_ns), (3, 9_000_000));
    }
}
