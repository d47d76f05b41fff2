// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written if others take part in the end of a bio whose completion is held:
//! the shared part of all these tests, and split bios.

use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::{Result, ensure};
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, sleep},
    time::Duration,
};

/// The operations of those disks that an injection may hold.
const ALL: &str = "read write discard zone_append zone_reset zone_finish";

/// The work of injections that came and went.
#[derive(Default)]
struct Seen {
    rounds: u64,
    delayed: u64,
    limited: u64,
}

impl Seen {
    /// Ends an injection.
    fn end(&mut self, injection: Injection) -> Result<()> {
        self.delayed += injection.stat("delayed")?;
        self.limited += injection.stat("limited")?;
        injection.remove()
    }
}

/// Makes, changes and ends injections, until `stop` is set.
fn change(stop: &AtomicBool) -> Result<Seen> {
    let pause = || sleep(Duration::from_millis(50));
    let enabled = format!("{}/enabled", sys::IOEM);
    let mut seen = Seen::default();
    for operations in [ALL, "write zone_append", "read", ALL].iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let settings = [
            ("hold", "completion"),
            ("op", operations),
            ("delay_us", "2000"),
            ("jitter_us", "2000"),
        ];
        let slow = Injection::with_texts("traps-slow", &settings)?;
        pause();
        let settings = [
            ("hold", "completion"),
            ("op", ALL),
            ("period_us", "5000"),
            ("quota", "4"),
        ];
        let limit = Injection::with_texts("traps-limit", &settings)?;
        pause();
        slow.set("delay_us", "4000")?;
        pause();
        seen.end(limit)?;
        pause();
        if seen.rounds % 2 == 1 {
            sys::write(&enabled, "0")?;
            pause();
            sys::write(&enabled, "1")?;
        }
        seen.end(slow)?;
        seen.rounds += 1;
    }
    Ok(seen)
}

/// Does some work while injections come and go, which must have held some I/O.
pub(super) fn amid_changes<T>(
    report: &mut Report,
    work: impl FnOnce(&mut Report) -> Result<T>,
) -> Result<T> {
    sys::load_module()?;
    let stop = AtomicBool::new(false);
    let (done, seen) = thread::scope(|scope| {
        let changes = scope.spawn(|| change(&stop));
        let done = work(report);
        stop.store(true, Ordering::Relaxed);
        (done, changes.join().expect("it does not panic"))
    });
    let (done, seen) = (done?, seen?);
    report.figure(
        &format!("{} rounds of injections, I/Os delayed", seen.rounds),
        ">= 100",
        format!("{} ({} limited)", seen.delayed, seen.limited),
        seen.delayed >= 100,
    );
    Ok(done)
}

/// Writes, reads back in between and at the end, and compares.
pub(super) const VERIFIED: &[&str] = &[
    "--rw=randwrite",
    "--bs=4k",
    "--ioengine=libaio",
    "--direct=1",
    "--iodepth=32",
    "--size=8m",
    "--verify=crc32c",
    "--verify_fatal=1",
    "--verify_backlog=256",
    "--do_verify=1",
    "--randseed=7",
    "--fallocate=none",
];

/// [`VERIFIED`] with more options, or other ones, once.
pub(super) fn verify(report: &mut Report, what: &str, file: &str, more: &[&str]) -> Result<()> {
    verify_while(report, what, &[], file, more, || Ok(()))
}

/// The same until some work is done, at least once, in a process that these words start.
pub(super) fn verify_while(
    report: &mut Report,
    what: &str,
    before: &[&str],
    file: &str,
    more: &[&str],
    work: impl FnOnce() -> Result<()> + Send,
) -> Result<()> {
    let options = [VERIFIED, more].concat();
    let (mut ios, mut rounds) = (0.0, 0);
    thread::scope(|scope| {
        let work = scope.spawn(work);
        loop {
            ios += Fio::start_by(before, file, &options)?
                .finish()?
                .total_ios()?;
            rounds += 1;
            if work.is_finished() {
                return work.join().expect("it does not panic");
            }
        }
    })?;
    report.figure(
        &format!("{what}, verified in {rounds} rounds, I/Os"),
        "> 0",
        ios,
        ios > 0.0,
    );
    Ok(())
}

fn is_there(module: &str) -> bool {
    let file_systems = sys::read("/proc/filesystems").unwrap_or_default();
    let name = module.replace('-', "_");
    file_systems.split_whitespace().any(|kind| kind == module)
        || Path::new("/sys/module").join(name).exists()
        || sys::run(&["modprobe", module]).is_ok()
}

/// Whether the guest lacks one of these modules, or the programs that come with them.
pub(super) fn lacks(report: &mut Report, modules: &[&str], programs: &[&str]) -> bool {
    for module in modules {
        if !is_there(module) {
            report.skip(format!("this kernel has no {module}"));
            return true;
        }
    }
    for program in programs {
        if !Path::new("/bin").join(program).exists() {
            report.skip(format!("the guest has no {program}"));
            return true;
        }
    }
    false
}

/// Whether two devices, disks of an array, are the same in their first so many MiB.
pub(super) fn judge_same(report: &mut Report, one: &Disk, other: &Disk, mib: u64) -> Result<()> {
    // Caches may have older data.
    for disk in [one, other] {
        sys::run(&["blockdev", "--flushbufs", &disk.path()])?;
    }
    let bytes = (mib << 20).to_string();
    let same = sys::run(&["cmp", "-n", &bytes, &one.path(), &other.path()]);
    report.figure(
        "the two halves of the mirror",
        "same",
        same.as_ref()
            .map_or_else(ToString::to_string, |_| "same".to_owned()),
        same.is_ok(),
    );
    Ok(())
}

/// A disk that keeps written data.
pub(super) fn disk() -> Result<Disk> {
    Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        ..Kind::default()
    })
}

/// The disks of scsi_debug, until dropped.
pub(super) struct Scsi(pub(super) Vec<String>);

impl Scsi {
    /// Makes disks with these parameters, and switches them to ioem.
    pub(super) fn new(parameters: &[&str], count: usize) -> Result<Self> {
        sys::load_module()?;
        crate::disk::scsi(parameters)?;
        let mut scsi = Self(Vec::new());
        for _ in 0..100 {
            scsi.0.clear();
            for entry in fs::read_dir("/sys/block")?.flatten() {
                let model = sys::read(entry.path().join("device/model")).unwrap_or_default();
                if model.starts_with("scsi_debug") {
                    scsi.0
                        .push(entry.file_name().to_string_lossy().into_owned());
                }
            }
            if scsi.0.len() == count {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        ensure!(scsi.0.len() == count, "scsi_debug has made {:?}", scsi.0);
        for name in &scsi.0 {
            sys::write(format!("/sys/block/{name}/queue/scheduler"), "ioem")?;
        }
        Ok(scsi)
    }
}

impl Drop for Scsi {
    fn drop(&mut self) {
        for _ in 0..100 {
            if sys::run(&["rmmod", "scsi_debug"]).is_ok() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
    }
}

scenario!("traps_split", split);
/// Large I/Os of a disk that takes small ones: each bio is split, and its parts are chained to it.
fn split(report: &mut Report) -> Result<()> {
    let disk = disk()?;
    amid_changes(report, |report| {
        for kib in ["4", "8", "32"] {
            sys::write(disk.attribute("queue/max_sectors_kb"), kib)?;
            let large = ["--bs=1m", "--size=24m", "--iodepth=4", "--verify_backlog=4"];
            let what = format!("1 MiB at a time in parts of {kib} KiB");
            verify(report, &what, &disk.path(), &large)?;
        }
        Ok(())
    })
}
