// SPDX-License-Identifier: GPL-2.0-only

//! Devices of the device mapper, on top of disks.

use crate::{disk::Disk, sys};
use anyhow::Result;

/// A device that is removed when dropped.
pub(crate) struct Mapped(String);

impl Mapped {
    /// A device as large as the disk, of this target of the device mapper, whose parameters may
    /// name the disk.
    pub(crate) fn new(disk: &Disk, target: &str, parameters: &str) -> Result<Self> {
        let sectors = sys::read(disk.attribute("size"))?;
        let name = format!("{target}-{}", disk.name());
        let table = format!("0 {sectors} {target} {parameters}");
        Self::of_table(&name, &format!("dm-{target}"), &table)
    }

    /// A device of this name and table, whose target is in this module.
    pub(crate) fn of_table(name: &str, module: &str, table: &str) -> Result<Self> {
        sys::run(&["modprobe", "dm-mod"])?;
        sys::run(&["modprobe", module])?;
        let words = ["dmsetup", "create", name, "--noudevsync", "--table", table];
        sys::run(&words)?;
        Ok(Self(name.to_owned()))
    }

    /// Its name in sysfs.
    fn device_name(&self) -> Result<String> {
        let text = sys::run(&[
            "dmsetup",
            "info",
            "-c",
            "--noheadings",
            "-o",
            "blkdevname",
            &self.0,
        ])?;
        Ok(text.trim().to_owned())
    }

    /// Its device node.
    pub(crate) fn path(&self) -> Result<String> {
        Ok(format!("/dev/{}", self.device_name()?))
    }

    /// Its device number, as traces have it.
    pub(crate) fn device(&self) -> Result<u32> {
        sys::device_number(format!("/sys/block/{}/dev", self.device_name()?))
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let _ = sys::run(&["dmsetup", "remove", "--noudevsync", "--retry", &self.0]);
    }
}
