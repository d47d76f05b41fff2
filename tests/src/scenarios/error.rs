// SPDX-License-Identifier: GPL-2.0-only

//! Errors: as many I/Os fail as were asked, with the asked error, at their time, and no other does.

use super::recovery::ONLINE;
use crate::{
    direct::{BLOCK, Direct},
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    random::Random,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{
    thread::{self, sleep},
    time::Duration,
};

/// Each error by the name for programs and that of the block layer, and its number for programs.
/// The kernel's headers have the numbers, and no program may see others.
const ERRORS: [(&str, &str, i32); 16] = [
    ("EIO", "IOERR", 5),
    ("ENODATA", "MEDIUM", 61),
    ("ETIMEDOUT", "TIMEOUT", 110),
    ("ENOSPC", "NOSPC", 28),
    ("ENOLINK", "TRANSPORT", 67),
    ("EREMOTEIO", "TARGET", 121),
    ("ENODEV", "OFFLINE", 19),
    ("EILSEQ", "PROTECTION", 84),
    ("EBADE", "RESV_CONFLICT", 52),
    ("EOPNOTSUPP", "NOTSUPP", 95),
    ("EINVAL", "INVAL", 22),
    ("EBUSY", "DEV_RESOURCE", 16),
    ("ENOMEM", "RESOURCE", 12),
    ("ETIME", "DURATION_LIMIT", 62),
    ("ETOOMANYREFS", "ZONE_OPEN_RESOURCE", 109),
    ("EOVERFLOW", "ZONE_ACTIVE_RESOURCE", 75),
];

/// The newest of these errors, which older kernels refuse, each by the name for programs.
const NEWER: [&str; 5] = ["EINVAL", "ETIME", "ENODEV", "ETOOMANYREFS", "EOVERFLOW"];

/// Reads so many blocks at random, and passes over failures: fio goes on after EIO alone, and its
/// `number_ios` counts no failed I/O.
fn start(disk: &Disk, depth: &str, reads: u64) -> Result<Fio> {
    let size = format!("--size={}", reads * BLOCK as u64);
    let options = ["--continue_on_error=io", depth, &size];
    Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())
}

scenario!("error_names", names);
/// A program gets the error by whose name it was asked.
fn names(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::with_texts("failing", &[("op", "read")])?;
    let mut device = Direct::open(&disk.path())?;
    let mut refused = Vec::new();
    for (name, status, number) in ERRORS {
        if injection.set("error", name).is_err() {
            refused.push(name);
            continue;
        }
        let before = device.read(0)?;
        let shown = injection.get("error")?;
        injection.set("error", format!("BLK_STS_{}\n", status.to_lowercase()))?;
        let numbers = (before, device.read(0)?);
        report.figure(
            name,
            format!("{name}, {number} by both names"),
            format!("{shown}, {numbers:?}"),
            shown == name && numbers == (number, number),
        );
        injection.set("error", "\n")?;
    }
    report.figure(
        "errors that this kernel does not have",
        "only new ones",
        format!("{refused:?}"),
        refused.iter().all(|name| NEWER.contains(name)),
    );
    let (read, written) = (device.read(0)?, device.write(0, 1)?);
    report.figure(
        "a read after the last error, and a write",
        "0, 0",
        format!("{read}, {written}"),
        (read, written) == (0, 0),
    );
    Ok(())
}

scenario!("error_shares", shares);
/// Counted by fio, the share of failed reads is the probability, in both ways to hold.
fn shares(report: &mut Report) -> Result<()> {
    for (percent, reads, ways) in [
        // Few fail, and the way to hold makes no difference to the choice.
        ("0.01", 40_000, &["request"][..]),
        ("1", 6_000, &["request", "completion"]),
        ("50", 2_000, &["request", "completion"]),
        ("100", 500, &["request", "completion"]),
    ] {
        for hold in ways {
            let disk = Disk::on_ioem(&Kind::default())?;
            let settings = [
                ("error", "EIO"),
                ("probability", percent),
                ("seed", "11"),
                ("hold", hold),
            ];
            let injection = Injection::with_texts("failing", &settings)?;
            let outcome = start(&disk, "--iodepth=8", reads)?.finish_with_errors()?;
            let errors = outcome.errors_passed_over()?;
            let share = percent.parse::<f64>()? / 100.0;
            let expected = reads as f64 * share;
            let bound = 5.0 * (expected * (1.0 - share)).sqrt();
            let failed = injection.stat("failed")?;
            report.figure(
                &format!("errors at {percent} % of {reads} reads, seed 11, hold={hold}"),
                format!("{expected} ± {bound:.1} (5 deviations), and as many in stats"),
                format!("{errors}, {failed}"),
                (errors - expected).abs() <= bound && failed as f64 == errors,
            );
        }
    }
    Ok(())
}

