// SPDX-License-Identifier: GPL-2.0-only

//! Several injections at once: delays add up, and every limit must admit, after the delays are
//! over.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    scenarios::limit::judge_windows,
    sys,
    trace::{Event, Trace, issued_by_window, waits},
};
use anyhow::Result;
use std::{thread::sleep, time::Duration};

const SECOND_NS: u64 = 1_000_000_000;

scenario!("combine_two_delays", two_delays);
fn two_delays(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let _one = Injection::new("one", &[("delay_us", 300)])?;
    let _two = Injection::new("two", &[("delay_us", 700)])?;
    let trace = Trace::start(disk.device()?)?;
    Fio::start(
        &disk.path(),
        &[
            RANDOM_READ,
            &["--iodepth=1", "--size=8g", "--number_ios=1000"],
        ]
        .concat(),
    )?
    .finish()?;
    let waits = waits(&trace.stop()?);
    let early = waits.iter().filter(|wait| **wait < 1_000_000).count();
    report.figure(
        "300 + 700 us, early",
        0,
        format!("{early} of {}", waits.len()),
        early == 0 && waits.len() >= 1_000,
    );
    let mean_us = waits.iter().sum::<u64>() as f64 / waits.len().max(1) as f64 / 1e3;
    report.figure(
        "mean delay",
        "1000 us + <= 15",
        format!("{mean_us:.2} us"),
        mean_us <= 1_015.0,
    );
    Ok(())
}

/// The events of some seconds under a steady load, and the time when these seconds begin.
fn steady(disk: &Disk, seconds: u64) -> Result<(Vec<Event>, u64)> {
    let load = Fio::start(
        &disk.path(),
        &[
            RANDOM_READ,
            &[
                "--time_based",
                "--runtime=60",
                "--iodepth=64",
                "--numjobs=2",
            ],
        ]
        .concat(),
    )?;
    sleep(Duration::from_secs(2));
    let trace = Trace::start(disk.device()?)?;
    let start_ns = sys::monotonic_ns();
    sleep(Duration::from_secs(seconds + 1));
    let events = trace.stop()?;
    drop(load);
    Ok((events, start_ns))
}

fn per_second(counts: &[u64], seconds: u64) -> f64 {
    counts.iter().sum::<u64>() as f64 / seconds as f64
}

scenario!("combine_two_limits", two_limits);
fn two_limits(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    let _one = Injection::new("one", &[("period_us", 1_000), ("quota", 15)])?;
    let _two = Injection::new("two", &[("period_us", 10_000), ("quota", 100)])?;
    let (events, start_ns) = steady(&disk, 3)?;
    let short = issued_by_window(&events, start_ns, 3 * SECOND_NS, 1_000_000);
    let long = issued_by_window(&events, start_ns, 3 * SECOND_NS, 10_000_000);
    let iops = per_second(&long, 3);
    report.figure(
        "15 a ms and 100 in 10 ms, IOPS",
        "10000 ± 1 %",
        format!("{iops:.1}"),
        (iops / 1e4 - 1.0).abs() <= 0.01,
    );
    judge_windows(report, "windows of 1 ms", &short, 15);
    judge_windows(report, "windows of 10 ms", &long, 100);
    Ok(())
}

scenario!("combine_delay_and_limit", delay_and_limit);
fn delay_and_limit(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let _one = Injection::new("one", &[("delay_us", 2_000)])?;
    let _two = Injection::new("two", &[("period_us", 1_000), ("quota", 5)])?;
    let (events, start_ns) = steady(&disk, 3)?;
    let counts = issued_by_window(&events, start_ns, 3 * SECOND_NS, 1_000_000);
    let iops = per_second(&counts, 3);
    report.figure(
        "2 ms and 5 a ms, IOPS",
        "5000 ± 1 %",
        format!("{iops:.1}"),
        (iops / 5e3 - 1.0).abs() <= 0.01,
    );
    judge_windows(report, "windows of 1 ms", &counts, 5);
    let waits = waits(&events);
    let early = waits.iter().filter(|wait| **wait < 2_000_000).count();
    report.figure(
        "early",
        0,
        format!("{early} of {}", waits.len()),
        early == 0 && !waits.is_empty(),
    );
    Ok(())
}
