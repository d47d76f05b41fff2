// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The distributions of delays: inverse distribution functions, as tables and lines between their
//! points.
//!
//! They turn a uniform number into a delay. The distribution is exact as long as each number is
//! uniform, even if the numbers are correlated. The shapes are those of netem
//! (`net/sched/sch_netem.c`, and the generators of its tables in iproute2's `netem/`), scaled by
//! the jitter and moved by the delay.

use super::{
    attributes::MAX_TIME_US,
    parse::{number, percent, show_scaled, words, ParseError},
    units::NS_PER_US,
};
use core::fmt;

/// The shape of the distribution of delays around their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Evenly; the jitter is half of the width.
    Uniform,
    /// Gauss; the jitter is the standard deviation. Cut off at four standard deviations.
    Normal,
    /// Pareto with exponent 3, moved to mean 0 and stretched by 4/3 as in netem; cut off at four
    /// times the jitter.
    Pareto,
    /// A quarter of the normal and three quarters of the Pareto number of the same draw, as in
    /// netem.
    ParetoNormal,
}

impl Shape {
    /// The words for shapes.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("uniform", Self::Uniform),
        ("normal", Self::Normal),
        ("pareto", Self::Pareto),
        ("paretonormal", Self::ParetoNormal),
    ];

    /// Reads a shape's name.
    ///
    /// # Errors
    ///
    /// [`ParseError::Invalid`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let found = Self::NAMES.iter().find(|(name, _)| name.as_bytes() == text);
        found.map(|(_, shape)| *shape).ok_or(ParseError::Invalid)
    }

    /// The quantile for a uniform number, with the jitter as unit, in steps of 2^-[`SCALE_BITS`].
    /// Not for [`Shape::Uniform`].
    pub fn quantile(self, uniform: u64) -> i64 {
        match self {
            Self::Uniform | Self::Normal => between(&NORMAL, uniform),
            Self::Pareto => between(&PARETO, uniform),
            Self::ParetoNormal => {
                let (normal, pareto) = (between(&NORMAL, uniform), between(&PARETO, uniform));
                // Below 2^31 each.
                normal.saturating_add(pareto.saturating_mul(3)) >> 2
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::NAMES.iter().find(|(_, shape)| shape == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

/// The quantiles of [`Shape`] are in units of 2^-`SCALE_BITS`.
pub const SCALE_BITS: u32 = TABLE_BITS + FRACTION_BITS;

/// The tables are in units of 2^-13, as netem's.
const TABLE_BITS: u32 = 13;
const FRACTION_BITS: u32 = 16;

/// How many points a table has, at equal distances of probability from 0 to 1.
const POINTS: usize = 1025;

/// The value at a uniform number, on the line between the two nearest points of the table.
fn between(table: &[i16; POINTS], uniform: u64) -> i64 {
    let place = (uniform >> 54) as usize;
    let fraction = ((uniform >> 38) & 0xffff) as i64;
    let [low, high] = [table[place], table[place.saturating_add(1)]].map(i64::from);
    // No overflow: 17 bits by 16 bits, and 15 bits moved by 16.
    let rise = high.saturating_sub(low).saturating_mul(fraction);
    (low << FRACTION_BITS).saturating_add(rise)
}

include!("distribution/tables.rs");

/// The mean of the numbers on a straight line from `low` to `high`, where a number below 0 counts
/// as 0, and one above `most` as `most`.
///
/// The part of the line between 0 and `most` has the mean of the part's ends; the part above has
/// the mean `most`. Each counts by its share of the line, to 2^-16.
pub(super) fn mean_between(low: i64, high: i64, most: u64) -> u64 {
    const BITS: u32 = 16;
    // No delay has more than 45 bits, so no sum or product here overflows.
    let most = most.min(1 << 45) as i64;
    let (from, to) = (low.clamp(0, most), high.clamp(0, most));
    let middle = from.saturating_add(to).unsigned_abs() / 2;
    if (from, to) == (low, high) || low >= high {
        return middle;
    }
    let width = high.saturating_sub(low).unsigned_abs();
    let share = |of: i64| (of.unsigned_abs() << BITS).checked_div(width).unwrap_or(0);
    let inside = share(to.saturating_sub(from)).saturating_mul(middle);
    let above = high.max(most).saturating_sub(low.max(most));
    let above = share(above).saturating_mul(most.unsigned_abs());
    inside.saturating_add(above) >> BITS
}

/// The most points that [`Percentiles`] can have.
pub const MOST_POINTS: usize = 16;

/// A hundred per cent in the unit of [`Point::share`].
const WHOLE: u32 = 1_000_000;

/// A distribution by some of its percentiles. Between them are straight lines, the first from 0 at
/// 0 per cent, unless that is given too; after the last percentile the delay is constant.
///
/// # Invariants
///
/// The first `count` points are in order: `share` rises and is at most [`WHOLE`], `delay_us` does
/// not fall and is at most [`MAX_TIME_US`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentiles {
    points: [Point; MOST_POINTS],
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    /// The share, in millionths, of draws with a delay of at most `delay_us`.
    share: u32,
    /// The delay, in microseconds.
    delay_us: u32,
}

impl Percentiles {
    /// No percentiles.
    pub const fn none() -> Self {
        // INVARIANT: There is no point.
        Self {
            points: [Point {
                share: 0,
                delay_us: 0,
            }; MOST_POINTS],
            count: 0,
        }
    }

    /// Whether there is no percentile.
    pub const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// Reads words such as `50:200 99.9:80000`.
    ///
    /// # Errors
    ///
    /// [`ParseError::OutOfRange`] for too many points and too large numbers,
    /// [`ParseError::Invalid`] for points that are not in order, and for other words.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::none();
        for word in words(text) {
            let colon = word.iter().position(|&byte| byte == b':');
            let colon = colon.ok_or(ParseError::Invalid)?;
            let point = Point {
                share: percent(&word[..colon], 4)?,
                delay_us: number(&word[colon.saturating_add(1)..], 0, MAX_TIME_US)?,
            };
            new.add(point)?;
        }
        Ok(new)
    }

    fn add(&mut self, point: Point) -> Result<(), ParseError> {
        let last = self.points().last();
        if last.is_some_and(|last| point.share <= last.share || point.delay_us < last.delay_us) {
            return Err(ParseError::Invalid);
        }
        let slot = self.points.get_mut(self.count);
        // INVARIANT: The point is behind the last point, and the parser has checked its range.
        *slot.ok_or(ParseError::OutOfRange)? = point;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn points(&self) -> &[Point] {
        &self.points[..self.count]
    }

    /// The delay in nanoseconds for a uniform number.
    pub fn at(&self, uniform: u64) -> u64 {
        /// How many bits of the fraction of a millionth the computation keeps.
        const BITS: u32 = 16;
        let place = ((u128::from(uniform) * u128::from(WHOLE)) >> (64 - BITS)) as u64;
        let mut before = Point {
            share: 0,
            delay_us: 0,
        };
        for &point in self.points() {
            let end = u64::from(point.share) << BITS;
            if place < end {
                let start = u64::from(before.share) << BITS;
                // No overflow: 36 bits moved by 27. The end is behind the start, since the place is
                // between them.
                let fraction = (place.saturating_sub(start) << 27)
                    .checked_div(end.saturating_sub(start))
                    .unwrap_or(0);
                let low = u64::from(before.delay_us).saturating_mul(NS_PER_US);
                let high = u64::from(point.delay_us).saturating_mul(NS_PER_US);
                let rise = (u128::from(high.saturating_sub(low)) * u128::from(fraction)) >> 27;
                return low.saturating_add(rise as u64);
            }
            before = point;
        }
        u64::from(before.delay_us).saturating_mul(NS_PER_US)
    }

    /// The mean in nanoseconds, as [`Delay::mean_ns`](super::delay::Delay::mean_ns).
    pub(super) fn mean_ns(&self, most_ns: u64) -> u64 {
        let ns = |point: Point| i64::from(point.delay_us).saturating_mul(NS_PER_US as i64);
        let mut before = Point {
            share: 0,
            delay_us: 0,
        };
        let mut sum = 0u64;
        // After the last percentile, the delay is constant.
        let last = self.points().last().copied().unwrap_or(before);
        let end = Point {
            share: WHOLE,
            ..last
        };
        for point in self.points().iter().copied().chain([end]) {
            let width = u64::from(point.share.saturating_sub(before.share));
            let mean_ns = mean_between(ns(before), ns(point), most_ns);
            // No overflow: 20 bits by 42 bits, and all widths together have 20 bits.
            sum = sum.saturating_add(width.saturating_mul(mean_ns));
            before = point;
        }
        sum / u64::from(WHOLE)
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, point) in self.points().iter().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            show_scaled(f, point.share.into(), 4)?;
            write!(f, ":{}", point.delay_us)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    /// The distribution function of the normal distribution: the series of Marsaglia ("Evaluating
    /// the normal distribution", 2004).
    fn normal_below(x: f64) -> f64 {
        let (mut sum, mut term, mut n) = (x, x, 1.0);
        while sum + term != sum {
            n += 2.0;
            term *= x * x / n;
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    fn normal_quantile(p: f64) -> f64 {
        let (mut low, mut high) = (-4.0, 4.0);
        for _ in 0..80 {
            let middle = (low + high) / 2.0;
            if normal_below(middle) < p {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low + high) / 2.0
    }

    fn pareto_quantile(p: f64) -> f64 {
        (((1.0 - p).powf(-1.0 / 3.0) - 1.5) * 4.0 / 3.0).min(4.0)
    }

    /// Checks the tables against the formulas.
    #[test]
    fn the_tables_are_the_formulas() {
        for (table, formula) in [
            (&NORMAL, normal_quantile as fn(f64) -> f64),
            (&PARETO, pareto_quantile),
        ] {
            for (place, value) in table.iter().enumerate() {
                let exact = formula(place as f64 / 1024.0) * 8192.0;
                let expected = exact.round().min(32767.0);
                assert!((f64::from(*value) - expected).abs() <= 1.0, "{place}");
            }
        }
    }

    #[test]
    fn lines_are_close_to_the_formulas() {
        for step in 0..100_000u64 {
            let uniform = step * (u64::MAX / 100_000);
            let p = step as f64 / 100_000.0;
            let scale = (1u64 << SCALE_BITS) as f64;
            let normal = Shape::Normal.quantile(uniform) as f64 / scale;
            // A difference in the quantile matters as much as it moves probability.
            assert!((normal_below(normal) - p).abs() < 5e-4, "{p}");
            let pareto = Shape::Pareto.quantile(uniform) as f64 / scale;
            assert!((pareto - pareto_quantile(p)).abs() < 5e-2, "{p}");
            let both = Shape::ParetoNormal.quantile(uniform) as f64 / scale;
            assert!((both - (0.25 * normal + 0.75 * pareto)).abs() < 1e-6);
        }
    }

    #[test]
    fn percentiles_are_where_they_are_asked_for() {
        let percentiles = Percentiles::parse(b"50:200 99:5000 99.9:80000").unwrap();
        let at = |p: f64| percentiles.at((p / 100.0 * u64::MAX as f64) as u64);
        assert!(at(0.0) < 10);
        for (p, us) in [
            (25.0, 100.0),
            (50.0, 200.0),
            (99.0, 5_000.0),
            (99.9, 80_000.0),
        ] {
            assert!(
                (at(p) as f64 / 1e3 / us - 1.0).abs() < 1e-3,
                "{p}: {}",
                at(p)
            );
        }
        assert_eq!(percentiles.at(u64::MAX), 80_000_000);
        assert_eq!(percentiles.to_string(), "50:200 99:5000 99.9:80000");
        let mean = (0..1_000_000u64).map(|n| percentiles.at(n * (u64::MAX / 1_000_000)) as f64);
        let mean = mean.sum::<f64>() / 1e6;
        assert!((percentiles.mean_ns(u64::MAX) as f64 / mean - 1.0).abs() < 1e-3);
    }

    #[test]
    fn what_is_not_in_order_is_refused() {
        use ParseError::{Invalid, OutOfRange};
        let many = (0..17)
            .map(|n| std::format!("{n}:{n}"))
            .collect::<Vec<_>>()
            .join(" ");
        for (text, error) in [
            ("50", Invalid),
            ("50:", Invalid),
            (":50", Invalid),
            ("50:1 50:2", Invalid),
            ("50:1 40:2", Invalid),
            ("50:2 60:1", Invalid),
            ("50:2  60:3", Invalid),
            ("50:2 ", Invalid),
            ("50\n:2", Invalid),
            ("101:2", OutOfRange),
            ("50:3600000001", OutOfRange),
            (&many, OutOfRange),
        ] {
            assert_eq!(Percentiles::parse(text.as_bytes()), Err(error), "{text:?}");
        }
        assert_eq!(Percentiles::parse(b""), Ok(Percentiles::none()));
    }

    proptest! {
        #[test]
        fn never_falls_and_shows_what_it_read(
            steps in prop::collection::vec((1u32..60_000, 0u32..1_000_000), 1..16),
            mut uniforms in prop::collection::vec(any::<u64>(), 2..50),
        ) {
            let (mut share, mut delay) = (0, 0);
            let text = steps.iter().map(|(more_share, more_delay)| {
                share += more_share;
                delay += more_delay;
                std::format!("{}.{:04}:{delay}", share / 10_000, share % 10_000)
            }).collect::<Vec<_>>().join(" ");
            let percentiles = Percentiles::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(Percentiles::parse(percentiles.to_string().as_bytes()), Ok(percentiles));
            uniforms.sort_unstable();
            prop_assert!(uniforms.windows(2).all(|pair| percentiles.at(pair[0]) <= percentiles.at(pair[1])));
            prop_assert!(percentiles.at(u64::MAX) <= u64::from(delay) * 1_000);
        }
    }
}
