// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks of the system itself: without them, a slow disk could not be made fast again.

use super::{
    Roots,
    block::{self, Block},
    mounts::{Mount, mounted_at, mounts, swaps},
};
use crate::error::{Exit, all_of, failure, note};
use anyhow::Result;
use std::{collections::BTreeSet, fs, path::Path};

/// Mount points of file systems that every program needs.
const NEEDED: [&str; 2] = ["/", "/usr"];

/// Refuses if the system itself is on one of these disks.
///
/// # Errors
///
/// [`Exit::Usage`]; the message names the use of the disk and the `remedy`.
pub(crate) fn check(roots: &Roots, disks: &[String], remedy: &str) -> Result<()> {
    let failures = needed(roots, disks).into_iter().map(|(disk, what)| {
        failure(
            Exit::Usage,
            format!("{disk} has {what}: once it is slow, you may be unable to undo that; {remedy}"),
        )
    });
    all_of(failures.collect())
}

/// The disks among these that the system itself is on, each with its use.
pub(crate) fn needed<'a>(roots: &Roots, disks: &'a [String]) -> Vec<(&'a str, String)> {
    if disks.is_empty() {
        return Vec::new();
    }
    let uses = uses(roots);
    disks
        .iter()
        .filter_map(|disk| {
            let (_, what) = uses.iter().find(|(disks, _)| disks.contains(disk))?;
            Some((disk.as_str(), what.clone()))
        })
        .collect()
}

/// The disks that the system needs, with their use.
fn uses(roots: &Roots) -> Vec<(BTreeSet<String>, String)> {
    let mounts = mounts(roots).unwrap_or_else(|error| {
        note(&format!(
            "cannot read {}/self/mountinfo ({error}), so kchaos cannot check whether this slows the \
             system itself down",
            roots.proc.display()
        ));
        Vec::new()
    });
    let mut uses = Vec::new();
    for point in NEEDED {
        if let Some(mount) = mounted_at(&mounts, Path::new(point)) {
            let what = format!("the file system that is mounted at {point}");
            uses.push((disks_of_mount(roots, mount), what));
        }
    }
    for swap in swaps(roots) {
        let what = format!("the active swap {}", swap.display());
        uses.push((disks_of_swap(roots, &swap), what));
    }
    uses
}

fn disks_of_mount(roots: &Roots, mount: &Mount) -> BTreeSet<String> {
    let mut blocks: Vec<Block> = Block::numbered(roots, &mount.number).into_iter().collect();
    blocks.extend(block::of_source(roots, &mount.source));
    if mount.kind == "btrfs" {
        let others = blocks
            .iter()
            .flat_map(|block| block::btrfs_devices(roots, block));
        blocks = others.chain(blocks.iter().cloned()).collect();
    }
    blocks
        .iter()
        .flat_map(|block| block::disks(roots, block))
        .collect()
}

fn disks_of_swap(roots: &Roots, swap: &Path) -> BTreeSet<String> {
    let devices = block::of_source(roots, swap.as_os_str());
    let file = || block::of_file(roots, &fs::canonicalize(swap).ok()?);
    let block = devices.into_iter().next().or_else(file);
    block.map_or_else(BTreeSet::new, |block| block::disks(roots, &block))
}
