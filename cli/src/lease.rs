// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A lease that is renewed for as long as this program lives, so that an injection ends soon after it, whatever kills it.

use crate::{attributes::DURATION, made::Made};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long an injection goes on without a renewal.
const LENGTH: Duration = Duration::from_millis(1_500);

/// How long until the next renewal: a late one or two do no harm.
const PAUSE: Duration = Duration::from_millis(400);

/// How long an injection is to last.
#[derive(Debug)]
pub(crate) struct Lease {
    /// When it ends in any case.
    end: Option<Instant>,
}

impl Lease {
    /// For at most so many milliseconds from now; 0 and `None` are no end.
    pub(crate) fn new(most_ms: Option<u64>) -> Self {
        let most = most_ms.filter(|most| *most > 0).map(Duration::from_millis);
        Self {
            end: most.and_then(|most| Instant::now().checked_add(most)),
        }
    }

    /// What `duration_ms` is to be now; `None` when the end has come.
    fn next_ms(&self) -> Option<u64> {
        let left = self
            .end
            .map_or(LENGTH, |end| end.saturating_duration_since(Instant::now()));
        let next = left.min(LENGTH);
        // 0 would mean that there is no end.
        u64::try_from(next.as_millis())
            .ok()
            .filter(|next| *next > 0)
    }

    /// What `duration_ms` is to be at first.
    pub(crate) fn first_ms(&self) -> u64 {
        self.next_ms().unwrap_or(1)
    }

    /// Renews the lease of this injection until the result is dropped, or the end has come, or the injection has ended.
    pub(crate) fn renew(self, made: Arc<Made>) -> Renewal {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || self.keep(&made, &stopped));
        Renewal {
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn keep(&self, made: &Made, stopped: &Receiver<()>) {
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            let Some(next_ms) = self.next_ms() else {
                return;
            };
            if made.set(DURATION, &next_ms.to_string()).is_err() {
                return;
            }
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
    fn a_lease_is_short_and_never_longer_than_asked_for() {
        assert_eq!(Lease::new(None).first_ms(), 1_500);
        assert_eq!(Lease::new(Some(0)).first_ms(), 1_500);
        assert!((1..=200).contains(&Lease::new(Some(200)).first_ms()));
        assert_eq!(Lease::new(Some(60_000)).first_ms(), 1_500);
    }

    #[test]
    fn it_is_renewed_until_it_is_dropped_or_over() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("x");
        let file = directory.join("duration_ms");
        let made = Arc::new(Made::new(&directory).unwrap());
        made.set("duration_ms", "first").unwrap();
        let renewal = Lease::new(Some(600)).renew(made);
        thread::sleep(Duration::from_millis(1_000));
        let text = fs::read_to_string(&file).unwrap();
        // Renewed once, for what was left.
        assert!(
            (1..=200).contains(&text.trim().parse::<u64>().unwrap()),
            "{text}"
        );
        drop(renewal);
    }
}
