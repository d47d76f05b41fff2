// SPDX-License-Identifier: GPL-2.0-only

//! The driver's own files that hold requests and count limits, compiled on the host and checked
//! against plain models.
//!
//! The checks, and the command of each:
//!
//! * [`order`]: lists, the queue by time and the lines of limits release the same requests as a
//!   vector that is sorted stably. [`history`]: a hardware queue ([`pair`]) does the same as
//!   [`reference`], which looks at everything each time, under random arrivals, waits, dispatches,
//!   services, releases, drains, lacks of memory, changes and ends of rules. No I/O is early, all
//!   come in order, no window is over its quota, each request and each completion goes once, each
//!   bio ends once and as its submitter has made it, no sleep is too long, no wake-up is useless,
//!   and all counts are right. By `cargo test --package chaos-model`.
//! * The same with the address sanitizer, which sees each access to a request or a bio that has
//!   ended, and each that was lost. By `tests/model/run address`. A few of them under Miri, which
//!   also sees the rules of references and the origin of each pointer. By `tests/model/run miri`;
//!   that takes a nightly compiler, and no other command does.
//! * [`races`]: no window that hardware queues share admits more than its quota; I/Os that several
//!   limits give back neither lose room nor make it; no ticket is lost or given twice; and injections
//!   affect as many I/Os as they should. In all orders of the threads' steps that three interruptions
//!   can make, and with old values where nothing orders a load. By `tests/model/run loom`.
//!
//! `extern crate self as kernel` gives the driver's files the kernel crate that they use, from
//! [`shim`]: memory, atomic words, a clock that tests set, and search trees as the kernel's.
//! [`elevator::block_layer`] makes requests and takes them back; [`elevator::bios`] is the device
//! that serves them. The model leaves out the scheduler, with its lock and its timer, and the
//! configuration: guests test these.
//!
//! Unsafe code stands where the kernel's C would: in [`shim`], [`sys`] and [`elevator`].

#![cfg_attr(loom, allow(dead_code, reason = "loom explores only shared state"))]

extern crate self as kernel;

#[cfg(not(loom))]
mod defects;
mod elevator;
#[cfg(not(loom))]
mod history;
#[path = "../../../driver/hold.rs"]
#[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
mod hold;
#[path = "../../../driver/injection.rs"]
#[expect(
    dead_code,
    reason = "the configuration, which is not here, uses all of it"
)]
mod injection;
#[path = "../../../driver/io.rs"]
mod io;
#[path = "../../../driver/ledger.rs"]
#[expect(
    dead_code,
    reason = "the configuration, which is not here, uses all of it"
)]
mod ledger;
#[path = "../../../driver/lines.rs"]
mod lines;
#[cfg(not(loom))]
mod order;
mod orders;
#[cfg(not(loom))]
mod pair;
#[path = "../../../driver/plan.rs"]
#[expect(dead_code, reason = "the scheduler, which is not here, uses all of it")]
mod plan;
#[cfg(loom)]
mod races;
#[cfg(not(loom))]
mod reference;
#[path = "../../../driver/rule.rs"]
mod rule;
mod shim;
mod sys;
#[path = "../../../driver/turns.rs"]
mod turns;

use chaos_policy::policy;
// The driver's files look for it here: `kernel::bindings`, and so on.
use shim::{alloc, bindings, container_of, prelude, sync, warn_on};
use std::ffi;
