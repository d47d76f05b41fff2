// SPDX-License-Identifier: GPL-2.0-only

//! Lanes: a disk with n heads does n / delay I/Os a second, at each depth above n.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    readers::Readers,
    report::Report,
    sys,
};
use anyhow::Result;
use std::time::Duration;

const DELAY_MS: f64 = 10.0;

scenario!("lanes_rates", rates);
fn rates(report: &mut Report) -> Result<()> {
    sys::wait_for_clock();
    for hold in ["request", "completion"] {
        for (lanes, depth) in [(1, 1), (1, 16), (4, 2), (4, 4), (4, 32), (64, 100)] {
            let disk = Disk::on_ioem(&Kind {
                hw_queues: 2,
                ..Kind::default()
            })?;
            let count = lanes.to_string();
            let settings = [("hold", hold), ("lanes", &*count), ("delay_us", "10000")];
            let injection = Injection::with_texts("heads", &settings)?;
            let depth_option = format!("--iodepth={depth}");
            let options = ["--size=8g", "--time_based", "--runtime=2", &depth_option];
            let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
            let iops = load.finish()?.read_iops()?;
            let expected = f64::from(lanes.min(depth)) * 1_000.0 / DELAY_MS;
            report.time(
                &format!("{lanes} lanes at depth {depth}, {hold}: reads a second"),
                format!("{expected} ± 1 %"),
                format!("{iops:.2}"),
                (iops / expected - 1.0).abs() <= 0.01,
            );
            let held = injection.stat("held")?;
            report.figure("held", 0, held, held == 0);
        }
    }
    Ok(())
}

scenario!("lanes_order", order);
/// I/Os that arrive together are served one after another, each for its delay, and a change of the
/// number counts at once.
fn order(report: &mut Report) -> Result<()> {
    const READS: u64 = 12;
    for (lanes, rounds) in [(1, 12), (3, 4), (12, 1)] {
        let disk = Disk::on_ioem(&Kind::default())?;
        let settings = [("lanes", 1), ("delay_us", 3_600_000_000)];
        let injection = Injection::new("heads", &settings)?;
        let readers = Readers::start(&disk.path(), READS, 1);
        injection.wait_until_held(READS)?;
        injection.set("lanes", lanes.to_string())?;
        let last_ns = sys::monotonic_ns();
        std::thread::sleep(Duration::from_millis(1_000));
        // Each of them has arrived by now, and takes its lane from its arrival on.
        injection.set("delay_us", "500000")?;
        let mut reads = readers.finish()?;
        reads.sort_by_key(|read| read.end_ns);
        let first_ns = reads.iter().map(|read| read.start_ns).min().unwrap_or(0);
        let last = reads.last().map_or(0, |read| read.end_ns);
        let least_ms = rounds * 500;
        let (from_first, from_last) = (last - first_ns, last.saturating_sub(last_ns));
        report.figure(
            &format!("{lanes} lanes: {READS} reads of half a second, from the first arrival"),
            format!(">= {least_ms} ms"),
            format!("{:.1} ms", from_first as f64 / 1e6),
            from_first >= least_ms * 1_000_000,
        );
        // Half a second is less than the pause before the change.
        let most_ms = least_ms.max(1_000) + 20;
        report.time(
            "and from the last one",
            format!("<= {most_ms} ms"),
            format!("{:.1} ms", from_last as f64 / 1e6),
            from_last <= most_ms * 1_000_000,
        );
    }
    Ok(())
}

scenario!("lanes_beside_others", beside_others);
/// Another injection begins and ends all the time, sooner than the waiting I/O is served: the lane
/// serves as many I/Os as alone.
fn beside_others(report: &mut Report) -> Result<()> {
    const ROUNDS: u32 = 20;
    sys::wait_for_clock();
    for hold in ["request", "completion"] {
        let disk = Disk::on_ioem(&Kind {
            hw_queues: 2,
            ..Kind::default()
        })?;
        let settings = [("hold", hold), ("lanes", "1"), ("delay_us", "10000")];
        let heads = Injection::with_texts("heads", &settings)?;
        let other = Injection::with_texts("other", &[("hold", hold), ("enabled", "0")])?;
        other.set("delay_us", "1000")?;
        let options = [
            "--size=8g",
            "--time_based",
            "--runtime=1000",
            "--iodepth=64",
        ];
        let forever = [RANDOM_READ, &options, &["--thread"]].concat();
        let load = Fio::start(&disk.path(), &forever)?;
        heads.wait_until_held(60)?;
        let before = (disk.stat(0)?, sys::monotonic_ns());
        for round in 0..ROUNDS {
            other.set("enabled", if round % 2 == 0 { "1" } else { "0" })?;
            std::thread::sleep(Duration::from_millis(125));
        }
        let after = (disk.stat(0)?, sys::monotonic_ns());
        let iops = (after.0 - before.0) as f64 * 1e9 / (after.1 - before.1) as f64;
        report.time(
            &format!("reads a second of one lane beside {ROUNDS} changes, {hold}"),
            "100 ± 3 %",
            format!("{iops:.2}"),
            (97.0..=103.0).contains(&iops),
        );
        heads.set("enabled", "0")?;
        drop(load);
    }
    Ok(())
}

scenario!("lanes_after_lease", after_lease);
/// I/O that goes at the end of a lease leaves no lane booked for later I/O.
fn after_lease(report: &mut Report) -> Result<()> {
    const READS: u64 = 64;
    sys::wait_for_clock();
    for hold in ["request", "completion"] {
        let disk = Disk::on_ioem(&Kind::default())?;
        let settings = [("hold", hold), ("lanes", "1"), ("delay_us", "100000")];
        let heads = Injection::with_texts("heads", &settings)?;
        let readers = Readers::start(&disk.path(), READS, 1);
        heads.wait_until_held(READS - 1)?;
        heads.set("duration_ms", "1")?;
        readers.finish()?;
        heads.set("duration_ms", "60000")?;
        let read = Readers::start(&disk.path(), 1, 1).finish()?[0];
        let ms = read.latency_ns() as f64 / 1e6;
        report.time(
            &format!("a read after the end of a lease with {READS} reads in one lane, {hold}"),
            "100 to 102 ms",
            format!("{ms:.3}"),
            (100.0..=102.0).contains(&ms),
        );
    }
    Ok(())
}
