// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The ways in which an injection ends I/O otherwise than the disk does.

use super::{
    failure::Failure,
    random::{Draw, STEP},
};

/// The most bits of an I/O that can be flipped.
pub const MOST_FLIPS: u64 = 64;

/// How an I/O ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an error, and the disk does not get it.
    Failed(Failure),
    /// As if the disk had written the data, which it does not get.
    Lost,
    /// The disk gets the first blocks of the data. The write ends with the error, or as if the disk
    /// had written all.
    Torn(Option<Failure>),
    /// The data that the disk has read come with so many flipped bits.
    Corrupted(u8),
}

/// How many of a write's blocks the disk gets: each number from 1 to all but one is as likely.
/// `None` if the write has one block, which no disk tears.
// The host has no disk.
#[allow(dead_code)]
pub fn torn_blocks(draw: Draw, blocks: u32) -> Option<u32> {
    let most = u64::from(blocks.checked_sub(1)?);
    let left_out = draw.value().checked_rem(most)?;
    Some(most.saturating_sub(left_out) as u32)
}

/// The bits of an I/O that are flipped, in rising order: one in each part of the data, where the
/// parts are as many as the bits, and as long as each other. So no bit comes twice.
#[derive(Clone, Copy, Debug)]
pub struct Flips {
    draw: Draw,
    /// How many bits the data have.
    bits: u64,
    /// How many parts there are, at most [`MOST_FLIPS`].
    parts: u64,
    next: u64,
}

impl Flips {
    /// No bit.
    pub const NONE: Self = Self {
        draw: Draw::at(0),
        bits: 0,
        parts: 0,
        next: 0,
    };

    /// So many bits of so many bytes, at most all of them.
    pub fn of(draw: Draw, count: u8, bytes: u32) -> Self {
        let bits = u64::from(bytes).saturating_mul(8);
        Self {
            draw,
            bits,
            parts: u64::from(count).min(MOST_FLIPS).min(bits),
            next: 0,
        }
    }

    /// Where a part begins.
    fn start(&self, part: u64) -> u64 {
        // No overflow: there are fewer than 2^36 bits, and 64 parts.
        self.bits
            .saturating_mul(part)
            .checked_div(self.parts)
            .unwrap_or(0)
    }
}

impl Iterator for Flips {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let part = self.next;
        if part >= self.parts {
            return None;
        }
        self.next = part.saturating_add(1);
        let (start, end) = (self.start(part), self.start(self.next));
        // A sequence of its own begins at each draw.
        let counter = self.draw.value().wrapping_add(STEP.wrapping_mul(part));
        let place = Draw::at(counter)
            .value()
            .checked_rem(end.saturating_sub(start))?;
        Some(start.saturating_add(place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.parts.saturating_sub(self.next) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Flips {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_single_block_is_never_torn() {
        assert_eq!(torn_blocks(Draw::at(7), 0), None);
        assert_eq!(torn_blocks(Draw::at(7), 1), None);
        assert_eq!(torn_blocks(Draw::at(7), 2), Some(1));
    }

    #[test]
    fn each_boundary_is_as_likely() {
        // 70,000 draws of 7 boundaries: each count is within 5 deviations of 10,000.
        let mut counts = [0u32; 9];
        for number in 0..70_000u64 {
            let kept = torn_blocks(Draw::at(number.wrapping_mul(STEP)), 8).unwrap();
            counts[kept as usize] += 1;
        }
        assert_eq!((counts[0], counts[8]), (0, 0));
        let far = 5.0 * (70_000.0f64 * (1.0 / 7.0) * (6.0 / 7.0)).sqrt();
        for count in &counts[1..8] {
            assert!((f64::from(*count) - 10_000.0).abs() < far, "{counts:?}");
        }
    }

    #[test]
    fn each_bit_is_as_likely() {
        // 64,000 draws of one of 32 bits: 2,000 each.
        let mut counts = [0u32; 32];
        for number in 0..64_000u64 {
            for bit in Flips::of(Draw::at(number.wrapping_mul(STEP)), 1, 4) {
                counts[bit as usize] += 1;
            }
        }
        let far = 5.0 * (64_000.0f64 * (1.0 / 32.0) * (31.0 / 32.0)).sqrt();
        for count in counts {
            assert!((f64::from(count) - 2_000.0).abs() < far, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn flips_are_as_many_as_asked_and_lie_in_the_data(
            counter: u64, count in 0u8..=64, bytes in 0u32..=1 << 21,
        ) {
            let flips: Vec<u64> = Flips::of(Draw::at(counter), count, bytes).collect();
            let bits = u64::from(bytes) * 8;
            prop_assert_eq!(flips.len() as u64, u64::from(count).min(bits));
            prop_assert!(flips.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(flips.iter().all(|bit| *bit < bits));
        }

        #[test]
        fn a_torn_write_keeps_some_blocks_and_loses_some(counter: u64, blocks in 2u32..) {
            let kept = torn_blocks(Draw::at(counter), blocks).unwrap();
            prop_assert!(kept >= 1 && kept < blocks);
        }
    }
}
