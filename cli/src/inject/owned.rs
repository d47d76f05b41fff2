// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! An injection that this program made and owns: no other of the same name is written or ended.

use crate::system::{
    files::{is_at, line},
    step::{Step, write_whole},
};
use anyhow::Result;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open, openat};
use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// The directory of an injection, held open from just after it was made: the program takes the
/// directory that has its name at that moment for it.
///
/// A file that is opened by way of the handle is in this directory and in no other of the same
/// name, and after its removal nothing can be opened. No other directory can have its number while
/// the handle is open.
#[derive(Debug)]
pub(crate) struct Owned {
    directory: PathBuf,
    handle: OwnedFd,
}

impl Owned {
    /// Makes an injection without any effect yet.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        fs::create_dir(directory)?;
        // The handle only names the directory, and keeps nothing busy.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match open(directory, flags, Mode::empty()) {
            Ok(handle) => Ok(Self {
                directory: directory.to_owned(),
                handle,
            }),
            Err(error) => {
                // The caller reports the first failure.
                let _ = fs::remove_dir(directory);
                Err(error.into())
            }
        }
    }

    /// Takes a step: if the step writes one of the injection's files, by way of the handle.
    pub(crate) fn run(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::Set { file, value } if file.parent() == Some(&self.directory) => {
                self.set(file.file_name().unwrap_or_default(), value)
            }
            step => step.run(),
        }
    }

    /// Writes a file in one piece: the driver takes each write as a whole value.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if the injection has ended.
    pub(crate) fn set(&self, file: impl AsRef<Path>, value: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let opened = openat(&self.handle, file.as_ref(), flags, Mode::empty())?;
        write_whole(&mut File::from(opened), value)
    }

    /// The text of a file, without its newline.
    ///
    /// # Errors
    ///
    /// As [`Owned::set`].
    pub(crate) fn read(&self, file: &str) -> io::Result<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = openat(&self.handle, file, flags, Mode::empty())?;
        Ok(line(io::read_to_string(File::from(opened))?))
    }

    /// The lock on the directory, for as long as the result lives: it says that this program renews
    /// the injection's lease.
    ///
    /// # Errors
    ///
    /// If the injection has ended, or somebody else has the lock, as for a look.
    pub(crate) fn lock(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(&self.handle, ".", flags, Mode::empty())?;
        flock(&opened, FlockOperation::NonBlockingLockExclusive)?;
        Ok(opened)
    }

    /// Whether the injection has not ended.
    pub(crate) fn is_there(&self) -> bool {
        is_at(&self.handle, &self.directory)
    }

    /// Ends the injection, and returns whether it was still there.
    ///
    /// Directories can only be removed by name. One race is left: somebody removes this directory
    /// and makes another one just between the look and the removal.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn end(&self) -> Result<bool> {
        if !self.is_there() {
            return Ok(false);
        }
        let step = Step::RemoveDirectory(self.directory.clone());
        match step.run() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(step.refused(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_made_is_written_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("x");
        let made = Owned::new(&directory).unwrap();
        // As configfs does.
        fs::write(directory.join("quota"), "0\n").unwrap();
        made.set("quota", "15").unwrap();
        assert_eq!(fs::read_to_string(directory.join("quota")).unwrap(), "15\n");
        assert_eq!(made.read("quota").unwrap(), "15");
        assert!(made.is_there());
        fs::remove_dir_all(&directory).unwrap();
        assert!(!made.is_there());

        let stranger = Owned::new(&directory).unwrap();
        let error = made.set("quota", "16").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!made.is_there());
        assert!(!made.end().unwrap());
        assert!(fs::read_dir(&directory).unwrap().next().is_none());
        assert!(stranger.end().unwrap());
        assert!(!directory.exists());
    }
}
