// SPDX-License-Identifier: GPL-2.0-only

//! The machine goes to sleep and wakes up as if no I/O were held: its writes before, and the tasks
//! that it freezes, wait for no injection.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    readers::Readers,
    report::Report,
    sys,
};
use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, thread, time::Duration};

/// The delay of all I/O.
const HOUR_US: &str = "3600000000";

/// More than the time after which the machine is awake for the driver, too.
const AWAKE: Duration = Duration::from_millis(200);

/// The number of reads that each injection holds.
const HELD: u64 = 4;

const STATE: &str = "/sys/power/state";
const TEST: &str = "/sys/power/pm_test";

scenario!("sleep_hibernation", hibernation);
/// Hibernation. There is no swap: the kernel makes the image, finds no place to write it, and wakes
/// up.
fn hibernation(report: &mut Report) -> Result<()> {
    if !is_in(STATE, "disk") {
        report.skip("this kernel cannot hibernate");
        return Ok(());
    }
    fall_asleep_and_wake(report, || {
        let ended = sys::write(STATE, "disk");
        let error = ended
            .err()
            .context("there is no swap, and an image was written")?;
        let error = error.downcast::<std::io::Error>()?;
        ensure!(error.raw_os_error() == Some(ENODEV), "hibernating: {error}");
        Ok(())
    })
}

const ENODEV: i32 = 19;

scenario!("sleep_suspend", suspend);
/// Suspend, as far as the kernel's own test of it goes: all data are written out, and all tasks
/// frozen.
fn suspend(report: &mut Report) -> Result<()> {
    if !Path::new(TEST).exists() {
        report.skip("this kernel has no /sys/power/pm_test");
        return Ok(());
    }
    sys::write("/sys/module/suspend/parameters/pm_test_delay", "1")?;
    sys::write(TEST, "freezer")?;
    let done = fall_asleep_and_wake(report, || sys::write(STATE, "mem"));
    sys::write(TEST, "none")?;
    done
}

fn is_in(file: &str, word: &str) -> bool {
    sys::read(file).is_ok_and(|text| text.split_whitespace().any(|other| other == word))
}

/// Compares the time of sleep with and without held I/O.
fn fall_asleep_and_wake(report: &mut Report, sleep: impl Fn() -> Result<()>) -> Result<()> {
    let kind = Kind {
        memory: true,
        ..Kind::default()
    };
    let (slow, other) = (Disk::on_ioem(&kind)?, Disk::on_ioem(&kind)?);
    sys::run(&["mkfs.ext4", "-q", &slow.path()])?;
    sys::run(&["mount", "-t", "ext4", &slow.path(), "/mnt"])?;
    fs::write("/mnt/dirty", vec![1; 1 << 20])?;
    let alone_ms = time_ms(&sleep)?;
    fs::write("/mnt/dirty", vec![2; 1 << 20])?;
    let all = [("device", slow.name()), ("delay_us", HOUR_US)];
    let some = [
        ("device", other.name()),
        ("op", "read"),
        ("delay_us", HOUR_US),
    ];
    let requests = hold(&slow, "requests", &all)?;
    let completions = hold(&other, "completions", &some)?;
    let asleep_ms = time_ms(&sleep)?;
    let limit_ms = alone_ms + alone_ms / 5;
    report.time(
        "to sleep and back with all I/O delayed by an hour, ms",
        format!("<= 1.2 x {alone_ms}"),
        asleep_ms,
        asleep_ms <= limit_ms,
    );
    for (injection, readers) in [requests, completions] {
        // The injection may hold other I/O since then.
        let ended = readers.finish()?.len() as u64;
        report.figure("reads that ended of those held", HELD, ended, ended == HELD);
        injection.remove()?;
    }
    // A worker tells the driver that the machine is awake.
    thread::sleep(AWAKE);
    let (injection, readers) = hold(&other, "again", &some)?;
    thread::sleep(AWAKE);
    let held = injection.stat("held")?;
    report.figure("held when awake again", HELD, held, held == HELD);
    injection.remove()?;
    readers.finish()?;
    sys::run(&["umount", "/mnt"])?;
    Ok(())
}

/// Reads from a disk, and an injection that holds them.
fn hold(disk: &Disk, name: &str, settings: &[(&str, &str)]) -> Result<(Injection, Readers)> {
    let injection = Injection::with_texts(name, settings)?;
    let readers = Readers::start(&disk.path(), HELD, 1);
    injection.wait_until_held(HELD)?;
    Ok((injection, readers))
}

fn time_ms(sleep: impl Fn() -> Result<()>) -> Result<u64> {
    let start_ns = sys::monotonic_ns();
    sleep()?;
    Ok((sys::monotonic_ns() - start_ns) / 1_000_000)
}
