// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Which I/O an injection is about: every condition must hold, and one that is empty always does.

use super::{
    device::Part,
    operations::{Conditions, Operations},
    sectors::Sectors,
};

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
        !self.sectors.are_all() || self.min_bytes > 0 || self.max_bytes > 0
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
        if self.sectors.are_all() {
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
        let asks_for_fua = self.operations.ask_for(Conditions::FUA);
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

    proptest! {
        /// What is foretold comes true.
        #[test]
        fn forecasts_hold(
            operations in 0usize..4, place in prop::option::of(0u64..100), size in prop::option::of(1u32..9),
            cgroup in 0u64..3, pid_namespace in 0u64..3,
            operation in 0u32..4, sector in 0u64..100, bytes in 1u32..9, meta: bool,
            cgroups: [bool; 1], own in 1u64..3,
        ) {
            let filter = Filter {
                operations: Operations::parse(["", "read", "write", "read write"][operations].as_bytes()).unwrap(),
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
