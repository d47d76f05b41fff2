// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Reading files of one line, and directories.

use crate::error::refused;
use anyhow::Result;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, Stat, flock, fstat, lstat, open},
    io::Errno,
};
use std::{fs, io, os::fd::AsFd, path::Path};
use walkdir::{DirEntry, WalkDir};

/// The text of a file, without its newline.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String> {
    try_read(path).map_err(|error| refused("read", path, &error))
}

/// The text of a file, without its newline, for callers that handle a missing file.
///
/// # Errors
///
/// If it cannot be read.
pub(crate) fn try_read(path: &Path) -> io::Result<String> {
    Ok(line(fs::read_to_string(path)?))
}

/// A text without the newline at its end. Blanks before it are part of names.
pub(crate) fn line(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// The entries of a directory, in the order of their names; an error if it cannot be read.
pub(crate) fn entries(directory: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    WalkDir::new(directory)
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name()
        .into_iter()
}

/// The names in a directory, in order; none if there is no such directory.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    entries(directory)
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.to_owned()))
        .collect()
}

/// Whether an open file or directory is still the one that is at `path`.
pub(crate) fn is_at(opened: impl AsFd, path: &Path) -> bool {
    let identity = |stat: Stat| (stat.st_dev, stat.st_ino);
    match (fstat(opened), lstat(path)) {
        (Ok(own), Ok(named)) => identity(own) == identity(named),
        _ => false,
    }
}

/// Whether somebody has the lock on a directory.
pub(crate) fn is_locked(directory: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(directory, flags, Mode::empty());
    // The shared lock, which goes at once, is in no other reader's way.
    opened.is_ok_and(|opened| {
        flock(&opened, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}
