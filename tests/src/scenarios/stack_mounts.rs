// SPDX-License-Identifier: GPL-2.0-only

//! Mounts that lead to a disk in a roundabout way: an injection hits the disk that files are on.

use super::traps::lacks;
use crate::{
    disk::{Disk, Kind},
    report::Report,
    stack::{Built, Container, Stack, fill},
};
use anyhow::Result;
use std::fs;

/// A disk with a file system in each of its two partitions, and a file in each of these.
fn file_systems() -> Result<(Disk, Built)> {
    let disk = Disk::new(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })?;
    let mut built = Built::default();
    for (part, folder) in [("p1", "/run/one"), ("p2", "/run/two")] {
        built.ext4(&format!("{}{part}", disk.path()), folder)?;
        fs::create_dir_all(format!("{folder}/data"))?;
        fill(&format!("{folder}/data/file"))?;
    }
    Ok((disk, built))
}

scenario!("stack_overlay", overlay);
fn overlay(report: &mut Report) -> Result<()> {
    if lacks(report, &["overlay"], &[]) {
        return Ok(());
    }
    let (disk, mut built) = file_systems()?;
    fs::create_dir_all("/run/one/work")?;
    let folders = "lowerdir=/run/two/data,upperdir=/run/one/data,workdir=/run/one/work";
    built.mount(&format!("-t overlay -o {folders} overlay"), "/run/merged")?;
    fill("/run/two/data/lower")?;
    Stack {
        what: "an overlay",
        names: &["/run/merged", "/run/merged/file"],
        on: "/run/merged/file",
        beside: &[
            ("a file of the lower folder", "/run/merged/lower"),
            ("the other file system", "/run/two/data/file"),
        ],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)
}

scenario!("stack_bind", bind);
fn bind(report: &mut Report) -> Result<()> {
    let (disk, mut built) = file_systems()?;
    built.mount("-o bind /run/one/data", "/run/two/bound")?;
    Stack {
        what: "a bind mount",
        names: &["/run/two/bound", "/run/two/bound/file"],
        on: "/run/two/bound/file",
        beside: &[("the file system around it", "/run/two/data/file")],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)
}

scenario!("stack_container", container);
/// A path of a process with mounts of its own means another disk than the same path outside.
fn container(report: &mut Report) -> Result<()> {
    let (disk, mut built) = file_systems()?;
    built.mount("-o bind /run/two/data", "/run/volume")?;
    let container = Container::new(
        "umount /run/volume; mount -o bind /run/one/data /run/volume",
        "/",
    )?;
    let inside = format!("/proc/{}/root/run/volume", container.pid());
    let file = format!("{inside}/file");
    Stack {
        what: "a container's volume",
        names: &[&inside, &file],
        on: &file,
        beside: &[("the same path outside", "/run/volume/file")],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)?;
    Stack {
        what: "a container's neighbour",
        names: &["/run/volume"],
        on: "/run/volume/file",
        beside: &[("the same path inside", &file)],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)
}

scenario!("stack_container_root", container_root);
/// A container whose root is an overlay, as images have it.
fn container_root(report: &mut Report) -> Result<()> {
    if lacks(report, &["overlay"], &[]) {
        return Ok(());
    }
    let (disk, _built) = file_systems()?;
    fs::create_dir_all("/run/one/work")?;
    fs::create_dir_all("/run/root")?;
    let folders = "lowerdir=/,upperdir=/run/one/data,workdir=/run/one/work";
    let mount = format!("mount -t overlay -o {folders} overlay /run/root");
    let container = Container::new(&mount, "/run/root")?;
    let root = format!("/proc/{}/root", container.pid());
    let file = format!("{root}/file");
    Stack {
        what: "a container's root",
        names: &[&format!("{root}/"), &file],
        on: &file,
        beside: &[("another file system of the disk", "/run/two/data/file")],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)
}
