// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The mounted file systems that have data on a disk.

use super::{
    Roots,
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
}

/// The file systems of these kinds on these disks that the machine's first process or this one
/// sees, as far as their disks are known, each by its first mount.
pub(crate) fn mounted_on(
    roots: &Roots,
    disks: &[String],
    is_meant: impl Fn(&str) -> bool,
) -> Vec<Mounted> {
    let stack = Stack::new(roots);
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    for process in ["1", "self"] {
        for mount in mounts_of(roots, process).unwrap_or_default() {
            // The layers of an overlay are on other mounts.
            let is_other = mount.kind == "overlay" || !is_meant(&mount.kind);
            if is_other || seen.contains(&mount.number) {
                continue;
            }
            let Place::Blocks(blocks) = of_mount(roots, &mount, &mount.number, process) else {
                continue;
            };
            seen.push(mount.number);
            for disk in blocks.iter().flat_map(|block| stack.needs(block).disks) {
                let mounted = Mounted {
                    disk,
                    point: mount.point.clone(),
                    kind: mount.kind.clone(),
                };
                if disks.contains(&mounted.disk) && !found.contains(&mounted) {
                    found.push(mounted);
                }
            }
        }
    }
    found
}
