// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The bounds of a filter's partition, place and size: a coarse check that costs little and rules
//! most I/O out.

use super::io::Io;

/// The number that stands for any partition.
const ANY_PARTITION: u16 = 256;

/// The bounds of the I/O that a filter may match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first and the last sector of all ranges.
    first: u64,
    last: u64,
    min_bytes: u32,
    max_bytes: u32,
    /// The only partition, or [`ANY_PARTITION`].
    partition: u16,
}

/// The place of one I/O, and its size.
#[derive(Clone, Copy)]
pub struct Place {
    first: u64,
    last: u64,
    bytes: u32,
    partition: u16,
}

impl Bounds {
    /// The bounds of sectors from `first` to `last`, of sizes, and of the only partition, if there
    /// is only one.
    pub(super) fn new((first, last): (u64, u64), bytes: (u32, u32), partition: Option<u8>) -> Self {
        Self {
            first,
            last,
            min_bytes: bytes.0,
            max_bytes: bytes.1,
            partition: partition.map_or(ANY_PARTITION, u16::from),
        }
    }

    /// Whether I/O at this place may match. If this is false, it does not match.
    #[inline]
    pub fn may_match(&self, place: &Place) -> bool {
        place.first <= self.last
            && self.first <= place.last
            && place.bytes >= self.min_bytes
            && place.bytes <= self.max_bytes
            && (self.partition == ANY_PARTITION || self.partition == place.partition)
    }
}

impl Place {
    /// The place of an I/O.
    #[inline]
    pub fn of(io: &impl Io) -> Self {
        let (first, bytes) = (io.first_sector(), io.bytes());
        // An I/O without data counts as one sector.
        let more = u64::from(bytes.div_ceil(512).max(1)).saturating_sub(1);
        Self {
            first,
            last: first.saturating_add(more),
            bytes,
            partition: io.partition().into(),
        }
    }
}
