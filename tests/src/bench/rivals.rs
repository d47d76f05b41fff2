// SPDX-License-Identifier: GPL-2.0-only

//! Rivals that slow disks down, or schedule their I/O.

use crate::{disk::Disk, mapped::Mapped};
use anyhow::Result;

/// The guest's modules of the plainest scheduler, in C and in Rust. The kernel has the others.
pub(super) const FIFOS: [&str; 2] = ["/fifo.ko", "/fifo_rust.ko"];

/// A device of dm-delay on top of a disk, removed when dropped.
pub(super) fn dm_delay(disk: &Disk, delay_ms: u64) -> Result<Mapped> {
    Mapped::new(disk, "delay", &format!("{} 0 {delay_ms}", disk.path()))
}
