// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A lease that this program renews for as long as it lives: if anything kills the program, its
//! injection ends soon after.

use super::owned::Owned;
use crate::interface::attributes::{DURATION, RENEWED_MS};
use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long an injection lasts without a renewal.
pub(crate) const LENGTH_MS: u64 = RENEWED_MS;

/// The time between renewals. A late one or two do no harm.
const PAUSE: Duration = Duration::from_millis(400);

/// Renews the lease of this injection, which has just begun, until the result is stopped or the
/// injection has ended. Calls `look` beside each renewal.
pub(crate) fn renew(made: Arc<Owned>, look: impl Fn() + Send + 'static) -> Renewal {
    let begun = Instant::now();
    let (stop, stopped) = channel();
    let thread = thread::spawn(move || keep(&made, &stopped, begun, look));
    Renewal { stop, thread }
}

/// Returns whether the lease ran out in between. The lease begins at some moment of a write, and in
/// doubt it ran out.
fn keep(made: &Owned, stopped: &Receiver<()>, begun: Instant, look: impl Fn()) -> bool {
    let length = Duration::from_millis(LENGTH_MS);
    let mut renewed = begun;
    let mut lapsed = false;
    while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        look();
        let now = Instant::now();
        match made.set(DURATION, &LENGTH_MS.to_string()) {
            Ok(()) => {
                lapsed |= renewed.elapsed() > length;
                renewed = now;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return lapsed,
            // The next renewal may find the memory that this one lacked.
            Err(_) => {}
        }
    }
    lapsed || renewed.elapsed() > length
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
    use std::fs;

    #[test]
    fn it_is_renewed_until_it_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("x");
        let file = directory.join(DURATION);
        let made = Arc::new(Owned::new(&directory).unwrap());
        fs::write(&file, "0\n").unwrap();
        let renewal = renew(Arc::clone(&made), || {});
        thread::sleep(Duration::from_millis(1_000));
        assert_eq!(fs::read_to_string(&file).unwrap(), "1500\n");
        assert!(!renewal.stop());
        made.set(DURATION, "last").unwrap();
        thread::sleep(Duration::from_millis(600));
        assert_eq!(fs::read_to_string(&file).unwrap(), "last\n");
    }
}
