// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Which I/O an injection is about: every condition must hold, and one that is empty always does.

use super::{
    device::Part,
    parse::{long, words, ParseError},
};
use core::fmt;

/// One I/O, as far as a filter looks at it.
pub trait Io {
    /// The number of the kernel's `enum req_op`.
    fn operation(&self) -> u32;
    /// Which of [`Conditions`] hold.
    fn conditions(&self) -> Conditions;
    /// The first sector, of 512 bytes, of the disk.
    fn first_sector(&self) -> u64;
    /// Length in bytes.
    fn bytes(&self) -> u32;
    /// The number of the partition by which it came; 0 is the disk itself.
    fn partition(&self) -> u8;
    /// The kernel's number of the device by which it came.
    fn device(&self) -> u32;
    /// Whether it belongs to the cgroup of this id, or one below it.
    fn is_in_cgroup(&self, id: u64) -> bool;
    /// The id of the PID namespace of who submitted it.
    fn pid_namespace(&self) -> u64;
}

/// What an operation can be besides, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions(u8);

impl Conditions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Somebody waits for it: reads, and writes that are synchronous or force something to the medium.
    pub const SYNC: Self = Self(1);
    /// It forces its data to the medium.
    pub const FUA: Self = Self(2);
    /// It is metadata of a file system.
    pub const META: Self = Self(4);

    /// Both.
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
/// The words are those of the kernel's block error injection, which has `XYZ` for each `REQ_OP_XYZ`; lower case is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations {
    /// A bit for each number of `enum req_op`; none is any.
    numbers: u32,
    conditions: Conditions,
}

/// The words for operations, and the numbers of `enum req_op`.
const OPERATIONS: [(&str, u32); 11] = [
    ("read", 0),
    ("write", 1),
    ("discard", 3),
    ("secure_erase", 5),
    ("write_zeroes", 9),
    ("zone_append", 7),
    ("zone_open", 11),
    ("zone_close", 13),
    ("zone_finish", 15),
    ("zone_reset", 17),
    ("zone_reset_all", 19),
];

const CONDITIONS: [(&str, Conditions); 3] = [
    ("sync", Conditions::SYNC),
    ("fua", Conditions::FUA),
    ("meta", Conditions::META),
];

impl Operations {
    /// Any operation.
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
            if let Some((_, number)) = OPERATIONS.iter().find(|(name, _)| is(name)) {
                new.numbers |= 1 << number;
            } else if let Some((_, condition)) = CONDITIONS.iter().find(|(name, _)| is(name)) {
                new.conditions = new.conditions.and(*condition);
            } else {
                return Err(ParseError::Invalid);
            }
        }
        Ok(new)
    }

    /// Whether an operation of this number, of which these conditions hold, is meant.
    #[inline]
    pub fn match_operation(&self, number: u32, conditions: impl Fn() -> Conditions) -> bool {
        // Conditions are looked at only where some are asked for.
        self.may_match(number) && (self.conditions.0 == 0 || conditions().include(self.conditions))
    }

    /// Whether an operation of this number is meant, if the conditions are as asked.
    #[inline]
    pub const fn may_match(&self, number: u32) -> bool {
        self.numbers == 0 || (number < u32::BITS && self.numbers & (1 << number) != 0)
    }

    const fn is_any(&self) -> bool {
        self.numbers == 0 && self.conditions.0 == 0
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = OPERATIONS.iter();
        let operations = operations.filter(|(_, number)| self.numbers & (1 << number) != 0);
        let conditions = CONDITIONS.iter();
        let conditions = conditions.filter(|(_, condition)| self.conditions.include(*condition));
        let names = operations.map(|(name, _)| *name);
        for (number, name) in names.chain(conditions.map(|(name, _)| *name)).enumerate() {
            let space = if number > 0 { " " } else { "" };
            write!(f, "{space}{name}")?;
        }
        Ok(())
    }
}

/// The most ranges of sectors.
const MOST_RANGES: usize = 16;

/// Ranges of sectors, of 512 bytes, of the disk; none is all.
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
    /// The first sector behind it.
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
    /// [`ParseError::OutOfRange`] for too many, empty and endless ranges, [`ParseError::Invalid`] for ranges that overlap
    /// and for other words.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::ALL;
        for word in words(text) {
            let plus = word.iter().position(|&byte| byte == b'+');
            let plus = plus.ok_or(ParseError::Invalid)?;
            let (start, length) = (long(&word[..plus]), long(&word[plus.saturating_add(1)..]));
            // What is no number at all counts first.
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
        // INVARIANT: The caller has checked the range for itself, and it touches no other.
        *slot.ok_or(ParseError::OutOfRange)? = range;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn ranges(&self) -> &[Range] {
        &self.ranges[..self.count]
    }

    /// Whether a sector from `start` to before `end` is in one of the ranges.
    fn touch(&self, start: u64, end: u64) -> bool {
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

/// All conditions of an injection on one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of the disk that this is for.
    pub part: Part,
    /// Which operations.
    pub operations: Operations,
    /// Which place.
    pub sectors: Sectors,
    /// At least this many bytes.
    pub min_bytes: u32,
    /// At most this many bytes; 0 is any.
    pub max_bytes: u32,
    /// The id of a cgroup; 0 is any.
    pub cgroup: u64,
    /// The id of a PID namespace; 0 is any.
    pub pid_namespace: u64,
}

/// Whether a filter will match an I/O of which only the submitter and the operation are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Forecast {
    /// It will not.
    No,
    /// That depends on what is not known yet.
    Perhaps,
    /// It will.
    Yes,
}

