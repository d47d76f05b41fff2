// SPDX-License-Identifier: GPL-2.0-only

//! A SCSI disk that is as slow as the disk below it, by the kernel's own SCSI target.

use crate::{disk::Disk, sys};
use anyhow::{Context, Result};
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// The folder of targets in configfs.
const TARGET: &str = "/sys/kernel/config/target";

/// The disk below, as the target knows it.
const BACKSTORE: &str = "/sys/kernel/config/target/core/iblock_0/below";

/// The target's name, and that of its user.
const NAMES: [&str; 2] = ["naa.60014050c0ffee01", "naa.60014050c0ffee02"];

/// The modules that this takes.
pub(crate) const MODULES: [&str; 4] = [
    "sd_mod",
    "target_core_mod",
    "target_core_iblock",
    "tcm_loop",
];

/// The disk; removed when dropped.
pub(crate) struct Scsi {
    name: String,
}

impl Scsi {
    /// Makes the disk.
    pub(crate) fn new(below: &Disk) -> Result<Self> {
        for module in MODULES {
            sys::run(&["modprobe", module])?;
        }
        let mut disk = Self {
            name: String::new(),
        };
        fs::create_dir_all(BACKSTORE)?;
        sys::write(
            format!("{BACKSTORE}/control"),
            format!("udev_path={}", below.path()),
        )?;
        sys::write(format!("{BACKSTORE}/enable"), "1")?;
        let group = group();
        fs::create_dir_all(&group).with_context(|| format!("making {}", group.display()))?;
        sys::write(group.join("nexus"), NAMES[1])?;
        let unit = group.join("lun/lun_0");
        fs::create_dir(&unit)?;
        symlink(BACKSTORE, unit.join("below"))?;
        sys::wait_until("the SCSI disk", || {
            disk.name = name()?.unwrap_or_default();
            Ok(Path::new(&disk.path()).exists() && !disk.name.is_empty())
        })?;
        Ok(disk)
    }

    /// Its device node.
    pub(crate) fn path(&self) -> String {
        format!("/dev/{}", self.name)
    }
}

/// The folder of the target's one group of ports.
fn group() -> PathBuf {
    Path::new(TARGET)
        .join("loopback")
        .join(NAMES[0])
        .join("tpgt_1")
}

/// The name of the target's disk, if there is one.
fn name() -> Result<Option<String>> {
    for entry in fs::read_dir("/sys/block")?.flatten() {
        let vendor = sys::read(entry.path().join("device/vendor")).unwrap_or_default();
        if vendor.starts_with("LIO") {
            return Ok(Some(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

impl Drop for Scsi {
    fn drop(&mut self) {
        let group = group();
        let unit = group.join("lun/lun_0");
        let _ = fs::remove_file(unit.join("below"));
        let _ = fs::remove_dir(unit);
        let _ = sys::write(group.join("nexus"), "NULL");
        for folder in group.ancestors().take(2) {
            let _ = fs::remove_dir(folder);
        }
        for folder in Path::new(BACKSTORE).ancestors().take(2) {
            let _ = fs::remove_dir(folder);
        }
    }
}
