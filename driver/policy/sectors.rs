// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ranges of sectors on a disk.

use super::parse::{long, words, ParseError};
use core::fmt;

/// The most ranges of sectors.
pub const MOST_RANGES: usize = 16;

/// Ranges of sectors, of 512 bytes, of the disk; no range means all sectors.
///
/// # Invariants
///
/// The first `count` ranges are not empty, end at or below 2^64 - 1, and do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sectors {
    ranges: [Range; MOST_RANGES],
    count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    start: u64,
    /// The first sector behind the range.
    end: u64,
}

impl Sectors {
    /// All sectors.
    pub const ALL: Self = Self {
        // INVARIANT: There is no range.
        ranges: [Range { start: 0, end: 0 }; MOST_RANGES],
        count: 0,
    };

    /// Reads words such as `2048+8`: a start and a length.
    ///
    /// # Errors
    ///
    /// [`ParseError::OutOfRange`] for too many, empty and endless ranges, [`ParseError::Invalid`]
    /// for ranges that overlap and for other words.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::ALL;
        for word in words(text) {
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
            new.add(Range { start, end })?;
        }
        Ok(new)
    }

    fn add(&mut self, range: Range) -> Result<(), ParseError> {
        if self.count > 0 && self.touch(range.start, range.end) {
            return Err(ParseError::Invalid);
        }
        let slot = self.ranges.get_mut(self.count);
        // INVARIANT: The caller has checked that the range is not empty and ends, and it touches no
        // other range.
        *slot.ok_or(ParseError::OutOfRange)? = range;
        self.count = self.count.saturating_add(1);
        Ok(())
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
        ranges.any(|range| start < range.end && range.start < end)
    }
}

impl fmt::Display for Sectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, range) in self.ranges().iter().enumerate() {
            let space = if number > 0 { " " } else { "" };
            write!(
                f,
                "{space}{}+{}",
                range.start,
                range.end.saturating_sub(range.start)
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[test]
    fn ranges_are_checked() {
        use ParseError::{Invalid, OutOfRange};
        let many = (0..17)
            .map(|n| std::format!("{n}+1"))
            .collect::<Vec<_>>()
            .join(" ");
        for (text, error) in [
            ("0+8 4+8", Invalid),
            ("4+8 0+5", Invalid),
            ("1+1 1+1", Invalid),
            ("8", Invalid),
            ("+8", Invalid),
            ("8+", Invalid),
            ("0+8,9+1", Invalid),
            ("0+8\n", Invalid),
            ("0+0", OutOfRange),
            ("-1+8", OutOfRange),
            ("18446744073709551615+1", OutOfRange),
            ("18446744073709551616+1", OutOfRange),
            (&many, OutOfRange),
        ] {
            assert_eq!(Sectors::parse(text.as_bytes()), Err(error), "{text}");
        }
        assert_eq!(Sectors::parse(b"8+8 0+8").unwrap().to_string(), "8+8 0+8");
        assert!(Sectors::parse(b"18446744073709551614+1").is_ok());
    }
}
