// SPDX-License-Identifier: GPL-2.0-only

//! Flushes without data, as a program's fsync of a clean file: a flush ends at its time, with its
//! error, and only where an injection asks for flushes by name.

use super::input::refusal;
use crate::{
    direct::Direct,
    disk::{Disk, Kind},
    injection::Injection,
    process::Cgroup,
    report::Report,
    stats, sys,
};
use anyhow::{Context, Result};
use std::{
    fs::File,
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const DELAY_MS: f64 = 10.0;

/// Notes in the report that this kernel shows the driver no flush, if so.
fn skip_flushes(report: &mut Report) -> Result<bool> {
    const EOPNOTSUPP: i32 = 95;
    if sys::shows_flushes()? {
        return Ok(false);
    }
    let asking = Injection::with_texts("asking", &[])?;
    let got = refusal(asking.set("op", "flush"));
    report.figure(
        "op=flush",
        EOPNOTSUPP,
        format!("{got:?}"),
        got == Some(EOPNOTSUPP),
    );
    report.skip("this kernel shows the driver no flush");
    Ok(true)
}

/// A disk with a volatile cache, so that the block layer has something to flush.
fn cached() -> Result<Disk> {
    Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        ..Kind::default()
    })
}

/// The milliseconds that each of so many flushes takes.
fn flushes(disk: &Disk, count: usize) -> Result<Vec<f64>> {
    let file = File::options().write(true).open(disk.path())?;
    let mut times = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
        file.sync_all()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Notes that flushes take their delay.
fn delayed(report: &mut Report, what: &str, times: &[f64]) {
    let (least, median) = (stats::quantile(times, 0.0), stats::quantile(times, 0.5));
    report.figure(
        &format!("{what}: milliseconds at least"),
        format!(">= {DELAY_MS}"),
        format!("{least:.3}"),
        least >= DELAY_MS,
    );
    report.time(
        &format!("{what}: median"),
        format!("<= {}", DELAY_MS + 0.3),
        format!("{median:.3}"),
        median <= DELAY_MS + 0.3,
    );
}

/// Notes that flushes take no delay.
fn prompt(report: &mut Report, what: &str, times: &[f64]) {
    let median = stats::quantile(times, 0.5);
    report.time(
        &format!("{what}: median of the milliseconds"),
        "< 1",
        format!("{median:.3}"),
        median < 1.0,
    );
}

scenario!("flush_alone_delayed", is_delayed);
fn is_delayed(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    const COUNT: usize = 50;
    let disk = cached()?;
    prompt(report, "without an injection", &flushes(&disk, COUNT)?);
    for hold in ["auto", "request", "completion"] {
        let settings = [("hold", hold), ("op", "flush"), ("delay_us", "10000")];
        let injection = Injection::with_texts("slow", &settings)?;
        let before = disk.stat(15)?;
        let times = flushes(&disk, COUNT)?;
        delayed(report, &format!("hold={hold}"), &times);
        let counts = [injection.stat("matched")?, injection.stat("delayed")?];
        let by_disk = disk.stat(15)? - before;
        report.figure(
            &format!("hold={hold}: matched, delayed, and flushes in diskstats"),
            format!("{COUNT}, {COUNT}, {COUNT}"),
            format!("{}, {}, {by_disk}", counts[0], counts[1]),
            counts == [COUNT as u64; 2] && by_disk == COUNT as u64,
        );
        let mut device = Direct::open(&disk.path())?;
        let start = Instant::now();
        let numbers = [device.write(0, 1)?, device.read(0)?];
        let took_ms = start.elapsed().as_secs_f64() * 1e3;
        report.time(
            &format!("hold={hold}: a write and a read, in milliseconds"),
            "< 5",
            format!("{took_ms:.3}, {numbers:?}"),
            took_ms < 5.0 && numbers == [0, 0],
        );
        injection.remove()?;
        prompt(report, "after the injection", &flushes(&disk, COUNT)?);
    }
    Ok(())
}

scenario!("flush_alone_chosen", chosen);
/// Only by name, by each second one, by a probability and by a cgroup.
fn chosen(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    let disk = cached()?;
    let every = Injection::new("every", &[("delay_us", 10_000)])?;
    prompt(report, "with an empty op", &flushes(&disk, 20)?);
    every.set("op", "write sync")?;
    prompt(report, "with writes alone", &flushes(&disk, 20)?);
    report.figure(
        "matched until then",
        0,
        every.stat("matched")?,
        every.stat("matched")? == 0,
    );
    every.set("every", "2")?;
    every.set("op", "write flush")?;
    let times = flushes(&disk, 40)?;
    let second = |place: usize| times.iter().skip(place).step_by(2).copied();
    let fast: Vec<f64> = second(0).collect();
    prompt(report, "of 40 flushes with every=2, the odd ones", &fast);
    let slow = second(1).filter(|time| *time >= DELAY_MS).count();
    let delayed = every.stat("delayed")?;
    report.figure(
        "the even ones that took the delay, and delayed",
        "20, 20",
        format!("{slow}, {delayed}"),
        (slow, delayed) == (20, 20),
    );
    every.remove()?;

    let settings = [
        ("op", "flush"),
        ("delay_us", "2000"),
        ("probability", "25"),
        ("seed", "7"),
    ];
    let some = Injection::with_texts("some", &settings)?;
    let (count, share) = (400.0_f64, 0.25_f64);
    let times = flushes(&disk, count as usize)?;
    let slow = times.iter().filter(|time| **time >= 2.0).count() as f64;
    let hit = some.stat("delayed")? as f64;
    report.time("as many took 2 ms", hit, slow, slow == hit);
    let bound = 5.0 * (count * share * (1.0 - share)).sqrt();
    report.figure(
        "delayed of 400 flushes at 25 %, seed 7",
        format!("{} ± {bound:.1} (5 deviations)", count * share),
        hit,
        (hit - count * share).abs() <= bound,
    );
    some.remove()?;

    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let settings = [
        ("op", "flush"),
        ("delay_us", "300000"),
        ("cgroup", slow.path()),
    ];
    let _owned = Injection::with_texts("owned", &settings)?;
    for (cgroup, range) in [(&slow, 300.0..f64::MAX), (&other, 0.0..200.0)] {
        let mut command = cgroup.enter();
        let output = format!("of={}", disk.path());
        command.extend(["dd", "if=/dev/null", &output, "conv=fsync,notrunc"].map(str::to_owned));
        let start = Instant::now();
        let status = Command::new(&command[0])
            .args(&command[1..])
            .output()?
            .status;
        let took_ms = start.elapsed().as_secs_f64() * 1e3;
        report.time(
            &format!(
                "a program of {} that flushes, in milliseconds",
                cgroup.path()
            ),
            format!("{range:?}"),
            format!("{took_ms:.1}, {status}"),
            range.contains(&took_ms) && status.success(),
        );
    }
    Ok(())
}

scenario!("flush_alone_together", together);
/// Beside each other, without memory, after a lease, and with an arm, which has no way to go.
fn together(report: &mut Report) -> Result<()> {
    const COUNT: u64 = 20;
    const MEMORY: &str = "/sys/kernel/config/ioem/memory_kib";
    if skip_flushes(report)? {
        return Ok(());
    }
    let disk = cached()?;
    let one = Injection::with_texts("one", &[("op", "FLUSH\n"), ("delay_us", "10000")])?;
    let settings = [
        ("op", "read flush"),
        ("hold", "request"),
        ("delay_us", "5000"),
    ];
    let other = Injection::with_texts("other", &settings)?;
    let least = stats::quantile(&flushes(&disk, COUNT as usize)?, 0.0);
    report.figure(
        "with a second delay of 5 ms",
        ">= 15",
        format!("{least:.3}"),
        least >= 15.0,
    );
    other.remove()?;
    delayed(
        report,
        "without the other again",
        &flushes(&disk, COUNT as usize)?,
    );
    one.set("op", "write")?;
    prompt(
        report,
        "after the last of them",
        &flushes(&disk, COUNT as usize)?,
    );
    one.set("op", "flush")?;
    delayed(
        report,
        "and with it again",
        &flushes(&disk, COUNT as usize)?,
    );

    let before = sys::read(MEMORY)?;
    sys::write(MEMORY, "0")?;
    let passed = flushes(&disk, COUNT as usize);
    sys::write(MEMORY, before)?;
    prompt(report, "without memory", &passed?);
    let count = one.stat("over_memory")?;
    report.figure("counted as over_memory", COUNT, count, count == COUNT);
    sys::write(MEMORY, "0")?;
    one.set("error", "EIO")?;
    let passed = flushes(&disk, COUNT as usize);
    sys::write(MEMORY, "65536")?;
    let counts = [one.stat("failed")?, one.stat("not_failed")?];
    report.figure(
        "with an error: fsync, failed, not_failed",
        format!("succeeds, 0, {COUNT}"),
        format!("{:?}, {counts:?}", passed.as_ref().map(Vec::len)),
        passed.is_ok() && counts == [0, COUNT],
    );
    one.set("error", "\n")?;

    one.set("duration_ms", "1")?;
    thread::sleep(Duration::from_millis(5));
    let matched = one.stat("matched")?;
    prompt(report, "after the lease", &flushes(&disk, COUNT as usize)?);
    let later = one.stat("matched")? - matched;
    report.figure("matched then", 0, later, later == 0);
    one.remove()?;

    let settings = [("op", "flush"), ("seek_us", "8500"), ("turn_us", "8333")];
    let _arm = Injection::with_texts("arm", &settings)?;
    prompt(report, "with an arm", &flushes(&disk, COUNT as usize)?);
    Ok(())
}

/// Starts a task that flushes, and returns where its result comes.
fn flushing(disk: &Disk) -> Result<mpsc::Receiver<std::io::Result<()>>> {
    let file = File::options().write(true).open(disk.path())?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(file.sync_all()));
    Ok(told)
}

