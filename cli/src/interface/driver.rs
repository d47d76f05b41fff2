// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The driver's own directory in configfs: whether it is there, its version and its switch.

use super::attributes::ENABLED;
use crate::{
    error::{Exit, failure},
    system::{
        LOAD, Roots,
        files::read,
        mounts::{mount_of, mounts},
    },
};
use anyhow::Result;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// The version of the interface that this program knows.
pub const KNOWN_VERSION: u64 = 1;

impl Roots {
    /// The driver's directory, in which each directory is one injection.
    pub fn ioem(&self) -> PathBuf {
        self.configfs.join("ioem")
    }

    /// The directory of an injection.
    pub fn injection(&self, name: &OsStr) -> PathBuf {
        self.ioem().join(name)
    }

    /// Whether there is an injection of this name, which leads nowhere else.
    pub(crate) fn is_injection(&self, name: &OsStr) -> bool {
        Path::new(name).file_name() == Some(name) && self.injection(name).is_dir()
    }

    /// Checks that the interface is there.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`]; the message says what is missing.
    pub(crate) fn require_interface(&self) -> Result<()> {
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

    /// Whether injections are switched on as a whole.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`] if the interface is not there.
    pub fn enabled(&self) -> Result<bool> {
        self.require_interface()?;
        Ok(self.root_number(ENABLED)? != 0)
    }

    /// The sentence that says that all injections are switched off, and how to switch them on.
    pub(crate) fn all_off(&self) -> String {
        let file = self.ioem().join(ENABLED);
        format!(
            "all injections are switched off: echo 1 > {}",
            file.display()
        )
    }

    /// Checks that the interface has the version that this program knows.
    ///
    /// # Errors
    ///
    /// [`Exit::Unavailable`] if it is not.
    pub(crate) fn require_known_version(&self) -> Result<()> {
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
            // Without /proc, the module is the likelier thing to be missing.
            return true;
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
