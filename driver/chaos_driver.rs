// SPDX-License-Identifier: GPL-2.0-only

//! Chaos Driver: slows disks down on purpose, so that people learn what their systems do on a bad
//! day.
//!
//! An I/O scheduler, `ioem`, that any blk-mq disk can be switched to while in use, and directories
//! in configfs that say what is done to the I/O of such disks.

mod admission;
mod completions;
mod config;
mod configfs;
mod disks;
mod elevator;
mod held;
mod held_entry;
mod injection;
mod ioem;
mod lease;
mod limit_queues;
mod listing;
mod memory;
mod parking;
mod plan;
// The host's tests and tools use it as a crate of its own.
#[allow(unreachable_pub)]
mod policy;
mod published;
mod rule;
mod rule_set;
mod scheduler;
mod stats;
mod sys;
mod text;
mod turns;
mod verdict;
mod waiting;

use elevator::Registration;
use ioem::Ioem;
use kernel::{configfs::Subsystem, prelude::*};
use sys::power::PowerWatch;

module! {
    type: ChaosDriver,
    name: "chaos_driver",
    authors: ["The Chaos Driver authors"],
    description: "I/O scheduler that delays and limits I/O on purpose",
    license: "GPL",
    // Writing `ioem` into a disk's `queue/scheduler` loads the module by this name.
    alias: ["ioem-iosched"],
}

/// The loaded module. Its fields are dropped from first to last.
#[pin_data]
struct ChaosDriver {
    #[pin]
    scheduler: Registration<Ioem>,
    _power: PowerWatch<Ioem>,
    #[pin]
    directories: Subsystem<configfs::Root>,
    config: config::Lifetime,
}

impl kernel::InPlaceModule for ChaosDriver {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // In this order: what is registered may be used at once, and the scheduler by a disk that
        // then needs the module.
        try_pin_init!(Self {
            config: config::Lifetime::new(),
            directories <- configfs::Root::new(),
            _power: PowerWatch::new(module)?,
            scheduler <- Registration::new(module),
        })
    }
}