scenario!("flush_alone_limited", limited);
/// So many in a window, the first at once; so many in all; and so many at a time.
fn limited(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    let disk = cached()?;
    let settings = [("op", "flush"), ("quota", "5"), ("period_us", "100000")];
    let limit = Injection::with_texts("limit", &settings)?;
    let start = Instant::now();
    flushes(&disk, 52)?;
    let took_ms = start.elapsed().as_secs_f64() * 1e3;
    report.figure(
        "milliseconds for 52 flushes, 5 in 100 ms",
        ">= 900",
        format!("{took_ms:.1}"),
        took_ms >= 900.0,
    );
    report.time(
        "and at most",
        "<= 1010",
        format!("{took_ms:.1}"),
        took_ms <= 1_010.0,
    );
    let counts = [limit.stat("matched")?, limit.stat("delayed")?];
    report.figure(
        "matched, delayed",
        "52, 0",
        format!("{counts:?}"),
        counts == [52, 0],
    );
    limit.remove()?;

    let settings = [("op", "flush"), ("delay_us", "10000"), ("times", "3")];
    let three = Injection::with_texts("three", &settings)?;
    let times = flushes(&disk, 20)?;
    let slow = times.iter().filter(|time| **time >= DELAY_MS).count();
    let delayed = three.stat("delayed")?;
    report.figure("delayed of 20, with times=3", 3, delayed, delayed == 3);
    report.time("as many took the delay", 3, slow, slow == 3);
    three.remove()?;

    let settings = [("op", "flush"), ("delay_us", "10000"), ("lanes", "1")];
    let _lane = Injection::with_texts("lane", &settings)?;
    let start = Instant::now();
    let all: Vec<_> = (0..8).map(|_| flushing(&disk)).collect::<Result<_>>()?;
    for told in all {
        told.recv_timeout(Duration::from_secs(5))
            .context("a flush that does not end")??;
    }
    let took_ms = start.elapsed().as_secs_f64() * 1e3;
    report.figure(
        "milliseconds for 8 flushes at once, through one lane",
        ">= 80",
        format!("{took_ms:.1}"),
        took_ms >= 80.0,
    );
    Ok(())
}

