// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The further devices of a file system, beside the one that its mount names: journals, and all of
//! one that is on several.

use super::{
    Roots,
    block::Block,
    files::{names, try_read},
    mounts::Mount,
    source::of_source,
};
use std::{ffi::OsStr, fs};

/// Options with the journal or the real-time part of XFS, and the journal of ReiserFS.
const OPTIONS: [&str; 3] = ["logdev", "rtdev", "jdev"];

/// The further devices of the file system of a mount, which is on `block`.
///
/// # Errors
///
/// If there is one that kchaos does not find: the rest of a sentence whose subject is a file there.
pub(super) fn further(roots: &Roots, mount: &Mount, block: &Block) -> Result<Vec<Block>, String> {
    let mut sources = Vec::new();
    for option in OPTIONS {
        sources.extend(mount.option(option));
    }
    if mount.kind == "f2fs" {
        let file = roots.proc.join("fs/f2fs").join(&block.name);
        let map = fs::read_to_string(file.join("disk_map")).unwrap_or_default();
        sources.extend(f2fs_paths(&map).map(Into::into));
    }
    let mut found = Vec::new();
    for source in sources {
        match of_source(roots, &source) {
            more if more.is_empty() => {
                let (kind, source) = (&mount.kind, source.to_string_lossy());
                return Err(format!("is on {kind}, whose device {source} is not there"));
            }
            more => found.extend(more),
        }
    }
    if ["ext3", "ext4"].contains(&mount.kind.as_str()) {
        found.extend(journal(roots, &mount.kind, block)?);
    }
    Ok(found)
}

/// The paths in the map of an f2fs, whose lines are such as
/// `Disk: 1 (zoned=0): 0x0000010000 - 0x000001ffff on /dev/sdb`.
fn f2fs_paths(map: &str) -> impl Iterator<Item = &OsStr> {
    let lines = map.lines().filter(|line| line.starts_with("Disk:"));
    lines.filter_map(|line| Some(OsStr::new(line.split_once(" on ")?.1.trim())))
}

/// The device with the journal of an ext4, if it is on another one. The kernel has a folder for
/// each journal: of `sda1-8` on sda1 itself, and of `sdb1` for the one that is all of sdb1.
fn journal(roots: &Roots, kind: &str, block: &Block) -> Result<Option<Block>, String> {
    let journals = names(&roots.proc.join("fs/jbd2"));
    let own = format!("{}-", block.name);
    if journals.iter().any(|journal| journal.starts_with(&own)) {
        return Ok(None);
    }
    let others = journals.iter().filter_map(|name| Block::named(roots, name));
    let others: Vec<Block> = others.collect();
    let about = roots.sysfs.join("fs/ext4").join(&block.name);
    let task = try_read(&about.join("journal_task"));
    if others.is_empty() || task.as_deref().is_ok_and(|task| task == "<none>") {
        return Ok(None);
    }
    let name = task.ok().and_then(|task| {
        let name = try_read(&roots.proc.join(task).join("comm")).ok()?;
        Some(name.strip_prefix("jbd2/")?.to_owned())
    });
    let name = name.unwrap_or_default();
    let exact = others.iter().position(|other| other.name == name);
    // Older kernels cut the name of a task off.
    let begin = |other: &&Block| !name.is_empty() && other.name.starts_with(&name);
    let is_only = others.iter().filter(begin).count() == 1;
    let begun = others.iter().position(|other| begin(&other));
    match exact.or(begun.filter(|_| is_only)) {
        Some(place) => Ok(Some(others[place].clone())),
        None => Err(format!(
            "is on {kind}, and kchaos does not find the device with its journal"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_f2fs_names_all_devices() {
        let map = "Address Layout   :  4096B Block address (# of Segments)\n \
                   SB            :     0/1024B\n\nDisk Map for multi devices:\n\
                   Disk: 0 (zoned=0): 0x0000000000 - 0x000000ffff on /dev/sda\n\
                   Disk: 1 (zoned=1): 0x0000010000 - 0x000001ffff on /dev/on disk\n";
        let paths: Vec<&OsStr> = f2fs_paths(map).collect();
        assert_eq!(paths, ["/dev/sda", "/dev/on disk"]);
    }
}
