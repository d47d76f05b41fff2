// SPDX-License-Identifier: GPL-2.0-only

//! A guest: a VM that boots the target's kernel, runs one command, and powers off.

use crate::{
    archive::Archive,
    chroot::inner_command,
    complaints::complaints,
    console::{self, Follower},
    lab::Lab,
    step::{last_lines, tell},
    watch::{End, Signals, watch},
};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use rustix::fs::{CWD, Mode, mkfifoat};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter},
    num::NonZeroU64,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The source of the guest's time.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Clock {
    /// The count of instructions, so that figures hardly differ
    Icount,
    /// This machine's own, with real parallelism, so that races show
    Threads,
}

impl Clock {
    fn accelerator(self) -> &'static [&'static str] {
        match self {
            Self::Icount => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
            ],
            Self::Threads => &["-accel", "tcg,thread=multi"],
        }
    }
}

/// The machine of a guest, and the files and limits of its run.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The guest's clock
    #[arg(long, value_name = "CLOCK", default_value = "icount")]
    clock: Clock,
    /// Processors
    #[arg(long, value_name = "N", default_value = "2")]
    cpus: NonZeroU64,
    /// Memory [default: 2048; 4096 with a kernel that the lab has built]
    #[arg(long, value_name = "MB")]
    memory: Option<NonZeroU64>,
    /// A word for the kernel's command line (several allowed)
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    boot: Vec<String>,
    /// An empty virtio disk of this size with the serial number "lab", and with a queue for each
    /// processor: vda, once the guest has run `modprobe virtio_blk`
    #[arg(long, value_name = "MB")]
    disk: Option<NonZeroU64>,
    /// A file of this machine, and its path in the guest (several allowed)
    #[arg(long, value_name = "HOST=GUEST", value_parser = parse_file)]
    file: Vec<(PathBuf, PathBuf)>,
    /// A folder of this machine, and the folder in the guest that gets its files (several allowed)
    #[arg(long, value_name = "HOST=GUEST", value_parser = parse_file)]
    tree: Vec<(PathBuf, PathBuf)>,
    /// Boot systemd and udev, as a user's machine does, and run COMMAND when they have done that.
    /// Modules and disks are there already, and only systemd's own mounts
    #[arg(long)]
    systemd: bool,
    /// Boot the system in FOLDER, such as one of `fresh`, from a disk with a copy of its files,
    /// which is vda. Its systemd runs COMMAND; the disk of --disk is vdb
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["systemd", "file", "tree"])]
    system: Option<PathBuf>,
    /// End the guest after this many seconds of wall-clock time
    #[arg(long, value_name = "N", default_value = "900")]
    seconds: NonZeroU64,
    /// Write the console's log to FILE
    #[arg(long, value_name = "FILE")]
    console: Option<PathBuf>,
    /// Give the guest a port "monitor" that takes commands of QEMU's monitor. Files that these
    /// commands write to /run/lab/monitor come to FOLDER
    #[arg(long, value_name = "FOLDER")]
    monitor: Option<PathBuf>,
    /// Print the guest's output while the guest runs, and not at its end
    #[arg(long)]
    serial: bool,
    /// Let the kernel tell of failed I/Os, for which COMMAND asks
    #[arg(long)]
    io_errors: bool,
}

fn parse_file(text: &str) -> Result<(PathBuf, PathBuf)> {
    let (host, guest) = text.split_once('=').context("there is no '=' in it")?;
    let guest = guest.trim_start_matches('/');
    Ok((host.into(), guest.into()))
}

/// The files of one guest, at `/run/lab` in the chroot; dropping this removes them.
struct Work(TempDir);

