// SPDX-License-Identifier: GPL-2.0-only

//! The time of an I/O in the disk's statistics, iostat's `await`, is the time that fio measures.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::{Context, Result};

/// The number of reads of each job.
const EACH: u32 = 16;

/// The reads that a disk or partition has completed, and the milliseconds that they took.
fn reads_and_ms(stat: &str) -> Result<(f64, f64)> {
    let text = sys::read(stat)?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let number = |place: usize| numbers.get(place).copied().context("a short line");
    Ok((number(0)?, number(3)?))
}

scenario!("iostat_delays", delays);
fn delays(report: &mut Report) -> Result<()> {
    measure(report, "delay of 10 ms", &[("delay_us", "10000")], 8)
}

scenario!("iostat_limits", limits);
fn limits(report: &mut Report) -> Result<()> {
    let settings = [("period_us", "100000"), ("quota", "10")];
    measure(report, "limit of 10 in 100 ms", &settings, 32)
}

/// Measures one way of holding, with a filter, and so many jobs that read one block after another.
fn measure(report: &mut Report, what: &str, settings: &[(&str, &str)], jobs: u32) -> Result<()> {
    for hold in ["request", "completion"] {
        let disk = Disk::on_ioem(&Kind {
            memory: true,
            partitions: true,
            ..Kind::default()
        })?;
        let (name, part) = (disk.name(), format!("{}p1", disk.name()));
        let all = [&[("device", &*part), ("hold", hold)], settings].concat();
        let _injection = Injection::with_texts("slow", &all)?;
        let stats = [
            format!("/sys/block/{name}/stat"),
            format!("/sys/block/{name}/{part}/stat"),
        ];
        let before = [reads_and_ms(&stats[0])?, reads_and_ms(&stats[1])?];
        // Each job waits for one read: with several, fio asks for the end of some only after
        // others.
        let (numjobs, size) = (format!("--numjobs={jobs}"), format!("--size={}k", 4 * EACH));
        let load = [
            RANDOM_READ,
            &["--ioengine=psync", "--thread", &numjobs, &size],
        ]
        .concat();
        let load = Fio::start(&format!("/dev/{part}"), &load)?;
        let seen_ms = load.finish()?.read_mean_ns()? / 1e6;
        for (stat, (reads, ms)) in stats.iter().zip(before) {
            let (reads_after, ms_after) = reads_and_ms(stat)?;
            let await_ms = (ms_after - ms) / (reads_after - reads);
            let of = if stat.contains(&part) {
                "partition"
            } else {
                "disk"
            };
            if (hold, of) == ("completion", "partition") && !sys::is_at_least(5, 12)? {
                report.skip("before Linux 5.12 a held completion counts for the disk alone");
                continue;
            }
            report.figure(
                &format!("{what}, hold={hold}: await of the {of}"),
                format!("{seen_ms:.3} ms ± 2 %, {} reads", jobs * EACH),
                format!("{await_ms:.3}, {}", reads_after - reads),
                (await_ms / seen_ms - 1.0).abs() <= 0.02,
            );
        }
    }
    Ok(())
}
