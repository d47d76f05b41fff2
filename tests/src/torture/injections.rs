// SPDX-License-Identifier: GPL-2.0-only

//! Threads that make, change, break and remove injections of every kind at random.

use super::actions::{Actor, Counts};
use crate::{random::Random, sys};
use anyhow::{Result, bail};
use chaos_policy::policy::attributes::{Attribute, Kind, MAX_TIME_US};
use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The most injections that one thread has.
const MOST: usize = 6;

/// The errors of a value that the driver does not take, and of one for which there is no memory.
const ERRNOS: &[i32] = &[
    libc_errno::EPERM,
    libc_errno::ENOENT,
    libc_errno::ESRCH,
    libc_errno::ENOMEM,
    libc_errno::ENOTDIR,
    libc_errno::EINVAL,
    libc_errno::ENOSPC,
    libc_errno::ERANGE,
    libc_errno::EOPNOTSUPP,
];

/// Numbers of errors that the standard library has no names for.
mod libc_errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const ENOENT: i32 = 2;
    pub(super) const ESRCH: i32 = 3;
    pub(super) const ENOMEM: i32 = 12;
    pub(super) const ENOTDIR: i32 = 20;
    pub(super) const EINVAL: i32 = 22;
    pub(super) const ENOSPC: i32 = 28;
    pub(super) const ERANGE: i32 = 34;
    pub(super) const EOPNOTSUPP: i32 = 95;
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes a value; true if the driver accepts it. An error that the documentation does not name is
/// one of the driver.
fn set(counts: &Counts, file: &Path, value: &[u8]) -> Result<bool> {
    // configfs itself answers EFAULT to an empty write.
    let value = if value.is_empty() { b"\n" } else { value };
    let result = fs::OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|mut file| file.write(value));
    let Err(error) = result else {
        Counts::add(&counts.changes);
        return Ok(true);
    };
    match error.raw_os_error() {
        Some(number) if ERRNOS.contains(&number) => {
            let count = if number == libc_errno::ENOMEM {
                &counts.no_memory
            } else {
                &counts.refused
            };
            Counts::add(count);
            Ok(false)
        }
        _ => bail!(
            "writing '{}' to {}: {error}",
            value.escape_ascii(),
            file.display()
        ),
    }
}

/// A value that an attribute accepts, most often; one delay in thirty is long, and one freeze in
/// thirty is on.
fn value(random: &mut Random, disks: &[String], file: &str) -> String {
    let words = |random: &mut Random, all: &[&str]| (*random.choose(all)).to_owned();
    let Some(attribute) = Attribute::named(file) else {
        // The files of counts accept it, or refuse it.
        return "0".to_owned();
    };
    match attribute {
        Attribute::Enabled => words(random, &["0", "1", "1"]),
        Attribute::DelayUs => match random.below(30) {
            0 => MAX_TIME_US.into(),
            1..8 => 0,
            8..20 => random.below(500),
            _ => random.below(20_000),
        }
        .to_string(),
        Attribute::JitterUs => random.below(5_000).to_string(),
        Attribute::Freeze => u8::from(random.one_in(30)).to_string(),
        Attribute::Lanes => match random.below(4) {
            0 => random.below(64),
            _ => 0,
        }
        .to_string(),
        Attribute::Profile => words(
            random,
            &["", "", "1000:100 1000:0", "20000:50 20000:200 once"],
        ),
        // All loads verify their data, and end with their first error.
        Attribute::Error => String::new(),
        Attribute::DataLoss | Attribute::Drop | Attribute::Torn | Attribute::Corrupt => {
            "0".to_owned()
        }
        Attribute::Distribution => words(random, &["uniform", "normal", "pareto", "paretonormal"]),
        Attribute::Percentiles => words(random, &["", "", "50:20 99:500 99.9:8000"]),
        Attribute::PeriodUs => (1 + random.below(20_000)).to_string(),
        Attribute::Quota => match random.below(4) {
            0 => random.below(3),
            1 => 0,
            _ => random.below(300),
        }
        .to_string(),
        Attribute::BytesQuota => match random.below(4) {
            0 => 1 << random.below(30),
            _ => 0,
        }
        .to_string(),
        Attribute::Burst | Attribute::BytesBurst => match random.below(2) {
            0 => 1 << random.below(20),
            _ => 0,
        }
        .to_string(),
        Attribute::IosOfBytes => match random.below(4) {
            0 => 1 << random.below(20),
            _ => 0,
        }
        .to_string(),
        Attribute::Device => match random.below(3) {
            0 => String::new(),
            1 => random.choose(disks).clone(),
            _ => format!("{} {} 259:0", random.choose(disks), random.choose(disks)),
        },
        Attribute::Op => words(
            random,
            &[
                "",
                "",
                "read",
                "write",
                "write sync",
                "discard write",
                "meta",
                "write fua",
            ],
        ),
        Attribute::Cgroup => words(
            random,
            &["", "/sys/fs/cgroup/one", "/two", "/sys/fs/cgroup", "/gone"],
        ),
        Attribute::PidNs => words(random, &["", "1", "1", "4194303"]),
        Attribute::Sectors => words(
            random,
            &[
                "",
                "",
                "0+20480",
                "8+8 100+1000 100000+200000",
                "t0:0+20480 8+8",
            ],
        ),
        Attribute::MinBytes | Attribute::MaxBytes => words(random, &["0", "0", "4096", "65536"]),
        Attribute::Probability => words(random, &["100", "100", "50", "0.0001", "0"]),
        Attribute::Every => (1 + random.below(4)).to_string(),
        Attribute::Times => words(random, &["0", "0", "1", "1000"]),
        Attribute::Hold => words(random, &["auto", "auto", "request", "completion"]),
        Attribute::DurationMs => words(random, &["0", "0", "1", "20", "300"]),
        _ => match attribute.kind() {
            Kind::Number(number) => random.number(number),
            Kind::Text(text) => text.to_owned(),
        },
    }
}

