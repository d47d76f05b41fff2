// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's memory that is in use.

use crate::sys;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

/// Objects in use, by slab cache.
pub(crate) type Slabs = BTreeMap<String, u64>;

/// Objects in use in the caches of `kmalloc`, which modules use.
pub(crate) fn slabs() -> Result<Slabs> {
    give_back_spare_objects();
    // The test itself changes the caches of file systems and processes; a module allocates from
    // these caches.
    let text = sys::read("/proc/slabinfo")?;
    text.lines()
        .filter(|line| line.starts_with("kmalloc"))
        .map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next().context("no name")?;
            let active = words.next().context("no count")?.parse()?;
            Ok((name.to_owned(), active))
        })
        .collect()
}

/// Shrinks all caches: spare objects that processors keep count as in use.
fn give_back_spare_objects() {
    for cache in fs::read_dir("/sys/kernel/slab").into_iter().flatten() {
        // Not every kernel has these files.
        let _ = cache.and_then(|cache| fs::write(cache.path().join("shrink"), "1"));
    }
}

/// The cache with the most growth, and its number of new objects.
pub(crate) fn worst_growth(before: &Slabs, after: &Slabs) -> Result<(String, u64)> {
    let growth = after.iter().map(|(name, after)| {
        let before = before.get(name).copied().unwrap_or_default();
        (name.clone(), after.saturating_sub(before))
    });
    growth
        .max_by_key(|(_, growth)| *growth)
        .context("no slab caches")
}

const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// Stops kmemleak until the next boot, if the kernel has it: it takes more than half of all time.
pub(crate) fn look_no_more() -> Result<()> {
    let _ = sys::run(&["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"]);
    if Path::new(KMEMLEAK).exists() {
        sys::write(KMEMLEAK, "off")?;
    }
    Ok(())
}

/// kmemleak's report of memory without references; none if the kernel has no kmemleak.
pub(crate) fn lost() -> Result<Option<String>> {
    if !Path::new(KMEMLEAK).exists() {
        return Ok(None);
    }
    // Only an object that two scans report is lost: a pointer may have been in a register during
    // one.
    for _ in 0..2 {
        thread::sleep(Duration::from_secs(6));
        sys::write(KMEMLEAK, "scan")?;
    }
    sys::read(KMEMLEAK).map(Some)
}
