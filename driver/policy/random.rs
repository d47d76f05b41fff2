// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Random numbers from a counter: the n-th draw of a sequence is a function of its seed and n.
//!
//! That needs no lock: a CPU that adds [`STEP`] to a shared counter owns the draw of its value. The
//! generator is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
//! Generators", OOPSLA 2014), which passes BigCrush.

/// The step of a sequence's counter from draw to draw: 2^64 divided by the golden ratio, made odd.
pub const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Turns a draw's counter into another one, for [`Draw::happens`]; any constant that is no small
/// multiple of [`STEP`] would do.
const CHANCE: u64 = 0xd1b5_4a32_d192_ed03;

/// One draw of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    counter: u64,
}

impl Draw {
    /// The draw that belongs to this value of the sequence's counter.
    pub const fn at(counter: u64) -> Self {
        Self { counter }
    }

    /// A number that is uniform on all of `u64`.
    pub const fn value(self) -> u64 {
        mix(self.counter)
    }

    /// Whether an event of this probability, in millionths, happens. Independent of
    /// [`Draw::value`].
    pub const fn happens(self, millionths: u32) -> bool {
        // 32 bits of the draw against the same share of 2^32; a million is always.
        // No overflow: `millionths` is below 2^32.
        let threshold = ((millionths as u64) << 32) / 1_000_000;
        (mix(self.counter ^ CHANCE) >> 32) < threshold
    }
}

/// SplitMix64's finalizer (Stafford's variant 13).
const fn mix(counter: u64) -> u64 {
    let mut z = counter;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // The reference implementation's first outputs for seed 1234567.
        let seed = 1_234_567u64;
        let expected = [
            6_457_827_717_110_365_317u64,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        for (n, expected) in (1u64..).zip(expected) {
            assert_eq!(
                Draw::at(seed.wrapping_add(STEP.wrapping_mul(n))).value(),
                expected
            );
        }
    }

    #[test]
    fn never_and_always() {
        for counter in 0..10_000u64 {
            assert!(!Draw::at(counter.wrapping_mul(STEP)).happens(0));
            assert!(Draw::at(counter.wrapping_mul(STEP)).happens(1_000_000));
        }
    }
}
