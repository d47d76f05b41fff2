// SPDX-License-Identifier: GPL-2.0-only

//! Damaged data: writes of which the disk gets the first blocks, and reads with flipped bits.

use super::flush::skip_flushes;
use crate::{
    direct::Direct,
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::{Result, ensure};
use std::{collections::BTreeSet, fs, thread};

pub(super) const OLD: u8 = 0x11;

pub(super) const NEW: u8 = 0x22;

/// The bytes of each I/O.
pub(super) const LENGTH: usize = 64 * 1024;

/// How many I/Os there are.
const COUNT: usize = 48;

/// A disk with memory, of blocks of this size, whose first bytes are old.
pub(super) fn old_disk(block: usize, kind: Kind) -> Result<(Disk, Direct)> {
    let more: &[_] = match block {
        512 => &[],
        _ => &[("blocksize", "4096")],
    };
    let kind = Kind {
        memory: true,
        more,
        ..kind
    };
    let disk = Disk::on_ioem(&kind)?;
    let device = Direct::open(&disk.path())?;
    for place in 0..COUNT {
        let error = device.write_at(place * LENGTH, &[OLD; LENGTH])?;
        ensure!(error == 0, "filling the disk");
    }
    Ok((disk, device))
}

/// An injection that may lose data.
fn damaging(more: &[(&str, &str)]) -> Result<Injection> {
    let first = [("i_know_data_will_be_lost", "1"), ("seed", "7")];
    Injection::with_texts("damage", &[&first[..], more].concat())
}

/// How many bytes at the start are new, if all bytes behind them are old.
pub(super) fn torn_at(bytes: &[u8]) -> Option<usize> {
    let new = bytes.iter().take_while(|byte| **byte == NEW).count();
    bytes[new..].iter().all(|byte| *byte == OLD).then_some(new)
}

pub(super) fn flipped_bits(bytes: &[u8], byte: u8) -> u32 {
    bytes.iter().map(|read| (read ^ byte).count_ones()).sum()
}

scenario!("torn_writes", torn_writes);
/// Each write reaches the disk up to a block that the seed chooses, and ends as was asked.
fn torn_writes(report: &mut Report) -> Result<()> {
    for block in [512, 4096] {
        let mut boundaries = Vec::new();
        for (hold, delay_us, error) in [
            ("request", "0", ""),
            ("completion", "0", "EIO"),
            ("request", "500", "ENOSPC"),
            ("completion", "500", ""),
        ] {
            let (disk, device) = old_disk(block, Kind::default())?;
            let settings = [
                ("torn", "1"),
                ("error", error),
                ("hold", hold),
                ("delay_us", delay_us),
            ];
            let injection = damaging(&settings)?;
            let mut errors = BTreeSet::new();
            for place in 0..COUNT {
                errors.insert(device.write_at(place * LENGTH, &[NEW; LENGTH])?);
            }
            let stats = (injection.stat("torn")?, injection.stat("not_failed")?);
            // One block is too small to be torn.
            let small = device.write_at(COUNT * LENGTH, &vec![NEW; block])?;
            let not_torn = injection.stat("not_failed")?;
            injection.remove()?;
            let mut torn = Vec::new();
            for place in 0..COUNT {
                torn.push(torn_at(&device.read_at(place * LENGTH, LENGTH)?));
            }
            let is_right =
                |at: &Option<usize>| at.is_some_and(|at| at % block == 0 && at > 0 && at < LENGTH);
            let wrong = torn.iter().filter(|at| !is_right(at)).count();
            let number = match error {
                "EIO" => 5,
                "ENOSPC" => 28,
                _ => 0,
            };
            report.figure(
                &format!("blocks of {block}, {hold}, {delay_us} us: errors, stats, not torn right"),
                format!("{{{number}}}, ({COUNT}, 0), 0; a block alone: 0, 1"),
                format!("{errors:?}, {stats:?}, {wrong}; a block alone: {small}, {not_torn}"),
                errors == BTreeSet::from([number])
                    && stats == (COUNT as u64, 0)
                    && wrong == 0
                    && (small, not_torn) == (0, 1),
            );
            boundaries.push(torn);
            for place in 0..COUNT {
                ensure!(device.write_at(place * LENGTH, &[NEW; LENGTH])? == 0);
                let read = device.read_at(place * LENGTH, LENGTH)?;
                ensure!(torn_at(&read) == Some(LENGTH), "torn after the injection");
            }
            drop(disk);
        }
        let different: BTreeSet<_> = boundaries[0].iter().collect();
        report.figure(
            "different boundaries, and the same with the same seed",
            ">= 8, true",
            format!("{}, {}", different.len(), boundaries[0] == boundaries[3]),
            different.len() >= 8 && boundaries.iter().all(|these| *these == boundaries[0]),
        );
    }
    Ok(())
}

scenario!("torn_with_flushes", torn_with_flushes);
/// A write that is part of a flush sequence is torn as any other.
fn torn_with_flushes(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    let flushed = Kind {
        flushed: true,
        ..Kind::default()
    };
    let cache = Kind {
        cache: true,
        ..Kind::default()
    };
    for (name, kind) in [("without FUA", flushed), ("with FUA", cache)] {
        for error in ["", "EIO"] {
            let (disk, device) = old_disk(512, kind)?;
            let injection = damaging(&[("torn", "1"), ("error", error)])?;
            let synchronous = Direct::open_synchronous(&disk.path())?;
            let mut errors = BTreeSet::new();
            for place in 0..COUNT {
                errors.insert(synchronous.write_at(place * LENGTH, &[NEW; LENGTH])?);
            }
            injection.remove()?;
            let mut wrong = 0;
            for place in 0..COUNT {
                let at = torn_at(&device.read_at(place * LENGTH, LENGTH)?);
                wrong += usize::from(!at.is_some_and(|at| at % 512 == 0 && at > 0 && at < LENGTH));
            }
            let number = if error.is_empty() { 0 } else { 5 };
            report.figure(
                &format!("{name}: errors, writes that are not torn right"),
                format!("{{{number}}}, 0"),
                format!("{errors:?}, {wrong}"),
                errors == BTreeSet::from([number]) && wrong == 0,
            );
        }
    }
    Ok(())
}

scenario!("corrupt_reads", corrupt_reads);
/// Each read has as many flipped bits as asked, chosen by the seed; the disk's data stay.
fn corrupt_reads(report: &mut Report) -> Result<()> {
    let (_disk, device) = old_disk(512, Kind::default())?;
    for (hold, delay_us, bits) in [
        ("auto", "0", 1),
        ("request", "500", 3),
        ("completion", "500", 64),
        ("completion", "0", 1),
    ] {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let settings = [
                ("corrupt", &*bits.to_string()),
                ("hold", hold),
                ("delay_us", delay_us),
            ];
            let injection = damaging(&settings)?;
            let mut reads = Vec::new();
            for place in 0..COUNT {
                reads.push(device.read_at(place * LENGTH, LENGTH)?);
            }
            // A write does not match.
            ensure!(device.write_at(0, &[OLD; LENGTH])? == 0);
            let stats = (injection.stat("corrupted")?, injection.stat("matched")?);
            injection.remove()?;
            let counts: BTreeSet<u32> = reads.iter().map(|read| flipped_bits(read, OLD)).collect();
            report.figure(
                &format!("{hold}, {delay_us} us: flipped bits of a read; reads in stats"),
                format!("{{{bits}}}, ({COUNT}, {COUNT})"),
                format!("{counts:?}, {stats:?}"),
                counts == BTreeSet::from([bits]) && stats == (COUNT as u64, COUNT as u64),
            );
            runs.push(reads);
        }
        let mut different: Vec<_> = runs[0].clone();
        different.sort();
        different.dedup();
        report.figure(
            "different reads, and the same with the same seed",
            format!("{COUNT}, true"),
            format!("{}, {}", different.len(), runs[0] == runs[1]),
            different.len() >= COUNT - 2 && runs[0] == runs[1],
        );
        for place in 0..COUNT {
            let read = device.read_at(place * LENGTH, LENGTH)?;
            ensure!(flipped_bits(&read, OLD) == 0, "corrupt after the injection");
        }
    }
    Ok(())
}