scenario!("error_after_delay", after_delay);
/// An I/O fails when its delay is over, and each limit has admitted it.
fn after_delay(report: &mut Report) -> Result<()> {
    const READS: u64 = 20;
    // The first five go in the window of their time, and the last five three windows later.
    let cases = [
        ("delay_us", "50000", 50.0, 1_000.0..1_100.0),
        ("quota", "5", 0.0, 2_000.0..3_100.0),
    ];
    for hold in ["request", "completion"] {
        for (file, value, each_ms, all_ms) in cases.clone() {
            let disk = Disk::on_ioem(&Kind::default())?;
            let settings = [("error", "ENODATA"), (file, value), ("hold", hold)];
            let injection = Injection::with_texts("failing", &settings)?;
            let mut device = Direct::open(&disk.path())?;
            let (mut failed, mut least_ms) = (0, f64::MAX);
            let begin_ns = sys::monotonic_ns();
            for place in 0..READS {
                let start_ns = sys::monotonic_ns();
                failed += u64::from(device.read(place as usize)? == 61);
                let taken_ms = (sys::monotonic_ns() - start_ns) as f64 / 1e6;
                least_ms = least_ms.min(taken_ms);
            }
            let whole_ms = (sys::monotonic_ns() - begin_ns) as f64 / 1e6;
            let held = injection.stat("held")?;
            report.figure(
                &format!("{file} {value}, {hold}: failed, least time, held"),
                format!("{READS}, >= {each_ms} ms, 0"),
                format!("{failed}, {least_ms:.3} ms, {held}"),
                failed == READS && least_ms >= each_ms && held == 0,
            );
            report.time(
                "all of them",
                format!("{} to {} ms", all_ms.start, all_ms.end),
                format!("{whole_ms:.1} ms"),
                all_ms.contains(&whole_ms),
            );
        }
    }
    Ok(())
}

scenario!("error_keeps_no_tag", keeps_no_tag);
/// While completions of failing I/O are held, the disk has all its tags for others.
fn keeps_no_tag(report: &mut Report) -> Result<()> {
    const HELD: u64 = 256;
    let disk = Disk::on_ioem(&Kind {
        queue_depth: 32,
        ..Kind::default()
    })?;
    let settings = [
        ("error", "EIO"),
        ("delay_us", "3000000"),
        ("sectors", "0+2048"),
    ];
    let injection = Injection::with_texts("failing", &settings)?;
    let load = start(&disk, "--iodepth=256", HELD)?;
    injection.wait_until_held(HELD)?;
    let mut device = Direct::open(&disk.path())?;
    let start_ns = sys::monotonic_ns();
    let error = device.read(524_288)?;
    let taken_ms = (sys::monotonic_ns() - start_ns) as f64 / 1e6;
    let held = injection.stat("held")?;
    report.figure(
        "held, and the result of a read of another place",
        format!("{HELD}, 0"),
        format!("{held}, {error}"),
        (held, error) == (HELD, 0),
    );
    report.time(
        "that read",
        "< 20 ms",
        format!("{taken_ms:.3} ms"),
        taken_ms < 20.0,
    );
    let errors = load.finish_with_errors()?.errors_passed_over()?;
    report.figure("failed", HELD, errors, errors == HELD as f64);
    Ok(())
}

scenario!("error_filtered", filtered);
/// Only I/O that all filters match fails, so many times as was asked, beside other injections.
fn filtered(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })?;
    let first = format!("{}p1", disk.name());
    let mut whole = Direct::open(&disk.path())?;
    let mut parts = [1, 2].map(|part| Direct::open(&format!("{}p{part}", disk.path())));
    let [one, two] = &mut parts;
    let (one, two) = (one.as_mut().unwrap(), two.as_mut().unwrap());
    let mut is = |what: &str, expected: &[i32], found: &[i32]| {
        report.figure(
            what,
            format!("{expected:?}"),
            format!("{found:?}"),
            expected == found,
        );
    };
    let injection = Injection::with_texts("failing", &[("error", "EIO"), ("device", &first)])?;
    let found = [one.read(0)?, two.read(0)?, whole.read(0)?, one.write(0, 1)?];
    is(
        "one partition's read, another's, the disk's, a write",
        &[5, 0, 0, 5],
        &found,
    );
    injection.set("op", "write")?;
    is(
        "of writes: read, write",
        &[0, 5],
        &[one.read(0)?, one.write(0, 1)?],
    );
    injection.set("op", "read")?;
    injection.set("times", "2")?;
    let found = [one.read(0)?, one.read(0)?, one.read(0)?];
    is("reads, two times", &[5, 5, 0], &found);
    injection.set("times", "0")?;
    injection.set("every", "3")?;
    let found = [one.read(0)?, one.read(0)?, one.read(0)?, one.read(0)?];
    is("reads, every 3rd", &[0, 0, 5, 0], &found);
    injection.set("every", "1")?;
    let other = Injection::with_texts("other", &[("error", "ENODATA"), ("device", disk.name())])?;
    is(
        "of two injections the first",
        &[5, 61],
        &[one.read(0)?, two.read(0)?],
    );
    injection.set("enabled", "0")?;
    is(
        "of the other alone",
        &[61, 61],
        &[one.read(0)?, two.read(0)?],
    );
    // A third one that takes the place of the first one in the driver is still the younger one.
    injection.remove()?;
    let injection = Injection::with_texts("failing", &[("error", "EIO"), ("device", &first)])?;
    is("of the older one", &[61, 61], &[one.read(0)?, two.read(0)?]);
    other.set("duration_ms", "1")?;
    sleep(Duration::from_millis(20));
    is("after its lease", &[5, 0], &[one.read(0)?, two.read(0)?]);
    // The request waits for the one, whatever the way of the other.
    for hold in ["request", "completion"] {
        injection.set("hold", hold)?;
        let settings = [
            ("delay_us", "20000"),
            ("device", disk.name()),
            ("hold", "request"),
        ];
        let slow = Injection::with_texts("slow", &settings)?;
        let start_ns = sys::monotonic_ns();
        is("with a delay of another injection", &[5], &[one.read(0)?]);
        let taken_ms = (sys::monotonic_ns() - start_ns) / 1_000_000;
        is("at least its 20 ms", &[1], &[i32::from(taken_ms >= 20)]);
        slow.remove()?;
    }
    Ok(())
}

