// SPDX-License-Identifier: GPL-2.0-only

//! The driver's other services of the kernel: its own clock, and fakes of the rest.

pub(crate) mod atomic;
pub(crate) mod cgroup;
#[path = "../../../driver/sys/clock.rs"]
pub(crate) mod clock;
pub(crate) mod no_io;
pub(crate) mod pid_namespace;
