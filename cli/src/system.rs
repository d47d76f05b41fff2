// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The machine as the kernel shows it: file systems, block devices, disks and their schedulers, and
//! the steps that change any of it. Nothing here knows what an injection is.

pub(crate) mod abilities;
pub(crate) mod attached;
pub(crate) mod beside;
pub(crate) mod block;
pub(crate) mod cgroups;
mod container_id;
pub(crate) mod containers;
pub(crate) mod disk;
pub(crate) mod disks;
pub(crate) mod files;
mod further;
pub(crate) mod guard;
pub(crate) mod kernel_name;
pub(crate) mod lock;
mod lower;
mod mapper;
mod meant;
pub(crate) mod mounted;
pub(crate) mod mounts;
mod names;
pub(crate) mod place;
pub(crate) mod process;
mod roots;
pub(crate) mod saved;
mod source;
pub(crate) mod stack;
pub(crate) mod step;
pub(crate) mod table;
pub(crate) mod target;
mod tool;
pub(crate) mod traffic;
pub(crate) mod whole_file;

pub use roots::Roots;

/// The scheduler's name.
pub(crate) const IOEM: &str = "ioem";

/// The name that the kernel has for no scheduler.
pub(crate) const NONE: &str = "none";

/// How the driver's module is loaded.
pub(crate) const LOAD: &str = "load it with `modprobe chaos_driver`, or from a source tree with \
                               `insmod driver/chaos_driver.ko`";
