// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks that are on ioem.

use super::{IOEM, Roots, disk::active_scheduler, files::names, saved::Saved};

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

/// The names of the disks that are on ioem.
pub(crate) fn attached_names(roots: &Roots) -> Vec<String> {
    let mut disks = names(&roots.sysfs.join("block"));
    disks.retain(|disk| active_scheduler(roots, disk).as_deref() == Some(IOEM));
    disks
}
