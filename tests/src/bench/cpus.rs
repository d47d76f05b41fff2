// SPDX-License-Identifier: GPL-2.0-only

//! Processors that stay online during a measurement.

use crate::{disk::Disk, sys};
use anyhow::{Context, Result};
use std::fs;

const CPUS: &str = "/sys/devices/system/cpu";

/// The processors that are online; when dropped, all are online again.
pub(super) struct Cpus(Vec<u32>);

impl Cpus {
    /// The first processor of each hardware queue of the disk, and no other.
    pub(super) fn of_queues(disk: &Disk) -> Result<Self> {
        let mut wanted = Vec::new();
        for queue in fs::read_dir(disk.attribute("mq"))? {
            let list = sys::read(queue?.path().join("cpu_list"))?;
            let first = list.split(',').next().unwrap_or_default();
            wanted.push(first.trim().parse()?);
        }
        Self::only(wanted)
    }

    /// The first processors, so many of them.
    pub(super) fn first(count: u32) -> Result<Self> {
        Self::only((0..count).collect())
    }

    fn only(mut wanted: Vec<u32>) -> Result<Self> {
        wanted.sort_unstable();
        // A hardware queue for polled I/O uses the same processors.
        wanted.dedup();
        let cpus = Self(wanted);
        for cpu in all()?.into_iter().filter(|cpu| !cpus.0.contains(cpu)) {
            set_online(cpu, false)?;
        }
        Ok(cpus)
    }

    /// Their numbers.
    pub(super) fn numbers(&self) -> &[u32] {
        &self.0
    }

    /// Their numbers, as fio and others take them.
    pub(super) fn list(&self) -> String {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        numbers.join(",")
    }
}

impl Drop for Cpus {
    fn drop(&mut self) {
        for cpu in all().unwrap_or_default() {
            let _ = set_online(cpu, true);
        }
    }
}

fn all() -> Result<Vec<u32>> {
    let text = sys::read(format!("{CPUS}/present"))?;
    let last = text.rsplit('-').next().context("no processors")?;
    Ok((0..=last.parse()?).collect())
}

fn set_online(cpu: u32, online: bool) -> Result<()> {
    let file = format!("{CPUS}/cpu{cpu}/online");
    // The first processor always stays online, and has no file.
    if fs::exists(&file)? {
        sys::write(file, if online { "1" } else { "0" })?;
    }
    Ok(())
}
