// SPDX-License-Identifier: GPL-2.0-only

//! Files are as they were written, before and after file systems are mounted again, while
//! completions are held.

use super::traps::{VERIFIED, amid_changes, lacks, verify};
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    report::Report,
    sys,
};
use anyhow::Result;

const FOLDER: &str = "/mnt";

/// Makes a file system on a device; writes and verifies files, syncs, mounts it again, and verifies
/// them again.
pub(super) fn round_trip(
    report: &mut Report,
    what: &str,
    kind: &str,
    make: &[&str],
    device: &str,
) -> Result<()> {
    sys::run(&[make, &[device]].concat())?;
    amid_changes(report, |report| {
        let mount = || sys::run(&["mount", "-t", kind, device, FOLDER]);
        let (direct, buffered) = (format!("{FOLDER}/direct"), format!("{FOLDER}/buffered"));
        mount()?;
        let options = ["--bsrange=4k-64k", "--size=16m"];
        verify(report, &format!("{what}, direct"), &direct, &options)?;
        let write = [
            "--bs=16k",
            "--do_verify=0",
            "--verify_backlog=0",
            "--size=16m",
        ];
        let how = ["--direct=0", "--ioengine=psync", "--fsync=64"];
        let options = [VERIFIED, &write, &how].concat();
        Fio::start(&buffered, &options)?.finish()?;
        sys::run(&["sync"])?;
        sys::run(&["umount", FOLDER])?;
        mount()?;
        let read = ["--rw=read", "--bs=16k", "--size=16m"];
        let what = format!("{what}, buffered, mounted again");
        verify(report, &what, &buffered, &read)?;
        sys::run(&["umount", FOLDER])?;
        Ok(())
    })
}

/// A disk that is large enough for all file systems.
fn disk() -> Result<Disk> {
    Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        discard: true,
        more: &[("size", "400")],
        ..Kind::default()
    })
}

fn file_system(report: &mut Report, kind: &str, make: &[&str]) -> Result<()> {
    if lacks(report, &[kind], &[make[0]]) {
        return Ok(());
    }
    let disk = disk()?;
    round_trip(report, kind, kind, make, &disk.path())?;
    if kind == "ext4" {
        let check = sys::run(&["fsck.ext4", "-f", "-n", &disk.path()]);
        report.figure(
            "fsck",
            "clean",
            if check.is_ok() { "clean" } else { "errors" },
            check.is_ok(),
        );
    }
    Ok(())
}

scenario!("traps_ext4", ext4);
fn ext4(report: &mut Report) -> Result<()> {
    file_system(report, "ext4", &["mkfs.ext4", "-q"])
}

scenario!("traps_xfs", xfs);
fn xfs(report: &mut Report) -> Result<()> {
    file_system(report, "xfs", sys::mkfs_xfs()?)
}

scenario!("traps_btrfs", btrfs);
fn btrfs(report: &mut Report) -> Result<()> {
    file_system(report, "btrfs", &["mkfs.btrfs", "-q", "-f"])
}

scenario!("traps_f2fs", f2fs);
fn f2fs(report: &mut Report) -> Result<()> {
    file_system(report, "f2fs", &["mkfs.f2fs", "-q", "-f"])
}
