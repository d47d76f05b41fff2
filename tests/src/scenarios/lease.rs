// SPDX-License-Identifier: GPL-2.0-only

//! Leases: an injection ends by itself, on time, whether or not its maker is still alive.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
    trace::{Event, Step, Trace},
};
use anyhow::{Context, Result};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// A delay that no test waits for.
const DELAY_US: u64 = 60_000_000;

/// Sixteen reads, all of which the injection holds.
pub(crate) fn start_reads(disk: &Disk) -> Result<Fio> {
    let options = ["--iodepth=16", "--size=8g", "--number_ios=16"];
    Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())
}

/// The times when the first and the last of the reads completed, after `start_ns`, in milliseconds.
pub(crate) fn completed_ms(events: &[Event], start_ns: u64) -> Result<(f64, f64)> {
    let times: Vec<u64> = events
        .iter()
        .filter(|event| event.step == Step::Complete)
        .map(|event| event.time_ns)
        .collect();
    let ms = |time_ns: Option<&u64>| -> Result<f64> {
        let time_ns = time_ns.context("nothing completed")?;
        Ok((*time_ns as f64 - start_ns as f64) / 1e6)
    };
    Ok((ms(times.iter().min())?, ms(times.iter().max())?))
}

scenario!("lease_on_time", on_time);
fn on_time(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("lease", &[("delay_us", DELAY_US)])?;
    let trace = Trace::start(disk.device()?)?;
    let load = start_reads(&disk)?;
    injection.wait_until_held(16)?;
    let before_ns = sys::monotonic_ns();
    injection.set("duration_ms", "100")?;
    load.finish()?;
    let (first_ms, last_ms) = completed_ms(&trace.stop()?, before_ns)?;
    for (what, ms) in [("first", first_ms), ("last", last_ms)] {
        report.figure(
            &format!("duration_ms 100, {what} of 16 held reads completed after"),
            "100 to 105 ms",
            format!("{ms:.3}"),
            (100.0..=105.0).contains(&ms),
        );
    }
    let (active, early) = (injection.stat("active")?, injection.stat("released_early")?);
    report.figure(
        "stats afterwards",
        "active 0, released_early 16",
        format!("active {active}, released_early {early}"),
        active == 0 && early == 16,
    );
    Ok(())
}

scenario!("lease_renewed", renewed);
fn renewed(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let settings = [("delay_us", DELAY_US), ("duration_ms", 300)];
    let injection = Injection::new("lease", &settings)?;
    let trace = Trace::start(disk.device()?)?;
    let load = start_reads(&disk)?;
    let start = Instant::now();
    let mut last_ns = 0;
    while start.elapsed() < Duration::from_millis(1_500) {
        last_ns = sys::monotonic_ns();
        injection.set("duration_ms", "300")?;
        sleep(Duration::from_millis(50));
    }
    let held = injection.stat("held")?;
    report.figure(
        "held after 1.5 s of renewing a lease of 300 ms",
        16,
        held,
        held == 16,
    );
    load.finish()?;
    let (first_ms, last_ms) = completed_ms(&trace.stop()?, last_ns)?;
    report.figure(
        "completed after the last renewal",
        "300 to 305 ms",
        format!("{first_ms:.3} to {last_ms:.3}"),
        first_ms >= 300.0 && last_ms <= 305.0,
    );
    // Off and on begins the lease again.
    injection.set("enabled", "0")?;
    injection.set("enabled", "1")?;
    let active = injection.stat("active")?;
    report.figure("active after enabled 0 and 1", 1, active, active == 1);
    Ok(())
}

scenario!("lease_charged_once", charged_once);
/// Held I/Os that the driver judges again do not count again.
fn charged_once(report: &mut Report) -> Result<()> {
    const SHORT_US: u64 = 20_000;
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("lease", &[("times", 4), ("delay_us", DELAY_US)])?;
    let options = ["--iodepth=2", "--size=8g", "--number_ios=2"];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(2)?;
    let changes = [
        ("seed", "7"),
        ("op", "read"),
        ("seed", "8"),
        ("min_bytes", "512"),
    ];
    for (attribute, value) in changes {
        injection.set(attribute, value)?;
        let (held, active) = (injection.stat("held")?, injection.stat("active")?);
        report.figure(
            &format!("2 of 4 times, after {attribute} {value}: held, active"),
            "2, 1",
            format!("{held}, {active}"),
            (held, active) == (2, 1),
        );
    }
    injection.set("delay_us", SHORT_US.to_string())?;
    load.finish()?;
    let options = ["--ioengine=psync", "--size=8g", "--number_ios=20"];
    let load = Fio::start_logged(&[], &disk.path(), &[RANDOM_READ, &options].concat())?;
    let times_ns = load.finish()?.latencies_ns();
    let late = times_ns.iter().filter(|ns| **ns >= SHORT_US * 1_000);
    let (late, active) = (late.count(), injection.stat("active")?);
    report.figure(
        "delayed of 20 more, active",
        "2, 0",
        format!("{late}, {active}"),
        (late, active) == (2, 0),
    );
    Ok(())
}
