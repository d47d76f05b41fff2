// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Disks that another injection freezes: the delay of an injection says nothing there.

use super::{
    attributes::Name,
    ceiling::Frozen,
    snapshot::{Snapshot, State},
    values::Values,
    ways::REQUEST,
};
use crate::system::{Roots, block::Block};

impl Frozen {
    /// The freeze by those of `all` that hold all requests of this disk that an injection with this
    /// name and these values delays.
    pub(crate) fn of(
        roots: &Roots,
        (name, values): (&str, &Values),
        disk: &str,
        all: &[Snapshot],
    ) -> Option<Self> {
        let freezes = |other: &&Snapshot| {
            other.name != name
                && other.state == State::On
                && other.values.freezes()
                && other.values.has_effect()
                && other.ways.contains(REQUEST)
                && covers(roots, &other.values, values, disk)
        };
        let others: Vec<&Snapshot> = all.iter().filter(freezes).collect();
        let names: Vec<&str> = others.iter().map(|other| &*other.name).collect();
        let until = match others.as_slice() {
            [] => return None,
            [one] => format!("{} ends", one.name),
            _ => "they end".to_owned(),
        };
        let times = others.iter().map(|other| other.values.number(Name::Times));
        let times: Option<Vec<u64>> = times.collect();
        Some(Self {
            by: names.join(" and "),
            until,
            times: times.map(|times| times.iter().sum()),
        })
    }
}

/// Finds for each injection the disks that others freeze.
pub(crate) fn find(roots: &Roots, all: &mut [Snapshot]) {
    let found = all.iter().map(|seen| {
        let ceilings = seen.ceilings.items.iter();
        let frozen = ceilings.map(|ceiling| {
            let own = (&*seen.name, &seen.values);
            let is_frozen = ceiling.iops == 0;
            is_frozen.then(|| Frozen::of(roots, own, &ceiling.disk, all))?
        });
        frozen.collect::<Vec<_>>()
    });
    let found: Vec<_> = found.collect();
    for (seen, found) in all.iter_mut().zip(found) {
        for (ceiling, frozen) in seen.ceilings.items.iter_mut().zip(found) {
            ceiling.frozen = frozen;
        }
    }
}

/// Whether the filter of one injection matches all I/O of the disk that another one's matches.
fn covers(roots: &Roots, one: &Values, other: &Values, disk: &str) -> bool {
    let texts = [Name::Op, Name::Cgroup, Name::PidNs, Name::Sectors];
    let is_whole = |devices: &str| {
        let mut blocks = devices
            .split(' ')
            .filter_map(|text| Block::find_exact(roots, text));
        blocks.any(|block| block.name == disk)
    };
    let devices = one.text(Name::Device);
    devices.is_none_or(|devices| is_whole(devices) || other.text(Name::Device) == Some(devices))
        && texts.into_iter().all(|name| {
            let text = one.text(name);
            text.is_none() || text == other.text(name)
        })
        && [Name::MinBytes, Name::MaxBytes].into_iter().all(|name| {
            let bytes = one.number(name);
            bytes.is_none() || bytes == other.number(name)
        })
}
