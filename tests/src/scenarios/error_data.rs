// SPDX-License-Identifier: GPL-2.0-only

//! Errors and data: a disk has nothing of a write that failed, and file systems take an error for
//! one of the disk.

use super::flush::skip_flushes;
use crate::{
    direct::{BLOCK, Direct},
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::{Result, ensure};
use std::{
    fs::{self, File},
    io::Write,
};

/// The byte of all blocks before the writes.
const OLD: u8 = 0x11;

/// The byte of a written block.
const NEW: u8 = 0x22;

/// How many blocks are written.
const BLOCKS: usize = 512;

const EIO: i32 = 5;

/// A disk with memory, whose first blocks have the old byte.
fn old_disk(kind: Kind) -> Result<(Disk, Direct)> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..kind
    })?;
    let mut device = Direct::open(&disk.path())?;
    for place in 0..BLOCKS {
        ensure!(device.write(place, OLD)? == 0, "filling the disk");
    }
    Ok((disk, device))
}

/// Notes how many blocks are not as the results of their writes say: with EIO, the old data.
fn compare(report: &mut Report, what: &str, device: &mut Direct, errors: &[i32]) -> Result<()> {
    let mut wrong = Vec::new();
    for (place, error) in errors.iter().enumerate() {
        let expected = match *error {
            0 => Some(NEW),
            EIO => Some(OLD),
            _ => None,
        };
        if expected.is_none() || device.byte_of(place)? != expected {
            wrong.push(place);
        }
    }
    let failed = errors.iter().filter(|error| **error != 0).count();
    report.figure(
        &format!(
            "{what}: of {} writes, {failed} failed; wrong blocks",
            errors.len()
        ),
        "[], of >= 1",
        format!("{wrong:?}"),
        wrong.is_empty() && failed > 0 && failed < errors.len(),
    );
    Ok(())
}

scenario!("error_data_kept", kept);
/// Of writes that fail, the disk has the old data; of others, the new ones.
fn kept(report: &mut Report) -> Result<()> {
    for hold in ["request", "completion"] {
        for delay_us in ["0", "500"] {
            let (disk, mut device) = old_disk(Kind::default())?;
            let settings = [
                ("error", "EIO"),
                ("op", "write"),
                ("hold", hold),
                ("delay_us", delay_us),
                ("probability", "30"),
                ("seed", "5"),
            ];
            let injection = Injection::with_texts("failing", &settings)?;
            let mut errors = Vec::new();
            for place in 0..BLOCKS {
                errors.push(device.write(place, NEW)?);
            }
            let stats = (injection.stat("failed")?, injection.stat("not_failed")?);
            injection.remove()?;
            compare(
                report,
                &format!("{hold}, {delay_us} us"),
                &mut device,
                &errors,
            )?;
            let failed = errors.iter().filter(|error| **error != 0).count() as u64;
            report.figure(
                "failed and not failed in stats",
                format!("({failed}, 0)"),
                format!("{stats:?}"),
                stats == (failed, 0),
            );
            drop(disk);
        }
    }
    Ok(())
}

scenario!("error_data_dropped", dropped);
/// Of writes that a disk loses, it has the old data, and programs see no error.
fn dropped(report: &mut Report) -> Result<()> {
    for hold in ["request", "completion"] {
        for delay_us in ["0", "500"] {
            let (disk, mut device) = old_disk(Kind::default())?;
            let settings = [
                ("i_know_data_will_be_lost", "1"),
                ("drop", "1"),
                ("hold", hold),
                ("delay_us", delay_us),
                // Every third block, by its place.
                ("every", "3"),
            ];
            let injection = Injection::with_texts("losing", &settings)?;
            let mut errors = Vec::new();
            for place in 0..BLOCKS {
                let error = device.write(place, NEW)?;
                ensure!(error == 0, "a lost write has no error, and not {error}");
                errors.push(if place % 3 == 2 { EIO } else { 0 });
                // A read does not match, and does not count.
                let read = device.byte_of(place)?;
                let expected = if place % 3 == 2 { OLD } else { NEW };
                ensure!(read == Some(expected), "block {place} has {read:?}");
            }
            let stats = ["dropped", "failed", "not_failed"].map(|key| injection.stat(key));
            let stats = stats.into_iter().collect::<Result<Vec<u64>>>()?;
            injection.remove()?;
            compare(
                report,
                &format!("{hold}, {delay_us} us"),
                &mut device,
                &errors,
            )?;
            let lost = (BLOCKS / 3) as u64;
            report.figure(
                "dropped, failed and not failed in stats",
                format!("[{lost}, 0, 0]"),
                format!("{stats:?}"),
                stats == [lost, 0, 0],
            );
            drop(disk);
        }
    }
    Ok(())
}

