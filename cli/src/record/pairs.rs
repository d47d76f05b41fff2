// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Finds the completion of each request: from the events in the order of their times to I/Os.

use super::event::{Event, Operation, Step};
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

/// A request that the disk has served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Io {
    pub(super) operation: Operation,
    pub(super) bytes: u64,
    /// The time at which the disk got it, for the first time if it was handed back.
    pub(super) from_ns: u64,
    pub(super) until_ns: u64,
}

/// A change of the requests at the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The disk got a request.
    Began { operation: Operation, bytes: u64 },
    /// It has served one.
    Ended(Io),
}

/// A request at the disk.
#[derive(Clone, Copy, Debug)]
struct Pending {
    from_ns: u64,
    /// All its sectors.
    sectors: u32,
    /// The sectors that the disk has not served yet.
    left: u32,
    /// Whether it was handed back, and comes again.
    is_back: bool,
}

/// Counts of events that are no I/Os.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Odd {
    /// Completions of requests that began before the recording.
    pub(super) begun_before: u64,
    /// Requests that were handed back, and came again.
    pub(super) requeued: u64,
    /// Requests that had not ended when the recording ended, or when events were lost.
    pub(super) unfinished: u64,
}

/// The requests at the disk.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// The first request of each place and operation.
    pending: FxHashMap<(u64, Operation), Pending>,
    /// Further requests of the same place and operation.
    more: Vec<((u64, Operation), Pending)>,
    /// The requests that were handed back, and have not come again.
    back: u64,
    pub(super) odd: Odd,
}

impl Pairs {
    /// The number of requests at the disk.
    pub(super) fn depth(&self) -> u64 {
        (self.pending.len() + self.more.len()) as u64
    }

    /// Takes the next event, and returns what it changes.
    pub(super) fn take(&mut self, event: &Event) -> Option<Change> {
        let key = (event.sector, event.operation);
        match event.step {
            Step::Issue => self.issue(key, event),
            Step::Requeue => {
                self.odd.requeued += 1;
                self.find(key, event.sectors)?.is_back = true;
                self.back += 1;
                None
            }
            // The last sector of a write was served before, and then a flush after it.
            Step::Complete if event.sectors == 0 && event.operation != Operation::Flush => None,
            Step::Complete => self.complete(key, event).map(Change::Ended),
        }
    }

    /// Forgets all requests: their completions may be among lost events.
    pub(super) fn forget(&mut self) {
        self.odd.unfinished += self.depth();
        self.pending.clear();
        self.more.clear();
        self.back = 0;
    }

    fn issue(&mut self, key: (u64, Operation), event: &Event) -> Option<Change> {
        if self.back > 0 {
            let back = self.find(key, event.sectors);
            if let Some(back) = back.filter(|pending| pending.is_back) {
                back.is_back = false;
                self.back -= 1;
                return None;
            }
        }
        let new = Pending {
            from_ns: event.at_ns,
            sectors: event.sectors,
            left: event.sectors,
            is_back: false,
        };
        self.add(key, new);
        Some(Change::Began {
            operation: key.1,
            bytes: bytes(event.sectors),
        })
    }

    fn add(&mut self, key: (u64, Operation), new: Pending) {
        match self.pending.entry(key) {
            Entry::Vacant(place) => {
                place.insert(new);
            }
            Entry::Occupied(_) => self.more.push((key, new)),
        }
    }

    /// The request of a place that has so many sectors left, or else the first there.
    fn find(&mut self, key: (u64, Operation), sectors: u32) -> Option<&mut Pending> {
        let is_it = |(other, pending): &&mut ((u64, Operation), Pending)| {
            *other == key && pending.left == sectors
        };
        let first = self.pending.get_mut(&key)?;
        if first.left == sectors {
            return Some(first);
        }
        let exact = self.more.iter_mut().find(is_it);
        Some(exact.map_or(first, |(_, pending)| pending))
    }

    fn complete(&mut self, key: (u64, Operation), event: &Event) -> Option<Io> {
        let Some(pending) = self.remove(key, event.sectors) else {
            // On older kernels, a command of a program has the letter of zeroes, and sectors at its
            // end alone.
            if key.1 != Operation::WriteZeroes {
                self.odd.begun_before += 1;
            }
            return None;
        };
        let left = pending.left.saturating_sub(event.sectors);
        if left > 0 && event.sectors > 0 {
            let place = key.0.saturating_add(event.sectors.into());
            self.add((place, key.1), Pending { left, ..pending });
            return None;
        }
        Some(Io {
            operation: key.1,
            bytes: bytes(pending.sectors),
            from_ns: pending.from_ns,
            until_ns: event.at_ns,
        })
    }

    /// Removes the request that [`Pairs::find`] finds.
    fn remove(&mut self, key: (u64, Operation), sectors: u32) -> Option<Pending> {
        if self.more.is_empty() {
            return self.pending.remove(&key);
        }
        let left = self.find(key, sectors)?.left;
        let is_it =
            |(other, pending): &((u64, Operation), Pending)| *other == key && pending.left == left;
        let is_first = self.pending.get(&key)?.left == left;
        if !is_first {
            let place = self.more.iter().position(is_it)?;
            return Some(self.more.remove(place).1);
        }
        let next = self.more.iter().position(|(other, _)| *other == key);
        match next.map(|place| self.more.remove(place)) {
            Some((key, next)) => self.pending.insert(key, next),
            None => self.pending.remove(&key),
        }
    }
}

