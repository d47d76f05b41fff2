// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The names that devices of the device mapper have beside those in sysfs.

use super::{
    Roots,
    block::Block,
    files::{names, try_read},
};

/// The name of a device of the device mapper.
pub(crate) fn mapper_name(roots: &Roots, disk: &str) -> Option<String> {
    try_read(&roots.disk(disk).join("dm/name")).ok()
}

/// The device of the device mapper with this name.
pub(crate) fn mapper_named(roots: &Roots, name: &str) -> Option<Block> {
    let disks = names(&roots.sysfs.join("block"));
    let disk = disks
        .iter()
        .find(|disk| mapper_name(roots, disk).as_deref() == Some(name))?;
    Block::named(roots, disk)
}

/// The name that people know a device by: that of `lsblk`.
pub(crate) fn shown(roots: &Roots, device: &str) -> String {
    mapper_name(roots, device).unwrap_or_else(|| device.to_owned())
}
