// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The ways in which an injection holds I/O: the value of `hold`, or the choice of `auto`.

use super::{attributes::Name, ending::Ending, operation::is_flush_alone, values::Values};
use crate::system::{Roots, block::Block};
use std::collections::BTreeSet;

/// Requests before the disk has them.
pub(crate) const REQUEST: &str = "request";

/// Completions after the disk has served the request.
pub(crate) const COMPLETION: &str = "completion";

/// The ways; none if they depend on a device that is not there.
///
/// `auto` takes requests on a disk if the injection affects all of the disk's I/O.
pub(crate) fn ways(roots: &Roots, values: &Values) -> BTreeSet<&'static str> {
    let ending = values.ending();
    match values.text(Name::Hold) {
        // The data that a disk has read are changed while their completion is held.
        _ if matches!(ending, Some(Ending::Corrupted(_))) => return BTreeSet::from([COMPLETION]),
        // No scheduler gets the request of a flush without data.
        _ if values.text(Name::Op).is_some_and(is_flush_alone) => {
            return BTreeSet::from([COMPLETION]);
        }
        Some(REQUEST) => return BTreeSet::from([REQUEST]),
        Some(COMPLETION) => return BTreeSet::from([COMPLETION]),
        _ => {}
    }
    let chooses = [Name::Op, Name::Cgroup, Name::PidNs, Name::Sectors]
        .iter()
        .any(|name| values.text(*name).is_some())
        || [
            Name::MinBytes,
            Name::MaxBytes,
            Name::Probability,
            Name::Every,
            Name::Times,
        ]
        .iter()
        .any(|name| values.number(*name).is_some())
        || ending.is_some_and(Ending::chooses);
    if chooses {
        return BTreeSet::from([COMPLETION]);
    }
    let Some(devices) = values.text(Name::Device) else {
        return BTreeSet::from([REQUEST]);
    };
    let blocks = Block::listed(roots, devices);
    let whole = |block: &Block| blocks.iter().any(|other| other.name == block.disk);
    let ways = blocks.iter().map(|block| match whole(block) {
        true => REQUEST,
        false => COMPLETION,
    });
    ways.collect()
}
