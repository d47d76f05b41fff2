// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The progress of a scenario on standard error: a line that changes, if that is a terminal, and
//! else a line for each event.

use crate::{
    error::note,
    interface::units::{grouped, show_microseconds},
};
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// Goes to the beginning of the line, and clears it.
const CLEAR: &str = "\r\x1b[K";

/// The progress.
#[derive(Debug)]
pub(super) struct Progress {
    changes: bool,
    /// The number of turns.
    count: u64,
}

impl Progress {
    pub(super) fn new(count: u64) -> Self {
        Self {
            changes: io::stderr().is_terminal(),
            count,
        }
    }

    /// A turn begins.
    pub(super) fn begin(&self, turn: u64, name: &str, length: Duration) {
        if !self.changes {
            note(&format!("{}, for {}", self.step(turn, name), shown(length)));
        }
    }

    /// A turn goes on.
    pub(super) fn go_on(&self, turn: u64, name: &str, left: Duration, hits: u64) {
        let left = Duration::from_secs(left.as_secs_f64().ceil() as u64);
        self.show(&format!(
            "{}: {} left, {} hit",
            self.step(turn, name),
            shown(left),
            grouped(hits)
        ));
    }

    /// A pause goes on.
    pub(super) fn pause(&self, turn: u64, left: Duration) {
        let left = Duration::from_secs(left.as_secs_f64().ceil() as u64);
        self.show(&format!(
            "step {turn} of {} is over, the next begins in {}",
            self.count,
            shown(left)
        ));
    }

    /// Makes room for other lines.
    pub(super) fn clear(&self) {
        if self.changes {
            print(CLEAR);
        }
    }

    fn step(&self, turn: u64, name: &str) -> String {
        format!("step {turn} of {}: {name}", self.count)
    }

    fn show(&self, line: &str) {
        if self.changes {
            print(&format!("{CLEAR}kchaos: {line}"));
        }
    }
}

/// A closed standard error is no failure.
fn print(text: &str) {
    let mut out = io::stderr();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn shown(time: Duration) -> String {
    show_microseconds(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
