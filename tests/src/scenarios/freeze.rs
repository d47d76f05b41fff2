// SPDX-License-Identifier: GPL-2.0-only

//! A freeze: no matching I/O ends until the freeze does, then all of it does, and others go on.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    process::Cgroup,
    readers::Readers,
    report::Report,
    sys,
    trace::{Event, Step, Trace},
    writers::Writers,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    thread::sleep,
    time::{Duration, Instant},
};

/// For how long I/O is frozen.
const FREEZE_MS: u64 = 10_000;

/// I/O that was at the disk already ends by then.
const UNDER_WAY_NS: u64 = 100_000_000;

/// I/O that was frozen ends by then.
const LIMIT_MS: u64 = 100;

/// The time that each disk takes for an I/O. A disk without it does far more I/O, which only takes
/// time to emulate.
const SERVICE_NS: u64 = 1_000_000;

/// How many tasks write, each to a file of its own.
const WRITERS: usize = 4;

/// Reads a second of others, one at a time.
fn reads(before: &[String], path: &str) -> Result<f64> {
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let options = ["--iodepth=1", "--size=100m", "--time_based", "--runtime=2"];
    let load = Fio::start_by(&before, path, &[RANDOM_READ, &options].concat())?;
    load.finish()?.read_iops()
}

/// Notes that others go on.
fn go_on(report: &mut Report, what: &str, [without, alone, meanwhile]: [f64; 3]) {
    report.figure(
        &format!("IOPS of {what}, {alone:.0} with nothing frozen ({without:.0} without a freeze)"),
        ">= 95 %",
        format!("{meanwhile:.0}, {:.1} %", meanwhile / alone * 100.0),
        meanwhile >= 0.95 * alone,
    );
}

scenario!("freeze_whole_disk", whole_disk);
/// The driver holds requests, and another disk goes on.
fn whole_disk(report: &mut Report) -> Result<()> {
    let other = Disk::on_ioem(&Kind {
        completion_ns: SERVICE_NS,
        ..Kind::default()
    })?;
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        completion_ns: SERVICE_NS,
        ..Kind::default()
    })?;
    let settings = [("device", disk.name())];
    let frozen = Frozen {
        disk: &disk,
        path: disk.path(),
        settings: &settings,
        other: ("another disk", other.path()),
        holds_requests: true,
    };
    frozen.measure(report)
}

scenario!("freeze_partition", partition);
/// The driver holds completions, and the other partition goes on.
fn partition(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        partitions: true,
        completion_ns: SERVICE_NS,
        ..Kind::default()
    })?;
    let name = format!("{}p1", disk.name());
    let settings = [("device", &*name), ("hold", "completion")];
    let frozen = Frozen {
        disk: &disk,
        path: format!("{}p1", disk.path()),
        settings: &settings,
        other: ("another partition", format!("{}p2", disk.path())),
        holds_requests: false,
    };
    frozen.measure(report)
}

/// A file system that is frozen while tasks write to it.
struct Frozen<'a> {
    disk: &'a Disk,
    /// The device of the file system.
    path: String,
    settings: &'a [(&'a str, &'a str)],
    /// The others, in words, and their device.
    other: (&'static str, String),
    holds_requests: bool,
}