scenario!("flush_alone_released", released);
/// Each end of a hold ends a held flush, and nothing else does.
fn released(report: &mut Report) -> Result<()> {
    type End<'a> = (&'a str, &'a dyn Fn(&Disk, &Injection) -> Result<()>);
    if skip_flushes(report)? {
        return Ok(());
    }
    let ends: [End<'_>; 5] = [
        ("freeze 0", &|_, injection| injection.set("freeze", "0")),
        ("another op", &|_, injection| injection.set("op", "read")),
        ("the panic button", &|_, _| {
            sys::write("/sys/kernel/config/ioem/enabled", "0")?;
            sys::write("/sys/kernel/config/ioem/enabled", "1")
        }),
        ("another scheduler", &|disk, _| {
            disk.set_scheduler("none")?;
            disk.set_scheduler("ioem")
        }),
        ("a smaller queue", &|disk, _| {
            sys::write(disk.attribute("queue/nr_requests"), "16")
        }),
    ];
    for (what, end) in ends {
        let disk = cached()?;
        let injection = Injection::with_texts("hang", &[("op", "flush"), ("freeze", "1")])?;
        let told = flushing(&disk)?;
        injection.wait_until_held(1)?;
        let early = told.recv_timeout(Duration::from_millis(500)).is_ok();
        // Other I/O goes on.
        let read = Direct::open(&disk.path())?.read(0)?;
        end(&disk, &injection)?;
        let result = told.recv_timeout(Duration::from_secs(5));
        let right = matches!(result, Ok(Ok(())));
        report.figure(
            &format!("a flush under freeze=1 until {what}"),
            "held, a read goes on, released",
            format!("early: {early}, read: {read}, {result:?}"),
            !early && read == 0 && right,
        );
    }
    let disk = cached()?;
    let injection = Injection::with_texts("hang", &[("op", "flush"), ("freeze", "1")])?;
    let told = flushing(&disk)?;
    injection.wait_until_held(1)?;
    injection.remove()?;
    let result = told.recv_timeout(Duration::from_secs(5));
    report.figure(
        "after rmdir",
        "released",
        format!("{result:?}"),
        matches!(result, Ok(Ok(()))),
    );
    Ok(())
}

