// SPDX-License-Identifier: GPL-2.0-only

//! What else slows disks down, or schedules their I/O.

use crate::{disk::Disk, mapped::Mapped};
use anyhow::Result;

/// Where the guest has the plainest scheduler, in C and in Rust. The kernel's own schedulers are
/// modules of the kernel.
pub(super) const FIFOS: [&str; 2] = ["/fifo.ko", "/fifo_rust.ko"];

/// A device of dm-delay on top of a disk, gone when dropped.
pub(super) fn dm_delay(disk: &Disk, delay_ms: u64) -> Result<Mapped> {
    Mapped::new(disk, "delay", &format!("{} 0 {delay_ms}", disk.path()))
}
