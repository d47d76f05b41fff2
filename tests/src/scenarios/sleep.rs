// SPDX-License-Identifier: GPL-2.0-only

//! Nobody waits for held I/O when the machine goes to sleep: hibernation is entered and left as without injections.
//!
//! The guest has no swap to keep the image, so that it is woken when all else is done.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, OpenOptionsExt},
    thread::{self, sleep},
    time::Duration,
};

const STATE: &str = "/sys/power/state";

/// How much longer it may take: what the guest does besides differs by some of that.
const MORE_MS: u64 = 500;

pub(crate) fn hibernation(report: &mut Report) -> Result<()> {
    if !fs::read_to_string(STATE).is_ok_and(|states| states.contains("disk")) {
        report.skip("this kernel does not hibernate");
        return Ok(());
    }
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    write_dirty(&disk)?;
    hibernate();
    write_dirty(&disk)?;
    let alone_ms = hibernate();

    let hour = ("delay_us", "3600000000");
    let requests = Injection::with_texts("requests", &[hour])?;
    let completions = Injection::with_texts("completions", &[hour, ("op", "write")])?;
    write_dirty(&disk)?;
    let path = disk.path();
    let reader = thread::spawn(move || read(&path));
    sleep(Duration::from_secs(1));
    report.figure(
        "read that is held",
        1,
        requests.stat("held")?,
        requests.stat("held")? == 1,
    );
    let took_ms = hibernate();
    let most_ms = alone_ms * 6 / 5 + MORE_MS;
    report.figure(
        &format!("hibernation with an hour's delay of everything, {alone_ms} ms alone"),
        format!("<= {most_ms} ms"),
        format!("{took_ms} ms"),
        took_ms <= most_ms,
    );
    reader.join().expect("it does not panic")?;

    let path = disk.path();
    let reader = thread::spawn(move || read(&path));
    sleep(Duration::from_secs(1));
    let held = requests.stat("held")?;
    report.figure("read that is held after it", 1, held, held == 1);
    requests.remove()?;
    completions.remove()?;
    reader.join().expect("it does not panic")
}

/// Leaves some pages that are to be written.
fn write_dirty(disk: &Disk) -> Result<()> {
    let file = File::options().write(true).open(disk.path())?;
    for page in 0..64 {
        file.write_all_at(&[1; 4096], page << 14)?;
    }
    Ok(())
}

/// Reads from the disk itself.
fn read(path: &str) -> Result<()> {
    let mut options = File::options();
    let direct = rustix::fs::OFlags::DIRECT.bits() as i32;
    let file = options.read(true).custom_flags(direct).open(path)?;
    let mut buffer = vec![0; 2 * 4096];
    let start = buffer.as_ptr().align_offset(4096);
    file.read_exact_at(&mut buffer[start..start + 4096], 1 << 24)
        .with_context(|| format!("reading {path}"))
}

/// For how long the machine was on its way.
fn hibernate() -> u64 {
    let start_ns = sys::monotonic_ns();
    // There is nowhere to write the image to, which is found last.
    let _ = fs::write(STATE, "disk");
    (sys::monotonic_ns() - start_ns) / 1_000_000
}
