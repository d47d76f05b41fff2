// SPDX-License-Identifier: GPL-2.0-only

//! Several paths to one disk, of NVMe and of the device mapper: an injection hits I/O on each path.

use super::traps::{Scsi, lacks};
use crate::{
    disk::{Disk, Kind, make_partitions},
    mapped::Mapped,
    nvme::{PORTS, Target},
    report::Report,
    stack::{Built, Stack, fill},
    sys::{self, wait_until},
};
use anyhow::Result;
use std::path::Path;

scenario!("stack_nvme", nvme);
fn nvme(report: &mut Report) -> Result<()> {
    if lacks(report, &["nvme-fabrics", "nvmet", "nvme-loop"], &[]) {
        return Ok(());
    }
    let disk = Disk::new(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let _target = Target::new(&disk)?;
    for port in PORTS {
        Target::connect(port)?;
    }
    let head = "/dev/nvme0n1";
    wait_until("the disk of all paths", || Ok(Path::new(head).exists()))?;
    wait_until("both paths", || Ok(Target::disks()?.len() == 2))?;
    sys::write(
        "/sys/class/nvme-subsystem/nvme-subsys0/iopolicy",
        "round-robin",
    )?;
    make_partitions(head, &sys::read("/sys/block/nvme0n1/size")?)?;
    let mut built = Built::default();
    built.ext4("/dev/nvme0n1p1", "/run/paths")?;
    fill("/run/paths/file")?;
    let disks = Target::disks()?;
    let disks: Vec<&str> = disks.iter().map(String::as_str).collect();
    let stack = Stack {
        what: "a partition of NVMe",
        names: &["nvme0n1p1", "/run/paths"],
        on: "/run/paths/file",
        beside: &[("the other partition", "/dev/nvme0n1p2")],
        disks: &disks,
        all: true,
    };
    stack.judge(report)?;
    Stack {
        what: "a disk of NVMe",
        names: &[head],
        on: "/dev/nvme0n1p2",
        beside: &[],
        ..stack
    }
    .judge(report)
}

scenario!("stack_multipath", multipath);
/// A multipath device of requests has a scheduler itself; its partition is a device above it.
fn multipath(report: &mut Report) -> Result<()> {
    const HALF: u64 = 32 << 11;
    if lacks(report, &["dm-multipath"], &["dmsetup"]) {
        return Ok(());
    }
    let scsi = Scsi::new(&["dev_size_mb=64", "max_luns=2"], 2)?;
    let mut paths = Vec::new();
    for name in &scsi.0 {
        sys::write(format!("/sys/block/{name}/queue/scheduler"), "none")?;
        paths.push(sys::read(format!("/sys/block/{name}/dev"))?);
    }
    sys::run(&["modprobe", "dm-round-robin"])?;
    let (one, two) = (&paths[0], &paths[1]);
    let table = format!(
        "0 {} multipath 0 0 1 1 round-robin 0 2 1 {one} 1 {two} 1",
        2 * HALF
    );
    let mapped = Mapped::of_table("paths", "dm-multipath", &table)?;
    let path = mapped.path()?;
    let part = |start: u64| format!("0 {HALF} linear {path} {start}");
    let first = Mapped::of_table("paths-part1", "dm-mod", &part(0))?;
    let second = Mapped::of_table("paths-part2", "dm-mod", &part(HALF))?;
    let (on, beside) = (first.path()?, second.path()?);
    let disk = path.trim_start_matches("/dev/");
    Stack {
        what: "a partition of a multipath device",
        names: &["paths-part1", &on],
        on: &on,
        beside: &[("the other partition", &beside)],
        disks: &[disk],
        all: true,
    }
    .judge(report)?;
    Stack {
        what: "a multipath device",
        names: &["paths", "/dev/mapper/paths"],
        on: &beside,
        beside: &[],
        disks: &[disk],
        all: true,
    }
    .judge(report)
}