scenario!("error_data_together", together);
/// Of writes that a program submits together, which would be merged, those fail that match.
fn together(report: &mut Report) -> Result<()> {
    /// The blocks that fail: alone, two in a row, the first and the last of a batch.
    const FAILING: [usize; 8] = [3, 17, 18, 31, 32, 64, 100, 511];
    if !sys::is_at_least(6, 5)? {
        report.skip("before Linux 6.5 the block layer merges writes that are to fail");
        return Ok(());
    }
    for hold in ["request", "completion"] {
        let (disk, mut device) = old_disk(Kind::default())?;
        let sectors = FAILING.map(|place| format!("{}+8", place * 8)).join(" ");
        let settings = [
            ("error", "EIO"),
            ("op", "write"),
            ("hold", hold),
            ("sectors", &*sectors),
        ];
        let injection = Injection::with_texts("failing", &settings)?;
        let size = format!("--size={}", BLOCKS * BLOCK);
        let options = [
            "--rw=write",
            "--bs=4k",
            "--ioengine=libaio",
            "--direct=1",
            "--iodepth=32",
            "--iodepth_batch_submit=32",
            "--iodepth_batch_complete_min=32",
            "--buffer_pattern=0x22",
            "--continue_on_error=io",
            &size,
        ];
        let outcome = Fio::start(&disk.path(), &options)?.finish_with_errors()?;
        let errors = outcome.errors_passed_over()?;
        report.figure(
            &format!("{hold}: failed writes"),
            FAILING.len(),
            errors,
            errors == FAILING.len() as f64 && injection.stat("failed")? == FAILING.len() as u64,
        );
        injection.remove()?;
        let mut expected = [0; BLOCKS];
        FAILING.iter().for_each(|place| expected[*place] = EIO);
        compare(report, hold, &mut device, &expected)?;
    }
    Ok(())
}

scenario!("error_data_flushed", flushed);
/// A write that is part of a flush sequence fails, too; the disk has its data, as documented.
fn flushed(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    // With FUA, without, and without a cache, where it is a write as any other.
    let cache = Kind {
        cache: true,
        ..Kind::default()
    };
    let flush = Kind {
        flushed: true,
        ..Kind::default()
    };
    for (name, kind, has) in [
        ("cache with FUA", cache, OLD),
        ("cache without FUA", flush, NEW),
        ("no cache", Kind::default(), OLD),
    ] {
        for hold in ["request", "completion"] {
            for delay_us in ["0", "2000"] {
                let (disk, mut device) = old_disk(kind)?;
                let settings = [
                    ("error", "EIO"),
                    ("op", "write"),
                    ("hold", hold),
                    ("delay_us", delay_us),
                ];
                let injection = Injection::with_texts("failing", &settings)?;
                let mut synchronous = Direct::open_synchronous(&disk.path())?;
                let start_ns = sys::monotonic_ns();
                let error = synchronous.write(1, NEW)?;
                let taken_us = (sys::monotonic_ns() - start_ns) / 1_000;
                let stats = (injection.stat("failed")?, injection.stat("not_failed")?);
                injection.remove()?;
                let byte = device.byte_of(1)?;
                report.figure(
                    &format!("{name}, {hold}, {delay_us} us: error, byte, failed and not, time"),
                    format!("5, {has:#x}, (1, 0), >= {delay_us} us"),
                    format!(
                        "{error}, {:#x}, {stats:?}, {taken_us} us",
                        byte.unwrap_or(0)
                    ),
                    (error, byte, stats) == (EIO, Some(has), (1, 0))
                        && taken_us >= delay_us.parse()?,
                );
                let error = synchronous.write(1, OLD)?;
                report.figure("after the injection", 0, error, error == 0);
            }
        }
    }
    Ok(())
}

/// Writes a file to the medium, and returns the number of the error, or 0.
fn write_file(path: &str, byte: u8) -> i32 {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(&[byte; 64 * 1024])?;
        file.sync_all()
    };
    let error = write().err();
    error.and_then(|error| error.raw_os_error()).unwrap_or(0)
}

scenario!("error_file_systems", file_systems);
/// File systems stop to write after a failed write, and are whole again without the injection.
fn file_systems(report: &mut Report) -> Result<()> {
    const EROFS: i32 = 30;
    let ext4 = (["mkfs.ext4", "-q"].as_slice(), "errors=remount-ro");
    let xfs = (sys::mkfs_xfs()?, "rw");
    for (name, (make, option)) in [("ext4", ext4), ("xfs", xfs)] {
        let disk = Disk::on_ioem(&Kind {
            memory: true,
            more: &[("size", "512")],
            ..Kind::default()
        })?;
        let path = disk.path();
        sys::run(&[make, &[&path]].concat())?;
        sys::run(&["mount", "-t", name, "-o", option, &path, "/mnt"])?;
        ensure!(write_file("/mnt/before", OLD) == 0, "a file before");
        let injection = Injection::with_texts("failing", &[("error", "EIO"), ("op", "write")])?;
        let during = write_file("/mnt/during", NEW);
        // A failed write of data alone stops no file system; that of its journal does.
        fs::create_dir("/mnt/journaled")?;
        let journal = rustix::fs::syncfs(File::open("/mnt")?);
        let next = write_file("/mnt/next", NEW);
        injection.remove()?;
        let after = write_file("/mnt/after", NEW);
        let stops = |error: i32| error == EIO || error == EROFS;
        report.figure(
            &format!("{name}: fsync, syncfs and fsync with errors, fsync after the injection"),
            "EIO, an error, then EIO or EROFS (30) until a new mount",
            format!("{during}, {journal:?}, {next}, {after}"),
            during == EIO && journal.is_err() && stops(next) && stops(after),
        );
        sys::run(&["umount", "/mnt"])?;
        sys::run(&["mount", "-t", name, &path, "/mnt"])?;
        let before = fs::read("/mnt/before")?;
        let again = write_file("/mnt/again", NEW);
        report.figure(
            &format!("{name}: the file before is whole, and a new file"),
            "true, 0",
            format!("{}, {again}", before == [OLD; 64 * 1024]),
            before == [OLD; 64 * 1024] && again == 0,
        );
        sys::run(&["umount", "/mnt"])?;
    }
    Ok(())
}
