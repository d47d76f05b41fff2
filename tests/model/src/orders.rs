// SPDX-License-Identifier: GPL-2.0-only

//! Rules as the configuration would make them.

use crate::{
    injection::Injection,
    ledger::Ledger,
    policy::{
        device::Disk,
        settings::{Owner, Settings},
        way::Way,
    },
    rule::Order,
    sync::Arc,
};

/// A rule of a new injection: of all I/O of a disk, without any effect.
pub(crate) fn order<'a>(injection: &'a Injection, ledger: &'a Arc<Ledger>) -> Order<'a> {
    let disk = Disk {
        name: b"vda",
        major: 254,
        first_minor: 0,
        minors: 16,
    };
    let settings = Settings::new();
    Order {
        injection: injection.id,
        filter: settings.filter(&disk, Owner::default()).unwrap(),
        gate: settings.gate(),
        // The same for any I/O.
        way: Way::Request,
        delay: None,
        limit: None,
        seed: None,
        sequence: 0,
        term: &injection.term,
        ledger,
    }
}
