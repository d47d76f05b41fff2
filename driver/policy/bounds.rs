// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The partition, the place and the size that a filter asks for, coarsely: a look that costs little
//! and rules most I/O out.

use super::io::Io;

/// A partition's number that means any.
const ANY_PARTITION: u16 = 256;

/// What bounds the I/O that a filter may match.
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

/// Where one I/O is, and how large.
#[derive(Clone, Copy)]
pub struct Place {
    first: u64,
    last: u64,
    bytes: u32,
    partition: u16,
}

impl Bounds {
    /// The bounds of sectors from `first` to `last`, of sizes, and of the only partition, if it is
    /// one.
    pub(super) fn new((first, last): (u64, u64), bytes: (u32, u32), partition: Option<u8>) -> Self {
        Self {
            first,
            last,
            min_bytes: bytes.0,
            max_bytes: bytes.1,
            partition: partition.map_or(ANY_PARTITION, u16::from),
        }
    }

    /// Whether I/O of this place may match; if not, it does not.
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
        // Also an I/O without data is somewhere.
        let more = u64::from(bytes.div_ceil(512).max(1)).saturating_sub(1);
        Self {
            first,
            last: first.saturating_add(more),
            bytes,
            partition: io.partition().into(),
        }
    }
}
