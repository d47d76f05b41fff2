// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The commits of file systems, which an injection of flushes alone leaves out.

use super::operation::is_flush_alone;
use crate::system::{Roots, mounted::mounted_on};

/// The nature of a commit, and the option that has it.
pub(crate) const COMMIT: &str =
    "the commit of a journal is a write that flushes: --op write,flush has both";

/// The file systems with such a commit. Others, such as btrfs, flush without data.
const KINDS: [&str; 5] = ["ext3", "ext4", "gfs2", "ocfs2", "xfs"];

/// A sentence if an injection of these operations leaves out the commits of a file system that is
/// mounted on one of these disks.
pub(crate) fn left_out(roots: &Roots, operations: &str, disks: &[String]) -> Option<String> {
    if !is_flush_alone(operations) {
        return None;
    }
    let mounted = mounted_on(roots, disks, |kind| KINDS.contains(&kind));
    let first = mounted.first()?;
    Some(format!(
        "--op flush leaves out the commits of the {} at {} on {}; {COMMIT}",
        first.kind,
        first.point.display(),
        first.disk
    ))
}
