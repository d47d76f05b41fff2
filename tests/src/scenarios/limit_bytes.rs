// SPDX-License-Identifier: GPL-2.0-only

//! Limits of bytes, large I/Os that count several times, and room that is saved for later, counted
//! from issues in the block trace.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    process::Cgroup,
    report::Report,
    stats, sys,
    trace::{Event, Step, Trace, issued_by_window},
};
use anyhow::{Context, Result};
use std::{thread::sleep, time::Duration};

const SECOND_NS: u64 = 1_000_000_000;

/// The largest read of the mixed loads.
const LARGEST: u64 = 1 << 20;

/// The disk gets the reads as they are, where null_blk can be told so. Otherwise it gets parts of
/// at most 127 KiB.
fn disk() -> Result<Disk> {
    let more: &[_] = match Disk::can_have(MAX_SECTORS)? {
        true => &[(MAX_SECTORS, "2560")],
        false => &[],
    };
    Disk::on_ioem(&Kind {
        more,
        ..Kind::default()
    })
}

const MAX_SECTORS: &str = "max_sectors";

/// A load on the disk until it is dropped.
fn start(disk: &Disk, options: &[&str]) -> Result<Fio> {
    start_by(&[], disk, options)
}

/// The same by a program that starts fio.
fn start_by(by: &[&str], disk: &Disk, options: &[&str]) -> Result<Fio> {
    // A process of fio's own would outlive the load.
    let forever = ["--time_based", "--runtime=1000", "--iodepth=64", "--thread"];
    Fio::start_by(by, &disk.path(), &[RANDOM_READ, &forever, options].concat())
}

/// The issues of a load in so many whole seconds.
struct Issues {
    events: Vec<Event>,
    start_ns: u64,
    seconds: u64,
}

impl Issues {
    /// Of random reads with these options.
    fn of(disk: &Disk, options: &[&str], seconds: u64) -> Result<Self> {
        Self::of_load(start(disk, options)?, disk, seconds)
    }

    /// Of this load, which ends then.
    fn of_load(load: Fio, disk: &Disk, seconds: u64) -> Result<Self> {
        // By then some read waits.
        sleep(Duration::from_secs(2));
        let trace = Trace::start_steps(disk.device()?, &[Step::Issue])?;
        let start_ns = sys::monotonic_ns();
        sleep(Duration::from_secs(seconds + 1));
        let events = trace.stop()?;
        drop(load);
        Ok(Self {
            events,
            start_ns,
            seconds,
        })
    }

    /// The number of reads in each second.
    fn reads(&self) -> Vec<u64> {
        let length_ns = self.seconds * SECOND_NS;
        issued_by_window(&self.events, self.start_ns, length_ns, SECOND_NS)
    }

    /// The bytes of the reads in each window.
    fn bytes(&self, period_ns: u64) -> Vec<u64> {
        self.sums(period_ns, |bytes| bytes)
    }

    /// The sum of what the bytes of each read are worth, in each window.
    fn sums(&self, period_ns: u64, worth: impl Fn(u64) -> u64) -> Vec<u64> {
        let first = self.start_ns.div_ceil(period_ns);
        let mut sums = vec![0; (self.seconds * SECOND_NS / period_ns) as usize];
        for event in &self.events {
            let window = (event.time_ns / period_ns).checked_sub(first);
            if let Some(sum) = window.and_then(|window| sums.get_mut(window as usize)) {
                *sum += worth(u64::from(event.sectors) * 512);
            }
        }
        sums
    }
}

/// By how many bytes the windows until some window are short of, and beyond, their quotas.
fn short_and_beyond(bytes: &[u64], quota: u64) -> (i64, i64) {
    let (mut short, mut beyond, mut sum) = (0, 0, 0);
    for bytes in bytes {
        sum += *bytes as i64 - quota as i64;
        (short, beyond) = (short.max(-sum), beyond.max(sum));
    }
    (short, beyond)
}