scenario!("error_ended", ended);
/// I/O that waits to fail does not, if its injection ends or loses the error before. It does if it
/// only gets another delay.
fn ended(report: &mut Report) -> Result<()> {
    type End = fn(&mut Option<Injection>) -> Result<()>;
    const ENDS: [(&str, End, i32); 5] = [
        (
            "rmdir",
            |injection| injection.take().map_or(Ok(()), Injection::remove),
            0,
        ),
        ("no error", |injection| change(injection, "error", "\n"), 0),
        (
            "another error",
            |injection| change(injection, "error", "ENODATA"),
            61,
        ),
        (
            "a lease",
            |injection| change(injection, "duration_ms", "1"),
            0,
        ),
        (
            "a shorter delay",
            |injection| change(injection, "delay_us", "200000"),
            5,
        ),
    ];
    for (name, end, expected) in ENDS {
        let disk = Disk::on_ioem(&Kind::default())?;
        let settings = [
            ("error", "EIO"),
            ("delay_us", "5000000"),
            ("hold", "request"),
        ];
        let mut injection = Some(Injection::with_texts("failing", &settings)?);
        let path = disk.path();
        let reader = thread::spawn(move || Direct::open(&path)?.read(0));
        injection
            .as_ref()
            .context("no injection")?
            .wait_until_held(1)?;
        end(&mut injection)?;
        let error = reader.join().expect("the reader does not panic")?;
        report.figure(&format!("after {name}"), expected, error, error == expected);
    }
    Ok(())
}

fn change(injection: &mut Option<Injection>, attribute: &str, text: &str) -> Result<()> {
    let injection = injection.as_ref().context("no injection")?;
    injection.set(attribute, text)
}

scenario!("error_changes", changes);
/// While the injection, the scheduler and the processors change, each I/O ends, with or without an
/// error.
fn changes(report: &mut Report) -> Result<()> {
    const CHANGES: usize = 300;
    const READS: u64 = 20_000;
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        completion_ns: 100_000,
        ..Kind::default()
    })?;
    let settings = [("error", "EIO"), ("probability", "50"), ("delay_us", "100")];
    let injection = Injection::with_texts("failing", &settings)?;
    let load = start(&disk, "--iodepth=32", READS)?;
    let mut random = Random::new(7);
    for change in 0..CHANGES {
        let one_of = |values: [&'static str; 2]| values[change % 2];
        match random.below(8) {
            0 => injection.set("error", "\n")?,
            1 => injection.set("error", "EIO")?,
            2 => injection.set("hold", one_of(["request", "completion"]))?,
            3 => injection.set("delay_us", one_of(["0", "5000"]))?,
            4 => injection.set("quota", one_of(["0", "5000"]))?,
            5 => disk.set_scheduler(one_of(["none", "ioem"]))?,
            6 => sys::write(ONLINE, one_of(["0", "1"]))?,
            _ => sys::write(disk.attribute("queue/nr_requests"), one_of(["64", "100"]))?,
        }
        sleep(Duration::from_millis(5));
    }
    sys::write(ONLINE, "1")?;
    disk.set_scheduler("ioem")?;
    for (file, text) in [("error", "EIO"), ("delay_us", "0"), ("quota", "0")] {
        injection.set(file, text)?;
    }
    let outcome = load.finish_with_errors()?;
    // fio counts failed reads in both.
    let (errors, all) = (outcome.errors_passed_over()?, outcome.total_ios()?);
    let held = injection.stat("held")?;
    report.figure(
        &format!("reads that ended, failed, and are held, of {READS}, in {CHANGES} changes"),
        format!("{READS}, some, 0"),
        format!("{all}, {errors}, {held}"),
        all == READS as f64 && errors > 0.0 && held == 0,
    );
    Ok(())
}