scenario!("corrupt_waiting", corrupt_waiting);
/// A read that waits already is corrupt, too, if its injection gets `corrupt`; and a younger
/// injection with an error does not end it.
fn corrupt_waiting(report: &mut Report) -> Result<()> {
    let (disk, device) = old_disk(512, Kind::default())?;
    let injection = damaging(&[("op", "read"), ("delay_us", "500000"), ("hold", "request")])?;
    let path = disk.path();
    let reader = thread::spawn(move || Direct::open(&path)?.read_at(0, LENGTH));
    injection.wait_until_held(1)?;
    injection.set("corrupt", "3")?;
    let read = reader.join().expect("the reader does not panic")?;
    let late = (flipped_bits(&read, OLD), injection.stat("corrupted")?);
    report.figure(
        "flipped bits of a read that waited, corrupt reads in stats",
        "(3, 1)",
        format!("{late:?}"),
        late == (3, 1),
    );
    injection.set("delay_us", "0")?;
    for hold in ["request", "completion"] {
        let error = Injection::with_texts("younger", &[("error", "EIO"), ("hold", hold)])?;
        let read = device
            .read_at(0, LENGTH)
            .map(|read| flipped_bits(&read, OLD));
        let counts = (injection.stat("not_failed")?, error.stat("failed")?);
        report.figure(
            &format!("flipped bits of a read with a younger error, {hold}; not failed, failed"),
            "Ok(3), (0, 0)",
            format!("{read:?}, {counts:?}"),
            read.as_ref().is_ok_and(|bits| *bits == 3) && counts == (0, 0),
        );
        error.remove()?;
    }
    injection.remove()
}

