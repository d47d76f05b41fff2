// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The filter of an injection: an I/O matches if every condition holds; an empty condition always
//! holds.

use super::{
    bounds::Bounds,
    device::Part,
    io::Io,
    operations::{Conditions, Operations, FLUSH},
    sectors::Sectors,
};

/// All conditions of an injection on one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The part of the disk.
    pub part: Part,
    /// The operations, and conditions on them.
    pub operations: Operations,
    /// The ranges of sectors.
    pub sectors: Sectors,
    /// At least this many bytes.
    pub min_bytes: u32,
    /// At most this many bytes; 0 is any number.
    pub max_bytes: u32,
    /// The number of the cgroup's place, which no other place has; 0 is any cgroup.
    pub cgroup: u64,
    /// The id of a PID namespace; 0 is any namespace.
    pub pid_namespace: u64,
}

impl Filter {
    /// Whether every I/O of the disk matches that schedulers get, which flushes are not.
    pub fn matches_all(&self) -> bool {
        self.part.is_all()
            && self.operations.is_any()
            && !self.has_owner()
            && !self.has_place_or_size()
    }

    /// Whether each I/O of the disk that matches `other` also matches this filter. False also where
    /// that would take more than a look.
    pub fn covers(&self, other: &Self) -> bool {
        (self.matches_all() && !other.operations.may_match(FLUSH)) || self == other
    }

    /// Whether the filter asks for a cgroup or a PID namespace.
    pub const fn has_owner(&self) -> bool {
        self.cgroup != 0 || self.pid_namespace != 0
    }

    fn has_place_or_size(&self) -> bool {
        !self.sectors.are_all() || self.min_bytes > 0 || self.max_bytes > 0
    }

    /// The bounds of the I/O that may match.
    pub fn bounds(&self) -> Bounds {
        let max_bytes = match self.max_bytes {
            0 => u32::MAX,
            most => most,
        };
        let bytes = (self.min_bytes, max_bytes);
        Bounds::new(
            self.sectors.first_and_last(),
            bytes,
            self.part.sole_partition(),
        )
    }

    /// Whether the I/O matches. `is_in_cgroup` says whether it belongs to the filter's cgroup or to
    /// one below that, which only the kernel knows.
    ///
    /// As in blk-throttle, metadata belongs to no cgroup and no namespace: other tasks that need it
    /// would wait because of the task that wrote it.
    #[inline]
    pub fn matches(&self, io: &impl Io, is_in_cgroup: impl FnOnce() -> bool) -> bool {
        self.operations
            .match_operation(io.operation(), || io.conditions())
            && self.part.has(io)
            && self.matches_size(io)
            && self.matches_sectors(io)
            && self.matches_owner(io, is_in_cgroup)
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
        // A flush is of the whole disk, and has no place.
        if io.operation() == FLUSH {
            return false;
        }
        let start = io.first_sector();
        // An I/O without data counts as one sector.
        let length = u64::from(io.bytes().div_ceil(512).max(1));
        self.sectors.touch(start, start.saturating_add(length))
    }

    #[inline]
    fn matches_owner(&self, io: &impl Io, is_in_cgroup: impl FnOnce() -> bool) -> bool {
        if !self.has_owner() {
            return true;
        }
        !io.conditions().include(Conditions::META)
            && (self.pid_namespace == 0 || self.pid_namespace == io.pid_namespace())
            && (self.cgroup == 0 || is_in_cgroup())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::{
        bounds::Place,
        device::{Devices, Disk},
        extents::Extents,
    };
    use super::*;

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
        fn pid_namespace(&self) -> u64 {
            self.pid_namespace
        }
    }

    const SDA: Disk<'_> = Disk {
        name: b"sda",
        major: 8,
        first_minor: 0,
        minors: 16,
    };

    fn sectors(text: &str) -> Sectors {
        Extents::parse(text.as_bytes()).unwrap().on(&SDA).unwrap()
    }

    fn matches(filter: &Filter, io: &Plain) -> bool {
        filter.matches(io, || io.cgroups.contains(&filter.cgroup))
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
        assert!(matches(&ANY, &READ) && ANY.matches_all());
        let operations = |text: &str| Operations::parse(text.as_bytes()).unwrap();
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
            assert_eq!(matches(&filter, &READ), expected, "{filter:?}");
            assert!(!filter.matches_all());
        }
    }

    use proptest::prelude::*;

    /// Few different numbers, so that bounds and I/Os are often next to each other.
    fn filters() -> impl Strategy<Value = Filter> {
        let range = (0u64..40, 1u64..20)
            .prop_map(|(start, length)| sectors(&std::format!("{start}+{length}")));
        let several = Just("0+2 9+4 30+1").prop_map(sectors);
        let sectors = prop_oneof![Just(Sectors::ALL), range, several];
        let part = prop_oneof![Just("sda"), Just("sda3"), Just("sda3 sda200"), Just("sdb1")];
        let part = part.prop_map(|names| Devices::parse(names.as_bytes()).unwrap().on(&SDA));
        let bytes = prop_oneof![Just(0u32), 1..5_000u32];
        (sectors, part, bytes.clone(), bytes).prop_map(|(sectors, part, min_bytes, max_bytes)| {
            Filter {
                sectors,
                part: part.unwrap_or(ANY.part),
                min_bytes,
                max_bytes,
                ..ANY
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_out_of_bounds_does_not_match(
            filter in filters(),
            first_sector in prop_oneof![9 => 0u64..60, 1 => Just(u64::MAX)],
            bytes in prop_oneof![Just(0u32), 1..6_000u32],
            partition in prop_oneof![Just(0u8), Just(3), Just(200), Just(4)],
        ) {
            let io = Plain { first_sector, bytes, partition, ..READ };
            let may_match = filter.bounds().may_match(&Place::of(&io));
            prop_assert!(may_match || !matches(&filter, &io));
        }
    }

    #[test]
    fn what_is_out_of_one_range_is_out_of_bounds() {
        let sectors = sectors("8+8");
        let bounds = Filter { sectors, ..ANY }.bounds();
        let may_match = |first_sector, bytes| {
            bounds.may_match(&Place::of(&Plain {
                first_sector,
                bytes,
                ..READ
            }))
        };
        assert!(may_match(8, 512) && may_match(15, 512) && may_match(0, 4_608));
        assert!(!may_match(16, 512) && !may_match(0, 4_096));
    }

    #[test]
    fn metadata_belongs_to_nobody() {
        let meta = Plain {
            conditions: Conditions::META,
            ..READ
        };
        assert!(matches(&ANY, &meta));
        assert!(!matches(&Filter { cgroup: 7, ..ANY }, &meta));
        let of_namespace = Filter {
            pid_namespace: 3,
            ..ANY
        };
        assert!(!matches(&of_namespace, &meta));
    }
}
