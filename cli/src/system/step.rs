// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! One change to the file system, which can be made or printed as a shell command.
//!
//! Every verb that writes makes a list of steps first, which `--dry-run` prints and the real run
//! takes: the two cannot differ.

use super::files::try_read;
use crate::error;
use anyhow::{Context, Result};
use rustix::{fs::OFlags, io::Errno};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

/// The pause before another try of something busy.
const PAUSE: Duration = Duration::from_millis(20);

/// A file of our own while it is being written. No disk has this name, and no injection can: the
/// driver has a file `version` beside the injections.
pub(crate) const NEW: &str = "version";

/// One change to the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Makes a directory that is not there yet.
    MakeDirectory(PathBuf),
    /// Makes a directory and those above it, as far as they are missing.
    MakeParents(PathBuf),
    /// Writes a value into a file of configfs or sysfs.
    Set {
        /// The file, which the kernel made.
        file: PathBuf,
        /// The value, which is written with a newline.
        value: String,
    },
    /// Writes a value into a file of sysfs that lacks it.
    SetBack {
        /// The file, which the kernel made.
        file: PathBuf,
        /// The value, a number.
        value: String,
    },
    /// Writes a value into a file of our own.
    Save {
        /// The file.
        file: PathBuf,
        /// The value, which is written with a newline.
        value: String,
    },
    /// Writes a value into a file of our own, if there is room: nothing but a kill would need it.
    Insure {
        /// The file.
        file: PathBuf,
        /// The value, which is written with a newline.
        value: String,
    },
    /// Makes a folder that only its owner can look into, in one that is there.
    MakePrivate(PathBuf),
    /// Writes the inode number of a directory and more words into a file of our own.
    SaveNumber {
        /// The file.
        file: PathBuf,
        /// The directory.
        directory: PathBuf,
        /// The words, each with a space before.
        more: String,
    },
    /// Removes a directory.
    RemoveDirectory(PathBuf),
    /// Removes a file of our own.
    RemoveFile(PathBuf),
}

impl Step {
    /// Makes the change.
    ///
    /// # Errors
    ///
    /// The error of the system call; [`Step::refused`] puts it in words.
    pub(crate) fn run(&self) -> io::Result<()> {
        self.run_if(|| Ok(()))
    }

    /// Makes the change if `check` succeeds. For a file of the kernel, that is after the file was
    /// opened: it then is the one of the device that was checked, or refuses.
    fn run_if(&self, check: impl Fn() -> io::Result<()>) -> io::Result<()> {
        if !matches!(self, Self::Set { .. } | Self::SetBack { .. }) {
            check()?;
        }
        match self {
            Self::Set { file, value } => set(file, value, check),
            Self::SetBack { file, value } => match try_read(file)? == *value {
                true => Ok(()),
                false => set(file, value, check),
            },
            Self::MakeDirectory(path) => fs::create_dir(path),
            Self::MakeParents(path) => make_parents(path),
            Self::MakePrivate(path) => make_private(path),
            Self::Save { file, value } => save(file, value),
            Self::Insure { file, value } => {
                let _ = save(file, value);
                Ok(())
            }
            Self::SaveNumber {
                file,
                directory,
                more,
            } => save(file, &format!("{}{more}", inode(directory)?)),
            Self::RemoveDirectory(path) => fs::remove_dir(path),
            Self::RemoveFile(path) => fs::remove_file(path),
        }
    }

    /// Makes the change, and tries again for a while if the kernel is busy.
    ///
    /// # Errors
    ///
    /// As [`Step::run`]; EBUSY when `patience` is over; the error of `check`, which each try asks
    /// just before.
    pub(crate) fn run_patiently(
        &self,
        patience: Duration,
        check: impl Fn() -> io::Result<()>,
    ) -> io::Result<()> {
        retry_while_busy(patience, || self.run_if(&check))
    }

    /// The failure for a step that could not be taken.
    pub(crate) fn refused(&self, error: &io::Error) -> anyhow::Error {
        let (what, path) = match self {
            Self::MakeDirectory(path) | Self::MakeParents(path) | Self::MakePrivate(path) => {
                ("make".to_owned(), path)
            }
            Self::SaveNumber { file, .. } => ("write".to_owned(), file),
            Self::Set { file, value }
            | Self::SetBack { file, value }
            | Self::Insure { file, value }
            | Self::Save { file, value } => (format!("write {value} to"), file),
            Self::RemoveDirectory(path) | Self::RemoveFile(path) => ("remove".to_owned(), path),
        };
        error::refused(&what, path, error)
    }

