// SPDX-License-Identifier: GPL-2.0-only

//! What else slows disks down, or schedules their I/O.

use crate::{disk::Disk, sys};
use anyhow::Result;

/// Where the plainest scheduler is in the guest; the kernel's own ones are modules of the kernel.
pub(super) const FIFO: &str = "/fifo.ko";

/// A device of dm-delay on top of a disk, gone when dropped.
pub(super) struct DmDelay(String);

impl DmDelay {
    pub(super) fn new(disk: &Disk, delay_ms: u64) -> Result<Self> {
        sys::run(&["modprobe", "dm-mod"])?;
        sys::run(&["modprobe", "dm-delay"])?;
        let sectors = sys::read(disk.attribute("size"))?;
        let name = format!("delay-{}", disk.name());
        let table = format!("0 {sectors} delay {} 0 {delay_ms}", disk.path());
        sys::run(&[
            "dmsetup",
            "create",
            &name,
            "--noudevsync",
            "--table",
            &table,
        ])?;
        Ok(Self(name))
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
    pub(super) fn path(&self) -> Result<String> {
        Ok(format!("/dev/{}", self.device_name()?))
    }

    /// Its device number, as traces have it.
    pub(super) fn device(&self) -> Result<u32> {
        sys::device_number(format!("/sys/block/{}/dev", self.device_name()?))
    }
}

impl Drop for DmDelay {
    fn drop(&mut self) {
        let _ = sys::run(&["dmsetup", "remove", "--noudevsync", "--retry", &self.0]);
    }
}
