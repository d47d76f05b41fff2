// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written if a bio of a disk is a part of another device's bio, while its
//! completion is held: stripes, mirrors that are rebuilt, encryption, paths.

use super::traps::{Scsi, amid_changes, disk, judge_same, lacks, verify, verify_while};
use crate::{
    disk::Disk,
    mapped::Mapped,
    report::Report,
    sys::{self, wait_until},
};
use anyhow::Result;
use std::{
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

/// The part of each disk that is used.
const MIB: u64 = 64;

/// The same in sectors.
const SECTORS: u64 = MIB << 11;

/// I/Os that each have parts on both disks.
const LARGE: &[&str] = &["--bsrange=4k-256k", "--size=32m", "--iodepth=16"];

scenario!("traps_stripe", stripe);
fn stripe(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-mod"], &["dmsetup"]) {
        return Ok(());
    }
    let (one, two) = (disk()?, disk()?);
    let table = format!(
        "0 {} striped 2 16 {} 0 {} 0",
        2 * SECTORS,
        one.path(),
        two.path()
    );
    let stacked = Mapped::of_table("striped", "dm-mod", &table)?;
    amid_changes(report, |report| {
        verify(report, "dm-stripe", &stacked.path()?, LARGE)
    })
}

scenario!("traps_crypt", crypt);
fn crypt(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-crypt"], &["dmsetup"]) {
        return Ok(());
    }
    let disk = disk()?;
    let key = format!("{:064x}{:064x}", 7, 8);
    let parameters = format!("aes-xts-plain64 {key} 0 {} 0", disk.path());
    let stacked = Mapped::new(&disk, "crypt", &parameters)?;
    amid_changes(report, |report| {
        verify(report, "dm-crypt", &stacked.path()?, LARGE)
    })
}

scenario!("traps_mirror", mirror);
/// A mirror whose second half is rebuilt while data are written.
fn mirror(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-mirror"], &["dmsetup"]) {
        return Ok(());
    }
    let (one, two) = (disk()?, disk()?);
    fill(&one)?;
    let (first, second) = (one.path(), two.path());
    let table = format!("0 {SECTORS} mirror core 1 1024 2 {first} 0 {second} 0");
    let stacked = Mapped::of_table("mirrored", "dm-mirror", &table)?;
    amid_changes(report, |report| {
        let path = stacked.path()?;
        verify_while(report, "dm-mirror, resync", &[], &path, LARGE, || {
            let all = format!(" {0}/{0} ", SECTORS / 1024);
            wait_until("dm-mirror's resync", || {
                Ok(sys::run(&["dmsetup", "status", "mirrored"])?.contains(&all))
            })
        })
    })?;
    drop(stacked);
    judge_same(report, &one, &two, MIB)
}

/// Writes data that differ from place to place.
fn fill(disk: &Disk) -> Result<()> {
    let options = ["--rw=write", "--bs=256k", "--size=64m", "--direct=1"];
    let options = [&options[..], &["--randseed=9", "--refill_buffers"]].concat();
    crate::fio::Fio::start(&disk.path(), &options)?.finish()?;
    Ok(())
}

/// An array of md, made through sysfs.
struct Array {
    name: String,
    /// Its files.
    folder: PathBuf,
}

impl Array {
    fn new(level: &str, disks: &[&Disk]) -> Result<Self> {
        const PARAMETERS: &str = "/sys/module/md_mod/parameters";
        // The array then goes at once when it stops, if this kernel has the parameter.
        let _ = sys::write(format!("{PARAMETERS}/legacy_async_del_gendisk"), "N");
        let name = format!("md_{level}");
        sys::write(format!("{PARAMETERS}/new_array"), &name)?;
        let folder = Path::new("/sys/block").join(&name).join("md");
        let array = Self { name, folder };
        array.set("metadata_version", "none")?;
        array.set("level", level)?;
        array.set("raid_disks", &disks.len().to_string())?;
        if level == "raid0" {
            array.set("chunk_size", "8192")?;
        } else {
            array.set("component_size", &(MIB << 10).to_string())?;
        }
        for (slot, disk) in disks.iter().enumerate() {
            array.add(disk)?;
            array.set(&format!("dev-{}/slot", disk.name()), &slot.to_string())?;
        }
        array.set("array_state", "active")?;
        Ok(array)
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        sys::write(self.folder.join(file), value)
    }

    fn add(&self, disk: &Disk) -> Result<()> {
        self.set("new_dev", &sys::read(disk.attribute("dev"))?)?;
        let size = format!("dev-{}/size", disk.name());
        self.set(&size, &(MIB << 10).to_string())
    }

    fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }

    fn is(&self, file: &str, value: &str) -> Result<bool> {
        Ok(sys::read(self.folder.join(file))? == value)
    }

    /// Returns when the array rebuilds no half.
    fn wait_until_idle(&self) -> Result<()> {
        wait_until("a resync", || {
            Ok(self.is("sync_action", "idle")? && self.is("degraded", "0")?)
        })
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        for _ in 0..100 {
            if self.set("array_state", "clear").is_ok() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        // The array goes by itself, after its last user.
        for _ in 0..100 {
            if !self.folder.exists() {
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

scenario!("traps_raid0", raid0);
fn raid0(report: &mut Report) -> Result<()> {
    if lacks(report, &["raid0"], &[]) {
        return Ok(());
    }
    let (one, two) = (disk()?, disk()?);
    let array = Array::new("raid0", &[&one, &two])?;
    amid_changes(report, |report| {
        verify(report, "md raid0", &array.path(), LARGE)
    })
}

scenario!("traps_raid1", raid1);
/// A mirror whose second half is rebuilt, fails, and is rebuilt again, while data are written.
fn raid1(report: &mut Report) -> Result<()> {
    const FAILURES: u32 = 3;
    if lacks(report, &["raid1"], &[]) {
        return Ok(());
    }
    let (one, two) = (disk()?, disk()?);
    fill(&one)?;
    let array = Array::new("raid1", &[&one, &two])?;
    let member = format!("dev-{}", two.name());
    let mut resyncs = 0;
    amid_changes(report, |report| {
        verify_while(report, "md raid1", &[], &array.path(), LARGE, || {
            for _ in 0..FAILURES {
                array.set(&format!("{member}/state"), "faulty")?;
                // This fails as long as some I/O uses the half.
                let gone = || Ok(array.set(&format!("{member}/state"), "remove").is_ok());
                wait_until("a member's removal", gone)?;
                wait_until("a member's end", || {
                    Ok(!array.folder.join(&member).exists())
                })?;
                array.add(&two)?;
                let begun = || array.is("sync_action", "recover");
                // The array may have rebuilt it already.
                let done = || array.is("degraded", "0");
                wait_until("a recovery's begin", || {
                    // The array refuses while it still ends its former work.
                    let _ = array.set("sync_action", "recover");
                    Ok(begun()? || done()?)
                })?;
                resyncs += u32::from(begun()?);
                sleep(Duration::from_millis(500));
            }
            array.wait_until_idle()
        })?;
        // The array reads and compares both halves.
        array.set("sync_action", "check")?;
        array.wait_until_idle()
    })?;
    report.figure("recoveries seen", "> 0", resyncs, resyncs > 0);
    let count = sys::read(array.folder.join("mismatch_cnt"))?;
    report.figure("mismatches", 0, &count, count == "0");
    drop(array);
    judge_same(report, &one, &two, MIB)
}

scenario!("traps_multipath", multipath);
/// Two paths to one disk, of requests and of bios. First one path and then the other fails.
fn multipath(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-multipath"], &["dmsetup"]) {
        return Ok(());
    }
    // Disks of one host have the same memory.
    let scsi = Scsi::new(&["dev_size_mb=64", "max_luns=2"], 2)?;
    let mut paths = Vec::new();
    for name in &scsi.0 {
        paths.push(sys::read(format!("/sys/block/{name}/dev"))?);
    }
    sys::run(&["modprobe", "dm-round-robin"])?;
    for (mode, features) in [
        ("rq", "1 queue_if_no_path"),
        ("bio", "3 queue_if_no_path queue_mode bio"),
    ] {
        let (one, two) = (&paths[0], &paths[1]);
        let table =
            format!("0 {SECTORS} multipath {features} 0 1 1 round-robin 0 2 1 {one} 1 {two} 1");
        let stacked = Mapped::of_table("paths", "dm-multipath", &table)?;
        if mode == "rq" {
            // A path gets requests that have passed the scheduler of the device above, and has no
            // others.
            let name = stacked.path()?.replace("/dev/", "/sys/block/");
            sys::write(format!("{name}/queue/scheduler"), "ioem")?;
        }
        amid_changes(report, |report| {
            let what = format!("dm-multipath of {mode}");
            let path = stacked.path()?;
            verify_while(report, &what, &[], &path, LARGE, || {
                for path in paths.iter().cycle().take(10) {
                    for what in ["fail_path", "reinstate_path"] {
                        let message = format!("{what} {path}");
                        sys::run(&["dmsetup", "message", "paths", "0", &message])?;
                        sleep(Duration::from_millis(150));
                    }
                }
                Ok(())
            })
        })?;
    }
    Ok(())
}
