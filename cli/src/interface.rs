// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Where the driver's interface is, whether it is there, and which version it has.

use crate::{
    attributes::ENABLED,
    error::{Exit, failure, refused},
    mounts::{mount_of, mounts},
};
use anyhow::Result;
use clap::Args;
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// The version of the interface that this program knows.
pub const KNOWN_VERSION: u64 = 1;

/// How the driver's module is loaded.
pub const LOAD: &str = "load it with `modprobe chaos_driver`, or from a source tree with \
                        `insmod driver/chaos_driver.ko`";

/// Where the file systems are.
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
    /// Where the schedulers of attached devices are remembered
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
    /// The driver's directory, in which each directory is one injection.
    pub fn ioem(&self) -> PathBuf {
        self.configfs.join("ioem")
    }

    /// The directory of an injection.
    pub fn injection(&self, name: &OsStr) -> PathBuf {
        self.ioem().join(name)
    }

    /// Makes sure that the interface is there.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`], with what is missing.
    pub fn require_interface(&self) -> Result<()> {
        if self.ioem().is_dir() {
            return Ok(());
        }
        let configfs = self.configfs.display();
        let message = if !self.configfs.is_dir() {
            format!(
                "configfs is not there: no directory {configfs}; `modprobe configfs` makes it, and \
                 `mount -t configfs none {configfs}` mounts it if the system does not"
            )
        } else if !self.is_configfs_mounted() {
            format!(
                "configfs is not mounted at {configfs}; mount it with `mount -t configfs none {configfs}`"
            )
        } else {
            format!(
                "the module chaos_driver is not loaded: no directory {}; {LOAD}",
                self.ioem().display()
            )
        };
        Err(failure(Exit::Unavailable, message))
    }

    /// The version of the interface.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`] if the interface is not there.
    pub fn version(&self) -> Result<u64> {
        self.require_interface()?;
        self.root_number("version")
    }

    /// Whether injections do anything at all.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`] if the interface is not there.
    pub fn enabled(&self) -> Result<bool> {
        self.require_interface()?;
        Ok(self.root_number(ENABLED)? != 0)
    }

    /// Tells people that no injection does anything, and what to do about it.
    pub(crate) fn all_off(&self) -> String {
        let file = self.ioem().join(ENABLED);
        format!(
            "all injections are switched off: echo 1 > {}",
            file.display()
        )
    }

    /// Makes sure that the interface is one that this program knows.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`] if it is not.
    pub fn require_known_version(&self) -> Result<()> {
        match self.version()? {
            KNOWN_VERSION => Ok(()),
            version => Err(failure(
                Exit::Unavailable,
                format!(
                    "the loaded module has version {version} of the interface, and kchaos {} knows \
                     version {KNOWN_VERSION}; install the kchaos that belongs to the module",
                    env!("CARGO_PKG_VERSION")
                ),
            )),
        }
    }

    fn is_configfs_mounted(&self) -> bool {
        let (Ok(path), Ok(mounts)) = (fs::canonicalize(&self.configfs), mounts(self)) else {
            return false;
        };
        mount_of(&mounts, &path).is_some_and(|mount| mount.kind == "configfs")
    }

    fn root_number(&self, file: &str) -> Result<u64> {
        let path = self.ioem().join(file);
        let text = read(&path)?;
        text.parse().map_err(|_| {
            failure(
                Exit::Unavailable,
                format!(
                    "{} says \"{text}\", which is no number; is this the directory of chaos_driver?",
                    path.display()
                ),
            )
        })
    }
}

/// The text of a file, without its newline.
///
/// # Errors
///
/// If it cannot be read.
pub fn read(path: &Path) -> Result<String> {
    try_read(path).map_err(|error| refused("read", path, &error))
}

/// The text of a file, without its newline, for who can live without it.
///
/// # Errors
///
/// If it cannot be read.
pub fn try_read(path: &Path) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim_end().to_owned())
}
