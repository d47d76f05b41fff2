// SPDX-License-Identifier: GPL-2.0-only

//! Random choices that a seed decides.

use chaos_policy::policy::attributes::Number;

/// Random numbers, always the same for one seed.
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number from 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.u64(0..end)
    }

    /// True in one of `n` cases.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    pub(crate) fn choose<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    /// A number that an attribute takes, most often one of the first ten thousand.
    pub(crate) fn number(&mut self, number: Number) -> String {
        let one = 10_u64.pow(number.decimals as u32);
        let value = match self.below(8) {
            0 => number.most,
            1 => number.least,
            _ => {
                let spread = (number.most - number.least).min(10_000 * one);
                number.least + self.below(spread + 1)
            }
        };
        let width = number.decimals;
        match value % one {
            0 => (value / one).to_string(),
            rest => format!("{}.{rest:0width$}", value / one),
        }
    }

    /// Some bytes, many of which are common in texts.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(40);
        (0..length)
            .map(|_| match self.below(4) {
                0 => self.0.u8(..),
                _ => *self.choose(b"0123456789 :+.-\nreadwritesyncfua/"),
            })
            .collect()
    }
}
