// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A lease that this program renews for as long as it lives: if anything kills the program, its
//! injection ends soon after.

use super::owned::Owned;
use crate::interface::attributes::DURATION;
use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long an injection lasts without a renewal.
pub(crate) const LENGTH_MS: u64 = 1_500;

/// The time between renewals. A late one or two do no harm.
const PAUSE: Duration = Duration::from_millis(400);

/// Renews the lease of this injection at once and then until the result is stopped or the injection
/// has ended: whatever took long since it was made, all of a lease is left now. Calls `look` beside
/// each later renewal. Meanwhile a lock on the injection tells everybody that the lease is no end.
pub(crate) fn renew(made: Arc<Owned>, look: impl Fn() + Send + 'static) -> Renewal {
    let lock = made.lock();
    let begun = write(&made);
    let (stop, stopped) = channel();
    let thread = thread::spawn(move || keep(&made, &stopped, lock.ok(), begun.ok(), look));
    Renewal { stop, thread }
}

/// Begins the lease anew, and returns a moment before that.
fn write(made: &Owned) -> io::Result<Instant> {
    let now = Instant::now();
    made.set(DURATION, &LENGTH_MS.to_string()).map(|()| now)
}

/// Returns whether the lease ran out in between. The lease begins at some moment of a write, and in
/// doubt it ran out.
fn keep(
    made: &Owned,
    stopped: &Receiver<()>,
    mut lock: Option<OwnedFd>,
    mut renewed: Option<Instant>,
    look: impl Fn(),
) -> bool {
    let length = Duration::from_millis(LENGTH_MS);
    let has_passed = |renewed: Option<Instant>| renewed.is_none_or(|then| then.elapsed() > length);
    let mut lapsed = false;
    while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        look();
        // A program that looks at the injection can have it for a moment.
        lock = lock.or_else(|| made.lock().ok());
        match write(made) {
            Ok(now) => {
                lapsed |= has_passed(renewed);
                renewed = Some(now);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return lapsed,
            // The next renewal may find the memory that this one lacked.
            Err(_) => {}
        }
    }
    lapsed || has_passed(renewed)
}

/// A lease that is renewed while this lives.
#[derive(Debug)]
pub(crate) struct Renewal {
    stop: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Renewal {
    /// Stops the renewals, and returns whether the lease ever ran out.
    pub(crate) fn stop(self) -> bool {
        drop(self.stop);
        self.thread.join().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::files::is_locked;
    use std::fs;

    #[test]
    fn it_is_renewed_until_it_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("x");
        let file = directory.join(DURATION);
        let made = Arc::new(Owned::new(&directory).unwrap());
        fs::write(&file, "0\n").unwrap();
        let renewal = renew(Arc::clone(&made), || {});
        let read = || fs::read_to_string(&file).unwrap();
        assert_eq!(read(), "1500\n", "not at once");
        assert!(is_locked(&directory));
        fs::write(&file, "0\n").unwrap();
        thread::sleep(Duration::from_millis(1_000));
        assert_eq!(read(), "1500\n");
        assert!(!renewal.stop());
        assert!(!is_locked(&directory));
        made.set(DURATION, "last").unwrap();
        thread::sleep(Duration::from_millis(600));
        assert_eq!(fs::read_to_string(&file).unwrap(), "last\n");
    }
}
