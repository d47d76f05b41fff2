// SPDX-License-Identifier: GPL-2.0-only

//! Allocations of chosen threads fail now and then: the kernel's failslab.

use crate::sys;
use anyhow::Result;
use std::{fs::File, os::unix::fs::FileExt, path::Path};

const FOLDER: &str = "/sys/kernel/debug/failslab";

/// Whether the kernel can make allocations fail. Debugfs is mounted.
pub(crate) fn is_there() -> bool {
    Path::new(FOLDER).exists()
}

/// From now on, one in twenty allocations of a thread with a [`Failing`] fails, also of the
/// allocations that may wait.
pub(crate) fn begin() -> Result<()> {
    let settings = [
        ("task-filter", "1"),
        ("ignore-gfp-wait", "0"),
        ("verbose", "0"),
        ("times", "-1"),
        ("interval", "1"),
        ("probability", "5"),
    ];
    let mut settings = settings.into_iter();
    settings.try_for_each(|(file, value)| sys::write(format!("{FOLDER}/{file}"), value))
}

/// No allocation fails any more.
pub(crate) fn end() -> Result<()> {
    sys::write(format!("{FOLDER}/probability"), "0")
}

/// A switch for whether a thread's allocations fail. The file stays open, as opening it takes
/// memory, too.
pub(crate) struct Failing(File);

impl Failing {
    pub(crate) fn of_this_thread() -> Result<Self> {
        let file = File::options()
            .write(true)
            .open("/proc/thread-self/make-it-fail")?;
        Ok(Self(file))
    }

    pub(crate) fn set(&self, fail: bool) -> Result<()> {
        let value = if fail { "1" } else { "0" };
        Ok(self.0.write_all_at(value.as_bytes(), 0)?)
    }
}
