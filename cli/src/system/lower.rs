// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The devices below one that sysfs does not link to it, such as those with a loop device's file.

use super::{
    Roots,
    block::{Block, number},
    files::try_read,
    kernel_name::hides_disks,
    place::{Place, meant, of_device, of_path, seen},
    source::of_source,
    tool::tool,
};
use std::{ffi::OsStr, fs::Metadata, io, os::unix::fs::MetadataExt, path::Path};

/// The devices below a disk that has no link to them.
///
/// # Errors
///
/// If there may be some, and kchaos does not find them: the disk with the reason, in words that
/// follow "is on".
pub(crate) fn without_link(roots: &Roots, disk: &str) -> Result<Vec<Block>, String> {
    if let Some(path) = named_in(roots, disk, "loop/backing_file")? {
        return of_file(roots, disk, &path).map_err(|why| format!("{disk}, whose file {why}"));
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

/// The devices with the file of a loop device; else a sentence whose subject is the file. Its path
/// is that of another mount namespace, or of a file that another mount covers by now. So the path
/// counts only where it leads to the very file that the loop device has open.
fn of_file(roots: &Roots, disk: &str, path: &str) -> Result<Vec<Block>, String> {
    let place = match open_file(roots, disk) {
        Some((device, inode)) => {
            let is_it = |file: &Metadata| number(file.dev()) == device && file.ino() == inode;
            let mut files = meant(roots, Path::new(path), "self");
            match files.find(|(_, metadata)| is_it(metadata)) {
                Some((file, _)) => of_path(roots, &file),
                None => of_device(roots, &device),
            }
        }
        // A user who is not root is refused later.
        None if !rustix::process::geteuid().is_root() => {
            of_path(roots, &seen(roots, Path::new(path), "self")?)
        }
        None => {
            let program = "is not sure: `losetup -O BACK-INO,BACK-MAJ:MIN` does not tell of it";
            Place::Unknown(program.to_owned())
        }
    };
    match place {
        Place::Blocks(blocks) => Ok(blocks),
        Place::NoDisk(_) => Ok(Vec::new()),
        Place::Unknown(why) => Err(format!("{path} {why}")),
    }
}

/// The device number and the inode number of the file that a loop device has open.
fn open_file(roots: &Roots, disk: &str) -> Option<(String, u64)> {
    let columns = ["--noheadings", "--output", "BACK-INO,BACK-MAJ:MIN"];
    let mut losetup = tool("losetup");
    let asked = losetup.args(columns).arg(roots.dev.join(disk)).output();
    let text = String::from_utf8(asked.ok()?.stdout).ok()?;
    // Such as ` 1234   8:1  `, with spaces that differ between versions.
    let mut numbers = text.split([' ', ':', '\n']).filter(|word| !word.is_empty());
    let mut next = || numbers.next()?.parse::<u64>().ok();
    let (inode, major, minor) = (next()?, next()?, next()?);
    Some((format!("{major}:{minor}"), inode))
}