/// Who submits an I/O that does not exist yet, and what it will be.
pub trait Submission {
    /// As [`Io::operation`].
    fn operation(&self) -> u32;
    /// As [`Io::conditions`].
    fn conditions(&self) -> Conditions;
    /// Whether it may be nothing but a flush of the disk's cache, which no scheduler sees.
    fn may_be_empty(&self) -> bool;
    /// As [`Io::is_in_cgroup`]; `None` if the submitter works for others.
    fn is_in_cgroup(&self, id: u64) -> Option<bool>;
    /// As [`Io::pid_namespace`].
    fn pid_namespace(&self) -> u64;
}

impl Filter {
    /// Whether every I/O of the disk matches.
    pub fn matches_all(&self) -> bool {
        self.part.is_all()
            && self.operations.is_any()
            && !self.has_owner()
            && !self.has_place_or_size()
    }

    /// Whether this is about who submits.
    pub const fn has_owner(&self) -> bool {
        self.cgroup != 0 || self.pid_namespace != 0
    }

    fn has_place_or_size(&self) -> bool {
        self.sectors.count > 0 || self.min_bytes > 0 || self.max_bytes > 0
    }

    /// Whether the I/O matches.
    ///
    /// Metadata never belongs to somebody, as in blk-throttle: who else needs it would wait for the one who wrote it.
    #[inline]
    pub fn matches(&self, io: &impl Io) -> bool {
        self.operations
            .match_operation(io.operation(), || io.conditions())
            && self.part.has(io)
            && self.matches_size(io)
            && self.matches_sectors(io)
            && self.matches_owner(io)
    }

    #[inline]
    fn matches_size(&self, io: &impl Io) -> bool {
        let bytes = io.bytes();
        bytes >= self.min_bytes && (self.max_bytes == 0 || bytes <= self.max_bytes)
    }

    #[inline]
    fn matches_sectors(&self, io: &impl Io) -> bool {
        if self.sectors.count == 0 {
            return true;
        }
        let start = io.first_sector();
        // Also an I/O without data is somewhere.
        let length = u64::from(io.bytes().div_ceil(512).max(1));
        self.sectors.touch(start, start.saturating_add(length))
    }

    #[inline]
    fn matches_owner(&self, io: &impl Io) -> bool {
        if !self.has_owner() {
            return true;
        }
        !io.conditions().include(Conditions::META)
            && (self.pid_namespace == 0 || self.pid_namespace == io.pid_namespace())
            && (self.cgroup == 0 || io.is_in_cgroup(self.cgroup))
    }