/// The files that are written more often, and other files than attributes that can be written.
const MORE: [&str; 4] = ["delay_us", "delay_us", "quota", "stats"];

fn file(random: &mut Random) -> &'static str {
    let place = random.below((Attribute::COUNT + MORE.len()) as u64) as usize;
    match place.checked_sub(Attribute::COUNT) {
        Some(place) => MORE[place],
        None => Attribute::ALL[place].file(),
    }
}

/// Makes, changes, reads, breaks and removes injections.
pub(super) fn change(mut actor: Actor) -> Result<()> {
    let mut mine: Vec<PathBuf> = Vec::new();
    while actor.goes_on() {
        match step(&mut actor, &mut mine) {
            // At the end, the main thread removes all injections.
            Err(_) if !actor.goes_on() => break,
            result => result?,
        }
        actor.rest(8);
    }
    remove(&mine);
    Ok(())
}

pub(super) fn step(actor: &mut Actor, mine: &mut Vec<PathBuf>) -> Result<()> {
    let random = &mut actor.random;
    let place = random.below(MOST as u64) as usize;
    let Some(directory) = mine.get(place).cloned() else {
        mine.extend(make(&actor.counts)?);
        return Ok(());
    };
    match random.below(20) {
        0 => {
            remove(&[mine.swap_remove(place)]);
            Counts::add(&actor.counts.changes);
        }
        1 => read_all(&directory)?,
        2 => {
            let file = directory.join(file(random));
            let bytes = random.bytes();
            set(&actor.counts, &file, &bytes)?;
        }
        3 if random.one_in(10) => {
            set(
                &actor.counts,
                &PathBuf::from(sys::IOEM).join("enabled"),
                b"0",
            )?;
            set(
                &actor.counts,
                &PathBuf::from(sys::IOEM).join("enabled"),
                b"1",
            )?;
        }
        _ => {
            let file = file(random);
            let value = value(random, &actor.disks, file);
            set(&actor.counts, &directory.join(file), value.as_bytes())?;
            if value == MAX_TIME_US.to_string() || file == "quota" || file == "period_us" {
                // Long enough to hold something, short enough for the loads to go on.
                actor.wait(300);
                set(&actor.counts, &directory.join("delay_us"), b"100")?;
                set(&actor.counts, &directory.join("quota"), b"0")?;
            }
        }
    }
    Ok(())
}

/// Makes an injection, unless there is no memory.
fn make(counts: &Counts) -> Result<Option<PathBuf>> {
    let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = PathBuf::from(sys::IOEM).join(name);
    match fs::create_dir(&directory) {
        Ok(()) => {
            Counts::add(&counts.changes);
            Ok(Some(directory))
        }
        Err(error) if error.kind() == ErrorKind::OutOfMemory => {
            Counts::add(&counts.no_memory);
            Ok(None)
        }
        Err(error) => bail!("making {}: {error}", directory.display()),
    }
}

/// Reads every file, and writes the settings back as they were read.
fn read_all(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)?.flatten() {
        match fs::read(entry.path()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {}
            Err(error) => bail!("reading {}: {error}", entry.path().display()),
        }
    }
    Ok(())
}

pub(super) fn remove(directories: &[PathBuf]) {
    for directory in directories {
        // Without memory, a directory stays until the end removes it.
        let _ = fs::remove_dir(directory);
    }
}

/// Removes every injection of all threads.
pub(super) fn remove_all() {
    let entries = fs::read_dir(sys::IOEM).into_iter().flatten().flatten();
    let directories: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    remove(&directories);
}
