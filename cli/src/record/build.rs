// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Makes the profile of a disk from the figures of a recording.

use super::{
    event::Operation,
    lanes,
    measure::{Class, Measured},
    points::{points, text},
    profile::{Limit, Profile, Row},
};
use std::time::Duration;

/// Fewer I/Os than this tell nothing about a distribution: the class joins its neighbour.
const LEAST: u64 = 50;

/// The I/O of an operation and a range of sizes.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) operation: Operation,
    pub(super) min_bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) class: Class,
}

/// The classes of a recording, in the order in which they are shown. Classes of few I/Os have
/// joined others of their operation.
pub(super) fn groups(measured: &Measured) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (key, class) in &measured.classes {
        let [min_bytes, max_bytes] = key.bytes();
        let new = Group {
            operation: key.operation,
            min_bytes,
            max_bytes,
            class: class.clone(),
        };
        let last = groups
            .last_mut()
            .filter(|last| last.operation == key.operation);
        match last {
            Some(last) if few(last).min(few(&new)) < LEAST => last.join(new),
            _ => groups.push(new),
        }
    }
    // The most of joined classes is no more than what the disk had at a time.
    for group in &mut groups {
        group.class.most_depth = group.class.most_depth.min(measured.most_depth);
    }
    groups
}

fn few(group: &Group) -> u64 {
    group.class.times.count
}

impl Group {
    fn join(&mut self, other: Self) {
        self.max_bytes = other.max_bytes;
        self.class.times.join(&other.class.times);
        self.class.bytes += other.class.bytes;
        // Both may have been there at a time.
        self.class.most_depth += other.class.most_depth;
    }

    fn row(&self, length: Duration) -> Row {
        let seconds = length.as_secs_f64().max(1e-9);
        let times = &self.class.times;
        Row {
            op: self.operation.word().to_owned(),
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            ios: times.count,
            iops: times.count as f64 / seconds,
            bytes_per_second: self.class.bytes as f64 / seconds,
            // By Little's law.
            depth_mean: times.sum_ns as f64 / 1e9 / seconds,
            depth_max: self.class.most_depth,
            lanes: 0,
            mean_us: (times.mean_ns() + 500) / 1_000,
            percentiles: text(&points(times)),
        }
    }
}

/// The profile of a recording of this length.
pub(super) fn profile(measured: &Measured, groups: &[Group], length: Duration) -> Profile {
    let mut rows: Vec<Row> = groups.iter().map(|group| group.row(length)).collect();
    let lanes = lanes::find(&measured.kept);
    let main = main_class(groups);
    let mut limit = None;
    match (lanes, main) {
        (Some(lanes), Some(main)) => {
            rows[main].lanes = lanes.count;
            rows[main].percentiles = text(&points(&lanes.times));
        }
        // An injection has lanes of its own, and classes would share the disk's.
        (Some(_), None) => {
            let most = measured.levels.most();
            limit = most.map(|iops| whole_limit(groups, iops));
        }
        (None, _) => {
            let most = measured.levels.saturated();
            limit = most.map(|iops| whole_limit(groups, iops));
        }
    }
    Profile {
        seconds: length.as_secs_f64(),
        depth_max: measured.most_depth,
        limit,
        ..Profile::of(rows)
    }
}

/// Whether lanes and limits are about this I/O: a flush moves no data.
fn is_transfer(group: &Group) -> bool {
    group.operation != Operation::Flush
}

/// The place of the class that has nearly all I/O.
fn main_class(groups: &[Group]) -> Option<usize> {
    const NEARLY_ALL: f64 = 0.99;
    let all: u64 = groups
        .iter()
        .filter(|group| is_transfer(group))
        .map(few)
        .sum();
    let is_main =
        |group: &Group| is_transfer(group) && few(group) as f64 >= all as f64 * NEARLY_ALL;
    groups.iter().position(is_main)
}

