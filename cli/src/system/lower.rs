// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The devices below one that sysfs does not link to it, such as those with a loop device's file.

use super::{
    Roots,
    block::Block,
    files::try_read,
    kernel_name::hides_disks,
    place::{Place, of_path, of_source, seen},
};
use std::{ffi::OsStr, io, path::Path};

/// The devices below a disk that has no link to them.
///
/// # Errors
///
/// If there may be some, and kchaos does not find them: the disk with the reason, in words that
/// follow "is on".
pub(crate) fn without_link(roots: &Roots, disk: &str) -> Result<Vec<Block>, String> {
    if let Some(path) = named_in(roots, disk, "loop/backing_file")? {
        return of_file(roots, &path).map_err(|why| format!("{disk}, whose file {why}"));
    }
    match named_in(roots, disk, "backing_dev")? {
        // Compressed memory that writes nothing to a disk.
        Some(path) if path == "none" => Ok(Vec::new()),
        Some(path) => match of_source(roots, OsStr::new(&path)) {
            blocks if blocks.is_empty() => Err(format!("{disk}, whose device {path} is not there")),
            blocks => Ok(blocks),
        },
        None => match hides_disks(disk) {
            Some(kind) => Err(format!("{disk}, {kind}, which does not tell its disks")),
            None => Ok(Vec::new()),
        },
    }
}

/// The path in a file of the disk in sysfs, if there is one.
fn named_in(roots: &Roots, disk: &str, file: &str) -> Result<Option<String>, String> {
    match try_read(&roots.disk(disk).join(file)) {
        Ok(path) => Ok(Some(path).filter(|path| !path.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!(
            "{disk}, whose file {file} cannot be read ({error})"
        )),
    }
}

/// The devices with the file of a loop device; else a sentence whose subject is the file.
fn of_file(roots: &Roots, path: &str) -> Result<Vec<Block>, String> {
    match of_path(roots, &seen(roots, Path::new(path), "self")?) {
        Place::Blocks(blocks) => Ok(blocks),
        Place::NoDisk(_) => Ok(Vec::new()),
        Place::Unknown(why) => Err(format!("{path} {why}")),
    }
}
