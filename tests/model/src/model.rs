// SPDX-License-Identifier: GPL-2.0-only

//! The driver's own files that hold requests and count limits, compiled on the host and checked
//! against plain models.
//!
//! What is checked, and by which command:
//!
//! * [`order`]: lists, the queue by time and the limit queues release the same requests as a vector
//!   that is sorted stably; [`history`]: under random arrivals, waits, dispatches, services,
//!   releases, drains, lacks of memory, changes and ends of rules, a hardware queue ([`pair`]) does
//!   what [`reference`] does, which looks at everything each time: never early, in order, no window
//!   over its quota, each request and each completion once, each bio ended once and as its
//!   submitter has made it, no sleep too long, no useless wake-up, all counts right. By `cargo test
//!   --package chaos-model`.
//! * The same with the address sanitizer, which sees each access to a request or a bio that has
//!   ended, and each that was lost. By `tests/model/run address`. A few of them under Miri, which
//!   also sees the rules of references and where each pointer came from. By `tests/model/run miri`;
//!   that takes a nightly compiler, and no other command does.
//! * [`races`]: no window that hardware queues share admits more than its quota, what several
//!   limits give back neither loses nor makes room, no ticket is lost or given twice, and as many
//!   I/Os are affected as were asked for; in all orders of the threads' steps, as far as three
//!   interruptions make them, and with old values where nothing orders a load. By `tests/model/run
//!   loom`.
//!
//! `extern crate self as kernel` gives the driver's files what they want of the kernel crate, from
//! [`shim`]: memory, atomic words, a clock that tests set, and search trees as the kernel's.
//! [`elevator::block_layer`] makes requests and takes them back; [`elevator::bios`] is the device
//! that serves them. Not here are the scheduler, with its lock and its timer, and the
//! configuration: guests test these.
//!
//! Unsafe code stands where the kernel's C would: in [`shim`], [`sys`] and [`elevator`].

#![cfg_attr(loom, allow(dead_code, reason = "only what is shared is explored"))]

extern crate self as kernel;

#[cfg(not(loom))]
mod defects;
mod elevator;
#[cfg(not(loom))]
mod history;
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
    #[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
    pub(crate) mod held;
    pub(crate) mod held_entry;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod injection;
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
    pub(crate) mod rule;
    pub(crate) mod rule_set;
    #[expect(
        dead_code,
        reason = "the configuration, which is not here, uses all of it"
    )]
    pub(crate) mod stats;
    pub(crate) mod turns;
    pub(crate) mod verdict;
    pub(crate) mod waiting;
}

use chaos_policy::policy;
// Where the driver's files look for each other.
use driver::{
    admission, held, held_entry, injection, lease, limit_queues, parking, plan, published, rule,
    rule_set, stats, turns, verdict, waiting,
};
// Where the driver's files look for it: `kernel::bindings`, and so on.
use shim::{alloc, bindings, container_of, prelude, sync, warn_on};
use std::ffi;
