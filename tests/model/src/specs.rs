// SPDX-License-Identifier: GPL-2.0-only

//! Specs of rules, as the configuration makes them.

use crate::{
    injection::Injection,
    lanes::LanesSpec,
    policy::{
        device::Disk,
        limits::Limits,
        profile::Profile,
        settings::{Owner, Settings},
        way::Way,
    },
    rule::RuleSpec,
    stats::Stats,
    sync::Arc,
};

/// The spec of a new injection: it takes all I/O of a disk, and has no effect.
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
        cgroup: None,
        sampler: settings.sampler(),
        // Always requests, whatever I/O the rule takes.
        way: Way::Request,
        delay: None,
        limits: Limits::NONE,
        ending: None,
        lanes: LanesSpec {
            count: 0,
            mechanics: settings.mechanics(0),
        },
        profile: &Profile::NONE,
        profile_start_ns: 0,
        seed: None,
        sequence: 0,
        lease: &injection.lease,
        stats,
    }
}
