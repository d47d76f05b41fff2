// SPDX-License-Identifier: GPL-2.0-only

//! Random choices that a seed decides.

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

    /// Some bytes, of which many are ones that texts have.
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