impl Frozen<'_> {
    fn measure(&self, report: &mut Report) -> Result<()> {
        sys::run(&["mkfs.ext4", "-q", &self.path])?;
        let injection = Injection::with_texts("frozen", self.settings)?;
        let (what, other) = &self.other;
        reads(&[], other)?;
        let without = reads(&[], other)?;
        // The trace takes some time of each I/O, others' included.
        let trace = Trace::start_steps(self.disk.device()?, &[Step::Issue, Step::Complete])?;
        injection.set("freeze", "1")?;
        let alone = reads(&[], other)?;
        injection.set("freeze", "0")?;
        sys::run(&["mount", "-t", "ext4", &self.path, "/mnt"])?;
        let writers = Writers::start("/mnt", WRITERS);
        sleep(Duration::from_millis(500));
        let before_ns = sys::monotonic_ns();
        injection.set("duration_ms", FREEZE_MS.to_string())?;
        injection.set("freeze", "1")?;
        let (begun, begun_ns) = (Instant::now(), sys::monotonic_ns());
        // No earlier than this, by the time before the write.
        let end_ns = before_ns + FREEZE_MS * 1_000_000;
        sleep(Duration::from_millis(500));
        let meanwhile = reads(&[], other)?;
        sleep(Duration::from_millis(FREEZE_MS - 500).saturating_sub(begun.elapsed()));
        let held = injection.stat("held")?;
        sleep(Duration::from_secs(2));
        let active = injection.stat("active")?;
        let written = writers.stop()?;
        sys::run(&["umount", "/mnt"])?;
        let events = trace.stop()?;
        go_on(report, what, [without, alone, meanwhile]);
        report.figure("held", ">= 1", held, held >= 1);
        report.figure("active after the lease", 0, active, active == 0);
        let quiet = begun_ns + UNDER_WAY_NS..end_ns;
        let ends = written.ends_ns().filter(|ns| quiet.contains(ns)).count();
        report.figure("calls of fsync that ended meanwhile", 0, ends, ends == 0);
        if self.holds_requests {
            let count = |step| {
                let during = events.iter().filter(|event| quiet.contains(&event.time_ns));
                during.filter(|event| event.step == step).count()
            };
            let counts = (count(Step::Issue), count(Step::Complete));
            report.figure(
                "requests that the disk got, and that it ended",
                "0, 0",
                format!("{}, {}", counts.0, counts.1),
                counts == (0, 0),
            );
        }
        let lost = unended(&events);
        report.figure("places with writes that never ended", 0, lost, lost == 0);
        let last_ns = written.first_after_ns(end_ns).context("a writer hangs")?;
        let last_ms = last_ns.saturating_sub(end_ns) as f64 / 1e6;
        report.time(
            "each writer went on after",
            format!("< {LIMIT_MS} ms"),
            format!("{last_ms:.3} ms"),
            last_ms < LIMIT_MS as f64,
        );
        let check = sys::run(&["fsck.ext4", "-f", "-n", &self.path]);
        let word = if check.is_ok() { "clean" } else { "errors" };
        report.figure("fsck", "clean", word, check.is_ok());
        sys::run(&["mount", "-t", "ext4", &self.path, "/mnt"])?;
        let (right, all) = written.verify("/mnt")?;
        sys::run(&["umount", "/mnt"])?;
        report.figure(
            "written blocks that are as they were written",
            format!("all, of >= {}", 20 * WRITERS),
            format!("{right} of {all}"),
            right == all && all >= 20 * WRITERS,
        );
        Ok(())
    }
}

/// How many places the disk got in more writes than it ended. A flush has no place, and a write
/// with a flush ends twice in the trace: when the disk has written, and when the last flush is over
/// (`blk_flush_complete_seq`), then at the place behind it.
fn unended(events: &[Event]) -> usize {
    let mut open: BTreeMap<u64, i64> = BTreeMap::new();
    for event in events
        .iter()
        .filter(|event| event.is(b'W') && !event.is(b'F'))
    {
        *open.entry(event.sector).or_default() += match event.step {
            Step::Issue => 1,
            _ => -1,
        };
    }
    open.values().filter(|count| **count > 0).count()
}

