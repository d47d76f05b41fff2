// SPDX-License-Identifier: GPL-2.0-only

//! How exact delays are: what was waited for, less what was asked for.

use super::{Bench, cpus::Cpus, print, rivals::DmDelay};
use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    trace::{Event, Step, Trace, times_between},
};
use anyhow::Result;
use serde_json::json;
use std::{thread::sleep, time::Duration};

/// Who delays.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Ioem,
    DmDelay,
    /// The disk itself, whose own time is what an ideal delay would be.
    Disk,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Ioem => "ioem",
            Self::DmDelay => "dm-delay",
            Self::Disk => "null_blk",
        }
    }

    /// The steps between which it delays.
    fn between(self) -> (Step, Step) {
        match self {
            Self::Ioem => (Step::Insert, Step::Issue),
            Self::DmDelay => (Step::Queue, Step::Issue),
            Self::Disk => (Step::Issue, Step::Complete),
        }
    }
}

/// How I/Os arrive.
#[derive(Clone, Copy, PartialEq)]
enum Arrivals {
    /// One at a time.
    Single,
    /// At random times, as of many users, with up to 32 on their way.
    Spread,
    /// 32 at once, and the next 32 when these have ended.
    Lockstep,
}

impl Arrivals {
    fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Spread => "spread",
            Self::Lockstep => "lockstep",
        }
    }

    /// How many arrive in a second, if they do not wait for each other: so many that 16 are on their way, but not more than the
    /// guest's processors have time for.
    fn rate(self, delay_us: u64) -> Option<u64> {
        (self == Self::Spread).then(|| (16_000_000 / delay_us).min(2_000))
    }

    /// How many are measured.
    fn count(self, delay_us: u64) -> u64 {
        match self {
            Self::Single => (4_000_000 / delay_us).clamp(100, 2_000),
            Self::Spread => (32_000_000 / delay_us).clamp(500, 2_000),
            Self::Lockstep => 2_000,
        }
    }

    fn options(self, delay_us: u64) -> Vec<String> {
        let mut options = vec![format!("--number_ios={}", self.count(delay_us))];
        if self == Self::Single {
            options.push("--iodepth=1".to_owned());
        } else {
            options.push("--iodepth=32".to_owned());
        }
        if self == Self::Lockstep {
            options
                .extend(["--iodepth_batch=32", "--iodepth_batch_complete=32"].map(str::to_owned));
        }
        if let Some(rate) = self.rate(delay_us) {
            options.extend([
                format!("--rate_iops={rate}"),
                "--rate_process=poisson".to_owned(),
            ]);
        }
        options
    }
}

/// All delays, each by all that can, for all ways to arrive.
pub(super) fn all(bench: &mut Bench) -> Result<()> {
    let kind = Kind::default();
    let _cpus = Cpus::first(2)?;
    for delay_us in [100, 1_000, 10_000, 100_000] {
        for arrivals in [Arrivals::Single, Arrivals::Spread, Arrivals::Lockstep] {
            for by in [By::Ioem, By::DmDelay, By::Disk] {
                if by == By::DmDelay && delay_us < 1_000 {
                    // It knows milliseconds only.
                    continue;
                }
                let completion_ns = if by == By::Disk { delay_us * 1_000 } else { 0 };
                let disk = Disk::new(&Kind {
                    completion_ns,
                    ..kind
                })?;
                let times_ns = measure(bench, &disk, by, arrivals, delay_us)?;
                report(by, arrivals, delay_us, &times_ns);
            }
        }
    }
    Ok(())
}

/// How long each I/O was delayed, in nanoseconds.
fn measure(
    bench: &Bench,
    disk: &Disk,
    by: By,
    arrivals: Arrivals,
    delay_us: u64,
) -> Result<Vec<u64>> {
    let scheduler = if by == By::Ioem { "ioem-mq" } else { "none" };
    disk.set_scheduler(scheduler)?;
    let _injection = match by {
        By::Ioem => Some(Injection::new("delay", &[("delay_us", delay_us)])?),
        _ => None,
    };
    let stacked = match by {
        By::DmDelay => Some(DmDelay::new(disk, delay_us / 1_000)?),
        _ => None,
    };
    let (path, from_device) = match &stacked {
        Some(stacked) => (stacked.path()?, stacked.device()?),
        None => (disk.path(), disk.device()?),
    };
    let seed = bench.fio_seed();
    let mut options: Vec<&str> = RANDOM_READ.to_vec();
    options.extend(["--size=8g", "--norandommap", &seed]);
    // Warms caches up, so that the first I/O that is measured is like the others.
    let warm_up = [&options[..], &["--iodepth=8", "--number_ios=64"]].concat();
    Fio::start(&path, &warm_up)?.finish()?;
    sleep(Duration::from_millis(50));
    let more = arrivals.options(delay_us);
    options.extend(more.iter().map(String::as_str));
    let (from, to) = by.between();
    let trace = Trace::start_watching(vec![(from, from_device), (to, disk.device()?)])?;
    Fio::start(&path, &options)?.finish()?;
    let events: Vec<Event> = trace.stop()?;
    Ok(times_between(&events, from, to))
}

fn report(by: By, arrivals: Arrivals, delay_us: u64, times_ns: &[u64]) {
    let asked_ns = delay_us as i64 * 1_000;
    let mut over: Vec<i64> = times_ns
        .iter()
        .map(|time_ns| *time_ns as i64 - asked_ns)
        .collect();
    over.sort_unstable();
    let at =
        |share: f64| over[((share * over.len() as f64) as usize).min(over.len() - 1)] as f64 / 1e3;
    let early = over.iter().filter(|over_ns| **over_ns < 0).count();
    let cell = json!({
        "by": by.name(),
        "arrivals": arrivals.name(),
        "asked_us": delay_us,
        "a_second": arrivals.rate(delay_us),
    });
    let numbers = json!({
        "count": over.len(),
        "early": early,
        "least": at(0.0),
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "greatest": at(1.0),
    });
    print("lateness", cell, numbers);
}
