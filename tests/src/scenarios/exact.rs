// SPDX-License-Identifier: GPL-2.0-only

//! Delays of some of a disk's I/O: no completion is early, measured from the time when the disk has
//! served the I/O to the time when the reader has it; and hardly any is late.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    readers::{Read, Readers},
    report::Report,
    stats::quantile,
    trace::{Event, Step, Trace},
};
use anyhow::{Context, Result};
use std::collections::HashMap;

/// The place that the injection delays: the first GiB.
const PLACE: &str = "0+2097152";

/// A sector outside of that place.
const ELSEWHERE: u64 = 4_194_304;

scenario!("exact_100us", delay_100us);
fn delay_100us(report: &mut Report) -> Result<()> {
    measure(report, 100, 2_000)
}

scenario!("exact_1ms", delay_1ms);
fn delay_1ms(report: &mut Report) -> Result<()> {
    measure(report, 1_000, 2_000)
}

scenario!("exact_10ms", delay_10ms);
fn delay_10ms(report: &mut Report) -> Result<()> {
    measure(report, 10_000, 400)
}

/// Reads, and the time from the disk's answer to the reader for each of them.
fn reads(disk: &Disk, sector: u64, users: u64, reads: u64) -> Result<(Vec<Read>, Vec<u64>)> {
    let trace = Trace::start_steps(disk.device()?, &[Step::Complete])?;
    let all = Readers::start_from(&disk.path(), sector, users, reads).finish()?;
    let events: Vec<Event> = trace.stop()?;
    let served: HashMap<u64, u64> = events.iter().map(|e| (e.sector, e.time_ns)).collect();
    let after = all.iter().map(|read| {
        let served_ns = served.get(&read.sector).context("a read without a trace")?;
        Ok(read.end_ns.saturating_sub(*served_ns))
    });
    let after = after.collect::<Result<Vec<u64>>>()?;
    Ok((all, after))
}

fn latencies_us(reads: &[Read]) -> Vec<f64> {
    let latencies = reads.iter().map(|read| read.latency_ns() as f64 / 1e3);
    latencies.collect()
}

fn measure(report: &mut Report, delay_us: u64, count: u64) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let delay = delay_us.to_string();
    let settings = [("sectors", PLACE), ("delay_us", &*delay)];
    let _injection = Injection::with_texts("delay", &settings)?;
    reads(&disk, ELSEWHERE, 1, 100)?;
    let (alone, _) = reads(&disk, ELSEWHERE, 1, count)?;
    let path_us = quantile(&latencies_us(&alone), 0.5);
    for users in [1, 32] {
        reads(&disk, 0, users, 2)?;
        let (all, after) = reads(&disk, 0, users, count / users)?;
        let early = after.iter().filter(|ns| **ns < delay_us * 1_000).count();
        report.figure(
            &format!(
                "{delay_us} us at a depth of {users}: early of {}",
                all.len()
            ),
            0,
            early,
            early == 0,
        );
        let over: Vec<f64> = latencies_us(&all)
            .iter()
            .map(|latency_us| latency_us - path_us - delay_us as f64)
            .collect();
        let [p50, p99] = [0.5, 0.99].map(|share| quantile(&over, share));
        let measured = format!("{p50:.2} and {p99:.2} us");
        let what = format!("added less asked at a depth of {users}, p50 and p99");
        if users == 1 {
            let good = p50 <= 15.0 && p99 <= 25.0;
            report.figure(&what, "<= 15 and <= 25 us", measured, good);
        } else {
            report.figure(&what, "told only", measured, true);
        }
    }
    Ok(())
}