scenario!("freeze_cgroup", cgroup);
/// Another cgroup goes on, on the same disk, even if there are more frozen I/Os than tags.
fn cgroup(report: &mut Report) -> Result<()> {
    const FROZEN: u64 = 256;
    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let disk = Disk::on_ioem(&Kind {
        completion_ns: SERVICE_NS,
        ..Kind::default()
    })?;
    let injection = Injection::with_texts("frozen", &[("cgroup", slow.path())])?;
    let before = other.enter();
    reads(&before, &disk.path())?;
    let without = reads(&before, &disk.path())?;
    let enter = slow.enter();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    let number = format!("--number_ios={FROZEN}");
    let options = ["--iodepth=256", "--size=8g", &number];
    injection.set("duration_ms", FREEZE_MS.to_string())?;
    injection.set("freeze", "1")?;
    let alone = reads(&before, &disk.path())?;
    let load = Fio::start_by(&enter, &disk.path(), &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(FROZEN)?;
    injection.set("duration_ms", FREEZE_MS.to_string())?;
    let meanwhile = reads(&before, &disk.path())?;
    let held = injection.stat("held")?;
    report.figure("held", FROZEN, held, held == FROZEN);
    go_on(report, "another cgroup", [without, alone, meanwhile]);
    let ios = load.finish()?.total_ios()?;
    report.figure("ended after the lease", FROZEN, ios, ios == FROZEN as f64);
    Ok(())
}

scenario!("freeze_thawed", thawed);
/// Without the freeze, I/O goes by its delay from its arrival.
fn thawed(report: &mut Report) -> Result<()> {
    const READS: u64 = 16;
    for hold in ["request", "completion"] {
        // The thaw comes before the delay is over, and after it.
        for (delay_ms, thaw_ms) in [(2_000, 1_000), (500, 1_500), (0, 1_000)] {
            let disk = Disk::on_ioem(&Kind::default())?;
            let delay_us = (delay_ms * 1_000).to_string();
            let settings = [("hold", hold), ("delay_us", &*delay_us), ("freeze", "1")];
            let injection = Injection::with_texts("frozen", &settings)?;
            let readers = Readers::start(&disk.path(), READS, 1);
            injection.wait_until_held(READS)?;
            sleep(Duration::from_millis(thaw_ms));
            let thawed_ns = sys::monotonic_ns();
            injection.set("freeze", "0")?;
            let reads = readers.finish()?;
            let due = |start_ns: u64| (start_ns + delay_ms * 1_000_000).max(thawed_ns);
            let early = reads.iter().filter(|read| read.end_ns < due(read.start_ns));
            let early = early.count();
            report.figure(
                &format!("hold={hold}, delay of {delay_ms} ms, thaw after {thaw_ms} ms: early"),
                0,
                format!("{early} of {}", reads.len()),
                early == 0 && reads.len() as u64 == READS,
            );
            let late = reads
                .iter()
                .map(|read| read.end_ns - due(read.start_ns).min(read.end_ns));
            let late_ms = late.max().unwrap_or(u64::MAX) as f64 / 1e6;
            report.time(
                "the last one late by",
                "< 10 ms",
                format!("{late_ms:.3} ms"),
                late_ms < 10.0,
            );
        }
    }
    Ok(())
}

scenario!("freeze_ceiling", ceiling);
/// A disk that is frozen serves no I/O.
fn ceiling(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    sys::write(disk.attribute("queue/nr_requests"), "64")?;
    let injection = Injection::new("frozen", &[("freeze", 1)])?;
    let slow = [("delay_us", "20000"), ("op", "read"), ("hold", "request")];
    let slow = Injection::with_texts("slow", &slow)?;
    let line = |iops: u64| format!("{} {iops}", disk.name());
    let mut is = |what: &str, injection: &Injection, expected: String| -> Result<()> {
        let found = injection.get("ceiling")?;
        report.figure(
            &format!("ceiling {what}"),
            format!("'{expected}'"),
            format!("'{found}'"),
            found == expected,
        );
        Ok(())
    };
    is("of a freeze", &injection, line(0))?;
    is("of a delay of the same I/O", &slow, line(0))?;
    injection.set("duration_ms", "8000")?;
    is("in a lease", &injection, line(0))?;
    injection.set("probability", "50")?;
    injection.set("hold", "request")?;
    is("of a half of all I/O", &injection, line(0))?;
    injection.set("probability", "0")?;
    is("of none", &injection, String::new())?;
    injection.set("probability", "100")?;
    injection.set("hold", "completion")?;
    is("of held completions", &injection, String::new())?;
    is("of the delay then", &slow, line(64 * 50))?;
    injection.set("hold", "request")?;
    injection.set("duration_ms", "1")?;
    sleep(Duration::from_millis(20));
    is("after the lease", &injection, String::new())?;
    is("of the delay then", &slow, line(64 * 50))?;
    injection.set("duration_ms", "0")?;
    injection.set("delay_us", "20000")?;
    is("of a freeze with a delay", &injection, line(0))?;
    injection.set("freeze", "0")?;
    is("of the delay alone", &injection, line(64 * 50))?;
    is("of both delays", &slow, line(64 * 25))
}
