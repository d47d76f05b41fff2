// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks that an injection reaches, and the injections that reach a disk.

use crate::{
    interface::{
        Name, Settings,
        existing::all,
        snapshot::{Snapshot, State},
    },
    system::{Roots, attached::attached_names, block::Block},
};
use std::collections::BTreeSet;

/// The disks whose I/O an injection can reach: the disks that it names, which may be attached
/// later, or all disks on ioem.
pub(crate) fn reached(roots: &Roots, settings: &Settings) -> Vec<String> {
    match settings.text(Name::Device) {
        Some(devices) => named(roots, devices).into_iter().collect(),
        None => attached_names(roots),
    }
}

/// The disks of the devices that an injection names, as far as they are there.
pub(super) fn named(roots: &Roots, devices: &str) -> BTreeSet<String> {
    let blocks = Block::listed(roots, devices).into_iter();
    blocks.map(|block| block.disk).collect()
}

/// The injections that act on a disk if it is on ioem, and that do not end by themselves.
pub(crate) fn endless(roots: &Roots, disk: &str) -> Vec<String> {
    let all_enabled = roots.enabled().unwrap_or(true);
    acting(roots, disk, all_enabled, |seen| !seen.has_end())
}

/// The injections of this kind that act on a disk if it is on ioem, where the switch of all
/// injections is `all_enabled`.
pub(super) fn acting(
    roots: &Roots,
    disk: &str,
    all_enabled: bool,
    is_meant: impl Fn(&Snapshot) -> bool,
) -> Vec<String> {
    // Without the driver there are none.
    let names = all(roots).unwrap_or_default();
    let acts = |seen: &Snapshot| {
        let devices = seen.values.text(Name::Device);
        seen.state == State::On
            && seen.values.has_effect()
            && is_meant(seen)
            && devices.is_none_or(|devices| named(roots, devices).contains(disk))
    };
    let names = names.iter().filter(|name| {
        // An injection that cannot be read may act on the disk.
        Snapshot::read(roots, name, all_enabled)
            .map_or(true, |seen| seen.as_ref().is_some_and(acts))
    });
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}