impl Work {
    fn new(cache: &Path) -> Result<Self> {
        Ok(Self(
            tempfile::Builder::new().prefix("run.").tempdir_in(cache)?,
        ))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the archives that the kernel unpacks one after another: the base, and the files of
    /// this run.
    fn write_initrd(&self, bases: &[PathBuf], options: &Options, words: &[OsString]) -> Result<()> {
        let mut initrd = File::create(self.path("initrd"))?;
        for base in bases {
            io::copy(&mut File::open(base)?, &mut initrd)?;
        }
        let mut archive = Archive::new(BufWriter::new(initrd));
        for (host, guest) in &options.tree {
            archive.tree(guest, host)?;
        }
        for (host, guest) in &options.file {
            archive.file(guest, host)?;
        }
        if options.system.is_some() {
            archive.folder(Path::new("system"))?;
        }
        archive.text(Path::new("command"), 0o644, &script(words))?;
        archive.finish()?;
        Ok(())
    }

    /// Makes the files that QEMU uses. The returned file has to stay open while QEMU runs.
    fn make_files(&self, options: &Options) -> Result<Option<File>> {
        for name in ["console", "output", "status"] {
            File::create(self.path(name))?;
        }
        if let Some(disk) = options.disk {
            File::create(self.path("disk"))?.set_len(disk.get() << 20)?;
        }
        let Some(folder) = &options.monitor else {
            return Ok(None);
        };
        fs::create_dir_all(folder)?;
        fs::create_dir(self.path("monitor"))?;
        let commands = self.path("commands");
        mkfifoat(CWD, &commands, Mode::RUSR | Mode::WUSR)?;
        // The lab holds both ends open: QEMU would otherwise wait for a writer before it starts.
        Ok(Some(File::options().read(true).write(true).open(commands)?))
    }

    /// Moves the files that the monitor has written.
    fn move_monitor(&self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(self.path("monitor"))? {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let place = folder.join(name);
            // A rename fails if the folder is on another disk.
            fs::rename(&path, &place).or_else(|_| fs::copy(&path, &place).map(|_| ()))?;
        }
        Ok(())
    }
}

/// The command of a guest as a script.
fn script(words: &[OsString]) -> Vec<u8> {
    let mut script = b"#!/bin/sh\n".to_vec();
    for word in words {
        script.push(b'\'');
        for byte in word.as_bytes() {
            match byte {
                b'\'' => script.extend(br"'\''"),
                byte => script.push(*byte),
            }
        }
        script.extend(b"' ");
    }
    script.push(b'\n');
    script
}

impl Lab {
    /// Boots the kernel and runs a command in the guest; returns its exit status.
    pub(crate) fn run(&self, options: &Options, words: &[OsString]) -> Result<u8> {
        let ready = self.prepare()?;
        let signals = Signals::listen()?;
        let work = Work::new(&self.cache)?;
        let mut bases = vec![ready.base.clone()];
        if options.systemd {
            bases.push(self.need_systemd()?);
        }
        work.write_initrd(&bases, options, words)?;
        if let Some(folder) = &options.system {
            self.make_system_disk(folder, work.0.path())?;
        }
        // The emulator may be in another chroot than the kernel.
        let image = self.chroot.outside(&self.image(&ready.kernel));
        fs::copy(&image, work.path("vmlinuz"))
            .with_context(|| format!("there is no image {}", image.display()))?;
        let _commands = work.make_files(options)?;
        let output = work.path("output");
        let mut shown = Follower::open(&output, io::stdout())?;
        let qemu = self.qemu_words(options);
        let end = self.emulator().enter(&[(work.0.path(), "run/lab")], || {
            let mut qemu = inner_command(&qemu);
            qemu.stdin(Stdio::null()).stdout(Stdio::null());
            let child = qemu.spawn().context("cannot run QEMU")?;
            let deadline = Instant::now() + Duration::from_secs(options.seconds.get());
            watch(child, deadline, &signals, || {
                if options.serial { shown.copy() } else { Ok(()) }
            })
        })?;
        if let Some(folder) = &options.monitor {
            work.move_monitor(folder)?;
        }
        shown.copy()?;
        let log = work.path("console");
        if let Some(place) = &options.console {
            fs::copy(&log, place).with_context(|| {
                format!("cannot write the console's log to {}", place.display())
            })?;
        }
        let races = self.chroot.top.join("tools/kernels/kcsan.races");
        let log = console::text(&log)?;
        match end {
            End::Signalled(signal) => Ok(128 + signal),
            End::TimedOut => {
                tell(&last_lines(&log, 30));
                bail!("the guest did not end within {} s.", options.seconds)
            }
            End::Exited => judge(
                &log,
                &console::text(&work.path("status"))?,
                &console::text(&races)?,
                options.io_errors,
            ),
        }
    }

