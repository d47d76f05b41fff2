// SPDX-License-Identifier: GPL-2.0-only

//! The exactness of limits, and how evenly they admit I/Os.

use super::{Bench, cost::load_options, cpus::Cpus, print};
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    process::Cgroup,
    sys,
    trace::{Step, Trace, issued_by_window},
};
use anyhow::Result;
use serde_json::json;
use std::{thread::sleep, time::Duration};

pub(super) fn all(bench: &mut Bench) -> Result<()> {
    short_windows(bench)?;
    spread(bench)
}

/// 40,000 I/Os a second in windows of 100 us.
fn short_windows(bench: &Bench) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let cpus = Cpus::of_queues(&disk)?;
    let injection = Injection::new("limit", &[("period_us", 100), ("quota", 4)])?;
    let options = load_options(bench, &cpus, 64);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let load = Fio::start(&disk.path(), &options)?;
    sleep(Duration::from_secs(1));
    let before = (disk.stat(0)?, sys::monotonic_ns());
    sleep(Duration::from_secs(2));
    let after = (disk.stat(0)?, sys::monotonic_ns());
    injection.remove()?;
    drop(load);
    let iops = (after.0 - before.0) as f64 * 1e9 / (after.1 - before.1) as f64;
    print(
        "limit",
        json!({"asked": 40_000, "period_us": 100}),
        json!({"iops": iops}),
    );
    Ok(())
}

/// 10,000 I/Os a second, and how many of them in each 10 ms.
fn spread(bench: &Bench) -> Result<()> {
    const IOPS: u64 = 10_000;
    let cpus = Cpus::first(2)?;
    for by in ["ioem", "io.max"] {
        let cgroup = Cgroup::new("limited")?;
        let disk = Disk::new(&Kind::default())?;
        let mut injection = None;
        if by == "ioem" {
            disk.set_scheduler("ioem-mq")?;
            let settings = [("period_us", 1_000), ("quota", IOPS / 1_000)];
            injection = Some(Injection::new("limit", &settings)?);
        } else {
            disk.set_scheduler("none")?;
            let device = sys::read(disk.attribute("dev"))?;
            sys::write(
                format!("{}/io.max", cgroup.path()),
                format!("{device} riops={IOPS}"),
            )?;
        }
        let enter = cgroup.enter();
        let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
        let options = load_options(bench, &cpus, 32);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let load = Fio::start_by(&enter, &disk.path(), &options)?;
        sleep(Duration::from_secs(1));
        let trace = Trace::start_steps(disk.device()?, &[Step::Issue])?;
        let start_ns = sys::monotonic_ns();
        sleep(Duration::from_millis(2_100));
        let events = trace.stop()?;
        drop(injection);
        drop(load);
        let counts = issued_by_window(&events, start_ns, 2_000_000_000, 10_000_000);
        let counts: Vec<f64> = counts.iter().map(|count| *count as f64 * 100.0).collect();
        let numbers = json!({
            "mean": crate::stats::mean(&counts),
            "deviation": crate::stats::deviation(&counts),
            "buckets": counts,
        });
        print("spread", json!({"by": by, "asked": IOPS}), numbers);
    }
    Ok(())
}
