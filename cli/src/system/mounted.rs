// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The mounted file systems that have data on a disk.

use super::{
    Roots,
    block::Block,
    mounts::mounts_of,
    place::{Place, of_mount},
    stack::Stack,
};
use std::path::PathBuf;

/// A mounted file system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mounted {
    /// One of its disks.
    pub(crate) disk: String,
    /// Its mount point.
    pub(crate) point: PathBuf,
    /// Its kind, such as `ext4`.
    pub(crate) kind: String,
    /// Whether it is on that disk, or a partition of it, alone and without a layer between, such as
    /// the device mapper.
    pub(crate) is_direct: bool,
}

/// The file systems that need such devices and that the machine's first process or this one sees,
/// as far as their devices are known, each by its first mount.
pub(crate) fn mounted_on(roots: &Roots, is_meant: impl Fn(&Block) -> bool) -> Vec<Mounted> {
    let stack = Stack::new(roots);
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    for process in ["1", "self"] {
        for mount in mounts_of(roots, process).unwrap_or_default() {
            // The layers of an overlay are on other mounts.
            if mount.kind == "overlay" || seen.contains(&mount.number) {
                continue;
            }
            let Place::Blocks(blocks) = of_mount(roots, &mount, &mount.number, process) else {
                continue;
            };
            seen.push(mount.number);
            let needed = blocks.iter().flat_map(|block| stack.needs(block).blocks);
            for block in needed.filter(&is_meant) {
                let is_direct = blocks == [block.clone()];
                let mounted = Mounted {
                    disk: block.disk,
                    point: mount.point.clone(),
                    kind: mount.kind.clone(),
                    is_direct,
                };
                if !found.contains(&mounted) {
                    found.push(mounted);
                }
            }
        }
    }
    found
}
