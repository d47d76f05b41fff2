// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A file for a result. It is opened before the work for the result begins. A regular file has its
//! old text, or is not there, until all of its new text is in a file beside it.

use crate::error::{Exit, failure, refused};
use anyhow::Result;
use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    process,
};

/// A file that is written at the end.
#[derive(Debug)]
pub(crate) struct WholeFile {
    pub(crate) path: PathBuf,
    file: File,
    /// The file beside it that has the text, until it has the name.
    beside: Option<PathBuf>,
    /// Whether a file that is there is replaced.
    replaces: bool,
}

impl WholeFile {
    /// A file that is replaced if it is there, or one that is new.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn open(path: &Path, replaces: bool) -> Result<Self> {
        let found = fs::symlink_metadata(path);
        let (file, beside) = match &found {
            // A link, a pipe or a device such as /dev/stdout stays what it is.
            Ok(found) if !found.is_file() => {
                let mut options = OpenOptions::new();
                // A link may lead to a file that is not there yet.
                let opened = options.write(true).create(true).truncate(false).open(path);
                (
                    opened.map_err(|error| refused("write", path, &error))?,
                    None,
                )
            }
            _ => {
                let (beside, file) = make_beside(path)?;
                (file, Some(beside))
            }
        };
        let output = Self {
            path: path.to_owned(),
            file,
            beside,
            replaces,
        };
        // The new file has the mode and the owner of the old one, as far as the user may say so.
        if let (Ok(found), Some(_)) = (found, &output.beside) {
            let _ = fchown(&output.file, Some(found.uid()), Some(found.gid()));
            let _ = output.file.set_permissions(found.permissions());
        }
        Ok(output)
    }

    /// Writes the text.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or a file is there now that is not replaced.
    pub(crate) fn write(&mut self, text: &str) -> Result<()> {
        let refused = |error| refused("write", &self.path, &error);
        if self.beside.is_none() {
            // A device has no length.
            match self.file.set_len(0) {
                Err(error) if error.kind() != ErrorKind::InvalidInput => {
                    return Err(refused(error));
                }
                _ => {}
            }
        }
        self.file.write_all(text.as_bytes()).map_err(refused)?;
        let Some(beside) = &self.beside else {
            return Ok(());
        };
        if self.replaces {
            match fs::rename(beside, &self.path) {
                Ok(()) => self.beside = None,
                // A file that a container has mounted by itself keeps its place.
                Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                    fs::write(&self.path, text).map_err(refused)?;
                }
                Err(error) => return Err(refused(error)),
            }
            return Ok(());
        }
        let moved = match renameat_with(CWD, beside, CWD, &self.path, RenameFlags::NOREPLACE) {
            // A file system that does not know the flag.
            Err(Errno::INVAL) if fs::symlink_metadata(&self.path).is_err() => {
                fs::rename(beside, &self.path)
            }
            moved => moved.map_err(io::Error::from),
        };
        moved.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => is_there(&self.path),
            _ => refused(error),
        })?;
        self.beside = None;
        Ok(())
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = fs::remove_file(beside);
        }
    }
}

/// The failure for a file that no option allows to replace.
pub(crate) fn is_there(path: &Path) -> anyhow::Error {
    let message = format!(
        "{0} is there already; choose another file with --output, or --output {0} to replace it",
        path.display()
    );
    failure(Exit::Usage, message)
}

/// Makes the file that becomes the one of this name. One may be there that a killed process of the
/// same number has left, or that a process of another PID namespace writes.
fn make_beside(path: &Path) -> Result<(PathBuf, File)> {
    /// More than anybody leaves.
    const MOST: u32 = 1_000;
    let process = process::id();
    let mut place = 0;
    loop {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(match place {
            0 => format!(".{process}"),
            _ => format!(".{process}-{place}"),
        });
        let beside = path.with_file_name(name);
        match File::create_new(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && place < MOST => place += 1,
            Err(error) => {
                let error = refused("make", &beside, &error);
                return Err(error.context(format!("cannot write {}", path.display())));
            }
        }
    }
}

/// The place of a file, which need not be there.
pub(crate) fn place(path: &Path) -> PathBuf {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let whole = fs::canonicalize(path).ok();
    let whole = whole.or_else(|| Some(fs::canonicalize(directory).ok()?.join(path.file_name()?)));
    whole.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(directory: &Path) -> Vec<String> {
        crate::system::files::names(directory)
    }

    #[test]
    fn a_file_has_its_old_text_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        drop(WholeFile::open(&file, true).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        let mut output = WholeFile::open(&file, true).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        output.write("new").unwrap();
        drop(output);
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["a.toml"]);
    }

    #[test]
    fn an_empty_file_of_somebody_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        fs::write(&file, "").unwrap();
        drop(WholeFile::open(&file, true).unwrap());
        assert_eq!(names(folder.path()), ["a.toml"]);
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        let mut output = WholeFile::open(&link, true).unwrap();
        output.write("new").unwrap();
        drop(output);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn a_new_file_replaces_none_that_has_come_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let mut output = WholeFile::open(&file, false).unwrap();
        fs::write(&file, "mine").unwrap();
        let message = output.write("new").unwrap_err().to_string();
        assert!(message.contains("is there already"), "{message}");
        drop(output);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        fs::remove_file(&file).unwrap();
        WholeFile::open(&file, false).unwrap().write("new").unwrap();
        assert_eq!(names(folder.path()), ["a.toml"]);
    }

    /// In a container, each kchaos can have the same number.
    #[test]
    fn a_file_that_a_killed_process_has_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let killed: Vec<WholeFile> = (0..3)
            .map(|_| WholeFile::open(&file, true).unwrap())
            .collect();
        let mut output = WholeFile::open(&file, true).unwrap();
        output.write("new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        drop(output);
        assert_eq!(names(folder.path()).len(), 4);
        drop(killed);
        assert_eq!(names(folder.path()), ["a.toml"]);
        let nowhere = folder.path().join("b/a.toml");
        let message = format!("{:#}", WholeFile::open(&nowhere, true).unwrap_err());
        let beside = folder.path().join(format!("b/.a.toml.{}", process::id()));
        for expected in [
            format!("cannot write {}: ", nowhere.display()),
            format!("cannot make {}: ", beside.display()),
        ] {
            assert!(message.contains(&expected), "{message}");
        }
    }

    #[test]
    fn a_place_is_the_same_by_each_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let other = folder.path().join("./a.toml");
        assert_eq!(place(&file), place(&other));
        fs::write(&file, "").unwrap();
        let link = folder.path().join("link");
        symlink(&file, &link).unwrap();
        assert_eq!(place(&file), place(&link));
        assert_ne!(place(&file), place(&folder.path().join("b")));
        assert_eq!(place(Path::new("a")), place(Path::new("./a")));
    }
}
