// SPDX-License-Identifier: GPL-2.0-only

//! Data are as they were written on disks of zones: while zones are reset and finished with held
//! completions, and if the disk chooses the place of a write, and returns it in the bio.

use super::{
    traps::{amid_changes, lacks, verify, verify_while},
    traps_files::round_trip,
};
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    report::Report,
    sys,
};
use anyhow::Result;

/// Sectors of a zone.
const ZONE: u32 = (16 << 20) / 512;

/// Notes in the report that a disk of zones takes only schedulers that lock zones, if so: before
/// Linux 6.10, the kernel's own kyber is none of these either.
pub(super) fn skip_zones(report: &mut Report) -> Result<bool> {
    sys::run(&["modprobe", "kyber-iosched"])?;
    let disk = Disk::new(&Kind {
        memory: true,
        zoned: true,
        ..Kind::default()
    })?;
    let skips = !sys::read(disk.attribute("queue/scheduler"))?.contains("kyber");
    if skips {
        report.skip("disks of zones of this kernel take only schedulers that lock zones");
    }
    Ok(skips)
}

fn zoned(more: &'static [(&'static str, &'static str)]) -> Result<Disk> {
    Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        zoned: true,
        more,
        ..Kind::default()
    })
}

/// Writes zone 8, finishes it, reads it back, and resets it, some times. `$1` is the disk.
const ROUNDS: &str = r#"
set -e
dd if=/dev/urandom of=/tmp/zone bs=64k count=16 2>/dev/null
for round in 1 2 3 4 5 6 7 8; do
	dd if=/tmp/zone of=$1 bs=64k seek=2048 oflag=direct conv=notrunc 2>/dev/null
	blkzone finish -o 262144 -c 1 $1
	dd if=$1 of=/tmp/read bs=64k skip=2048 count=16 iflag=direct 2>/dev/null
	cmp /tmp/zone /tmp/read
	blkzone reset -o 262144 -c 1 $1
	blkzone report -o 262144 -c 1 $1 | grep -q ' 1(em) '
	dd if=$1 of=/tmp/read bs=64k skip=2048 count=16 iflag=direct 2>/dev/null
	! cmp -s /tmp/zone /tmp/read
done
"#;

scenario!("traps_zones", zones);
fn zones(report: &mut Report) -> Result<()> {
    if lacks(report, &["null_blk"], &["blkzone"]) || skip_zones(report)? {
        return Ok(());
    }
    let disk = zoned(&[])?;
    let path = disk.path();
    let of_zones = ["--zonemode=zbd", "--max_open_zones=4", "--size=64m"];
    amid_changes(report, |report| {
        // The load resets zones before it writes them again.
        let options = [&of_zones[..], &["--rw=write", "--bs=16k", "--io_size=32m"]].concat();
        verify_while(report, "zones", &[], &path, &options, || {
            assert_eq!(8 * ZONE, 262_144);
            sys::run(&["sh", "-c", ROUNDS, "sh", &path]).map(drop)
        })?;
        let options = ["--rw=randwrite", "--bs=64k", "--io_size=96m", "--direct=1"];
        let options = [&of_zones[..], &options, &["--ioengine=libaio"]].concat();
        let outcome = Fio::start(&path, &[&options[..], &["--iodepth=16"]].concat())?;
        let ios = outcome.finish()?.total_ios()?;
        report.figure(
            "written over and over, I/Os",
            ">= 1000",
            ios,
            ios >= 1_000.0,
        );
        sys::run(&["blkzone", "reset", &path])?;
        verify(
            report,
            "after a reset",
            &path,
            &[&of_zones[..], &["--rw=write", "--size=16m"]].concat(),
        )
    })
}

scenario!("traps_zone_append", append);
/// A file system that appends to zones, on a disk that can append and on one for which the block
/// layer emulates it.
fn append(report: &mut Report) -> Result<()> {
    if lacks(report, &["btrfs"], &["mkfs.btrfs"]) || skip_zones(report)? {
        return Ok(());
    }
    const OWN: &[(&str, &str)] = &[("size", "1024")];
    const EMULATED: &[(&str, &str)] = &[("size", "1024"), ("zone_append_max_sectors", "0")];
    for more in [OWN, EMULATED] {
        let disk = zoned(more)?;
        let most = sys::read(disk.attribute("queue/zone_append_max_bytes"))?;
        let make = ["mkfs.btrfs", "-q", "-f", "-O", "zoned"];
        let what = format!("btrfs of zones, {most} bytes appended at most");
        round_trip(report, &what, "btrfs", &make, &disk.path())?;
    }
    Ok(())
}
