// SPDX-License-Identifier: GPL-2.0-only

//! What memory of the kernel is in use.

use crate::sys;
use anyhow::{Context, Result};
use std::{collections::BTreeMap, fs, path::Path, thread, time::Duration};

/// Objects in use, by slab cache.
pub(crate) type Slabs = BTreeMap<String, u64>;

/// Objects in use in the caches from which modules have their memory.
pub(crate) fn slabs() -> Result<Slabs> {
    give_back_spare_objects();
    // Caches of file systems and processes come and go with the test's own doing; a module's memory is in these.
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

/// What processors keep for themselves counts as in use.
fn give_back_spare_objects() {
    for cache in fs::read_dir("/sys/kernel/slab").into_iter().flatten() {
        // Not every kernel has these files.
        let _ = cache.and_then(|cache| fs::write(cache.path().join("shrink"), "1"));
    }
}

/// The cache that has grown most, and by how many objects.
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

/// Ends the kernel's looking for lost memory until the next boot, if it does: it takes more than half of all time.
pub(crate) fn look_no_more() -> Result<()> {
    let _ = sys::run(&["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"]);
    if Path::new(KMEMLEAK).exists() {
        sys::write(KMEMLEAK, "off")?;
    }
    Ok(())
}

/// What the kernel tells of memory that nobody has any more; none if it cannot tell.
pub(crate) fn lost() -> Result<Option<String>> {
    if !Path::new(KMEMLEAK).exists() {
        return Ok(None);
    }
    // What is found must be found twice: a pointer may have been in a register.
    for _ in 0..2 {
        thread::sleep(Duration::from_secs(6));
        sys::write(KMEMLEAK, "scan")?;
    }
    sys::read(KMEMLEAK).map(Some)
}
