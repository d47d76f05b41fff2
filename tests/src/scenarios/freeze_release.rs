// SPDX-License-Identifier: GPL-2.0-only

//! Every way to end a freeze releases all its held I/O at once.

use super::recovery::{self, ONLINE};
use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    readers::Readers,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{fs, thread::sleep, time::Duration};

/// The number of held I/Os.
const HELD: u64 = 128;

/// All must have ended by then.
const LIMIT_MS: u64 = 100;

/// The length of a lease, from the write on.
const LEASE_MS: u64 = 1_000;

/// A way to end a freeze.
type End = fn(&Disk, &mut Option<Injection>) -> Result<()>;

scenario!("freeze_ended_by_thaw", by_thaw);
fn by_thaw(report: &mut Report) -> Result<()> {
    both(report, 0, |_, injection| set(injection, "freeze", "0"))
}

scenario!("freeze_ended_by_rmdir", by_rmdir);
fn by_rmdir(report: &mut Report) -> Result<()> {
    both(report, 0, |_, injection| {
        injection.take().map_or(Ok(()), Injection::remove)
    })
}

scenario!("freeze_ended_by_time", by_time);
fn by_time(report: &mut Report) -> Result<()> {
    both(report, LEASE_MS, |_, injection| {
        set(injection, "duration_ms", &LEASE_MS.to_string())
    })
}

scenario!("freeze_ended_by_panic_button", by_panic_button);
fn by_panic_button(report: &mut Report) -> Result<()> {
    both(report, 0, |_, _| {
        sys::write(format!("{}/enabled", sys::IOEM), "0")
    })
}

scenario!("freeze_ended_by_other_scheduler", by_other_scheduler);
fn by_other_scheduler(report: &mut Report) -> Result<()> {
    both(report, 0, |disk, _| disk.set_scheduler("none"))
}

scenario!("freeze_ended_by_disk_removed", by_disk_removed);
fn by_disk_removed(report: &mut Report) -> Result<()> {
    both(report, 0, |disk, _| disk.remove())
}

scenario!("freeze_ended_by_processor_offline", by_processor_offline);
/// The last processor of a hardware queue goes offline.
fn by_processor_offline(report: &mut Report) -> Result<()> {
    let kind = Kind {
        hw_queues: 2,
        ..Kind::default()
    };
    let freeze = [("freeze", 1)];
    let offline: End = |_, _| sys::write(ONLINE, "0");
    let result = recovery::measure_within(report, LIMIT_MS, kind, &freeze, 2 * HELD, offline);
    sys::write(ONLINE, "1")?;
    result
}

scenario!("freeze_bars_rmmod", bars_rmmod);
/// The module stays while it holds I/O.
fn bars_rmmod(report: &mut Report) -> Result<()> {
    both(report, 0, |_, injection| {
        let injection = injection.take().context("no injection")?;
        let refused = sys::run(&["rmmod", "chaos_driver"]).is_err();
        let held = injection.stat("held")?;
        anyhow::ensure!(refused && held == HELD, "refused {refused}, held {held}");
        injection.remove()
    })
}

fn set(injection: &Option<Injection>, attribute: &str, value: &str) -> Result<()> {
    injection
        .as_ref()
        .map_or(Ok(()), |injection| injection.set(attribute, value))
}

/// Ends freezes of requests and of completions.
fn both(report: &mut Report, after_ms: u64, end: End) -> Result<()> {
    ["request", "completion"]
        .into_iter()
        .try_for_each(|hold| released(report, hold, after_ms, end))
}

