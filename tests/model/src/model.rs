// SPDX-License-Identifier: GPL-2.0-only

//! The driver's own files that hold requests and count limits, compiled on the host and checked
//! against plain models.
//!
//! The checks, and the command for each:
//!
//! * [`order`]: lists, the queue by time and the limit queues release the same requests as a stably
//!   sorted vector. [`operations`]: filters know the kernel's operations by their names.
//!   [`history`]: under random arrivals, waits, dispatches, services, releases, drains, lacks of
//!   memory, changes and ends of rules, a hardware queue ([`pair`]) does the same as [`reference`],
//!   which looks at everything each time. No entry goes early or out of order, no window exceeds
//!   its quota, each request and each completion goes once, each bio ends once and as its submitter
//!   has made it, no sleep is too long, no wake-up useless, and all counts are right. By `cargo
//!   test --package chaos-model`.
//! * The same under the address sanitizer, which sees each access to a request or a bio that has
//!   ended, and each one that was lost. By `tests/model/run address`. A few of the histories under
//!   Miri, which also checks the rules of references and the provenance of pointers. By
//!   `tests/model/run miri`, the only command that takes a nightly compiler.
//! * [`races`]: no window that hardware queues share admits more than its quota, limits that take
//!   an I/O back neither lose nor gain room, no ticket is lost or given twice, and a lease affects
//!   exactly as many I/Os as it may. Loom runs the threads' steps in all orders that three
//!   preemptions can make, and with all values that a load may see. By `tests/model/run loom`.
//!
//! By `extern crate self as kernel`, the driver's files get their part of the kernel crate from
//! [`shim`]: memory, atomic words, a clock that tests set, and search trees like the kernel's.
//! [`elevator::block_layer`] makes requests and takes them back; [`elevator::bios`] is the device
//! that serves them. The scheduler, with its lock and its timer, and the configuration are not
//! here: guests test them.
//!
//! Unsafe code is in the places of the kernel's C: in [`shim`], [`sys`] and [`elevator`].

#![cfg_attr(loom, allow(dead_code, reason = "only what is shared is explored"))]

extern crate self as kernel;

#[cfg(not(loom))]
mod defects;
mod elevator;
#[cfg(not(loom))]
mod history;
#[cfg(not(loom))]
mod operations;
#[cfg(not(loom))]
mod order;
#[cfg(not(loom))]
mod pair;
#[cfg(loom)]
mod races;
#[cfg(not(loom))]
mod reference;
mod shim;
mod specs;
mod sys;

/// The driver's files.
#[path = "../../../driver"]
mod driver {
    pub(crate) mod admission;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod ending;
    #[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
    pub(crate) mod failing;
    #[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
    pub(crate) mod held;
    pub(crate) mod held_entry;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod injection;
    pub(crate) mod lanes;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod lease;
    pub(crate) mod limit_queues;
    pub(crate) mod parking;
    #[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
    pub(crate) mod plan;
    pub(crate) mod published;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod rule;
    pub(crate) mod rule_set;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod stats;
    pub(crate) mod timeline;
    pub(crate) mod turns;
    pub(crate) mod verdict;
    pub(crate) mod waiting;
}

use chaos_policy::policy;
// The paths by which the driver's files refer to each other.
use driver::{
    admission, ending, failing, held, held_entry, injection, lanes, lease, limit_queues, parking,
    plan, published, rule, rule_set, stats, timeline, turns, verdict, waiting,
};
// The paths by which the driver's files refer to the kernel crate: `kernel::bindings`, and so on.
use shim::{alloc, bindings, container_of, page, prelude, sync, warn_on};
use std::ffi;
