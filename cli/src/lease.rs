// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A lease that is renewed for as long as this program lives, so that an injection ends soon after it, whatever kills it.

use crate::{attributes::DURATION, made::Made};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long an injection goes on without a renewal.
pub(crate) const LENGTH_MS: u64 = 1_500;

/// How long until the next renewal: a late one or two do no harm.
const PAUSE: Duration = Duration::from_millis(400);

/// Renews the lease of this injection until the result is dropped, or the injection has ended.
pub(crate) fn renew(made: Arc<Made>) -> Renewal {
    let (stop, stopped) = channel();
    let thread = thread::spawn(move || keep(&made, &stopped));
    Renewal {
        stop: Some(stop),
        thread: Some(thread),
    }
}

fn keep(made: &Made, stopped: &Receiver<()>) {
    while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        if made.set(DURATION, &LENGTH_MS.to_string()).is_err() {
            return;
        }
    }
}

/// A lease that is renewed while this lives.
#[derive(Debug)]
pub(crate) struct Renewal {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Renewal {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_is_renewed_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("x");
        let file = directory.join(DURATION);
        let made = Arc::new(Made::new(&directory).unwrap());
        made.set(DURATION, "first").unwrap();
        let renewal = renew(Arc::clone(&made));
        thread::sleep(Duration::from_millis(1_000));
        assert_eq!(fs::read_to_string(&file).unwrap(), "1500\n");
        drop(renewal);
        made.set(DURATION, "last").unwrap();
        thread::sleep(Duration::from_millis(600));
        assert_eq!(fs::read_to_string(&file).unwrap(), "last\n");
    }
}