/// Ends a freeze by `end`, which may take so long.
fn released(report: &mut Report, hold: &str, after_ms: u64, end: End) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    let settings = [("hold", hold), ("freeze", "1")];
    let mut injection = Some(Injection::with_texts("frozen", &settings)?);
    let readers = Readers::start(&disk.path(), HELD, 1);
    if let Some(injection) = &injection {
        injection.wait_until_held(HELD)?;
        sleep(Duration::from_millis(500));
        let held = injection.stat("held")?;
        report.figure(&format!("hold={hold}: held"), HELD, held, held == HELD);
    }
    let start_ns = sys::monotonic_ns() + after_ms * 1_000_000;
    end(&disk, &mut injection)?;
    let reads = readers.finish()?;
    sys::write(format!("{}/enabled", sys::IOEM), "1")?;
    let early = reads.iter().filter(|read| read.end_ns < start_ns).count();
    report.figure("ended before", 0, early, early == 0);
    let last_ns = reads.iter().map(|read| read.end_ns).max();
    let last_ns = last_ns.map_or(u64::MAX, |last_ns| last_ns.saturating_sub(start_ns));
    report.time(
        &format!("last of {} after", reads.len()),
        format!("< {LIMIT_MS} ms"),
        format!("{:.3} ms", last_ns as f64 / 1e6),
        last_ns < LIMIT_MS * 1_000_000,
    );
    Ok(())
}

scenario!("freeze_sums_up", sums_up);
/// Freezes, the longest delays and a limit together: no sum of times overflows, whatever changes.
fn sums_up(report: &mut Report) -> Result<()> {
    const HOUR: &str = "3600000000";
    for hold in ["request", "completion"] {
        let disk = Disk::on_ioem(&Kind {
            hw_queues: 2,
            ..Kind::default()
        })?;
        let make = |name: &str, settings: &[(&str, &str)]| {
            Injection::with_texts(name, &[&[("hold", hold)], settings].concat())
        };
        let pareto = [
            ("delay_us", HOUR),
            ("jitter_us", HOUR),
            ("distribution", "pareto"),
        ];
        let limit = [("quota", "1"), ("period_us", HOUR), ("freeze", "1")];
        let all = [
            make("one", &[("freeze", "1")])?,
            make("two", &[("delay_us", HOUR)])?,
            make("three", &[("freeze", "1"), ("delay_us", HOUR)])?,
            make("four", &pareto)?,
            make("five", &limit)?,
            make("six", &[("percentiles", "0:3600000000"), ("freeze", "1")])?,
        ];
        let readers = Readers::start(&disk.path(), HELD, 1);
        all[0].wait_until_held(HELD)?;
        // Each change judges held I/O again, and each read adds times up.
        for (place, attribute, value) in [
            (1, "jitter_us", HOUR),
            (0, "freeze", "0"),
            (0, "freeze", "1"),
            (4, "freeze", "0"),
            (4, "freeze", "1"),
            (3, "freeze", "1"),
            (3, "duration_ms", "4294967295"),
            (2, "probability", "99.9"),
            (2, "probability", "100"),
            (5, "percentiles", "\n"),
        ] {
            all[place].set(attribute, value)?;
            for injection in &all {
                injection.get("ceiling")?;
                injection.get("stats")?;
            }
            sys::read(disk.attribute("queue/iosched/held"))?;
        }
        let held = all[0].stat("held")?;
        report.figure(
            &format!("hold={hold}: held still"),
            HELD,
            held,
            held == HELD,
        );
        let text = sys::read(disk.attribute("queue/iosched/held"))?;
        let last = text.lines().filter_map(|line| line.rsplit(' ').next());
        let endless = last.filter(|us| *us == "18446744073709551").count();
        report.figure(
            "hardware queues whose last I/O has no end",
            ">= 1",
            endless,
            endless >= 1,
        );
        for injection in all {
            injection.remove()?;
        }
        let reads = readers.finish()?.len() as u64;
        report.figure("ended", HELD, reads, reads == HELD);
        drop(disk);
    }
    let left = fs::read_dir(sys::IOEM)?.flatten();
    let left = left.filter(|entry| entry.path().is_dir()).count();
    report.figure("injections left", 0, left, left == 0);
    Ok(())
}