scenario!("error_flush", fails);
/// fsync tells the error, when the delay is over; the disk has flushed.
fn fails(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    let disk = cached()?;
    let settings = [("op", "flush"), ("delay_us", "10000"), ("error", "EIO")];
    let injection = Injection::with_texts("failing", &settings)?;
    let file = File::options().write(true).open(disk.path())?;
    let mut numbers = Vec::new();
    let mut early = 0;
    for _ in 0..10 {
        let start = Instant::now();
        let error = file.sync_all().err().context("fsync has succeeded")?;
        numbers.push(error.raw_os_error());
        early += u32::from(start.elapsed().as_secs_f64() * 1e3 < DELAY_MS);
    }
    report.figure(
        "the errors of ten flushes",
        "EIO (5) each, none early, as many in stats",
        format!("{numbers:?}, {early}, {}", injection.stat("failed")?),
        numbers == [Some(5); 10] && early == 0 && injection.stat("failed")? == 10,
    );
    let written = Direct::open(&disk.path())?.write(0, 1)?;
    report.figure("a write meanwhile", 0, written, written == 0);
    injection.set("error", "\n")?;
    let after = file.sync_all();
    report.figure(
        "a flush after that",
        "Ok",
        format!("{after:?}"),
        after.is_ok(),
    );
    Ok(())
}
