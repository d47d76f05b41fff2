// SPDX-License-Identifier: GPL-2.0-only

//! The cache: its folder, its locks, and the checksums in the names of its files.

use crate::step::say;
use anyhow::{Context, Result};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// After this time, the lab asks the suite for its kernel again, and removes leftovers.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder: `$CHAOS_LAB_CACHE`, or one in the user's own cache.
pub(crate) fn folder() -> Result<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(folder) = set("CHAOS_LAB_CACHE") {
        return Ok(std::path::absolute(folder)?);
    }
    let home = || set("HOME").map(|home| home.join(".cache"));
    let caches = set("XDG_CACHE_HOME").or_else(home);
    let caches = caches
        .context("HOME is not set: set it, or CHAOS_LAB_CACHE, to tell where the cache is.")?;
    Ok(std::path::absolute(caches.join("chaos-driver"))?)
}

/// Whether the file exists and was written within a day.
pub(crate) fn is_of_today(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|data| data.modified());
    // A time in the future has no age.
    written.is_ok_and(|time| time.elapsed().unwrap_or_default() < DAY)
}

/// Entries of a folder whose names begin with `prefix`.
pub(crate) fn entries(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(prefix.as_bytes())
        {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// A lock of a file. The kernel frees it when the lab exits, even if a signal kills the lab:
/// processes that the lab starts neither inherit the lock nor outlive the lab.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Shares the lock with runs that only use the files under it.
    pub(crate) fn share(path: &Path) -> Result<Self> {
        let lock = Self::open(path)?;
        lock.take(FlockOperation::LockShared)?;
        Ok(lock)
    }

    /// Waits until no other process has the lock.
    pub(crate) fn wait_alone(path: &Path) -> Result<Self> {
        let lock = Self::open(path)?;
        lock.take(FlockOperation::LockExclusive)?;
        Ok(lock)
    }

    /// Takes the lock if no other process has it.
    pub(crate) fn try_alone(path: &Path) -> Result<Option<Self>> {
        let lock = Self::open(path)?;
        let is_alone = lock.take_now(FlockOperation::NonBlockingLockExclusive)?;
        Ok(is_alone.then_some(lock))
    }

    /// Upgrades the shared lock to an exclusive one while `make` makes `what`, the files under it.
    pub(crate) fn while_alone(&self, what: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
        if !self.take_now(FlockOperation::NonBlockingLockExclusive)? {
            say(&format!("another run uses {what}; waiting for it"));
            self.take(FlockOperation::LockExclusive)?;
        }
        make()?;
        self.take(FlockOperation::LockShared)
    }

    fn open(path: &Path) -> Result<Self> {
        let open = || -> io::Result<File> {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            File::options().create(true).append(true).open(path)
        };
        Ok(Self(open().with_context(|| {
            format!("cannot open {}", path.display())
        })?))
    }

    fn take_now(&self, operation: FlockOperation) -> Result<bool> {
        match flock(&self.0, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error).context("cannot lock the cache"),
        }
    }

    fn take(&self, operation: FlockOperation) -> Result<()> {
        flock(&self.0, operation).context("cannot lock the cache")
    }
}

/// The checksum that the command `cksum` of POSIX prints.
pub(crate) fn checksum(content: &[u8]) -> u32 {
    let length = content.len().to_le_bytes();
    let used = length.len() - content.len().leading_zeros() as usize / 8;
    let add = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            let carry = if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            sum << 1 ^ carry
        })
    };
    !content.iter().chain(&length[..used]).fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_command() {
        assert_eq!(checksum(b""), 4_294_967_295);
        assert_eq!(checksum(b"lab\n"), 199980599);
        assert_eq!(checksum(&[b'x'; 300]), 3786917833);
    }

    #[test]
    fn a_lock_that_is_shared_is_not_had_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache/lock");
        let first = Lock::share(&path).unwrap();
        let second = Lock::share(&path).unwrap();
        assert!(Lock::try_alone(&path).unwrap().is_none());
        drop(second);
        let make = || {
            assert!(Lock::try_alone(&path)?.is_none());
            Ok(())
        };
        first.while_alone("it", make).unwrap();
        drop(Lock::share(&path).unwrap());
        drop(first);
        // A process that another test starts has the file, too, until it executes its program.
        let is_had = |_| {
            let alone = Lock::try_alone(&path).unwrap();
            std::thread::sleep(Duration::from_millis(if alone.is_some() { 0 } else { 10 }));
            alone.is_some()
        };
        assert!((0..500).any(is_had));
    }

    #[test]
    fn a_file_is_of_today_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        assert!(!is_of_today(&path));
        let file = File::create(&path).unwrap();
        assert!(is_of_today(&path));
        file.set_modified(std::time::SystemTime::now() - DAY)
            .unwrap();
        assert!(!is_of_today(&path));
    }
}
