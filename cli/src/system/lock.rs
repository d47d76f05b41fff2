// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The lock that makes changes of two kchaos come one after the other.

use super::{Roots, step::Step};
use crate::error::{Exit, failure};
use anyhow::Result;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};
use std::{
    os::fd::OwnedFd,
    thread::sleep,
    time::{Duration, Instant},
};

/// The time to wait for another kchaos.
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
    /// Waits for the lock; `None` if its folder cannot be made, so that there is nothing to save
    /// and nothing to give back.
    ///
    /// # Errors
    ///
    /// If another kchaos keeps the lock for too long.
    pub(crate) fn take(roots: &Roots) -> Result<Option<Self>> {
        // A verb that needs the folder fails at that step, in words about it.
        if folder_steps(roots).iter().any(|step| step.run().is_err()) {
            return Ok(None);
        }
        let begun = Instant::now();
        loop {
            match Self::try_open(roots) {
                Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => sleep(PAUSE),
                Err(Errno::WOULDBLOCK) => {
                    return Err(failure(
                        Exit::Failure,
                        format!(
                            "another kchaos has been changing something for {} s, and may wait for a \
                             disk; try again when it has ended",
                            PATIENCE.as_secs()
                        ),
                    ));
                }
                result => return Ok(result.ok()),
            }
        }
    }

    /// The lock, if its folder is there and no other kchaos has it.
    pub(crate) fn try_take(roots: &Roots) -> Option<Self> {
        Self::try_open(roots).ok()
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
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(roots.needs(), flags, Mode::empty())?;
        flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { _folder: folder })
    }
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

    #[test]
    fn one_has_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let roots = Roots {
            configfs: path("config"),
            sysfs: path("sys"),
            state: path("run/kchaos"),
            dev: path("dev"),
            proc: path("proc"),
        };
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
