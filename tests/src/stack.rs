// SPDX-License-Identifier: GPL-2.0-only

//! Stacks of devices and file systems on top of disks, and whom an injection for one of them hits.

use crate::{readers::Readers, report::Report, sys};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
    thread::sleep,
    time::Duration,
};

/// The reads of a load.
pub(crate) const READS: u64 = 64;

/// The delay of each read that an injection hits.
const DELAY_US: u64 = 5_000;

/// The place of the completed writes in a disk's file `stat`; that of the reads is 0.
const WRITES: usize = 4;

/// The built layers, as the commands that undo them. Dropping this runs them, the last one first.
#[derive(Default)]
pub(crate) struct Built(Vec<String>);

impl Built {
    /// Runs a command whose words spaces separate, and notes the command that undoes it.
    pub(crate) fn make(&mut self, command: &str, undo: &str) -> Result<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let output = sys::run(&words)?;
        self.0.push(undo.to_owned());
        Ok(output)
    }

    /// Makes an ext4 file system on a device, and mounts it.
    pub(crate) fn ext4(&mut self, device: &str, folder: &str) -> Result<()> {
        let options = "lazy_itable_init=0,lazy_journal_init=0";
        sys::run(&["mkfs.ext4", "-q", "-E", options, device])?;
        self.mount(&format!("-t ext4 {device}"), folder)
    }

    /// Mounts with these words before the folder, which this makes.
    pub(crate) fn mount(&mut self, words: &str, folder: &str) -> Result<()> {
        fs::create_dir_all(folder)?;
        self.make(
            &format!("mount {words} {folder}"),
            &format!("umount {folder}"),
        )?;
        Ok(())
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        for undo in self.0.iter().rev() {
            let words: Vec<&str> = undo.split_whitespace().collect();
            // A device may still be open for a moment after its last user.
            for _ in 0..20 {
                if words.is_empty() || sys::run(&words).is_ok() {
                    break;
                }
                sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Writes a file of a file system that a load then reads.
pub(crate) fn fill(path: &str) -> Result<()> {
    let mut file = File::create(path).with_context(|| format!("making {path}"))?;
    for block in 0..READS {
        file.write_all(&[block as u8 + 1; 4096])?;
    }
    Ok(file.sync_all()?)
}

/// One stack.
pub(crate) struct Stack<'a> {
    /// Its name in the report.
    pub(crate) what: &'a str,
    /// Names by which users may ask for it.
    pub(crate) names: &'a [&'a str],
    /// A file or a device of it.
    pub(crate) on: &'a str,
    /// Its neighbours on the same disks: names for the report, and files or devices.
    pub(crate) beside: &'a [(&'a str, &'a str)],
    /// The disks below it that have a scheduler.
    pub(crate) disks: &'a [&'a str],
    /// Whether the reads of it are of each of these disks.
    pub(crate) all: bool,
}

/// A read load's effect.
struct Load {
    /// Reads that the injection has hit.
    matched: u64,
    /// Reads that each of the disks has completed.
    reads: Vec<u64>,
    mean_us: u64,
}