    /// Prints the shell command that makes the change.
    ///
    /// # Errors
    ///
    /// If `out` does not take it.
    pub(crate) fn print(&self, out: &mut dyn Write) -> Result<()> {
        let (before, path) = match self {
            Self::MakeDirectory(path) => ("mkdir ".to_owned(), path),
            Self::MakeParents(path) => ("mkdir -p ".to_owned(), path),
            Self::MakePrivate(path) => ("mkdir -p -m 700 ".to_owned(), path),
            Self::SaveNumber {
                file,
                directory,
                more,
            } => {
                let directory = quoted(directory)?;
                (format!("echo \"$(stat -c %i {directory})\"{more} > "), file)
            }
            Self::SetBack { file, value } => {
                let path = quoted(file)?;
                (format!("grep -qx {value} {path} || echo {value} > "), file)
            }
            Self::Set { file, value }
            | Self::Save { file, value }
            | Self::Insure { file, value } => {
                let value = shlex::try_quote(value).context("a value contains a NUL byte")?;
                // The echo of some shells interprets `\\`, which systemd has in names of cgroups.
                let print = if value.contains('\\') {
                    "printf '%s\\n'"
                } else {
                    "echo"
                };
                (format!("{print} {value} > "), file)
            }
            Self::RemoveDirectory(path) => ("rmdir ".to_owned(), path),
            Self::RemoveFile(path) => ("rm ".to_owned(), path),
        };
        let path = shlex::bytes::try_quote(path.as_os_str().as_bytes())
            .context("a path contains a NUL byte")?;
        out.write_all(before.as_bytes())?;
        out.write_all(&path)?;
        out.write_all(b"\n")?;
        Ok(())
    }
}

/// A path as a word of the shell.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().context("a path is no text")?;
    let quoted = shlex::try_quote(text).context("a path contains a NUL byte")?;
    Ok(quoted.into_owned())
}

/// The inode number of a directory, which no other one has while it is there.
pub(crate) fn inode(directory: &Path) -> io::Result<u64> {
    Ok(fs::symlink_metadata(directory)?.ino())
}

/// Makes a folder of our own, and its missing parents. With any umask, only the owner can change
/// its content.
fn make_parents(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

/// Makes a folder that only its owner can look into.
fn make_private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        result => result,
    }
}

/// Writes a file of our own as a whole: whatever ends this program, the file has its old text or
/// the new one. Does not follow a link, which somebody else could have made.
fn save(file: &Path, value: &str) -> io::Result<()> {
    if fs::symlink_metadata(file).is_ok_and(|found| found.is_symlink()) {
        return Err(Errno::LOOP.into());
    }
    let new = file.with_file_name(NEW);
    if fs::symlink_metadata(&new).is_ok_and(|found| !found.is_file()) {
        let new = new.display();
        return Err(io::Error::other(format!(
            "{new} is in the way, which is no file; remove it: rm -r {new}"
        )));
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644);
    let written = options
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(&new)
        .and_then(|mut opened| opened.write_all(format!("{value}\n").as_bytes()));
    written
        .and_then(|()| fs::rename(&new, file))
        .inspect_err(|_| {
            // The next kchaos removes it otherwise.
            let _ = fs::remove_file(&new);
        })
}

/// Writes in one piece: the driver takes each write as a whole value.
fn set(file: &Path, value: &str, check: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).open(file)?;
    check()?;
    write_whole(&mut opened, value)
}

/// Writes a value and a newline in one piece.
///
/// # Errors
///
/// If not all of it is taken at once.
pub(crate) fn write_whole(file: &mut File, value: &str) -> io::Result<()> {
    let text = format!("{value}\n");
    if file.write(text.as_bytes())? == text.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// Repeats an action that the kernel answers with EBUSY, for as long as `patience` lasts.
fn retry_while_busy(
    patience: Duration,
    mut action: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match action() {
            Err(error)
                if error.kind() == io::ErrorKind::ResourceBusy && start.elapsed() < patience =>
            {
                sleep(PAUSE);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(step: &Step) -> String {
        let mut out = Vec::new();
        step.print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commands_are_quoted_for_the_shell() {
        let file = PathBuf::from("/a b/it's");
        let set = Step::Set {
            file: file.clone(),
            value: "15".to_owned(),
        };
        let command = printed(&set);
        assert_eq!(
            shlex::split(&command).unwrap(),
            ["echo", "15", ">", "/a b/it's"]
        );
        assert_eq!(printed(&Step::MakeDirectory("/x/y".into())), "mkdir /x/y\n");
        let slice = Step::Set {
            file: "/c".into(),
            value: r"/a\x2db".to_owned(),
        };
        assert_eq!(printed(&slice), "printf '%s\\n' \"/a\\\\x2db\" > /c\n");
    }

    #[test]
    fn what_is_busy_is_tried_again_and_nothing_else() {
        let mut answers = [io::ErrorKind::ResourceBusy, io::ErrorKind::InvalidInput].into_iter();
        let mut asked = 0;
        let error = retry_while_busy(Duration::from_secs(10), || {
            asked += 1;
            answers.next().map_or(Ok(()), |kind| Err(kind.into()))
        })
        .unwrap_err();
        assert_eq!((asked, error.kind()), (2, io::ErrorKind::InvalidInput));
        let busy = || Err(io::ErrorKind::ResourceBusy.into());
        let error = retry_while_busy(Duration::from_millis(30), busy).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    }

    #[test]
    fn nothing_but_a_directory_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("inj1");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("quota"), "15\n").unwrap();
        let step = Step::RemoveDirectory(directory.clone());
        let error = step.run().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        assert!(directory.join("quota").exists());
        fs::remove_file(directory.join("quota")).unwrap();
        step.run().unwrap();
        assert!(!directory.exists());
    }

    #[test]
    fn no_file_is_made_where_the_kernel_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("quota");
        let value = "15".to_owned();
        let step = Step::Set { file, value };
        assert_eq!(step.run().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