fn bytes(sectors: u32) -> u64 {
    u64::from(sectors) * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(step: Step, at_ns: u64, sector: u64, sectors: u32) -> Event {
        Event {
            at_ns,
            step,
            operation: Operation::Write,
            sector,
            sectors,
        }
    }

    fn ios(pairs: &mut Pairs, events: &[Event]) -> Vec<(u64, u64, u64)> {
        let changes = events.iter().filter_map(|event| pairs.take(event));
        let ended = changes.filter_map(|change| match change {
            Change::Began { .. } => None,
            Change::Ended(io) => Some((io.from_ns, io.until_ns, io.bytes)),
        });
        ended.collect()
    }

    #[test]
    fn a_request_is_paired_with_its_completion() {
        use Step::{Complete, Issue};
        let mut pairs = Pairs::default();
        let events = [
            event(Complete, 1, 8, 8),
            event(Issue, 2, 0, 8),
            event(Issue, 3, 8, 16),
            event(Complete, 4, 8, 16),
            event(Issue, 5, 64, 8),
            event(Complete, 6, 0, 8),
        ];
        assert_eq!(ios(&mut pairs, &events), [(3, 4, 8_192), (2, 6, 4_096)]);
        assert_eq!((pairs.depth(), pairs.odd.begun_before), (1, 1));
        pairs.forget();
        assert_eq!((pairs.depth(), pairs.odd.unfinished), (0, 1));
    }

    #[test]
    fn a_request_that_is_served_in_parts_ends_with_its_last() {
        use Step::{Complete, Issue};
        let mut pairs = Pairs::default();
        let events = [
            event(Issue, 1, 0, 32),
            event(Complete, 2, 0, 8),
            event(Complete, 3, 8, 16),
            event(Complete, 4, 24, 8),
        ];
        assert_eq!(ios(&mut pairs, &events), [(1, 4, 16_384)]);
        assert_eq!(pairs.depth(), 0);
    }

    #[test]
    fn a_request_that_is_handed_back_counts_from_its_first_issue() {
        use Step::{Complete, Issue, Requeue};
        let mut pairs = Pairs::default();
        let events = [
            event(Issue, 1, 0, 8),
            event(Requeue, 2, 0, 8),
            event(Issue, 7, 0, 8),
            event(Complete, 9, 0, 8),
        ];
        assert_eq!(ios(&mut pairs, &events), [(1, 9, 4_096)]);
        assert_eq!(pairs.odd.requeued, 1);
    }

    #[test]
    fn requests_of_one_place_are_told_apart_by_their_sizes() {
        use Step::{Complete, Issue};
        let mut pairs = Pairs::default();
        let events = [
            event(Issue, 1, 0, 8),
            event(Issue, 2, 0, 16),
            event(Issue, 3, 0, 8),
            event(Complete, 4, 0, 16),
            event(Complete, 5, 0, 8),
            event(Complete, 6, 0, 8),
        ];
        let expected = [(2, 4, 8_192), (1, 5, 4_096), (3, 6, 4_096)];
        assert_eq!(ios(&mut pairs, &events), expected);
        assert_eq!(pairs.depth(), 0);
    }

    #[test]
    fn a_write_ends_before_the_flush_that_comes_after_it() {
        use Step::{Complete, Issue};
        let mut pairs = Pairs::default();
        let flush = |step, at_ns| Event {
            operation: Operation::Flush,
            ..event(step, at_ns, 0, 0)
        };
        let events = [
            event(Issue, 1, 0, 128),
            event(Complete, 2, 0, 128),
            flush(Issue, 3),
            event(Issue, 4, 0, 8),
            flush(Complete, 6),
            event(Complete, 7, 0, 0),
            event(Complete, 9, 0, 8),
        ];
        let expected = [(1, 2, 65_536), (3, 6, 0), (4, 9, 4_096)];
        assert_eq!(ios(&mut pairs, &events), expected);
        assert_eq!(pairs.odd, Odd::default());
    }

    #[test]
    fn a_command_of_a_program_is_no_io() {
        let mut pairs = Pairs::default();
        let command = Event {
            operation: Operation::WriteZeroes,
            ..event(Step::Complete, 1, 0, 8)
        };
        assert_eq!(ios(&mut pairs, &[command]), []);
        assert_eq!(pairs.odd, Odd::default());
    }

    #[test]
    fn a_flush_has_no_sectors() {
        let mut pairs = Pairs::default();
        let flush = |step, at_ns| Event {
            operation: Operation::Flush,
            ..event(step, at_ns, 0, 0)
        };
        let events = [flush(Step::Issue, 1), flush(Step::Complete, 5)];
        assert_eq!(ios(&mut pairs, &events), [(1, 5, 0)]);
    }
}
