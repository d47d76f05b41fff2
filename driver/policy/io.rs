// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The questions of filters to an I/O.

use super::operations::Conditions;

/// One I/O, to a filter.
pub trait Io {
    /// The place of the operation in [`OPERATIONS`](super::operations::OPERATIONS), or
    /// [`OTHER`](super::operations::OTHER).
    fn operation(&self) -> u32;
    /// The conditions that hold.
    fn conditions(&self) -> Conditions;
    /// The first sector, of 512 bytes, on the whole disk.
    fn first_sector(&self) -> u64;
    /// The length in bytes.
    fn bytes(&self) -> u32;
    /// The number of the partition to which it was submitted; 0 is the disk itself.
    fn partition(&self) -> u8;
    /// The kernel's number of the device to which it was submitted.
    fn device(&self) -> u32;
    /// The id of the PID namespace of its submitter.
    fn pid_namespace(&self) -> u64;
}
