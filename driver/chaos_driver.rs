// SPDX-License-Identifier: GPL-2.0-only

//! Chaos Driver slows disks down on purpose, so that people learn how their systems do on a bad
//! day.
//!
//! It is an I/O scheduler, `ioem`, to which any blk-mq disk can be switched while in use, and
//! directories in configfs that say how to delay and limit the I/O of such disks.

mod admission;
mod completions;
mod config;
mod configfs;
mod disks;
mod elevator;
mod ending;
mod ends;
mod failing;
mod flush;
mod held;
mod held_entry;
mod injection;
mod ioem;
mod lanes;
mod lease;
mod limit_queues;
mod listing;
mod memory;
mod parking;
mod plan;
// On the host, tests and tools use these files as a crate of their own.
#[allow(unreachable_pub)]
mod policy;
mod published;
mod rule;
mod rule_set;
mod scheduler;
mod stats;
mod sys;
mod timeline;
mod turns;
mod verdict;
mod waiting;

use elevator::{FlushLifetime, Registration};
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
    _flushes: FlushLifetime,
}

impl kernel::InPlaceModule for ChaosDriver {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // The order matters: as soon as something is registered, the kernel may use it. The
        // scheduler is last: a disk may use it at once, so nothing that comes after it may fail.
        try_pin_init!(Self {
            _flushes: FlushLifetime::new()?,
            config: config::Lifetime::new(),
            directories <- configfs::Root::new(),
            _power: PowerWatch::new(module)?,
            scheduler <- Registration::new(module),
        })
    }
}
