// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The lock that makes changes of two kchaos come one after the other.

use super::{Roots, files::is_at, step::Step};
use crate::error::{Exit, failure, is_permission, note, refused};
use anyhow::Result;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};
use std::{
    io,
    os::fd::OwnedFd,
    thread::sleep,
    time::{Duration, Instant},
};

/// The time to wait for another kchaos without a word.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause before another try.
const PAUSE: Duration = Duration::from_millis(2);

/// The lock, which is given back when dropped, or when this program is killed.
///
/// It is on a folder that only its owner can open, so that no other user can keep it.
#[derive(Debug)]
pub(crate) struct Lock {
    _folder: OwnedFd,
}

impl Lock {
    /// Waits for the lock, however long another kchaos keeps it, and says so now and then.
    ///
    /// `None` if this user may not make its folder or open it. The verb then fails at its first
    /// step that needs the right, in words about that step, or has no record to keep.
    ///
    /// # Errors
    ///
    /// If the kernel refuses the lock for a reason other than this user's rights.
    pub(crate) fn take(roots: &Roots) -> Result<Option<Self>> {
        Self::wait(roots, None)
    }

    /// The same for a kchaos that catches signals, so that nobody could end its wait.
    ///
    /// # Errors
    ///
    /// If another kchaos keeps the lock for too long, too.
    pub(crate) fn take_soon(roots: &Roots) -> Result<Option<Self>> {
        Self::wait(roots, Some(PATIENCE))
    }

    fn wait(roots: &Roots, longest: Option<Duration>) -> Result<Option<Self>> {
        let begun = Instant::now();
        let mut tell_after = PATIENCE;
        loop {
            let error = match Self::make_and_open(roots) {
                Ok(lock) => return Ok(Some(lock)),
                Err(Refusal::Lock(Errno::WOULDBLOCK)) => {
                    let waited = begun.elapsed();
                    if longest.is_some_and(|longest| waited >= longest) {
                        return Err(failure(Exit::Failure, held_for(waited)));
                    }
                    if waited >= tell_after {
                        note(&format!("{}: waiting for it", held_for(waited)));
                        tell_after = waited + PATIENCE;
                    }
                    sleep(PAUSE);
                    continue;
                }
                Err(Refusal::Lock(errno)) if is_passing(errno) && begun.elapsed() < PATIENCE => {
                    sleep(PAUSE);
                    continue;
                }
                Err(Refusal::Lock(errno)) => {
                    refused("lock", &roots.needs(), &io::Error::from(errno))
                }
                Err(Refusal::Folder(error)) => error,
            };
            return if is_permission(&error) {
                Ok(None)
            } else {
                Err(error)
            };
        }
    }

    fn make_and_open(roots: &Roots) -> Result<Self, Refusal> {
        for step in folder_steps(roots) {
            step.run()
                .map_err(|error| Refusal::Folder(step.refused(&error)))?;
        }
        Self::try_open(roots).map_err(Refusal::Lock)
    }

    /// The lock, if its folder is there and no other kchaos has it.
    pub(crate) fn try_take(roots: &Roots) -> Option<Self> {
        Self::try_open(roots).ok()
    }

    /// The lock, if its folder is there and no other kchaos keeps it for so long.
    pub(crate) fn take_within(roots: &Roots, longest: Duration) -> Option<Self> {
        let begun = Instant::now();
        loop {
            match Self::try_open(roots) {
                Err(Errno::WOULDBLOCK) if begun.elapsed() < longest => sleep(PAUSE),
                opened => return opened.ok(),
            }
        }
    }

    /// Waits until no kchaos changes anything, for verbs that only look: while kchaos replaces an
    /// injection, there is none for a moment.
    pub(crate) fn settle(roots: &Roots) {
        let begun = Instant::now();
        while matches!(Self::try_open(roots), Err(Errno::WOULDBLOCK)) && begun.elapsed() < PATIENCE
        {
            sleep(PAUSE);
        }
    }

    fn try_open(roots: &Roots) -> rustix::io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Self::on(roots, open(roots.needs(), flags, Mode::empty())?)
    }

    /// The lock on the folder that was opened, if that is still there.
    fn on(roots: &Roots, folder: OwnedFd) -> rustix::io::Result<Self> {
        flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
        // Somebody may have removed the folder since it was opened. Another kchaos would lock a new
        // one.
        if is_at(&folder, &roots.needs()) {
            Ok(Self { _folder: folder })
        } else {
            Err(Errno::STALE)
        }
    }
}

/// Why a try to take the lock failed.
enum Refusal {
    /// The folder cannot be made.
    Folder(anyhow::Error),
    /// The folder was made, and cannot be opened or locked.
    Lock(Errno),
}

/// The reason for a wait.
fn held_for(waited: Duration) -> String {
    format!(
        "another kchaos has been changing something for {} s, and may wait for a disk",
        waited.as_secs()
    )
}

/// Whether another try may succeed, as the folder was removed just then.
fn is_passing(errno: Errno) -> bool {
    matches!(errno, Errno::STALE | Errno::NOENT | Errno::INTR)
}

/// The steps that make the folders of our own.
pub(crate) fn folder_steps(roots: &Roots) -> [Step; 2] {
    [
        Step::MakeParents(roots.state.clone()),
        Step::MakePrivate(roots.needs()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn roots(folder: &Path) -> Roots {
        Roots {
            configfs: folder.join("config"),
            sysfs: folder.join("sys"),
            state: folder.join("run/kchaos"),
            dev: folder.join("dev"),
            proc: folder.join("proc"),
            modules: folder.join("modules"),
            boot: folder.join("boot"),
            tracing: folder.join("tracing"),
        }
    }

    /// Somebody removes the folder between the open and the lock, and another kchaos makes it
    /// anew: both would have a lock.
    #[test]
    fn a_lock_on_a_folder_that_is_gone_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        drop(Lock::take(&roots).unwrap());
        let opened = || open(roots.needs(), OFlags::RDONLY, Mode::empty()).unwrap();
        let (former, gone) = (opened(), opened());
        std::fs::remove_dir(roots.needs()).unwrap();
        assert_eq!(Lock::on(&roots, gone).unwrap_err(), Errno::STALE);
        let new = Lock::take(&roots).unwrap();
        assert!(new.is_some());
        assert_eq!(Lock::on(&roots, former).unwrap_err(), Errno::STALE);
    }

    /// Without the lock, two kchaos would lose a disk's scheduler.
    #[test]
    fn nobody_goes_on_without_it_for_an_odd_reason() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        std::fs::create_dir_all(&roots.state).unwrap();
        std::fs::write(roots.needs(), "").unwrap();
        let error = Lock::take(&roots).unwrap_err().to_string();
        assert!(error.contains("run/kchaos/for"), "{error}");
        std::fs::remove_file(roots.needs()).unwrap();
        std::os::unix::fs::symlink(folder.path(), roots.needs()).unwrap();
        let error = Lock::take(&roots).unwrap_err().to_string();
        assert!(error.contains("run/kchaos/for"), "{error}");
    }

    #[test]
    fn one_has_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let roots = roots(folder.path());
        assert!(Lock::try_take(&roots).is_none());
        let lock = Lock::take(&roots).unwrap();
        assert!(lock.is_some() && Lock::try_take(&roots).is_none());
        let waiting = std::thread::spawn(move || {
            let begun = Instant::now();
            (Lock::take(&roots).unwrap().is_some(), begun.elapsed())
        });
        sleep(Duration::from_millis(100));
        drop(lock);
        let (taken, after) = waiting.join().unwrap();
        assert!(taken && after >= Duration::from_millis(50), "{after:?}");
    }
}
