// SPDX-License-Identifier: GPL-2.0-only

//! The exactness of delays: the time that I/O waited, less the delay that was asked for.

use super::{Bench, cpus::Cpus, print, rivals::dm_delay};
use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    trace::{Event, Step, Trace, times_between},
};
use anyhow::Result;
use rustix::thread::set_current_timer_slack;
use serde_json::json;
use std::{num::NonZeroU64, thread::sleep, time::Duration};

/// The thing that delays.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Ioem,
    DmDelay,
    /// The disk itself, whose own time is an ideal delay.
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

/// The number of users with spread arrivals.
const USERS: u64 = 32;

/// How I/Os arrive.
#[derive(Clone, Copy, PartialEq)]
enum Arrivals {
    /// One at a time.
    Single,
    /// At random times: I/Os of 32 users, each of which has one on its way.
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

    /// The number of arrivals in a second, if they do not wait for each other: as many as keep 16
    /// on their way, but at most 1,000. Each takes some 50 us of the processor, for which another
    /// one may have to wait.
    fn rate(self, delay_us: u64) -> Option<u64> {
        (self == Self::Spread).then(|| (16_000_000 / delay_us).min(1_000))
    }

    /// The number of measured I/Os.
    fn count(self, delay_us: u64) -> u64 {
        match self {
            Self::Single => (4_000_000 / delay_us).clamp(100, 2_000),
            Self::Spread => (32_000_000 / delay_us).clamp(500, 2_000),
            Self::Lockstep => 2_000,
        }
    }

    fn options(self, delay_us: u64) -> Vec<String> {
        let users = if self == Self::Spread { USERS } else { 1 };
        let mut options = vec![format!("--number_ios={}", self.count(delay_us) / users)];
        match self {
            Self::Single => options.push("--iodepth=1".to_owned()),
            // One fio with as many I/Os would let all of them end before it waits for the time of
            // the next.
            Self::Spread => options.extend([
                "--ioengine=psync".to_owned(),
                "--thread".to_owned(),
                format!("--numjobs={users}"),
            ]),
            Self::Lockstep => options.extend(
                [
                    "--iodepth=32",
                    "--iodepth_batch=32",
                    "--iodepth_batch_complete=32",
                ]
                .map(str::to_owned),
            ),
        }
        if let Some(rate) = self.rate(delay_us) {
            options.extend([
                format!("--rate_iops={}", rate / users),
                "--rate_process=poisson".to_owned(),
            ]);
        }
        options
    }
}

/// While this lives, sleeps of this thread and of programs that it starts end on time.
///
/// By default the kernel may end a sleep up to 50 us late, and does so when another timer comes:
/// then an I/O would arrive whenever another one is due, on the only processor.
struct Punctual;

impl Punctual {
    fn new() -> Result<Self> {
        set_current_timer_slack(Some(NonZeroU64::MIN))?;
        Ok(Self)
    }
}

impl Drop for Punctual {
    fn drop(&mut self) {
        let _ = set_current_timer_slack(None);
    }
}

/// All delays, by each thing that can delay, for all ways to arrive.
pub(super) fn all(bench: &mut Bench) -> Result<()> {
    let kind = Kind::default();
    // Work on another processor takes instructions of the same clock, and turns of many
    // instructions.
    let _cpus = Cpus::first(1)?;
    let _punctual = Punctual::new()?;
    for delay_us in [100, 1_000, 10_000, 100_000] {
        for arrivals in [Arrivals::Single, Arrivals::Spread, Arrivals::Lockstep] {
            for by in [By::Ioem, By::DmDelay, By::Disk] {
                if by == By::DmDelay && delay_us < 1_000 {
                    // dm-delay has whole milliseconds.
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

/// The delay of each I/O, in nanoseconds.
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
        By::DmDelay => Some(dm_delay(disk, delay_us / 1_000)?),
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
    let mut times_ns = times_between(&events, from, to);
    if arrivals == Arrivals::Spread {
        // All users begin at the same time. Some have their second or third time by then
        // already, and submit all of these I/Os together, so the first ones are discarded.
        times_ns.drain(..4 * USERS as usize);
    }
    Ok(times_ns)
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
