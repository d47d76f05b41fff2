// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks that are on ioem.

use super::{IOEM, Roots, block::Block, disk::active_scheduler, files::names, saved::Saved};

/// A disk on ioem.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Its name in sysfs.
    pub(crate) name: String,
    /// Its state before, if that is known.
    pub(crate) remembered: Option<Saved>,
}

/// The disks that are on ioem.
pub(crate) fn attached(roots: &Roots) -> Vec<Attached> {
    attached_names(roots)
        .into_iter()
        .map(|name| Attached {
            remembered: Saved::of(roots, &name).ok().flatten(),
            name,
        })
        .collect()
}

/// The devices whose I/O an injection can reach: the devices that it names, as far as they are
/// there, or all disks on ioem.
pub(crate) fn reached_blocks(roots: &Roots, devices: Option<&str>) -> Vec<Block> {
    match devices {
        Some(devices) => Block::listed(roots, devices),
        None => {
            let disks = attached_names(roots).into_iter();
            disks
                .filter_map(|disk| Block::named(roots, &disk))
                .collect()
        }
    }
}

/// The names of the disks that are on ioem.
pub(crate) fn attached_names(roots: &Roots) -> Vec<String> {
    let mut disks = names(&roots.sysfs.join("block"));
    disks.retain(|disk| active_scheduler(roots, disk).as_deref() == Some(IOEM));
    disks
}
