// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The figures of a recording: for each operation and class of sizes, how many I/Os there were, and
//! how long they took.

use super::{
    event::{Event, Operation},
    histogram::Histogram,
    levels::Levels,
    pairs::{Change, Odd, Pairs},
};
use std::collections::BTreeMap;

/// The size up to which the first class goes, as a power of two; each further one goes to twice the
/// size.
const FIRST: u32 = 12;

/// The I/Os whose times are kept one by one, to see how many the disk serves at a time.
const KEPT: usize = 1 << 20;

/// More requests than any disk has at a time: the ends of some of these were never told.
const MOST_PENDING: u64 = 1 << 18;

/// An operation, and the power of two that its sizes are at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) operation: Operation,
    power: u32,
}

impl Key {
    pub(super) fn of(operation: Operation, bytes: u64) -> Self {
        let power = bytes.max(1).next_power_of_two().ilog2();
        Self {
            operation,
            power: power.max(FIRST),
        }
    }

    /// The least size and the greatest size of the class.
    pub(super) fn bytes(self) -> [u64; 2] {
        let least = match self.power {
            FIRST => 0,
            power => (1 << (power - 1)) + 1,
        };
        [least, 1 << self.power]
    }
}

/// The figures of a class.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub(super) times: Histogram,
    pub(super) bytes: u64,
    /// The requests at the disk now, and the most there were at a time.
    depth: u64,
    pub(super) most_depth: u64,
}

/// An I/O whose times are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) from_ns: u64,
    pub(super) until_ns: u64,
}

/// The figures.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) classes: BTreeMap<Key, Class>,
    /// The most requests that the disk had at a time.
    pub(super) most_depth: u64,
    /// The I/Os of the beginning, in the order of their ends.
    pub(super) kept: Vec<Kept>,
    /// Whether there were more I/Os than these.
    pub(super) is_cut: bool,
    /// The rate of the disk for each number of requests, both without flushes.
    pub(super) levels: Levels,
    /// The flushes at the disk.
    flushes: u64,
    pairs: Pairs,
}

impl Measured {
    /// Takes events in the order of their times. If some before them were lost, the requests at the
    /// disk are forgotten.
    pub(super) fn take(&mut self, events: &[Event], missed: bool) {
        if missed {
            self.forget();
        }
        for event in events {
            if self.pairs.depth() >= MOST_PENDING {
                self.forget();
            }
            // The rate becomes a limit of I/Os that move data.
            let depth = self.pairs.depth().saturating_sub(self.flushes);
            let change = self.pairs.take(event);
            let ends =
                matches!(change, Some(Change::Ended(io)) if io.operation != Operation::Flush);
            self.levels.until(event.at_ns, depth, ends);
            match change {
                None => {}
                Some(Change::Began { operation, bytes }) => {
                    let class = self.classes.entry(Key::of(operation, bytes)).or_default();
                    class.depth += 1;
                    class.most_depth = class.most_depth.max(class.depth);
                    self.flushes += u64::from(operation == Operation::Flush);
                    self.most_depth = self.most_depth.max(self.pairs.depth());
                }
                Some(Change::Ended(io)) => {
                    let class = self
                        .classes
                        .entry(Key::of(io.operation, io.bytes))
                        .or_default();
                    class.depth = class.depth.saturating_sub(1);
                    class.times.add(io.until_ns.saturating_sub(io.from_ns));
                    class.bytes += io.bytes;
                    if io.operation == Operation::Flush {
                        self.flushes = self.flushes.saturating_sub(1);
                        continue;
                    }
                    self.is_cut = self.kept.len() == KEPT;
                    if !self.is_cut {
                        self.kept.push(Kept {
                            from_ns: io.from_ns,
                            until_ns: io.until_ns,
                        });
                    }
                }
            }
        }
    }

    /// Ends the recording.
    pub(super) fn end(&mut self) -> Odd {
        self.forget();
        self.classes.retain(|_, class| class.times.count > 0);
        self.pairs.odd
    }

    fn forget(&mut self) {
        self.pairs.forget();
        self.flushes = 0;
        for class in self.classes.values_mut() {
            class.depth = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::Step;

    #[test]
    fn each_size_has_one_class() {
        for (bytes, expected) in [
            (0, [0, 4_096]),
            (512, [0, 4_096]),
            (4_096, [0, 4_096]),
            (4_608, [4_097, 8_192]),
            (65_536, [32_769, 65_536]),
            (1 << 20, [(1 << 19) + 1, 1 << 20]),
        ] {
            assert_eq!(Key::of(Operation::Read, bytes).bytes(), expected, "{bytes}");
        }
    }

    #[test]
    fn ios_beyond_those_that_are_kept_are_told() {
        let event = |step, at_ns| Event {
            at_ns,
            step,
            operation: Operation::Read,
            sector: 0,
            sectors: 8,
        };
        let mut measured = Measured::default();
        for ns in 0..KEPT as u64 {
            measured.take(&[event(Step::Issue, ns), event(Step::Complete, ns)], false);
        }
        assert_eq!((measured.kept.len(), measured.is_cut), (KEPT, false));
        measured.take(&[event(Step::Issue, 1), event(Step::Complete, 2)], false);
        assert_eq!((measured.kept.len(), measured.is_cut), (KEPT, true));
    }

    #[test]
    fn requests_that_never_end_take_no_memory_without_bound() {
        let issue = |sector| Event {
            at_ns: sector,
            step: Step::Issue,
            operation: Operation::Write,
            sector,
            sectors: 8,
        };
        let events: Vec<Event> = (0..=MOST_PENDING).map(issue).collect();
        let mut measured = Measured::default();
        measured.take(&events, false);
        assert_eq!(measured.most_depth, MOST_PENDING);
        assert_eq!(measured.pairs.depth(), 1);
        assert_eq!(measured.end().unfinished, MOST_PENDING + 1);
    }

    #[test]
    fn ios_count_for_their_class() {
        let event = |step, at_ns, sector, sectors| Event {
            at_ns,
            step,
            operation: Operation::Read,
            sector,
            sectors,
        };
        let mut measured = Measured::default();
        let events = [
            event(Step::Issue, 1_000, 0, 8),
            event(Step::Issue, 2_000, 8, 8),
            event(Step::Issue, 3_000, 64, 128),
            event(Step::Complete, 5_000, 8, 8),
            event(Step::Complete, 9_000, 64, 128),
            event(Step::Complete, 9_500, 0, 8),
        ];
        measured.take(&events, false);
        assert_eq!(measured.most_depth, 3);
        let figures = measured.classes.values();
        let figures = figures.map(|class| (class.times.count, class.bytes, class.most_depth));
        assert_eq!(figures.collect::<Vec<_>>(), [(2, 8_192, 2), (1, 65_536, 1)]);
        assert_eq!(measured.kept.len(), 3);
        // Of a request whose completion may be lost, nothing is told.
        measured.take(&[event(Step::Issue, 10_000, 0, 8)], false);
        measured.take(&[event(Step::Complete, 90_000, 0, 8)], true);
        let odd = measured.end();
        assert_eq!((odd.unfinished, odd.begun_before), (1, 1));
        assert_eq!(measured.kept.len(), 3);
    }
}
