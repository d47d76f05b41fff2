// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written if others count the I/O whose completion is held, poll for its
//! end, have no memory, or take processors away.

use super::traps::{amid_changes, disk, verify, verify_while};
use crate::{
    disk::{Disk, Kind},
    failslab::{self, Failing},
    injection::Injection,
    process::Cgroup,
    report::Report,
    sys,
};
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::OFlags;
use std::{
    fs::File,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    thread::sleep,
    time::Duration,
};

/// A setting of cgroups for one disk.
struct Setting<'a> {
    /// Each cgroup's own file.
    file: &'a str,
    value: &'a str,
    /// The text that takes the value back.
    none: &'a str,
}

/// Verifies in two cgroups at a time, both of which have this setting for the disk.
fn by_cgroups(report: &mut Report, what: &str, disk: &Disk, setting: &Setting<'_>) -> Result<()> {
    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let set = |value: &str| {
        [&slow, &other].into_iter().try_for_each(|group| {
            let number = number(disk)?;
            let path = format!("{}/{}", group.path(), setting.file);
            sys::write(path, format!("{number} {value}"))
        })
    };
    set(setting.value)?;
    let options = ["--size=32m", "--verify_backlog=64"];
    let second = [&options[..], &["--offset=128m"]].concat();
    let (words, others) = (slow.enter(), other.enter());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    let path = disk.path();
    amid_changes(report, |report| {
        verify_while(report, what, &words, &path, &options, || {
            let options = [super::traps::VERIFIED, &second].concat();
            crate::fio::Fio::start_by(&others, &path, &options)?.finish()?;
            Ok(())
        })
    })?;
    // The kernel frees blk-iolatency with its work scheduled if a cgroup still has a target when
    // the disk goes (`blkcg_iolatency_exit()` flushes the work before it takes the targets back).
    set(setting.none)
}

/// The disk's number, as cgroups have it.
fn number(disk: &Disk) -> Result<String> {
    sys::read(disk.attribute("dev"))
}

scenario!("traps_latency", latency);
/// The kernel slows down one cgroup for another that waits too long (`io.latency`).
fn latency(report: &mut Report) -> Result<()> {
    let disk = disk()?;
    let probe = Cgroup::new("probe")?;
    if !Path::new(probe.path()).join("io.latency").exists() {
        report.skip("this kernel has no io.latency");
        return Ok(());
    }
    drop(probe);
    let setting = Setting {
        file: "io.latency",
        value: "target=500",
        none: "target=max",
    };
    by_cgroups(report, "io.latency", &disk, &setting)
}

scenario!("traps_weights", weights);
/// Cgroups share the disk's time by weights (`io.cost`).
fn weights(report: &mut Report) -> Result<()> {
    const FILE: &str = "/sys/fs/cgroup/io.cost.qos";
    let disk = disk()?;
    if !Path::new(FILE).exists() {
        report.skip("this kernel has no io.cost");
        return Ok(());
    }
    let number = number(&disk)?;
    let quality = "rpct=95 rlat=2000 wpct=95 wlat=2000 min=50 max=150";
    sys::write(FILE, format!("{number} enable=1 ctrl=user {quality}"))?;
    let setting = Setting {
        file: "io.weight",
        value: "100",
        none: "default",
    };
    by_cgroups(report, "io.cost", &disk, &setting)?;
    sys::write(FILE, format!("{number} enable=0"))
}

scenario!("traps_throttled", throttled);
/// The kernel throttles writeback by the time that reads take.
fn throttled(report: &mut Report) -> Result<()> {
    let disk = disk()?;
    let target = disk.attribute("queue/wbt_lat_usec");
    if sys::write(&target, "1000").is_err() {
        report.skip("this kernel does not throttle writeback");
        return Ok(());
    }
    let options = [
        "--direct=0",
        "--ioengine=psync",
        "--numjobs=4",
        "--fsync=256",
    ];
    let options = [&options[..], &["--offset_increment=16m"]].concat();
    amid_changes(report, |report| {
        verify(report, "writeback", &disk.path(), &options)?;
        // The setting changes while some of the I/O is held.
        verify_while(report, "as it changes", &[], &disk.path(), &options, || {
            for value in ["0", "500", "75000", "1000"].iter().cycle().take(12) {
                sys::write(&target, value)?;
                sleep(Duration::from_millis(100));
            }
            Ok(())
        })
    })
}

