// SPDX-License-Identifier: GPL-2.0-only

//! A process that writes anything, in any way, into the driver's files, and does anything to its
//! directories.
//!
//! A test starts this program as `anything SEED OPERATIONS LETTER DISK`, several at once, each with
//! a letter of its own. A process makes its own directories; it changes the others' files, and
//! nobody undoes that.

mod names;
mod values;

use crate::{random::Random, sys};
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, IoSlice, Read, Seek, Write},
    os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The word of the command line for this process.
pub(crate) const WORD: &str = "anything";

/// The most directories that a process has.
const MOST: usize = 6;

/// Directories that all processes change, make and remove.
const SHARED: [&str; 2] = ["shared", "shared too"];

/// After this time, a process does no more: kernels with sanitizers are slow.
const MOST_TIME: Duration = Duration::from_secs(100);

/// After so many operations a process lists the files again.
const LOOK_AGAIN: u64 = 40;

/// The errors that a write may get: those in the description of the interface, EFAULT for an empty
/// write, and EACCES for a file that cannot be written.
const OF_WRITES: &[i32] = &[1, 2, 3, 13, 14, 20, 22, 28, 34, 95];

/// The errors that other operations may get besides: EEXIST, EXDEV, EISDIR, EBUSY, EFBIG,
/// ENAMETOOLONG, ENOTEMPTY, ENOTSUP, EOVERFLOW.
const OF_OTHERS: &[i32] = &[16, 17, 18, 21, 27, 36, 39, 75];

/// `anything SEED OPERATIONS LETTER DISK`: does at most so many operations, and prints their
/// counts; false if the driver did something forbidden.
pub(crate) fn run(words: &[String]) -> bool {
    let result = Raw::new(words).and_then(Raw::run);
    match &result {
        Ok(done) => println!("{done}"),
        Err(error) => println!("{error:#}"),
    }
    result.is_ok()
}

/// Counts of operations.
#[derive(Default)]
struct Done {
    operations: u64,
    accepted: u64,
    refused: u64,
    shown: u64,
    made: u64,
    removed: u64,
    /// Other operations on directories; the kernel refuses all of them.
    others: u64,
    /// The number of times that each error came.
    errors: BTreeMap<i32, u64>,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            operations,
            accepted,
            refused,
            shown,
            made,
            removed,
            others,
            errors,
        } = self;
        write!(
            f,
            "{operations} operations: {accepted} writes accepted, {refused} refused, {shown} values written back, \
             {made} directories made, {removed} removed, {others} other operations refused, error numbers {errors:?}"
        )
    }
}

struct Raw {
    random: Random,
    operations: u64,
    letter: String,
    disk: String,
    own: Vec<PathBuf>,
    files: Vec<PathBuf>,
    done: Done,
}

impl Raw {
    fn new(words: &[String]) -> Result<Self> {
        let [seed, operations, letter, disk] = words else {
            bail!("{WORD} needs SEED OPERATIONS LETTER DISK");
        };
        Ok(Self {
            random: Random::new(seed.parse()?),
            operations: operations.parse()?,
            letter: letter.clone(),
            disk: disk.clone(),
            own: Vec::new(),
            files: Vec::new(),
            done: Done::default(),
        })
    }

    fn run(mut self) -> Result<Done> {
        let start = Instant::now();
        for number in 0..self.operations {
            if start.elapsed() > MOST_TIME {
                break;
            }
            self.done.operations += 1;
            if number % LOOK_AGAIN == 0 {
                self.files = self.look();
            }
            match self.random.below(20) {
                0..12 => self.write_one()?,
                12..15 => self.write_oddly()?,
                15 => self.read(),
                16 => self.make_or_remove()?,
                _ => self.try_other()?,
            }
        }
        Ok(self.done)
    }

