// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ranges of sectors on a disk.

use super::parse::{long, ParseError};
use core::fmt;

/// The most ranges of sectors.
pub const MOST_RANGES: usize = 16;

/// Ranges of sectors, of 512 bytes, of one disk; no range means all sectors.
///
/// # Invariants
///
/// The first `count` ranges are as [`Range::parse`] makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sectors {
    ranges: [Range; MOST_RANGES],
    count: usize,
}

/// A range of sectors. A parsed one is not empty, and ends at or below 2^64 - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    start: u64,
    /// The first sector behind the range.
    end: u64,
}

impl Range {
    /// No sector.
    pub(super) const NONE: Self = Self { start: 0, end: 0 };

    /// Reads a word such as `2048+8`: a start and a length.
    ///
    /// # Errors
    ///
    /// [`ParseError::OutOfRange`] for empty and endless ranges, [`ParseError::Invalid`] for other
    /// words.
    pub(super) fn parse(word: &[u8]) -> Result<Self, ParseError> {
        let plus = word.iter().position(|&byte| byte == b'+');
        let plus = plus.ok_or(ParseError::Invalid)?;
        let (start, length) = (long(&word[..plus]), long(&word[plus.saturating_add(1)..]));
        // A word that is no number is the graver error.
        if start == Err(ParseError::Invalid) || length == Err(ParseError::Invalid) {
            return Err(ParseError::Invalid);
        }
        let (start, length) = (start?, length?);
        let end = start.checked_add(length).ok_or(ParseError::OutOfRange)?;
        if length == 0 {
            return Err(ParseError::OutOfRange);
        }
        Ok(Self { start, end })
    }

    /// Whether some sector is in both ranges.
    pub(super) fn touches(&self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.end.saturating_sub(self.start))
    }
}

impl Sectors {
    /// All sectors.
    pub const ALL: Self = Self {
        // INVARIANT: There is no range.
        ranges: [Range::NONE; MOST_RANGES],
        count: 0,
    };

    /// Adds a parsed range, if there is room: there is for all ranges of [`super::extents`].
    pub(super) fn add(&mut self, range: Range) {
        if let Some(slot) = self.ranges.get_mut(self.count) {
            // INVARIANT: By this function's requirement.
            *slot = range;
            self.count = self.count.saturating_add(1);
        }
    }

    /// Whether these are all sectors.
    #[inline]
    pub const fn are_all(&self) -> bool {
        self.count == 0
    }

    /// The first and the last sector of all ranges.
    pub(super) fn first_and_last(&self) -> (u64, u64) {
        let ranges = self.ranges().iter();
        let first = ranges.clone().map(|range| range.start).min();
        let last = ranges.map(|range| range.end.saturating_sub(1)).max();
        first.zip(last).unwrap_or((0, u64::MAX))
    }

    fn ranges(&self) -> &[Range] {
        &self.ranges[..self.count]
    }

    /// Whether a sector from `start` to before `end` is in one of the ranges.
    pub fn touch(&self, start: u64, end: u64) -> bool {
        let mut ranges = self.ranges().iter();
        ranges.any(|range| range.touches(Range { start, end }))
    }
}
