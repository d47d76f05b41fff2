// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Operations on a disk, and conditions on them.

use super::parse::{words, ParseError};
use core::fmt;

/// Conditions of an operation, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions(u8);

impl Conditions {
    /// No condition.
    pub const NONE: Self = Self(0);
    /// A submitter waits for it: reads, and writes that are synchronous or force data to the
    /// medium.
    pub const SYNC: Self = Self(1);
    /// It forces its data to the medium.
    pub const FUA: Self = Self(2);
    /// It is metadata of a file system.
    pub const META: Self = Self(4);

    /// All conditions of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `wanted` are among these.
    pub const fn include(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }
}

/// Operations, and conditions on them.
///
/// The words are those of the kernel's block error injection, `XYZ` for each `REQ_OP_XYZ`, but
/// shown in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations {
    /// A bit for each place in [`OPERATIONS`]; no bit means any operation but [`FLUSH`].
    numbers: u32,
    conditions: Conditions,
}

/// The words for operations. Filters know each by its place here: the kernel has numbers of its
/// own, which differ from one version to the next.
pub const OPERATIONS: [&str; 12] = [
    "read",
    "write",
    "discard",
    "secure_erase",
    "write_zeroes",
    "zone_append",
    "zone_open",
    "zone_close",
    "zone_finish",
    "zone_reset",
    "zone_reset_all",
    "flush",
];

/// The number of any operation that has no word.
pub const OTHER: u32 = OPERATIONS.len() as u32;

/// The number of reads.
pub const READ: u32 = place("read") as u32;

/// The number of flushes without data. The block layer gives these to no scheduler, so only an
/// injection that names them affects any.
pub const FLUSH: u32 = place("flush") as u32;

/// The word for the operation of this number, if it has one.
pub fn name_of(number: u32) -> Option<&'static str> {
    OPERATIONS.get(number as usize).copied()
}

/// The place of an operation's word.
pub(super) const fn place(word: &str) -> usize {
    let mut place = 0;
    while !same(OPERATIONS[place], word) {
        place += 1;
    }
    place
}

/// Whether two words are the same, which constants cannot ask `==`.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}

/// The words for conditions.
pub const CONDITIONS: [(&str, Conditions); 3] = [
    ("sync", Conditions::SYNC),
    ("fua", Conditions::FUA),
    ("meta", Conditions::META),
];

impl Operations {
    /// Any operation but a flush.
    pub const ANY: Self = Self {
        numbers: 0,
        conditions: Conditions::NONE,
    };

    /// Reads words such as `read write sync`.
    ///
    /// # Errors
    ///
    /// [`ParseError::Invalid`] for any other word.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::ANY;
        for word in words(text) {
            let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(word);
            if let Some(number) = OPERATIONS.iter().position(|name| is(name)) {
                new.numbers |= 1 << number;
            } else if let Some((_, condition)) = CONDITIONS.iter().find(|(name, _)| is(name)) {
                new.conditions = new.conditions.and(*condition);
            } else {
                return Err(ParseError::Invalid);
            }
        }
        Ok(new)
    }

    /// Whether an operation of this number under these conditions matches.
    #[inline]
    pub fn match_operation(&self, number: u32, conditions: impl Fn() -> Conditions) -> bool {
        // `conditions` costs something, so this calls it only if it asks for any.
        self.may_match(number) && (self.conditions.0 == 0 || conditions().include(self.conditions))
    }

    /// Whether an operation of this number matches, if the conditions hold.
    #[inline]
    pub const fn may_match(&self, number: u32) -> bool {
        match self.numbers {
            0 => number != FLUSH,
            numbers => number < u32::BITS && numbers & (1 << number) != 0,
        }
    }

    /// The operations of this set that change data, as [`Operations::among`].
    pub const fn that_write(&self) -> Option<Self> {
        self.among(
            1 << place("write")
                | 1 << place("write_zeroes")
                | 1 << place("discard")
                | 1 << place("secure_erase"),
        )
    }

    /// Writes of data, as [`Operations::among`].
    pub const fn that_write_data(&self) -> Option<Self> {
        self.among(1 << place("write"))
    }

    /// Reads, as [`Operations::among`].
    pub const fn that_read(&self) -> Option<Self> {
        self.among(1 << place("read"))
    }

    /// The operations of this set that are among others, under the same conditions; `None` if there
    /// is none.
    const fn among(&self, others: u32) -> Option<Self> {
        let numbers = match self.numbers {
            0 => others,
            numbers => numbers & others,
        };
        if numbers == 0 {
            return None;
        }
        Some(Self {
            numbers,
            conditions: self.conditions,
        })
    }

    /// Whether flushes are the only operation that matches.
    pub const fn are_flushes(&self) -> bool {
        self.numbers == 1 << FLUSH
    }

    /// Whether every operation but a flush matches, under any conditions.
    pub const fn is_any(&self) -> bool {
        self.numbers == 0 && self.conditions.0 == 0
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = OPERATIONS.iter().enumerate();
        let operations = operations.filter(|(number, _)| self.numbers & (1 << number) != 0);
        let conditions = CONDITIONS.iter();
        let conditions = conditions.filter(|(_, condition)| self.conditions.include(*condition));
        let names = operations.map(|(_, name)| *name);
        for (number, name) in names.chain(conditions.map(|(name, _)| *name)).enumerate() {
            let space = if number > 0 { " " } else { "" };
            write!(f, "{space}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn words_are_the_kernels_and_shown_in_order() {
        for (text, shown) in [
            ("READ", "read"),
            ("sync write read", "read write sync"),
            ("zone_reset_all write_zeroes", "write_zeroes zone_reset_all"),
            ("meta fua", "fua meta"),
            ("sync FLUSH write", "write flush sync"),
            ("", ""),
        ] {
            assert_eq!(
                Operations::parse(text.as_bytes()).unwrap().to_string(),
                shown
            );
        }
        for text in [
            "flushes",
            "reads",
            "read,write",
            " read",
            "read ",
            "read  write",
            "read\n",
            "1",
        ] {
            assert_eq!(
                Operations::parse(text.as_bytes()),
                Err(ParseError::Invalid),
                "{text:?}"
            );
        }
    }

    #[test]
    fn only_its_own_word_means_a_flush() {
        assert!(!Operations::ANY.may_match(FLUSH) && Operations::ANY.may_match(OTHER));
        let of = |text: &str| Operations::parse(text.as_bytes()).unwrap();
        assert!(!of("sync").may_match(FLUSH) && !of("write").may_match(FLUSH));
        assert!(of("write flush").may_match(FLUSH) && !of("write flush").are_flushes());
        assert!(of("flush sync").are_flushes() && !of("flush").may_match(READ));
        assert_eq!(of("flush").that_write(), None);
    }
}