/// The limit of a disk that does so many I/Os a second. Large ones are limited by their bytes.
fn whole_limit(groups: &[Group], iops: f64) -> Limit {
    const LARGE: u64 = 65_536;
    let held = groups.iter().filter(|group| is_transfer(group));
    let ios: u64 = held.clone().map(few).sum();
    let bytes: u64 = held.map(|group| group.class.bytes).sum();
    let mean = bytes / ios.max(1);
    let at_least_one = |rate: f64| (rate.round() as u64).max(1);
    match mean {
        LARGE.. => Limit {
            iops: 0,
            bytes_per_second: at_least_one(iops * bytes as f64 / ios as f64),
        },
        _ => Limit {
            iops: at_least_one(iops),
            bytes_per_second: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::{Event, Step};

    const MS: u64 = 1_000_000;

    const LENGTH: Duration = Duration::from_secs(2);

    /// The recording of a disk that serves one request at a time, each in 1 ms: a flush, then an
    /// I/O of 64 KiB, 500 of each a second. For a second, one I/O is there at a time, and then
    /// eight. The operations of the I/Os take turns.
    fn saturated_by_fsync(operations: &[Operation]) -> Measured {
        let io = |step, at_ns, number: u64| Event {
            at_ns,
            step,
            operation: operations[number as usize % operations.len()],
            sector: number * 128,
            sectors: 128,
        };
        let flush = |step, at_ns| Event {
            at_ns,
            step,
            operation: Operation::Flush,
            sector: 0,
            sectors: 0,
        };
        let (mut events, mut begun, mut ended) = (Vec::new(), 0, 0);
        for cycle in 0..1_000 {
            let from_ns = cycle * 2 * MS;
            let depth = if cycle < 500 { 1 } else { 8 };
            while begun < ended + depth {
                events.push(io(Step::Issue, from_ns, begun));
                begun += 1;
            }
            events.push(flush(Step::Issue, from_ns));
            events.push(flush(Step::Complete, from_ns + MS));
            events.push(io(Step::Complete, from_ns + 2 * MS, ended));
            ended += 1;
        }
        let mut measured = Measured::default();
        measured.take(&events, false);
        measured.end();
        measured
    }

    fn profile_of(operations: &[Operation]) -> Profile {
        let measured = saturated_by_fsync(operations);
        profile(&measured, &groups(&measured), LENGTH)
    }

    #[test]
    fn the_limit_is_about_the_io_that_it_holds() {
        let profile = profile_of(&[Operation::Read, Operation::Write]);
        let limit = profile.limit.unwrap();
        let recorded = 500.0 * 65_536.0;
        let ratio = limit.bytes_per_second as f64 / recorded;
        assert!((ratio - 1.0).abs() < 0.02, "{limit:?}");
        assert_eq!(limit.iops, 0);
    }

    #[test]
    fn flushes_are_no_other_class_of_a_disk_with_lanes() {
        let profile = profile_of(&[Operation::Write]);
        let lanes = profile.classes.iter().map(|row| (&*row.op, row.lanes));
        let lanes: Vec<(&str, u64)> = lanes.collect();
        assert_eq!(lanes, [("write", 1), ("flush", 0)]);
        assert_eq!(profile.limit, None);
    }

    #[test]
    fn joined_classes_have_no_more_at_a_time_than_the_disk() {
        let mut measured = Measured::default();
        for (number, sectors) in (0..40).zip([8, 16].into_iter().cycle()) {
            let event = |step, at_ns| Event {
                at_ns,
                step,
                operation: Operation::Read,
                sector: 0,
                sectors,
            };
            let begun = number * MS;
            let events = [event(Step::Issue, begun), event(Step::Complete, begun + 1)];
            measured.take(&events, false);
        }
        let groups = groups(&measured);
        let most: Vec<u64> = groups.iter().map(|group| group.class.most_depth).collect();
        assert_eq!(most, [1]);
    }
}