    /// Whether an I/O that is about to be made will match.
    pub fn forecast(&self, submission: &impl Submission) -> Forecast {
        let operation = submission.operation();
        if !self
            .operations
            .match_operation(operation, || submission.conditions())
        {
            return Forecast::No;
        }
        // The block layer takes FUA away where the disk does not know it.
        let asks_for_fua = self.operations.conditions.include(Conditions::FUA);
        let is_certain = self.part.is_all()
            && !self.has_place_or_size()
            && !submission.may_be_empty()
            && !asks_for_fua;
        let mut forecast = if is_certain {
            Forecast::Yes
        } else {
            Forecast::Perhaps
        };
        if self.has_owner() && submission.conditions().include(Conditions::META) {
            return Forecast::No;
        }
        if self.pid_namespace != 0 && self.pid_namespace != submission.pid_namespace() {
            return Forecast::No;
        }
        if self.cgroup != 0 {
            match submission.is_in_cgroup(self.cgroup) {
                Some(true) => {}
                Some(false) => return Forecast::No,
                None => forecast = Forecast::Perhaps,
            }
        }
        forecast
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    #[derive(Clone, Copy)]
    struct Plain {
        operation: u32,
        conditions: Conditions,
        first_sector: u64,
        bytes: u32,
        cgroups: [u64; 2],
        pid_namespace: u64,
        partition: u8,
    }

    impl Io for Plain {
        fn operation(&self) -> u32 {
            self.operation
        }
        fn conditions(&self) -> Conditions {
            self.conditions
        }
        fn first_sector(&self) -> u64 {
            self.first_sector
        }
        fn bytes(&self) -> u32 {
            self.bytes
        }
        fn partition(&self) -> u8 {
            self.partition
        }
        fn device(&self) -> u32 {
            u32::from(self.partition)
        }
        fn is_in_cgroup(&self, id: u64) -> bool {
            self.cgroups.contains(&id)
        }
        fn pid_namespace(&self) -> u64 {
            self.pid_namespace
        }
    }

    impl Submission for Plain {
        fn operation(&self) -> u32 {
            self.operation
        }
        fn conditions(&self) -> Conditions {
            self.conditions
        }
        fn may_be_empty(&self) -> bool {
            self.bytes == 0
        }
        fn is_in_cgroup(&self, id: u64) -> Option<bool> {
            Some(self.cgroups.contains(&id))
        }
        fn pid_namespace(&self) -> u64 {
            self.pid_namespace
        }
    }

    const READ: Plain = Plain {
        operation: 0,
        conditions: Conditions::SYNC,
        first_sector: 2_048,
        bytes: 4_096,
        cgroups: [1, 7],
        pid_namespace: 3,
        partition: 0,
    };

    const ANY: Filter = Filter {
        part: Part::ALL,
        operations: Operations::ANY,
        sectors: Sectors::ALL,
        min_bytes: 0,
        max_bytes: 0,
        cgroup: 0,
        pid_namespace: 0,
    };

    #[test]
    fn empty_is_any_and_each_condition_counts() {
        assert!(ANY.matches(&READ) && ANY.matches_all());
        let operations = |text: &str| Operations::parse(text.as_bytes()).unwrap();
        let sectors = |text: &str| Sectors::parse(text.as_bytes()).unwrap();
        let cases = [
            (
                Filter {
                    operations: operations("read"),
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    operations: operations("write discard"),
                    ..ANY
                },
                false,
            ),
            (
                Filter {
                    operations: operations("sync"),
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    operations: operations("read sync fua"),
                    ..ANY
                },
                false,
            ),
            (
                Filter {
                    sectors: sectors("0+2048"),
                    ..ANY
                },
                false,
            ),
            (
                Filter {
                    sectors: sectors("0+2049"),
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    sectors: sectors("2055+1"),
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    sectors: sectors("2056+1"),
                    ..ANY
                },
                false,
            ),
            (
                Filter {
                    sectors: sectors("0+1 9000+1 2050+1"),
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    min_bytes: 4_096,
                    max_bytes: 4_096,
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    min_bytes: 4_097,
                    ..ANY
                },
                false,
            ),
            (
                Filter {
                    max_bytes: 4_095,
                    ..ANY
                },
                false,
            ),
            (Filter { cgroup: 7, ..ANY }, true),
            (Filter { cgroup: 8, ..ANY }, false),
            (
                Filter {
                    pid_namespace: 3,
                    ..ANY
                },
                true,
            ),
            (
                Filter {
                    pid_namespace: 4,
                    ..ANY
                },
                false,
            ),
            (
                Filter {
                    pid_namespace: 3,
                    cgroup: 8,
                    ..ANY
                },
                false,
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(filter.matches(&READ), expected, "{filter:?}");
            assert!(!filter.matches_all());
        }
    }

    #[test]
    fn metadata_belongs_to_nobody() {
        let meta = Plain {
            conditions: Conditions::META,
            ..READ
        };
        assert!(ANY.matches(&meta));
        assert!(!Filter { cgroup: 7, ..ANY }.matches(&meta));
        assert!(!Filter {
            pid_namespace: 3,
            ..ANY
        }
        .matches(&meta));
        assert_eq!(Filter { cgroup: 7, ..ANY }.forecast(&meta), Forecast::No);
    }

    #[test]
    fn words_are_the_kernels_and_shown_in_order() {
        for (text, shown) in [
            ("READ", "read"),
            ("sync write read", "read write sync"),
            ("zone_reset_all write_zeroes", "write_zeroes zone_reset_all"),
            ("meta fua", "fua meta"),
            ("", ""),
        ] {
            assert_eq!(
                Operations::parse(text.as_bytes()).unwrap().to_string(),
                shown
            );
        }
        for text in [
            "flush",
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

    proptest! {
        /// What is foretold comes true.
        #[test]
        fn forecasts_hold(
            operations in 0u32..4, place in prop::option::of(0u64..100), size in prop::option::of(1u32..9),
            cgroup in 0u64..3, pid_namespace in 0u64..3,
            operation in 0u32..4, sector in 0u64..100, bytes in 1u32..9, meta: bool,
            cgroups: [bool; 1], own in 1u64..3,
        ) {
            let filter = Filter {
                operations: Operations { numbers: operations, conditions: Conditions::NONE },
                sectors: place.map_or(Sectors::ALL, |n| Sectors::parse(std::format!("{n}+10").as_bytes()).unwrap()),
                min_bytes: size.unwrap_or(0), cgroup, pid_namespace, ..ANY
            };
            let io = Plain {
                operation, first_sector: sector, bytes,
                conditions: if meta { Conditions::META } else { Conditions::NONE },
                cgroups: [if cgroups[0] { 1 } else { 2 }, 0], pid_namespace: own, partition: 0,
            };
            match filter.forecast(&io) {
                Forecast::No => prop_assert!(!filter.matches(&io)),
                Forecast::Yes => prop_assert!(filter.matches(&io)),
                Forecast::Perhaps => {}
            }
        }
    }
}