    /// The files that it can write now: the root's, and those of its own directories and of the
    /// shared ones.
    fn look(&self) -> Vec<PathBuf> {
        let root = PathBuf::from(sys::IOEM);
        let shared = SHARED.map(|name| root.join(name));
        let mut files = Vec::new();
        for directory in [&root].into_iter().chain(&shared).chain(&self.own) {
            // Another process may be removing it.
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let is_writable = |found: fs::Metadata| {
                    found.is_file() && found.permissions().mode() & 0o200 != 0
                };
                if entry.metadata().is_ok_and(is_writable) {
                    files.push(entry.path());
                }
            }
        }
        files
    }

    fn file(&mut self) -> PathBuf {
        self.random.choose(&self.files).clone()
    }

    /// The root, one of its own directories, or a shared one.
    fn directory(&mut self) -> PathBuf {
        let root = PathBuf::from(sys::IOEM);
        let mut all = self.own.clone();
        all.extend(SHARED.map(|name| root.join(name)));
        all.push(root);
        self.random.choose(&all).clone()
    }

    /// Counts an error, which must be one of `allowed`.
    fn note(
        &mut self,
        what: &str,
        path: &Path,
        error: &io::Error,
        allowed: &[&[i32]],
    ) -> Result<()> {
        let number = error.raw_os_error().unwrap_or(-1);
        *self.done.errors.entry(number).or_default() += 1;
        ensure!(
            allowed.iter().any(|numbers| numbers.contains(&number)),
            "{what} {}: {error}",
            path.display()
        );
        Ok(())
    }

    /// Writes one value at once, as `echo` does. If the driver accepts it and no other process
    /// writes there, it also accepts the text that it shows.
    fn write_one(&mut self) -> Result<()> {
        let path = self.file();
        let attribute = path.file_name().unwrap_or_default().to_owned();
        let value = values::value(&mut self.random, &attribute.to_string_lossy(), &self.disk);
        let result = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write(&value));
        let what = format!(
            "writing '{}' to",
            value[..value.len().min(80)].escape_ascii()
        );
        match result {
            Err(error) => {
                self.done.refused += 1;
                self.note(&what, &path, &error, &[OF_WRITES])
            }
            Ok(_) => {
                self.done.accepted += 1;
                let is_own = path
                    .parent()
                    .is_some_and(|parent| self.own.iter().any(|own| own == parent));
                // Zero resets the counts, and is not shown.
                if is_own && attribute != "stats" {
                    self.done.shown += 1;
                    write_back(&path)
                        .with_context(|| format!("after {what} {}", path.display()))?;
                }
                Ok(())
            }
        }
    }

    /// Writes one or several values in other ways than a shell does.
    fn write_oddly(&mut self) -> Result<()> {
        let path = self.file();
        let attribute = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let value = values::value(&mut self.random, &attribute, &self.disk);
        let cut = self.random.below(value.len() as u64 + 1) as usize;
        let (first, second) = value.split_at(cut);
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true);
        match self.random.below(4) {
            0 => drop(options.truncate(true)),
            1 => drop(options.append(true)),
            2 => drop(options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)),
            _ => {}
        }
        let offset = *self
            .random
            .choose(&[0, 1, 4_095, 4_096, 1 << 32, i64::MAX as u64]);
        let way = self.random.below(5);
        let mut text = [0; 100];
        let result = options.open(&path).and_then(|mut file| match way {
            0 => file.write(first).and_then(|_| file.write(second)),
            1 => file.write_at(&value, offset),
            2 => file.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]),
            3 => {
                let mut length = file.write(first)?;
                file.rewind()?;
                length += file.read(&mut text)?;
                Ok(length + file.write(second)?)
            }
            _ => {
                let length = file.read(&mut text)? + file.write(first)?;
                Ok(length + file.read_at(&mut text, offset.min(4_096))?)
            }
        });
        match result {
            Ok(_) => self.done.accepted += 1,
            Err(error) => {
                self.done.refused += 1;
                self.note("writing oddly to", &path, &error, &[OF_WRITES, OF_OTHERS])?;
            }
        }
        // A part of a value may be a value itself, so the file may have changed.
        Ok(())
    }

    /// Reads a file in pieces of any size.
    fn read(&mut self) {
        let path = self.file();
        let mut piece = vec![0; 1 + self.random.below(5_000) as usize];
        if let Ok(mut file) = fs::File::open(path) {
            while file.read(&mut piece).is_ok_and(|length| length > 0) {}
        }
    }

    fn make_or_remove(&mut self) -> Result<()> {
        if self.own.len() < MOST && self.random.one_in(2) {
            let path = Path::new(sys::IOEM).join(names::name(&mut self.random, &self.letter));
            return match fs::create_dir(&path) {
                Ok(()) => {
                    self.done.made += 1;
                    self.own.push(path);
                    Ok(())
                }
                Err(error) => self.note("making", &path, &error, &[OF_WRITES, OF_OTHERS]),
            };
        }
        let place = self.random.below(MOST as u64 + 2) as usize;
        if place < self.own.len() {
            let path = self.own.swap_remove(place);
            self.done.removed += 1;
            // The directory must go even just after a write of a value.
            return fs::remove_dir(&path).with_context(|| format!("removing {}", path.display()));
        }
        let path = Path::new(sys::IOEM).join(*self.random.choose(&SHARED));
        let result = match self.random.below(3) {
            0 => fs::remove_dir(&path),
            _ => fs::create_dir(&path),
        };
        match result {
            Ok(()) => Ok(()),
            Err(error) => self.note("making or removing", &path, &error, &[OF_WRITES, OF_OTHERS]),
        }
    }

    /// Tries something that cannot be done.
    fn try_other(&mut self) -> Result<()> {
        let (file, directory, target) = (self.file(), self.directory(), self.directory());
        let new = directory.join(names::name(&mut self.random, &self.letter));
        let root = Path::new(sys::IOEM);
        let (what, result) = match self.random.below(10) {
            0 => ("rename", fs::rename(&directory, target.join("renamed"))),
            1 => ("rename", fs::rename(&file, target.join("renamed"))),
            2 => ("symlink", symlink(&target, directory.join("link"))),
            3 => ("link", fs::hard_link(&file, directory.join("link"))),
            4 => (
                "create",
                fs::File::create_new(directory.join("file")).map(drop),
            ),
            5 => ("unlink", fs::remove_file(&file)),
            6 => ("rmdir", fs::remove_dir(&file)),
            7 => ("rmdir", fs::remove_dir(root)),
            8 => {
                let kind = *self
                    .random
                    .choose(&[FileType::CharacterDevice, FileType::Fifo]);
                let made = mknodat(CWD, directory.join("node"), kind, Mode::RUSR, makedev(1, 3));
                ("mknod", made.map_err(io::Error::from))
            }
            // An injection cannot have a directory in it.
            _ if directory != root => ("mkdir", fs::create_dir(&new)),
            _ => ("mkdir", fs::create_dir(root.join("not there/new"))),
        };
        self.done.others += 1;
        match result {
            Ok(()) => bail!("{what} of {} has worked", file.display()),
            Err(error) => self.note(what, &directory, &error, &[OF_WRITES, OF_OTHERS]),
        }
    }
}