    /// QEMU with its arguments, for the chroot.
    fn qemu_words(&self, options: &Options) -> Vec<String> {
        let own = self.target.own.is_some();
        let memory = options
            .memory
            .map_or(if own { 4096 } else { 2048 }, NonZeroU64::get);
        let mut line = format!(
            "console={} panic=-1 loglevel=7 printk.time=1 rdinit=/init cryptomgr.notests=1",
            self.target.arch.terminal
        );
        for word in &options.boot {
            line = line + " " + word;
        }
        if own {
            line += SANITIZED;
        }
        let (cpus, memory) = (options.cpus.to_string(), memory.to_string());
        let mut words: Vec<String> = Vec::new();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        add(self.target.arch.qemu);
        add(options.clock.accelerator());
        add(&["-smp", &cpus, "-m", &memory]);
        for (name, serial, is_there) in [
            ("system", "system", options.system.is_some()),
            ("disk", "lab", options.disk.is_some()),
        ] {
            if !is_there {
                continue;
            }
            let file = format!("file=/run/lab/{name},format=raw,if=none,id={name},cache=unsafe");
            let disk = format!("virtio-blk-pci,drive={name},serial={serial},num-queues={cpus}");
            add(&["-drive", &file, "-device", &disk]);
        }
        add(&["-device", "virtio-serial"]);
        if options.monitor.is_some() {
            let answers = "path=/run/lab/answers,input-path=/run/lab/commands";
            add(&[
                "-chardev",
                &format!("file,id=answers,{answers}"),
                "-mon",
                "chardev=answers",
            ]);
            add(&["-chardev", "file,id=commands,path=/run/lab/commands"]);
            add(&["-device", "virtserialport,chardev=commands,name=monitor"]);
        }
        add(&[
            "-display",
            "none",
            "-no-reboot",
            "-nodefaults",
            "-monitor",
            "none",
        ]);
        add(&[
            "-kernel",
            "/run/lab/vmlinuz",
            "-initrd",
            "/run/lab/initrd",
            "-append",
            &line,
        ]);
        // The command's output and its exit status have ports of their own: on the console they
        // would mix with the kernel's messages.
        add(&["-serial", "file:/run/lab/console"]);
        for port in ["output", "status"] {
            add(&["-chardev", &format!("file,id={port},path=/run/lab/{port}")]);
            add(&[
                "-device",
                &format!("virtserialport,chardev={port},name={port}"),
            ]);
        }
        words
    }
}

/// Words for kernels with sanitizers. These kernels are so slow that they distrust the emulated
/// clock. With page tables of five levels, KASAN reports any address as wild in an interrupt that
/// comes while `identify_cpu()` has cleared the processor's features (`pgtable_l5_enabled()`);
/// after one report, KASAN and lockdep are silent.
const SANITIZED: &str = " tsc=reliable no5lvl";

/// The exit status of the guest's command; an error if the guest or its kernel has failed.
fn judge(log: &str, status: &str, races: &str, io_errors: bool) -> Result<u8> {
    let Ok(status) = status.trim().parse() else {
        tell(&last_lines(log, 60));
        bail!("the guest ended without a result (its last console lines are above).");
    };
    let complaints = complaints(log, races, io_errors);
    let Some((_, first)) = complaints.first() else {
        return Ok(status);
    };
    let mut last = None;
    for (line, _) in &complaints {
        let test = test_before(log, line);
        if test.is_some() && test != last {
            tell(&format!("{}\n", test.unwrap_or_default()));
        }
        last = test;
        tell(&format!("{line}\n"));
    }
    bail!(
        "the kernel complained (above); the run fails. The first line tells this: {}.",
        first.reason
    )
}

/// The line by which a program of tests has told its present test before this line of the log.
fn test_before<'a>(log: &'a str, line: &str) -> Option<&'a str> {
    let (before, _) = log.split_once(line)?;
    before
        .lines()
        .rev()
        .find(|line| line.contains("] chaos-tests: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_complaint_is_told_with_its_test() {
        let log = "[ 1.0] chaos-tests: one\n[ 1.1] chaos-tests: two\n[ 1.2] Oops: 0\n";
        let test = Some("[ 1.1] chaos-tests: two");
        assert_eq!(test_before(log, "[ 1.2] Oops: 0"), test);
        assert_eq!(test_before(log, "[ 1.0] chaos-tests: one"), None);
    }

    #[test]
    fn words_reach_the_guest_as_they_are() {
        let words = [
            "printf",
            "%s|",
            "a b",
            "it's",
            "$HOME",
            "",
            "two\nlines",
            "\\",
        ];
        let words = words.map(OsString::from);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("command");
        fs::write(&path, script(&words)).unwrap();
        let output = Command::new("sh").arg(path).output().unwrap();
        assert_eq!(output.stdout, b"a b|it's|$HOME||two\nlines|\\|");
    }

    #[test]
    fn the_exit_status_passes_on() {
        assert_eq!(judge("[ 1.0] fine\r\n", "7\r\n", "", false).unwrap(), 7);
    }

    #[test]
    fn a_guest_without_a_result_has_failed() {
        let error = judge("[ 1.0] fine\n", "", "", false)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the guest ended without a result"),
            "{error}"
        );
    }

    #[test]
    fn a_complaint_fails_what_has_passed() {
        let error = judge("[ 1.0] WARNING: CPU: 0\r\n", "0\n", "", false)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the kernel complained (above)"),
            "{error}"
        );
    }

    #[test]
    fn a_failed_io_is_a_complaint_unless_the_command_asks_for_it() {
        let log = "[ 1.0] Buffer I/O error on dev vda, logical block 0, async page read\n";
        let error = judge(log, "0\n", "", false).unwrap_err().to_string();
        assert!(error.contains("needs --io-errors"), "{error}");
        assert_eq!(judge(log, "0\n", "", true).unwrap(), 0);
    }
}
