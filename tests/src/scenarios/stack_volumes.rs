// SPDX-License-Identifier: GPL-2.0-only

//! Volumes of LVM, alone and with LUKS: an injection hits the volume that users name.

use super::traps::lacks;
use crate::{
    disk::{Disk, Kind},
    mapped::Mapped,
    report::Report,
    stack::{Built, Stack, fill},
    sys,
};
use anyhow::Result;
use std::fs;

/// LVM as it works without udev, with disks of null_blk.
const SETTINGS: &str = r#"
devices { obtain_device_list_from_udev=0 external_device_info_source="none" use_devicesfile=0
          types=["nullb", 16] }
activation { udev_sync=0 udev_rules=0 monitoring=0 }
global { thin_check_executable="" use_lvmpolld=0 }
backup { backup=0 archive=0 }
"#;

/// A disk with two partitions.
fn disk() -> Result<Disk> {
    Disk::new(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })
}

/// A group "vg" of the first partitions of disks.
fn group(disks: &[&Disk]) -> Result<Built> {
    fs::create_dir_all("/etc/lvm")?;
    fs::write("/etc/lvm/lvm.conf", SETTINGS)?;
    let mut built = Built::default();
    let parts: Vec<String> = disks
        .iter()
        .map(|disk| format!("{}p1", disk.path()))
        .collect();
    built.make(
        &format!("lvm vgcreate -y vg {}", parts.join(" ")),
        "lvm vgremove -f vg",
    )?;
    Ok(built)
}

/// Makes a volume of 16 MiB, which nobody wipes or zeroes.
fn volume(built: &mut Built, name: &str, options: &str) -> Result<()> {
    built.make(
        &format!("lvm lvcreate -y -W n -Z n -n {name} {options} vg"),
        &format!("lvm lvchange -an vg/{name}"),
    )?;
    Ok(())
}

scenario!("stack_linear", linear);
fn linear(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-mod"], &["lvm"]) {
        return Ok(());
    }
    let disk = disk()?;
    let mut built = group(&[&disk])?;
    for name in ["other", "one", "third"] {
        volume(&mut built, name, "-L 16m")?;
    }
    built.ext4("/dev/vg/one", "/run/one")?;
    fill("/run/one/file")?;
    let names = [
        "/dev/vg/one",
        "vg/one",
        "vg-one",
        "/dev/mapper/vg-one",
        "/run/one",
    ];
    Stack {
        what: "a linear volume",
        names: &names,
        on: "/run/one/file",
        beside: &[
            ("the volume before", "/dev/vg/other"),
            ("the volume behind", "/dev/vg/third"),
            ("the other partition", &format!("{}p2", disk.path())),
        ],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)
}

scenario!("stack_segments", segments);
/// A volume in two parts of one disk and one part of another, with volumes between.
fn segments(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-mod"], &["lvm"]) {
        return Ok(());
    }
    let (first, second) = (disk()?, disk()?);
    let mut built = group(&[&first, &second])?;
    let place = |disk: &Disk, from: u32| format!(" {}p1:{from}-{}", disk.path(), from + 1);
    let parts = [place(&first, 2), place(&first, 8), place(&second, 4)];
    let new = |name: &str, parts: &[String]| {
        let extents = 2 * parts.len();
        format!(
            "lvm lvcreate -y -W n -Z n -n {name} -l {extents} vg {}",
            parts.concat()
        )
    };
    built.make(&new("one", &parts), "lvm lvchange -an vg/one")?;
    let between = [place(&first, 4), place(&second, 6)];
    built.make(&new("other", &between), "lvm lvchange -an vg/other")?;
    for segment in 0..3 {
        // The segments lie one behind the other in the volume, of 8 MiB each.
        let (start, length) = (segment * (8 << 11), 8 << 11);
        let table = format!("0 {length} linear /dev/vg/one {start}");
        let window = Mapped::of_table("window", "dm-mod", &table)?;
        Stack {
            what: "a volume in three segments",
            names: &["vg/one"],
            on: &window.path()?,
            beside: &[("the volume between", "/dev/vg/other")],
            disks: &[first.name(), second.name()],
            all: false,
        }
        .judge(report)?;
    }
    Ok(())
}

scenario!("stack_striped", striped);
fn striped(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-mod"], &["lvm"]) {
        return Ok(());
    }
    let (first, second) = (disk()?, disk()?);
    let mut built = group(&[&first, &second])?;
    for name in ["other", "one"] {
        volume(&mut built, name, "-L 16m -i 2 -I 16k")?;
    }
    Stack {
        what: "a striped volume",
        names: &["vg/one"],
        on: "/dev/vg/one",
        beside: &[
            ("the other volume", "/dev/vg/other"),
            ("the other partition", &format!("{}p2", second.path())),
        ],
        disks: &[first.name(), second.name()],
        all: true,
    }
    .judge(report)
}

scenario!("stack_thin", thin);
/// The places of a thin volume are known to the pool alone, which is a device, too.
fn thin(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-thin-pool"], &["lvm"]) {
        return Ok(());
    }
    let disk = disk()?;
    let mut built = group(&[&disk])?;
    built.make(
        "lvm lvcreate -y -Z n -n pool -L 32m --type thin-pool vg",
        "lvm lvchange -an vg/pool",
    )?;
    built.make(
        "lvm lvcreate -y -W n -n thin -V 64m --thinpool vg/pool",
        "lvm lvremove -f vg/thin",
    )?;
    built.ext4("/dev/vg/thin", "/run/thin")?;
    fill("/run/thin/file")?;
    Stack {
        what: "a thin volume",
        names: &["vg/thin", "/run/thin"],
        on: "/run/thin/file",
        beside: &[("the other partition", &format!("{}p2", disk.path()))],
        disks: &[disk.name()],
        all: true,
    }
    .judge_with(report, &["--force"])
}

scenario!("stack_luks", luks);
fn luks(report: &mut Report) -> Result<()> {
    if lacks(report, &["dm-crypt"], &["lvm", "cryptsetup"]) {
        return Ok(());
    }
    let disk = disk()?;
    let mut built = group(&[&disk])?;
    for name in ["other", "one"] {
        volume(&mut built, name, "-L 32m")?;
    }
    fs::write("/run/key", "a key")?;
    let cheap = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 1m";
    built.make(
        &format!("cryptsetup luksFormat -q --type luks2 {cheap} /dev/vg/one /run/key"),
        "true",
    )?;
    built.make(
        "cryptsetup open --key-file /run/key /dev/vg/one secret",
        "cryptsetup close secret",
    )?;
    built.ext4("/dev/mapper/secret", "/run/secret")?;
    fill("/run/secret/file")?;
    sys::run(&["sync"])?;
    Stack {
        what: "LUKS on a volume",
        names: &["secret", "/run/secret"],
        on: "/run/secret/file",
        beside: &[
            ("the other volume", "/dev/vg/other"),
            ("the other partition", &format!("{}p2", disk.path())),
        ],
        disks: &[disk.name()],
        all: true,
    }
    .judge(report)
}
