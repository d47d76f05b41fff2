// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What filters ask of an I/O.

use super::operations::Conditions;

/// One I/O, as far as a filter looks at it.
pub trait Io {
    /// The number of the kernel's `enum req_op`.
    fn operation(&self) -> u32;
    /// Which of [`Conditions`] hold.
    fn conditions(&self) -> Conditions;
    /// The first sector, of 512 bytes, of the disk.
    fn first_sector(&self) -> u64;
    /// Length in bytes.
    fn bytes(&self) -> u32;
    /// The number of the partition by which it came; 0 is the disk itself.
    fn partition(&self) -> u8;
    /// The kernel's number of the device by which it came.
    fn device(&self) -> u32;
    /// Whether it belongs to the cgroup of this id, or one below it.
    fn is_in_cgroup(&self, id: u64) -> bool;
    /// The id of the PID namespace of its submitter.
    fn pid_namespace(&self) -> u64;
}
