// SPDX-License-Identifier: GPL-2.0-only

//! The threads that torture, and what they count.

use super::{allocations, faults, injections, switches};
use crate::{failslab, random::Random, report::Report};
use anyhow::{Context, Result, ensure};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::sleep,
    time::Duration,
};

/// The state of a thread that tortures.
pub(super) struct Actor {
    pub(super) random: Random,
    pub(super) disks: Vec<String>,
    pub(super) counts: Arc<Counts>,
    pub(super) stop: Arc<AtomicBool>,
    /// The number of its actions that the command line asks for.
    pub(super) asked: u64,
    /// The name of its count.
    pub(super) key: &'static str,
}

/// A thread: runs until the end of the torture, and fails only if the driver breaks a promise.
type Act = fn(Actor) -> Result<()>;

/// All of them, with their names, and the names of their counts.
pub(super) const ALL: &[(&str, &str, Act)] = &[
    ("injections 1", "changes", injections::change),
    ("injections 2", "changes", injections::change),
    ("schedulers", "switches", switches::schedulers),
    ("queues", "resized", switches::queues),
    ("processors", "offline", switches::processors),
    ("removals", "removals", switches::removals),
    ("writers", "killed", switches::writers),
    ("faults", "faulty", faults::faults),
    ("allocations", "no_memory", allocations::fail),
];

impl Actor {
    /// Whether to go on.
    pub(super) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Waits for a random time below `most_ms`.
    pub(super) fn wait(&mut self, most_ms: u64) {
        sleep(Duration::from_millis(self.random.below(most_ms)));
    }

    /// Waits between two actions; longer once the count has reached its bar, since the loads want
    /// to go on.
    pub(super) fn rest(&mut self, most_ms: u64) {
        const TIMES_LONGER: u64 = 200;
        self.wait(most_ms);
        let mut waits = self.random.below(TIMES_LONGER);
        while waits > 0 && self.goes_on() && self.counts.of(self.key) >= self.asked {
            sleep(Duration::from_millis(most_ms));
            waits -= 1;
        }
    }
}

/// The counts of all actions.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) verified: AtomicU64,
    pub(super) fsx: AtomicU64,
    pub(super) changes: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) switches: AtomicU64,
    pub(super) resized: AtomicU64,
    pub(super) removals: AtomicU64,
    pub(super) offline: AtomicU64,
    pub(super) killed: AtomicU64,
    pub(super) faulty: AtomicU64,
    pub(super) no_memory: AtomicU64,
}

impl Counts {
    /// Adds one.
    pub(super) fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The number that a count has to reach.
pub(super) struct Bar {
    pub(super) key: String,
    pub(super) asked: u64,
}

impl Bar {
    pub(super) fn new(key: &str, asked: &str) -> Result<Self> {
        let counts = Counts::default();
        let mut keys = counts.all().into_iter().map(|count| count.key);
        ensure!(
            keys.any(|known| known == key),
            "nothing is counted as {key}"
        );
        let asked = asked
            .parse()
            .with_context(|| format!("{key} has to be a number, not {asked}"))?;
        Ok(Self {
            key: key.to_owned(),
            asked,
        })
    }
}

/// A count and its name.
struct Count<'a> {
    number: &'a AtomicU64,
    key: &'static str,
    what: &'static str,
    /// Grows only if the kernel can inject faults.
    by_fault: bool,
}

impl Counts {
    /// All counts.
    fn all(&self) -> [Count<'_>; 11] {
        let table = [
            (&self.verified, "verified", "I/Os whose data were verified"),
            (&self.fsx, "fsx", "operations of fsx"),
            (&self.changes, "changes", "changes of injections"),
            (&self.refused, "refused", "refused values"),
            (&self.switches, "switches", "scheduler switches"),
            (&self.resized, "resized", "changes of queues"),
            (&self.removals, "removals", "disks removed with I/O held"),
            (&self.offline, "offline", "processors offline"),
            (&self.killed, "killed", "writers killed"),
            (&self.faulty, "faulty", "I/Os ended by faults of the disk"),
            (&self.no_memory, "no_memory", "changes without memory"),
        ];
        table.map(|(number, key, what)| Count {
            number,
            key,
            what,
            by_fault: matches!(key, "faulty" | "no_memory"),
        })
    }

    /// Reports all counts. In a run of all actors, a count of 0 fails, since that action was not
    /// tested, unless this kernel cannot inject faults.
    pub(super) fn report(&self, report: &mut Report, bars: &[Bar], all: bool) {
        let with_faults = failslab::is_there();
        for count in self.all() {
            let number = count.number.load(Ordering::Relaxed);
            let asked = match bars.iter().find(|bar| bar.key == count.key) {
                Some(bar) => bar.asked,
                None => u64::from(all && (with_faults || !count.by_fault)),
            };
            report.figure(count.what, format!(">= {asked}"), number, number >= asked);
        }
    }

    /// The count of this name.
    fn of(&self, key: &str) -> u64 {
        let mut counts = self.all().into_iter().filter(|count| count.key == key);
        counts
            .next()
            .map_or(0, |count| count.number.load(Ordering::Relaxed))
    }

    /// Whether all bars are reached.
    pub(super) fn reach(&self, bars: &[Bar]) -> bool {
        bars.iter().all(|bar| self.of(&bar.key) >= bar.asked)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, count) in self.all().iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            let number = count.number.load(Ordering::Relaxed);
            write!(f, "{comma}{number} {}", count.what)?;
        }
        Ok(())
    }
}
