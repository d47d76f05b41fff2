// SPDX-License-Identifier: GPL-2.0-only

//! The driver's own files that hold requests and count limits, compiled on the host and checked against plain models.
//!
//! `extern crate self as kernel` gives these files what they want of the kernel crate, from [`shim`]: memory, atomic words, a
//! clock that tests set, and the kernel's red-black trees. [`block_layer`] makes requests and takes them back, and keeps to
//! no rule that the driver does not keep to as well.

#![cfg_attr(loom, allow(dead_code, reason = "only what is shared is explored"))]

extern crate self as kernel;

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

use chaos_policy::policy;
// Where the driver's files look for it: `kernel::bindings`, and so on.
use shim::{bindings, container_of, prelude, sync, warn_on};
