// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Few percentiles that are like a distribution: the driver draws delays from straight lines
//! between them.

use super::histogram::Histogram;
use crate::interface::units::{show_microseconds, show_percent};
use chaos_policy::policy::distribution::MOST_POINTS;

/// The decimals of per cents.
const PLACES: u32 = 4;

/// A hundred per cent in the unit of [`Point::percent`].
const HUNDRED: f64 = 1e6;

/// A share that no distribution has to be nearer to the lines than.
const NEAR: f64 = 1e-3;

/// The shares that a file has in any case, as far as there are I/Os beyond them.
const SHARES: [f64; 4] = [0.5, 0.99, 0.999, 0.9999];

/// A percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// Per cents, with four decimals.
    pub(super) percent: u64,
    pub(super) us: u64,
}

impl Point {
    fn new(share: f64, ns: f64) -> Self {
        Self {
            percent: (share.clamp(0.0, 1.0) * HUNDRED).round() as u64,
            us: (ns / 1e3).round() as u64,
        }
    }
}

/// A text such as `50:80us,99:1.2ms`, which is a value of `--percentiles`.
pub(super) fn text(points: &[Point]) -> String {
    let points = points.iter().map(|point| {
        let percent = show_percent(point.percent, PLACES);
        let percent = percent.trim_end_matches('%');
        format!("{percent}:{}", show_microseconds(point.us))
    });
    points.collect::<Vec<_>>().join(",")
}

/// The percentiles of these times: the usual ones, and the ones at which a line between others
/// would be farthest from the times.
pub(super) fn points(times: &Histogram) -> Vec<Point> {
    let curve = times.curve();
    if curve.is_empty() {
        return Vec::new();
    }
    let known = |share: &f64| times.count as f64 * (1.0 - share) > 0.999;
    let shares = SHARES.into_iter().filter(known);
    let ends = [(0.0, times.least_ns as f64), (1.0, times.most_ns as f64)];
    let asked = shares.map(|share| (share, times.at(share) as f64));
    let mut chosen: Vec<(f64, f64)> = ends.into_iter().chain(asked).collect();
    chosen.sort_by(|one, other| one.0.total_cmp(&other.0));
    while chosen.len() < MOST_POINTS {
        let off = curve
            .iter()
            .map(|point| (distance(&chosen, *point), *point));
        let farthest = off.max_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, (share, ns))) = farthest.filter(|(distance, _)| *distance > NEAR) else {
            break;
        };
        let place = chosen.partition_point(|other| *other < (share, ns));
        chosen.insert(place, (share, ns));
    }
    let mut points: Vec<Point> = Vec::new();
    for (share, ns) in chosen {
        let mut point = Point::new(share, ns);
        match points.last_mut() {
            // At a jump, the line is as upright as per cents with decimals can be.
            Some(last) if last.percent == point.percent => {
                point.us = point.us.max(last.us);
                last.percent = last.percent.saturating_sub(1);
                points.push(point);
            }
            last => {
                point.us = point.us.max(last.map_or(0, |last| last.us));
                points.push(point);
            }
        }
    }
    // The last of several at one per cent counts.
    points.reverse();
    points.dedup_by_key(|point| point.percent);
    points.reverse();
    points
}

/// How far a point of the curve is from lines, in shares.
fn distance(lines: &[(f64, f64)], (share, ns): (f64, f64)) -> f64 {
    let first = lines.partition_point(|(_, other)| *other < ns);
    let behind = lines.partition_point(|(_, other)| *other <= ns);
    if first < behind {
        // Points at just this time, between which the line is upright.
        let [low, high] = [lines[first].0, lines[behind - 1].0];
        return (low - share).max(share - high).max(0.0);
    }
    let (Some(from), Some(to)) = (first.checked_sub(1).map(|at| lines[at]), lines.get(first))
    else {
        return 0.0;
    };
    let part = (ns - from.1) / (to.1 - from.1);
    (from.0 + (to.0 - from.0) * part - share).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times_ns: impl Iterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        times_ns.for_each(|ns| histogram.add(ns));
        histogram
    }

    /// The farthest that the lines between the percentiles are from the times.
    fn worst(times: &Histogram) -> f64 {
        let points = points(times);
        assert!(points.len() <= MOST_POINTS, "{points:?}");
        let rises = |pair: &[Point]| pair[0].percent < pair[1].percent && pair[0].us <= pair[1].us;
        assert!(points.windows(2).all(rises), "{points:?}");
        let lines = points.iter();
        let lines = lines.map(|point| (point.percent as f64 / HUNDRED, point.us as f64 * 1e3));
        let lines: Vec<(f64, f64)> = lines.collect();
        let curve = times.curve().into_iter();
        curve
            .map(|point| distance(&lines, point))
            .fold(0.0, f64::max)
    }

    #[test]
    fn lines_are_near_to_distributions_of_many_forms() {
        // Quantiles, from a share of 0 to 1, in microseconds.
        type Quantile = fn(f64) -> f64;
        let forms: [(&str, Quantile); 5] = [
            ("even", |p| 1_000.0 + 1_000.0 * p),
            ("exponential", |p| 500.0 - 2_000.0 * (1.0 - p).ln()),
            ("pareto", |p| 300.0 * (1.0 - p).powf(-1.0 / 3.0)),
            ("two humps", |p| match p {
                ..0.7 => 90.0 + 20.0 * p,
                _ => 4_000.0 + 2_000.0 * (p - 0.7),
            }),
            ("a cache, a disk, and a disk that sleeps", |p| match p {
                ..0.8 => 400.0 + 500.0 * p,
                ..0.98 => 4_000.0 + 16_000.0 * (p - 0.8),
                _ => 900_000.0 + 3_000_000.0 * (p - 0.98),
            }),
        ];
        for (what, quantile) in forms {
            let times = histogram((0..50_000).map(|place| {
                let share = (f64::from(place) + 0.5) / 50_000.0;
                (quantile(share) * 1e3) as u64
            }));
            let worst = worst(&times);
            println!("{what}: {worst:.4} {}", text(&points(&times)));
            assert!(worst <= 0.02, "{what}: {worst}");
        }
    }

    #[test]
    fn one_time_is_one_percentile_at_both_ends() {
        let points = points(&histogram([80_000; 50].into_iter()));
        assert_eq!(text(&points), "0:80us,50:80us,100:80us");
        assert!(super::points(&Histogram::default()).is_empty());
    }

    #[test]
    fn the_tail_is_there_as_far_as_there_are_ios() {
        let times = |count| histogram((1..=count).map(|us| us * 1_000));
        for (count, expected) in [(1_000, "99.9:"), (10_000, "99.99:")] {
            assert!(text(&points(&times(count))).contains(expected));
        }
        assert!(!text(&points(&times(9_900))).contains("99.99:"));
    }
}