impl Stack<'_> {
    /// For each name: an injection for it attaches the disks, delays each read of the stack, and no
    /// read beside it, and the disks have their schedulers back when it has ended.
    pub(crate) fn judge(&self, report: &mut Report) -> Result<()> {
        self.judge_with(report, &[])
    }

    /// As [`Stack::judge`], with more words for `kchaos inject`.
    pub(crate) fn judge_with(&self, report: &mut Report, more: &[&str]) -> Result<()> {
        sys::load_module()?;
        for name in self.names {
            let before = self.schedulers()?;
            let delay = format!("{DELAY_US}us");
            let words = "kchaos inject ioem delay --op read --name stack --delay";
            let words = words
                .split(' ')
                .chain([&*delay, "--device", name])
                .chain(more.iter().copied());
            sys::run(&words.collect::<Vec<_>>())?;
            self.judge_loads(report, name)?;
            sys::run(&["kchaos", "recover", "stack"])?;
            let after = self.schedulers()?;
            report.figure(
                &format!("{} by {name}, schedulers at the end", self.what),
                before.join(", "),
                after.join(", "),
                before == after,
            );
        }
        Ok(())
    }

    fn judge_loads(&self, report: &mut Report, name: &str) -> Result<()> {
        let what = format!("{} by {name}", self.what);
        let on = self.load(self.on)?;
        let is_spread = !self.all || on.reads.iter().all(|reads| *reads > 0);
        let reads: u64 = on.reads.iter().sum();
        report.figure(
            &format!("{what}, {READS} reads of it, hit"),
            format!("all {reads} of {:?} by its disks", on.reads),
            on.matched,
            on.matched == reads && reads >= READS && is_spread,
        );
        report.time(
            "mean latency, us",
            format!(">= {DELAY_US}"),
            on.mean_us,
            on.mean_us >= DELAY_US,
        );
        for (of, path) in self.beside {
            let beside = self.load(path)?;
            let reads: u64 = beside.reads.iter().sum();
            report.figure(
                &format!("{what}, {READS} reads of {of}, hit"),
                format!("0 of {reads} by its disks"),
                beside.matched,
                beside.matched == 0 && reads >= READS,
            );
            report.time(
                "mean latency, us",
                "< 1000",
                beside.mean_us,
                beside.mean_us < 1_000,
            );
        }
        Ok(())
    }

    fn load(&self, path: &str) -> Result<Load> {
        let (hits, reads) = (matched()?, self.completed(0)?);
        let done = Readers::start(path, 1, READS).finish();
        let done = done.with_context(|| format!("reading {path}"))?;
        let after = self.completed(0)?;
        let total_ns: u64 = done.iter().map(|read| read.latency_ns()).sum();
        Ok(Load {
            matched: matched()? - hits,
            reads: after
                .iter()
                .zip(reads)
                .map(|(now, was)| now - was)
                .collect(),
            mean_us: total_ns / READS / 1_000,
        })
    }

    /// An injection of writes hits each write of the disks while a file of the stack is written.
    pub(crate) fn judge_writes(&self, report: &mut Report) -> Result<()> {
        let name = self.names[0];
        let words = "kchaos inject ioem delay --op write --name stack --delay 100us --device";
        sys::run(&words.split(' ').chain([name]).collect::<Vec<_>>())?;
        let before = self.completed(WRITES)?;
        let (to, count) = (format!("of={}", self.on), format!("count={READS}"));
        let direct = ["oflag=direct", "conv=notrunc"];
        sys::run(&[&["dd", "if=/dev/zero", &to, "bs=4k", &count], &direct[..]].concat())?;
        let hits = matched()?;
        let after = self.completed(WRITES)?;
        let writes: Vec<u64> = after
            .iter()
            .zip(before)
            .map(|(now, was)| now - was)
            .collect();
        report.figure(
            &format!("{}, {READS} writes of it, hit", self.what),
            format!("all of {writes:?} by its disks"),
            hits,
            hits == writes.iter().sum::<u64>() && writes.iter().all(|writes| *writes >= READS),
        );
        sys::run(&["kchaos", "recover", "stack"])?;
        Ok(())
    }

    /// The I/Os that each disk has completed, by their place in the file `stat`.
    fn completed(&self, place: usize) -> Result<Vec<u64>> {
        let read = |disk: &&str| {
            let text = sys::read(format!("/sys/block/{disk}/stat"))?;
            let number = text.split_whitespace().nth(place);
            Ok(number.context("a disk without numbers")?.parse()?)
        };
        self.disks.iter().map(read).collect()
    }

    /// The scheduler of each disk.
    fn schedulers(&self) -> Result<Vec<String>> {
        let read = |disk: &&str| {
            let text = sys::read(format!("/sys/block/{disk}/queue/scheduler"))?;
            let name = text.split(['[', ']']).nth(1);
            Ok(name.unwrap_or_default().to_owned())
        };
        self.disks.iter().map(read).collect()
    }
}

/// The I/Os that the injection has hit.
fn matched() -> Result<u64> {
    let text = sys::read(format!("{}/stack/stats", sys::IOEM))?;
    let line = text.lines().find_map(|line| line.strip_prefix("matched "));
    Ok(line.context("stats without matched")?.parse()?)
}

/// A process with mounts of its own, until dropped.
pub(crate) struct Container(std::process::Child);

impl Container {
    /// Starts a shell that runs this script in mounts of its own, and then sleeps with this folder
    /// as its root.
    pub(crate) fn new(script: &str, root: &str) -> Result<Self> {
        let ready = "/run/container.ready";
        let _ = fs::remove_file(ready);
        let script = format!("{script}; : > {ready}; exec chroot {root} sleep 1000");
        let words = ["-m", "sh", "-ec", &script];
        let container = Self(Command::new("unshare").args(words).spawn()?);
        for _ in 0..200 {
            if Path::new(ready).exists() {
                return Ok(container);
            }
            sleep(Duration::from_millis(20));
        }
        anyhow::bail!("the container does not begin: {script}")
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
