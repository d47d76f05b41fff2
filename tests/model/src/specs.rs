// SPDX-License-Identifier: GPL-2.0-only

//! Rules as the configuration would ask for them.

use crate::{
    injection::Injection,
    policy::{
        device::Disk,
        settings::{Owner, Settings},
        way::Way,
    },
    rule::RuleSpec,
    stats::Stats,
    sync::Arc,
};

/// A rule of an injection that has only been made: of all I/O of a disk, and nothing is done to it.
pub(crate) fn spec<'a>(injection: &'a Injection, stats: &'a Arc<Stats>) -> RuleSpec<'a> {
    let disk = Disk {
        name: b"vda",
        major: 254,
        first_minor: 0,
        minors: 16,
    };
    let settings = Settings::new();
    RuleSpec {
        injection: injection.id,
        filter: settings.filter(&disk, Owner::default()).unwrap(),
        sampler: settings.sampler(),
        // Of whatever I/O they are.
        way: Way::Request,
        delay: None,
        limit: None,
        seed: None,
        sequence: 0,
        lease: &injection.lease,
        stats,
    }
}