scenario!("limit_bytes_1mb", |report| bandwidth(
    report, 1_000_000, 1_000_000, 120
));
scenario!("limit_bytes_50mb", |report| bandwidth(
    report, 50_000_000, 10_000, 5
));
scenario!("limit_bytes_1gb", |report| bandwidth(
    report,
    1_000_000_000,
    1_000,
    2
));

/// Reads of 4 KiB to 1 MiB, of so many bytes a second.
fn bandwidth(report: &mut Report, rate: u64, period_us: u64, seconds: u64) -> Result<()> {
    let disk = disk()?;
    let quota = rate * period_us / 1_000_000;
    let settings = [("period_us", period_us), ("bytes_quota", quota)];
    let _injection = Injection::new("limit", &settings)?;
    let issues = Issues::of(&disk, &["--bsrange=4k-1m"], seconds)?;
    let bytes = issues.bytes(period_us * 1_000);
    let measured = bytes.iter().sum::<u64>() as f64 / seconds as f64;
    let difference = (measured / rate as f64 - 1.0) * 100.0;
    report.figure(
        &format!("bytes a second, {} reads", issues.events.len()),
        format!("{rate} ± 1 %"),
        format!("{measured:.0}"),
        difference.abs() <= 1.0,
    );
    // The first window of the trace may begin with room that a large read has taken before, or has
    // left of such a read.
    let (short, beyond) = short_and_beyond(&bytes, quota);
    let most = 2 * LARGEST as i64;
    report.figure(
        &format!(
            "bytes that {} windows are ever short or beyond",
            bytes.len()
        ),
        format!("<= {most}, two reads"),
        format!("{short}, {beyond}"),
        short <= most && beyond <= most,
    );
    Ok(())
}

scenario!("limit_bytes_even", even);
/// 50 MB/s go as evenly as by io.max, or more so.
fn even(report: &mut Report) -> Result<()> {
    const RATE: u64 = 50_000_000;
    const BUCKET_NS: u64 = 10_000_000;
    let mut deviations = Vec::new();
    for by in ["io.max", "ioem"] {
        let cgroup = Cgroup::new("limited")?;
        let disk = Disk::new(&Kind::default())?;
        let mut injection = None;
        if by == "ioem" {
            disk.set_scheduler("ioem")?;
            let settings = [("period_us", 10_000), ("bytes_quota", RATE / 100)];
            injection = Some(Injection::new("limit", &settings)?);
        } else {
            disk.set_scheduler("none")?;
            let line = format!("{} rbps={RATE}", sys::read(disk.attribute("dev"))?);
            sys::write(format!("{}/io.max", cgroup.path()), line)?;
        }
        let enter = cgroup.enter();
        let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
        let load = start_by(&enter, &disk, &["--bs=64k"])?;
        let bytes = Issues::of_load(load, &disk, 3)?.bytes(BUCKET_NS);
        drop(injection);
        let rates: Vec<f64> = bytes.iter().map(|bytes| *bytes as f64 / 1e4).collect();
        let (mean, deviation) = (stats::mean(&rates), stats::deviation(&rates));
        report.figure(
            &format!("MB/s of {by}, in each of {} times 10 ms", rates.len()),
            "50 ± 1 %",
            format!("{mean:.2}, standard deviation {deviation:.2}"),
            by != "ioem" || (mean - 50.0).abs() <= 0.5,
        );
        deviations.push(deviation);
    }
    report.figure(
        "standard deviation with ioem",
        format!("<= {:.2}, that of io.max", deviations[0]),
        format!("{:.2}", deviations[1]),
        deviations[1] <= deviations[0],
    );
    Ok(())
}

scenario!("limit_bytes_and_ios", bytes_and_ios);
/// Both quotas must admit, and the smaller one decides.
fn bytes_and_ios(report: &mut Report) -> Result<()> {
    let disk = disk()?;
    let settings = [("quota", 50), ("bytes_quota", 1_048_576)];
    let _injection = Injection::new("limit", &settings)?;
    for (size, asked) in [("4k", 50), ("64k", 16)] {
        let reads = Issues::of(&disk, &[&format!("--bs={size}")], 4)?.reads();
        report.figure(
            &format!("reads of {size} a second"),
            asked,
            format!("{reads:?}"),
            reads.iter().all(|reads| *reads == asked),
        );
    }
    Ok(())
}

