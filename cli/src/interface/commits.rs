// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The commits of file systems, which an injection of flushes alone leaves out.

use super::{
    attributes::{Name, Value, attribute},
    existing::all,
    operation::{COMMIT, is_flush_alone, kinds},
    values::Values,
};
use crate::system::{
    Roots,
    attached::reached_blocks,
    block::Block,
    files::try_read,
    mounted::{Mounted, mounted_on},
};
use std::ffi::{OsStr, OsString};

/// Kinds that surely have such a commit; of others nothing is said.
const KINDS: [&str; 5] = ["ext3", "ext4", "gfs2", "ocfs2", "xfs"];

/// Whether a file system has commits, and its disk gets each as a write. The device mapper and md
/// send their disks a flush without data before such a write, and so does a file system with its
/// journal elsewhere.
pub(crate) fn are_writes(mounted: &Mounted) -> bool {
    mounted.is_direct && KINDS.contains(&&*mounted.kind)
}

/// A sentence if an injection of these operations leaves out the commits of a file system that is
/// mounted on one of these devices, and no other injection has the writes of that disk.
pub(crate) fn left_out(roots: &Roots, operations: &str, reached: &[Block]) -> Option<String> {
    if !is_flush_alone(operations) {
        return None;
    }
    let is_reached = |block: &Block| reached.iter().any(|reached| reached.overlaps(block));
    let mut mounted = mounted_on(roots, is_reached).into_iter();
    let names = all(roots).unwrap_or_default();
    let first = mounted.find(|mounted| {
        let has_writes = |name: &OsString| has_writes(roots, name, &mounted.disk);
        are_writes(mounted) && !names.iter().any(has_writes)
    })?;
    Some(format!(
        "--op flush leaves out the commits of the {} at {} on {}; {COMMIT}",
        first.kind,
        first.point.display(),
        first.disk
    ))
}

/// Whether an injection is on and about writes on this disk. A replay has one of writes
/// beside the one of flushes.
fn has_writes(roots: &Roots, name: &OsStr, disk: &str) -> bool {
    let directory = roots.injection(name);
    let names = [Name::Enabled, Name::Device, Name::Sectors, Name::Op];
    let values = names.into_iter().filter_map(|name| {
        let attribute = attribute(name);
        let text = try_read(&directory.join(attribute.file())).ok()?;
        Some((attribute, attribute.parse_file(&text).ok()?))
    });
    let values = Values(values.collect());
    let is_on = values.get(Name::Enabled) != Some(&Value::Number(0));
    let mut kinds = kinds(values.text(Name::Op).unwrap_or_default()).peekable();
    let is_of_writes = kinds.peek().is_none() || kinds.any(|kind| kind == "write");
    let blocks = || reached_blocks(roots, values.devices().as_deref());
    is_on && is_of_writes && blocks().iter().any(|block| block.disk == disk)
}
