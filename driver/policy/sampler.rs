// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The sampler, which chooses the matching I/Os that an injection affects: each n-th, and of these
//! a random share.

use super::random::Draw;
use core::num::NonZero;

/// A choice among the matching I/Os.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    every: NonZero<u32>,
    /// In millionths.
    probability: u32,
}

impl Sampler {
    /// Chooses each `every`-th I/O (0 counts as 1), and of these a share of `probability`
    /// millionths.
    pub const fn new(every: u32, probability: u32) -> Self {
        Self {
            every: match NonZero::new(every) {
                Some(every) => every,
                None => NonZero::<u32>::MIN,
            },
            probability,
        }
    }

    /// Whether the I/Os have to be counted.
    #[inline]
    pub const fn counts(&self) -> bool {
        self.every.get() > 1
    }

    /// Whether the I/O with this number may pass. The first I/O has the number 1.
    pub const fn passes_count(&self, number: u64) -> bool {
        matches!(number.checked_rem(self.every.get() as u64), Some(0))
    }

    /// Whether chance has to decide.
    #[inline]
    pub const fn draws(&self) -> bool {
        self.probability < 1_000_000
    }

    /// Whether any I/O passes.
    pub const fn may_pass(&self) -> bool {
        self.probability > 0
    }

    /// The mean of a value over all matching I/Os, if it is 0 for an I/O that does not pass.
    pub const fn share_of(&self, value: u64) -> u64 {
        // No time has so many bits that this overflows: 44 bits by 20 bits.
        let passing = value.saturating_mul(self.probability as u64) / 1_000_000;
        match passing.checked_div(self.every.get() as u64) {
            Some(share) => share,
            None => passing,
        }
    }

    /// Whether the I/O with this draw may pass.
    pub const fn passes_draw(&self, draw: Draw) -> bool {
        draw.happens(self.probability)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::random::STEP;
    use super::*;

    #[test]
    fn each_third_is_the_third() {
        let sampler = Sampler::new(3, 1_000_000);
        let passed: std::vec::Vec<u64> = (1..=9).filter(|n| sampler.passes_count(*n)).collect();
        assert_eq!(passed, [3, 6, 9]);
        assert!(sampler.counts() && !sampler.draws());
        assert!(!Sampler::new(1, 1).counts() && Sampler::new(1, 1).draws());
        assert!(Sampler::new(1, 1).may_pass() && !Sampler::new(1, 0).may_pass());
    }

    #[test]
    fn a_share_is_that_of_both() {
        assert_eq!(Sampler::new(0, 1_000_000).share_of(40), 40);
        assert_eq!(Sampler::new(4, 500_000).share_of(4_000), 500);
        assert_eq!(
            Sampler::new(1, 1_000_000).share_of(18_000_000_000_000),
            18_000_000_000_000
        );
    }

    /// The bound is five standard deviations of the binomial distribution.
    #[test]
    fn chance_is_as_asked() {
        const COUNT: u32 = 4_000_000;
        for probability in [1u32, 100, 10_000, 500_000, 999_999, 1_000_000] {
            let sampler = Sampler::new(1, probability);
            let mut counter = 42u64;
            let passed = (0..COUNT).filter(|_| {
                counter = counter.wrapping_add(STEP);
                sampler.passes_draw(Draw::at(counter))
            });
            let p = f64::from(probability) / 1e6;
            let expected = p * f64::from(COUNT);
            let bound = 5.0 * (expected * (1.0 - p)).sqrt() + 1.0;
            let passed = passed.count() as f64;
            assert!(
                (passed - expected).abs() <= bound,
                "{probability}: {passed}"
            );
        }
    }
}
