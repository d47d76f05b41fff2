// SPDX-License-Identifier: GPL-2.0-only

//! Arrays of disks, by md and by a file system: an injection hits all disks of the array.

use super::traps::lacks;
use crate::{
    disk::{Disk, Kind},
    report::Report,
    stack::{Built, Stack, fill},
    sys,
};
use anyhow::Result;

/// A disk with two partitions.
fn disk() -> Result<Disk> {
    Disk::new(&Kind {
        memory: true,
        partitions: true,
        more: &[("size", "512")],
        ..Kind::default()
    })
}

scenario!("stack_raid1", raid1);
fn raid1(report: &mut Report) -> Result<()> {
    if lacks(report, &["raid1"], &["mdadm"]) {
        return Ok(());
    }
    let (first, second) = (disk()?, disk()?);
    let mut built = Built::default();
    let parts = format!("{}p1 {}p1", first.path(), second.path());
    let how = "--run --assume-clean --metadata=1.2 --bitmap=none --level=1 --raid-devices=2";
    built.make(
        &format!("env MDADM_NO_UDEV=1 mdadm --create /dev/md9 {how} {parts}"),
        "env MDADM_NO_UDEV=1 mdadm --stop /dev/md9",
    )?;
    built.ext4("/dev/md9", "/run/array")?;
    fill("/run/array/file")?;
    let other = format!("{}p2", first.path());
    // A half that is mostly for writing has no reads.
    for (name, half) in [
        ("/dev/md9", &first),
        ("md9", &second),
        ("/run/array", &first),
    ] {
        let state = format!("/sys/block/md9/md/dev-{}p1/state", half.name());
        sys::write(&state, "writemostly")?;
        Stack {
            what: "a mirror of md",
            names: &[name],
            on: "/run/array/file",
            beside: &[("the other partition", &other)],
            disks: &[first.name(), second.name()],
            all: false,
        }
        .judge(report)?;
        sys::write(&state, "-writemostly")?;
    }
    Stack {
        what: "a mirror of md",
        names: &["/run/array"],
        on: "/run/array/file",
        beside: &[],
        disks: &[first.name(), second.name()],
        all: true,
    }
    .judge_writes(report)
}

scenario!("stack_btrfs", btrfs);
/// A file system on two disks, whose subvolume has a mount of its own.
fn btrfs(report: &mut Report) -> Result<()> {
    if lacks(report, &["btrfs"], &["mkfs.btrfs", "btrfs"]) {
        return Ok(());
    }
    let (first, second) = (disk()?, disk()?);
    let mut built = Built::default();
    let (one, two) = (
        format!("{}p1", first.path()),
        format!("{}p1", second.path()),
    );
    sys::run(&[
        "mkfs.btrfs",
        "-q",
        "-f",
        "-d",
        "raid0",
        "-m",
        "raid1",
        &one,
        &two,
    ])?;
    let devices = format!("-t btrfs -o device={one},device={two}");
    built.mount(&format!("{devices} {one}"), "/run/whole")?;
    sys::run(&["btrfs", "subvolume", "create", "/run/whole/sub"])?;
    built.mount(&format!("{devices},subvol=/sub {one}"), "/run/sub")?;
    fill("/run/sub/file")?;
    let (other, another) = (
        format!("{}p2", first.path()),
        format!("{}p2", second.path()),
    );
    Stack {
        what: "btrfs on two disks",
        names: &["/run/sub", "/run/sub/file"],
        on: "/run/sub/file",
        beside: &[("a partition beside", &other), ("another one", &another)],
        disks: &[first.name(), second.name()],
        all: true,
    }
    .judge(report)
}