scenario!("traps_polled", polled);
/// Submitters that poll for the end of their I/O.
fn polled(report: &mut Report) -> Result<()> {
    // The disk has no cache, and all of its memory: a polled null_blk must not sleep, and it sleeps
    // for memory.
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        ..Kind::default()
    })?;
    if sys::read(disk.attribute("queue/io_poll"))? != "1" {
        report.skip("null_blk of this kernel has no queues for polling");
        return Ok(());
    }
    write_zeroes(&disk)?;
    let options = ["--ioengine=io_uring", "--hipri=1", "--bsrange=4k-64k"];
    amid_changes(report, |report| {
        verify(report, "io_uring that polls", &disk.path(), &options)?;
        let what = "one at a time";
        let options = [&options[..], &["--iodepth=1", "--size=2m"]].concat();
        verify(report, what, &disk.path(), &options)?;
        let what = "of 4 tasks";
        let options = ["--numjobs=4", "--offset_increment=16m"];
        let options = [&options[..], &["--ioengine=io_uring", "--hipri=1"]].concat();
        verify(report, what, &disk.path(), &options)
    })
}

/// Writes the first 64 MiB, so that the disk has memory for them.
fn write_zeroes(disk: &Disk) -> Result<()> {
    let zeroes = ["dd", "if=/dev/zero", "bs=64k", "count=1024", "oflag=direct"];
    let to = format!("of={}", disk.path());
    sys::run(&[&zeroes[..], &[&to]].concat()).map(drop)
}

/// Memory for direct I/O.
struct Block(Vec<u8>);

impl Block {
    const BYTES: usize = 16 << 10;
    const ALIGNED: usize = 4_096;

    fn new() -> Self {
        Self(vec![0; Self::BYTES + Self::ALIGNED])
    }

    fn bytes(&mut self) -> &mut [u8] {
        let start = self.0.as_ptr().align_offset(Self::ALIGNED);
        &mut self.0[start..start + Self::BYTES]
    }
}

/// Does some work until there is memory for it; the number of times that there was none.
fn until_done(mut work: impl FnMut() -> std::io::Result<()>) -> Result<u64> {
    const ENOMEM: i32 = 12;
    for failed in 0..1_000 {
        match work() {
            Err(error) if error.raw_os_error() == Some(ENOMEM) => {}
            result => return Ok(result.map(|()| failed)?),
        }
    }
    bail!("there is no memory a thousand times")
}

scenario!("traps_no_memory", no_memory);
/// Now and then a task has no memory for its I/O.
fn no_memory(report: &mut Report) -> Result<()> {
    const BLOCKS: u64 = 400;
    let _ = sys::run(&["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"]);
    if !failslab::is_there() {
        report.skip("this kernel cannot make allocations fail");
        return Ok(());
    }
    failslab::begin()?;
    let disk = disk()?;
    let file = File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlags::DIRECT.bits() as i32)
        .open(disk.path())?;
    // All of the disk's own memory is there before: this test is not about errors of the disk.
    write_zeroes(&disk)?;
    let failing = Failing::of_this_thread()?;
    let settings = [
        ("hold", "completion"),
        ("op", "read write"),
        ("delay_us", "100"),
    ];
    let injection = Injection::with_texts("memory", &settings)?;
    let (mut block, mut none) = (Block::new(), 0);
    let done = amid_changes(report, |_| {
        for round in 1..=3u8 {
            failing.set(true)?;
            for number in 0..BLOCKS {
                block.bytes().fill(number as u8 ^ round.wrapping_mul(59));
                let place = number * Block::BYTES as u64;
                none += until_done(|| file.write_all_at(block.bytes(), place))?;
            }
            for number in 0..BLOCKS {
                let place = number * Block::BYTES as u64;
                none += until_done(|| file.read_exact_at(block.bytes(), place))?;
                let wanted = number as u8 ^ round.wrapping_mul(59);
                let same = block.bytes().iter().all(|byte| *byte == wanted);
                ensure!(same, "block {number} is not as it was written");
            }
            failing.set(false)?;
        }
        Ok(())
    });
    failing.set(false)?;
    done?;
    report.figure("calls without memory, done again", "any", none, true);
    let let_go = injection.stat("no_memory")?;
    report.figure(
        "I/Os not held for lack of memory",
        ">= 5",
        let_go,
        let_go >= 5,
    );
    injection.remove()
}

scenario!("traps_processors", processors);
/// A processor goes offline and comes back.
fn processors(report: &mut Report) -> Result<()> {
    const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";
    let disk = disk()?;
    if !Path::new(ONLINE).exists() {
        report.skip("the guest has no second processor that can go");
        return Ok(());
    }
    let options = ["--numjobs=4", "--offset_increment=16m", "--iodepth=8"];
    amid_changes(report, |report| {
        let what = "as a processor goes and comes";
        verify_while(report, what, &[], &disk.path(), &options, || {
            for online in ["0", "1"].iter().cycle().take(16) {
                sys::write(ONLINE, online).context("a processor")?;
                sleep(Duration::from_millis(200));
            }
            Ok(())
        })
    })
}