scenario!("corrupt_verified", verified);
/// fio finds each corrupt block by its checksum, and none after the injection.
fn verified(report: &mut Report) -> Result<()> {
    let (disk, _device) = old_disk(512, Kind::default())?;
    let base = [
        "--bs=4k",
        "--size=8m",
        "--verify=crc32c",
        "--ioengine=libaio",
        "--iodepth=8",
        "--direct=1",
        "--verify_fatal=0",
        "--continue_on_error=verify",
    ];
    let write = [&base[..], &["--rw=write", "--do_verify=0"]].concat();
    Fio::start(&disk.path(), &write)?.finish()?;
    let read = [&base[..], &["--rw=read"]].concat();
    let injection = damaging(&[("corrupt", "1"), ("every", "7")])?;
    let found = Fio::start(&disk.path(), &read)?
        .finish_with_errors()?
        .errors_passed_over()?;
    let corrupted = injection.stat("corrupted")?;
    injection.remove()?;
    let asked = 2048 / 7;
    report.figure(
        "corrupt blocks of 2048, and those that fio finds",
        format!("{asked}, {asked}"),
        format!("{corrupted}, {found}"),
        corrupted == asked && found == asked as f64,
    );
    let after = Fio::start(&disk.path(), &read)?.finish()?.errors()?;
    report.figure("after the injection", 0, after, after == 0.0);
    Ok(())
}

scenario!("error_corrupt_btrfs", btrfs);
/// A file system with checksums gives an error in place of corrupt data, and loses none.
fn btrfs(report: &mut Report) -> Result<()> {
    const FILE: &str = "/mnt/file";
    /// The bytes of a read. Metadata are in blocks of twice the size.
    const PART: usize = 32 * 1024;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        more: &[("size", "512")],
        ..Kind::default()
    })?;
    let path = disk.path();
    let make = [
        "mkfs.btrfs",
        "-q",
        "-n",
        "64k",
        "-m",
        "single",
        "-d",
        "single",
    ];
    sys::run(&[&make[..], &[&*path]].concat())?;
    sys::run(&["mount", "-t", "btrfs", &path, "/mnt"])?;
    let data: Vec<u8> = (0..4 << 20).map(|byte| (byte % 251) as u8).collect();
    fs::write(FILE, &data)?;
    rustix::fs::sync();
    let injection = damaging(&[("corrupt", "1"), ("max_bytes", "32768")])?;
    let file = Direct::open(FILE)?;
    let places = || (0..data.len() / PART).map(|place| place * PART);
    let errors = places().filter(|place| file.read_at(*place, PART).is_err());
    let errors = errors.count();
    let corrupted = injection.stat("corrupted")?;
    injection.remove()?;
    let mut wrong = 0;
    for place in places() {
        wrong += usize::from(file.read_at(place, PART)? != data[place..][..PART]);
    }
    drop(file);
    sys::write("/proc/sys/vm/drop_caches", "3")?;
    let after = fs::read(FILE)? == data;
    report.figure(
        "reads of a file that fail, corrupt reads; reads of other data afterwards, whole file",
        "128, >= 128, 0, true",
        format!("{errors}, {corrupted}, {wrong}, {after}"),
        (errors, wrong, after) == (128, 0, true) && corrupted >= 128,
    );
    sys::run(&["umount", "/mnt"])?;
    Ok(())
}
