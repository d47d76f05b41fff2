// SPDX-License-Identifier: GPL-2.0-only

//! An injection, made with mkdir and echo.

use crate::sys;
use anyhow::{Context, Result, bail};
use std::{fs, path::PathBuf, thread::sleep, time::Duration};

/// A directory in configfs that is removed when dropped.
pub(crate) struct Injection {
    path: PathBuf,
}

impl Injection {
    /// Makes an injection and sets these attributes, in this order.
    pub(crate) fn new(name: &str, settings: &[(&str, u64)]) -> Result<Self> {
        let texts: Vec<(&str, String)> = settings
            .iter()
            .map(|(attribute, value)| (*attribute, value.to_string()))
            .collect();
        let settings: Vec<(&str, &str)> = texts
            .iter()
            .map(|(attribute, text)| (*attribute, text.as_str()))
            .collect();
        Self::with_texts(name, &settings)
    }

    /// The same with attributes that are texts.
    pub(crate) fn with_texts(name: &str, settings: &[(&str, &str)]) -> Result<Self> {
        sys::load_module()?;
        let path = PathBuf::from(sys::IOEM).join(name);
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        let injection = Self { path };
        for (attribute, text) in settings {
            injection.set(attribute, text)?;
        }
        Ok(injection)
    }

    /// One of the numbers in `stats`; 0 for a key that is not there.
    pub(crate) fn stat(&self, key: &str) -> Result<u64> {
        let text = self.get("stats")?;
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        Ok(found.map_or(Ok(0), str::parse)?)
    }

    /// Returns when the injection holds so many I/Os; an error if that takes a minute.
    pub(crate) fn wait_until_held(&self, count: u64) -> Result<()> {
        for _ in 0..3_000 {
            if self.stat("held")? >= count {
                return Ok(());
            }
            sleep(Duration::from_millis(20));
        }
        bail!("{} instead of {count} are held", self.stat("held")?)
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

    /// Ends the injection.
    pub(crate) fn remove(self) -> Result<()> {
        fs::remove_dir(&self.path).with_context(|| format!("removing {}", self.path.display()))
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}
