// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The block devices that the source of a mount names.

use super::{Roots, block::Block, mapper::mapper_named};
use std::ffi::OsStr;

/// The devices in the source of a mount, which is one path, or several with colons between them.
/// None if one of them is not found: the others are not the whole file system.
pub(crate) fn of_source(roots: &Roots, source: &OsStr) -> Vec<Block> {
    let source = source.to_str().unwrap_or_default();
    let find = |path: &str| of_dev(roots, path.strip_prefix("/dev/")?);
    // The names of some links have colons themselves.
    if let Some(block) = find(source) {
        return vec![block];
    }
    let all: Option<Vec<Block>> = source.split(':').map(find).collect();
    all.unwrap_or_default()
}

/// The device with this path below /dev, also if its node is not there.
pub(crate) fn of_dev(roots: &Roots, below: &str) -> Option<Block> {
    let node = Block::of_node(roots, &roots.dev.join(below));
    node.or_else(|| match below.strip_prefix("mapper/") {
        Some(name) => mapper_named(roots, name),
        // A directory of /dev is part of the name in sysfs.
        None => Block::named(roots, &below.replace('/', "!")),
    })
}
