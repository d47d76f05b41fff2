// SPDX-License-Identifier: GPL-2.0-only

//! The threads that torture, and what they count.

use super::{allocations, faults, injections, switches};
use crate::{random::Random, report::Report};
use anyhow::Result;
use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::sleep,
    time::Duration,
};

/// What a thread that tortures has.
pub(super) struct Actor {
    pub(super) random: Random,
    pub(super) disks: Vec<String>,
    pub(super) counts: Arc<Counts>,
    pub(super) stop: Arc<AtomicBool>,
}

/// Where the kernel is told to make allocations fail, if it can inject faults.
pub(super) const FAILSLAB: &str = "/sys/kernel/debug/failslab";

/// A thread: runs until it is told to stop, and fails only for what must never be.
type Act = fn(Actor) -> Result<()>;

/// All of them, with their names.
pub(super) const ALL: &[(&str, Act)] = &[
    ("injections 1", injections::change),
    ("injections 2", injections::change),
    ("schedulers", switches::schedulers),
    ("queues", switches::queues),
    ("processors", switches::processors),
    ("removals", switches::removals),
    ("writers", switches::writers),
    ("faults", faults::faults),
    ("allocations", allocations::fail),
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
}

/// What was done.
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

impl Counts {
    /// All that is counted, with its name.
    fn all(&self) -> [(&AtomicU64, &'static str); 11] {
        [
            (&self.verified, "I/Os written, read and verified"),
            (&self.fsx, "operations of fsx"),
            (&self.changes, "changes of injections"),
            (&self.refused, "refused values"),
            (&self.switches, "scheduler switches"),
            (&self.resized, "changes of queues"),
            (&self.removals, "disks removed with I/O held"),
            (&self.offline, "processors offline"),
            (&self.killed, "writers killed"),
            (&self.faulty, "I/Os ended by faults of the disk"),
            (&self.no_memory, "changes without memory"),
        ]
    }

    /// Tells all; what has not happened at all has not been tested, unless this kernel cannot inject faults.
    pub(super) fn report(&self, report: &mut Report) {
        let with_faults = Path::new(FAILSLAB).exists();
        for (count, what) in self.all() {
            let may_miss = !with_faults
                && (std::ptr::eq(count, &self.faulty) || std::ptr::eq(count, &self.no_memory));
            let count = count.load(Ordering::Relaxed);
            let asked = if may_miss { ">= 0" } else { "> 0" };
            report.figure(what, asked, count, may_miss || count > 0);
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (count, what)) in self.all().iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{} {what}", count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}
