// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The I/O of a device so far, as the block layer counts it, whatever scheduler the disk has.

use super::{Roots, files::try_read};

/// Counts of I/Os.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) reads: u64,
    /// Writes, and all other operations that are neither reads nor discards; also flushes without
    /// data, which no scheduler sees.
    pub(crate) writes: u64,
    /// The sectors of these writes; a flush has none.
    pub(crate) written: u64,
    /// The flushes of the disk's cache, several of which may be of one write.
    pub(crate) flushes: u64,
    pub(crate) discards: u64,
    /// The milliseconds that reads, writes and discards took, one beside the other.
    pub(crate) took_ms: u64,
}

impl Traffic {
    /// The I/O so far of a disk or partition; `None` if the device is not there.
    pub(crate) fn read(roots: &Roots, device: &str) -> Option<Self> {
        let file = roots.sysfs.join("class/block").join(device).join("stat");
        Some(Self::parse(&try_read(&file).ok()?))
    }

    /// Reads the line of the file `stat`; numbers that an older kernel lacks are 0.
    pub(crate) fn parse(text: &str) -> Self {
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(|word| word.parse().unwrap_or(0))
            .collect();
        let number = |place| numbers.get(place).copied().unwrap_or(0);
        Self {
            reads: number(0),
            writes: number(4),
            written: number(6),
            flushes: number(15),
            discards: number(11),
            took_ms: [3, 7, 14]
                .map(number)
                .into_iter()
                .fold(0, u64::saturating_add),
        }
    }

    /// The I/O since `before`. A device that came back under its name counts from 0 again.
    pub(crate) fn since(self, before: Self) -> Self {
        let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Self {
            reads: since(self.reads, before.reads),
            writes: since(self.writes, before.writes),
            written: since(self.written, before.written),
            flushes: since(self.flushes, before.flushes),
            discards: since(self.discards, before.discards),
            took_ms: since(self.took_ms, before.took_ms),
        }
    }

    /// The I/O of both.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            reads: self.reads.saturating_add(other.reads),
            writes: self.writes.saturating_add(other.writes),
            written: self.written.saturating_add(other.written),
            flushes: self.flushes.saturating_add(other.flushes),
            discards: self.discards.saturating_add(other.discards),
            took_ms: self.took_ms.saturating_add(other.took_ms),
        }
    }

    /// All I/O.
    pub(crate) fn total(self) -> u64 {
        let data = self.reads.saturating_add(self.writes);
        data.saturating_add(self.discards)
    }

    /// The mean time of an I/O in microseconds, if there was any.
    pub(crate) fn mean_us(self) -> Option<u64> {
        self.took_ms.saturating_mul(1_000).checked_div(self.total())
    }

    /// Whether all I/O was flushes without data.
    pub(crate) fn is_flushes(self) -> bool {
        self.written == 0 && self.writes > 0 && self.total() == self.writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read_and_subtracted() {
        let now = Traffic::parse("  12 1 96 3 40 2 320 9 0 11 12 5 0 0 0 7 1\n");
        let expected = Traffic {
            reads: 12,
            writes: 40,
            written: 320,
            flushes: 7,
            discards: 5,
            took_ms: 12,
        };
        assert_eq!(now, expected);
        assert_eq!(now.mean_us(), Some(210));
        assert_eq!(Traffic::default().mean_us(), None);
        assert_eq!((now.total(), now.is_flushes()), (57, false));
        let before = Traffic::parse("10 1 96 3 30 2 320 9 0 11 12");
        let since = now.since(before);
        assert_eq!((since.reads, since.writes, since.discards), (2, 10, 5));
        let flushes = Traffic::parse("10 1 96 3 34 2 320 9 0 11 12 0 0 0 0 4 1").since(before);
        assert_eq!((flushes.total(), flushes.is_flushes()), (4, true));
        assert!(!Traffic::default().is_flushes());
        // Another device under the name.
        assert_eq!(before.since(now).reads, 10);
        assert_eq!(since.and(since).writes, 20);
    }
}
