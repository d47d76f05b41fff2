// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The mount points of the kernel's file systems.

use crate::error::{Exit, failure};
use anyhow::Result;
use std::{env, path::PathBuf};

/// The mount points of the kernel's file systems. Only environment variables move them: a flag for
/// one, such as `--dev`, would be a neighbour of a flag that names a device.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Where configfs is mounted
    pub configfs: PathBuf,
    /// Where sysfs is mounted
    pub sysfs: PathBuf,
    /// Where kchaos saves the schedulers of attached devices
    pub state: PathBuf,
    /// Where device nodes are
    pub dev: PathBuf,
    /// Where proc is mounted
    pub proc: PathBuf,
    /// Where kernels have their modules
    pub modules: PathBuf,
    /// Where kernels and their configurations are
    pub boot: PathBuf,
    /// Where tracefs is mounted
    pub tracing: PathBuf,
}

impl Roots {
    /// The roots that the environment names, and the usual ones for variables that are empty or not
    /// set.
    pub fn from_environment() -> Self {
        let root = |variable, usual: &str| {
            let named = env::var_os(variable).filter(|path| !path.is_empty());
            named.map_or_else(|| PathBuf::from(usual), PathBuf::from)
        };
        Self {
            configfs: root("KCHAOS_CONFIGFS", "/sys/kernel/config"),
            sysfs: root("KCHAOS_SYSFS", "/sys"),
            state: root("KCHAOS_STATE", "/run/kchaos"),
            dev: root("KCHAOS_DEV", "/dev"),
            proc: root("KCHAOS_PROC", "/proc"),
            modules: root("KCHAOS_MODULES", "/lib/modules"),
            boot: root("KCHAOS_BOOT", "/boot"),
            tracing: root("KCHAOS_TRACING", "/sys/kernel/tracing"),
        }
    }

    /// Checks that sysfs is there: without it, every disk would seem to be missing.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`].
    pub(crate) fn require_sysfs(&self) -> Result<()> {
        let sysfs = self.sysfs.display();
        if self.sysfs.join("block").is_dir() {
            return Ok(());
        }
        Err(failure(
            Exit::Unavailable,
            format!(
                "sysfs is not there: no directory {sysfs}/block; mount it with `mount -t sysfs none \
                 {sysfs}`"
            ),
        ))
    }

    /// The directory of a disk in sysfs.
    pub(crate) fn disk(&self, name: &str) -> PathBuf {
        self.sysfs.join("block").join(name)
    }

    /// Whether there is certainly no disk of this name.
    pub(crate) fn is_gone(&self, name: &str) -> bool {
        self.require_sysfs().is_ok() && matches!(self.disk(name).try_exists(), Ok(false))
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
