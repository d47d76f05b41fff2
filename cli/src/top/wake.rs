// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Waits for a key, a signal, the end of a verb or a time, whichever comes first.

use crate::inject::command::is_ignored;
use anyhow::{Context, Result, bail};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    flag,
    low_level::pipe,
};
use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// Wakes the view.
pub(super) struct Wake {
    read: UnixStream,
    write: UnixStream,
    /// The signal that ends the view, or 0.
    signal: Arc<AtomicUsize>,
}

impl Wake {
    /// Catches the signal of another size of the terminal, and the signals that would end this
    /// program. A signal that was ignored when the program began stays so.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(super) fn new() -> Result<Self> {
        Self::caught().context("cannot catch signals")
    }

    fn caught() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGHUP, SIGINT, SIGTERM] {
            if !is_ignored(number) {
                // No number of a signal is negative.
                flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
                pipe::register(number, write.try_clone()?)?;
            }
        }
        pipe::register(SIGWINCH, write.try_clone()?)?;
        Ok(Self {
            read,
            write,
            signal,
        })
    }

    /// The end by which a thread wakes the view: any byte that is written to it does.
    ///
    /// # Errors
    ///
    /// If there are too many open files.
    pub(super) fn waker(&self) -> Result<UnixStream> {
        self.write.try_clone().context("cannot wait for a verb")
    }

    /// The signal that has come, if it ends the view.
    pub(super) fn signal(&self) -> Option<i32> {
        let signal = self.signal.load(Ordering::SeqCst);
        i32::try_from(signal).ok().filter(|signal| *signal != 0)
    }

    /// Waits until there is something to do, or until that time.
    ///
    /// # Errors
    ///
    /// If the kernel refuses, or the terminal has gone without a signal.
    pub(super) fn wait(&mut self, until: Instant) -> Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).context("the interval is too long")?;
        let stdin = io::stdin();
        let mut files = [
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(&self.read, PollFlags::IN),
        ];
        match poll(&mut files, Some(&timeout)) {
            Ok(_) if files[0].revents().contains(PollFlags::HUP) && self.signal().is_none() => {
                bail!("the terminal has gone");
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("cannot wait for a key"),
        }
        // The bytes only wake.
        let mut bytes = [0; 64];
        while matches!(self.read.read(&mut bytes), Ok(1..)) {}
        Ok(())
    }
}
