// SPDX-License-Identifier: GPL-2.0-only

//! An injection, made with mkdir and echo.

use crate::sys;
use anyhow::{Context, Result};
use std::{fs, path::PathBuf};

/// A directory in configfs that goes when dropped.
pub(crate) struct Injection {
    path: PathBuf,
}

impl Injection {
    /// Makes an injection and sets these attributes, in this order.
    pub(crate) fn new(name: &str, settings: &[(&str, u64)]) -> Result<Self> {
        sys::load_module()?;
        let path = PathBuf::from(sys::IOEM).join(name);
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        let injection = Self { path };
        for (attribute, value) in settings {
            injection.set(attribute, value.to_string())?;
        }
        Ok(injection)
    }

    pub(crate) fn path(&self, attribute: &str) -> PathBuf {
        self.path.join(attribute)
    }

    pub(crate) fn set(&self, attribute: &str, value: impl AsRef<[u8]>) -> Result<()> {
        sys::write(self.path.join(attribute), value)
    }

    pub(crate) fn get(&self, attribute: &str) -> Result<String> {
        sys::read(self.path.join(attribute))
    }

    /// Ends it.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_dir(&self.path).with_context(|| format!("removing {}", self.path.display()))
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}
