// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The mount points of the kernel's file systems.

use clap::Args;
use std::path::PathBuf;

/// The mount points of the kernel's file systems.
#[derive(Args, Clone, Debug)]
pub struct Roots {
    /// Where configfs is mounted
    #[arg(long, value_name = "PATH", hide = true, global = true)]
    #[arg(env = "KCHAOS_CONFIGFS", default_value = "/sys/kernel/config")]
    pub configfs: PathBuf,
    /// Where sysfs is mounted
    #[arg(long, value_name = "PATH", hide = true, global = true)]
    #[arg(env = "KCHAOS_SYSFS", default_value = "/sys")]
    pub sysfs: PathBuf,
    /// Where kchaos saves the schedulers of attached devices
    #[arg(long, value_name = "PATH", hide = true, global = true)]
    #[arg(env = "KCHAOS_STATE", default_value = "/run/kchaos")]
    pub state: PathBuf,
    /// Where device nodes are
    #[arg(long, value_name = "PATH", hide = true, global = true)]
    #[arg(env = "KCHAOS_DEV", default_value = "/dev")]
    pub dev: PathBuf,
    /// Where proc is mounted
    #[arg(long, value_name = "PATH", hide = true, global = true)]
    #[arg(env = "KCHAOS_PROC", default_value = "/proc")]
    pub proc: PathBuf,
}

impl Roots {
    /// The directory of a disk in sysfs.
    pub(crate) fn disk(&self, name: &str) -> PathBuf {
        self.sysfs.join("block").join(name)
    }

    /// The file with the state that a disk had before ioem.
    pub(crate) fn saved(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// The folder with a file for each injection: the disks that it needs on ioem.
    pub(crate) fn needs(&self) -> PathBuf {
        self.state.join("for")
    }
}