/// Checks that a file accepts the text that it shows, and shows the same again.
///
/// If the driver answers that a process or cgroup has gone, there is nothing to compare.
pub(crate) fn write_back(path: &Path) -> Result<()> {
    const ENOENT: i32 = 2;
    const ESRCH: i32 = 3;
    let shown = fs::read(path).context("reading the written value")?;
    ensure!(
        shown.last() == Some(&b'\n') && shown.iter().filter(|byte| **byte == b'\n').count() == 1,
        "it shows '{}', which is no line",
        shown.escape_ascii()
    );
    let written = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write(&shown));
    match written {
        Err(error) => {
            let gone = match path.file_name().and_then(|name| name.to_str()) {
                Some("pid_ns") => Some(ESRCH),
                Some("cgroup") => Some(ENOENT),
                _ => None,
            };
            if gone.is_some() && error.raw_os_error() == gone {
                return Ok(());
            }
            bail!(
                "it shows '{}' and says to that: {error}",
                shown.escape_ascii()
            );
        }
        Ok(length) => ensure!(length == shown.len(), "{length} of {} bytes", shown.len()),
    }
    let again = fs::read(path)?;
    ensure!(
        again == shown,
        "it shows '{}', then '{}'",
        shown.escape_ascii(),
        again.escape_ascii()
    );
    Ok(())
}
