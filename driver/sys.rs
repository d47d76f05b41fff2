// SPDX-License-Identifier: GPL-2.0-only

//! Safe wrappers of the few services of the kernel that do not belong to the block layer.

pub(crate) mod atomic;
pub(crate) mod capability;
pub(crate) mod cgroup;
pub(crate) mod clock;
pub(crate) mod configfs;
mod layouts;
pub(crate) mod no_io;
pub(crate) mod pid_namespace;
#[cfg_attr(not(CONFIG_PM_SLEEP), path = "sys/no_power.rs")]
pub(crate) mod power;
pub(crate) mod tracepoint;