scenario!("limit_ios_of_bytes", ios_of_bytes);
/// A read of 1 MiB counts as four I/Os of 256 KiB, and one of 4 KiB as one.
fn ios_of_bytes(report: &mut Report) -> Result<()> {
    if !Disk::can_have(MAX_SECTORS)? {
        report.skip("null_blk of this kernel has no requests of more than 127 KiB");
        return Ok(());
    }
    let disk = disk()?;
    let settings = [("quota", 100), ("ios_of_bytes", 262_144)];
    let _injection = Injection::new("limit", &settings)?;
    for (size, usual) in [("1m", 25), ("257k", 50), ("256k", 100), ("4k", 100)] {
        let issues = Issues::of(&disk, &[&format!("--bs={size}")], 3)?;
        let ios = issues.sums(SECOND_NS, |bytes| bytes.div_ceil(262_144));
        // The kernel cuts a read whose memory is in more pieces than the disk takes: then there are
        // more requests, each of which counts by itself.
        report.figure(
            &format!(
                "I/Os that the reads of {size} count as in a second, in {:?} requests, most often \
                 {usual}",
                issues.reads()
            ),
            "100 ± 3, the rest of one read of 1m",
            format!("{ios:?}"),
            ios.iter().all(|ios| ios.abs_diff(100) <= 3),
        );
    }
    Ok(())
}

scenario!("limit_burst", burst);
/// The saved room goes first, and a pause saves it again.
fn burst(report: &mut Report) -> Result<()> {
    let disk = disk()?;
    let settings = [("quota", 100), ("burst", 1_000)];
    let injection = Injection::new("limit", &settings)?;
    // Nothing is saved when `burst` is set after the quota.
    for (pause_s, saved) in [(12, 1_000), (12, 1_000), (5, 500)] {
        sleep(Duration::from_secs(pause_s));
        let told = injection.stat("saved")?;
        report.figure(
            &format!("saved in stats after a pause of {pause_s} s"),
            format!("{saved} ± 100"),
            told,
            told.abs_diff(saved) <= 100 && told <= 1_000,
        );
        let trace = Trace::start_steps(disk.device()?, &[Step::Issue])?;
        let load = start(&disk, &[])?;
        sleep(Duration::from_secs(6));
        drop(load);
        let events = trace.stop()?;
        let first = events.first().context("no read was issued")?;
        let start_ns = first.time_ns / SECOND_NS * SECOND_NS;
        let reads = issued_by_window(&events, start_ns, 4 * SECOND_NS, SECOND_NS);
        // The load may begin in the last moment of a window, or end a pause in the middle of one.
        let most = saved + 4 * 100;
        let sum: u64 = reads.iter().sum();
        report.figure(
            &format!("reads in four seconds after a pause of {pause_s} s"),
            format!("{most} ± 200, the last with 100"),
            format!("{reads:?}"),
            sum.abs_diff(most) <= 200 && reads[3] == 100,
        );
    }
    Ok(())
}

scenario!("limit_lower_quota", lower_quota);
/// The use by a greater quota is no debt under the smaller one.
fn lower_quota(report: &mut Report) -> Result<()> {
    let disk = disk()?;
    let injection = Injection::new("limit", &[("bytes_quota", 104_857_600)])?;
    Issues::of(&disk, &["--bs=64k"], 1)?;
    injection.set("bytes_quota", "655360")?;
    let reads = Issues::of(&disk, &["--bs=64k"], 3)?.reads();
    report.figure(
        "reads of 64k a second, from two seconds after the change on",
        10,
        format!("{reads:?}"),
        reads.iter().all(|reads| *reads == 10),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_windows_are_judged() {
        assert_eq!(short_and_beyond(&[10, 10, 10], 10), (0, 0));
        assert_eq!(short_and_beyond(&[15, 5, 0, 20], 10), (10, 5));
        assert_eq!(short_and_beyond(&[0, 30], 10), (10, 10));
    }
}
