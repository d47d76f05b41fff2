// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The report of a scenario: its injections on a timeline, and what each of them hit.

use crate::{
    error::Exit,
    inject::{command::killed_by, stage::Played},
    interface::units::show_microseconds,
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    time::{Duration, SystemTime},
};

/// The report.
#[derive(Debug)]
pub(super) struct Report {
    /// The scenario's name.
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// How many times as fast as in the file it was.
    pub(super) speed: u32,
    /// The moment of its beginning.
    pub(super) at: SystemTime,
    pub(super) length: Duration,
    pub(super) outcome: Outcome,
    /// The injections, in the order of their ends.
    pub(super) entries: Vec<Entry>,
}

/// The end of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All steps were taken.
    Completed,
    /// A signal of this number ended it.
    Signal(i32),
    /// A step could not be taken.
    Failed,
}

/// An injection that was.
#[derive(Debug)]
pub(super) struct Entry {
    /// The step's name.
    pub(super) step: String,
    /// The how many-eth time it was.
    pub(super) round: u64,
    /// The name in the file.
    pub(super) name: String,
    /// The time from the beginning of the scenario to its own.
    pub(super) from: Duration,
    /// The same to its end.
    pub(super) until: Duration,
    pub(super) played: Played,
}

impl Outcome {
    /// It in a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Signal(_) => "interrupted",
            Self::Failed => "failed",
        }
    }
}

impl Report {
    /// The exit code of a scenario without a failure; `expects` that each step hits I/O.
    pub(super) fn exit_code(&self, expects: bool) -> u8 {
        match self.outcome {
            Outcome::Signal(signal) => killed_by(signal),
            Outcome::Completed if expects && self.has_idle_step() => Exit::NoHits as u8,
            Outcome::Completed | Outcome::Failed => 0,
        }
    }

    /// Whether no injection of one of the steps has hit anything.
    fn has_idle_step(&self) -> bool {
        let mut hits = BTreeMap::new();
        for entry in &self.entries {
            let all = hits.entry((&entry.step, entry.round)).or_insert(0);
            *all = entry.played.stats.hits().max(*all);
        }
        hits.values().any(|hits| *hits == 0)
    }

    /// The first line.
    pub(super) fn headline(&self) -> String {
        let faster = match self.speed {
            1 => String::new(),
            speed => format!(", {speed} times as fast as in its file"),
        };
        let by = match self.outcome {
            Outcome::Signal(signal) => format!(" by signal {signal}"),
            _ => String::new(),
        };
        format!(
            "{}: {}{by} after {}{faster}",
            self.name,
            self.outcome.word(),
            tenths(self.length)
        )
    }

    /// The report for a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.headline());
        for entry in &self.entries {
            let times = format!("{} to {}", tenths(entry.from), tenths(entry.until));
            let _ = writeln!(
                text,
                "  {times:<16} {}: {}",
                entry.title(),
                entry.played.words
            );
            let _ = writeln!(text, "  {:<16} {}", "", entry.played.hits);
            if let Some(idle) = entry
                .played
                .idle
                .as_ref()
                .filter(|_| entry.played.stats.hits() > 0)
            {
                let _ = writeln!(text, "  {:<16} it {idle}", "");
            }
        }
        text
    }
}

impl Entry {
    /// The names by which people know it.
    pub(super) fn title(&self) -> String {
        let mut title = self.name.clone();
        if self.step != self.name {
            title = format!("{}/{title}", self.step);
        }
        if self.round > 1 {
            let _ = write!(title, " ({})", self.round);
        }
        title
    }
}

/// A time in tenths of a second, or in milliseconds if it is short.
pub(super) fn tenths(time: Duration) -> String {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let step = if ms < 1_000 { 1 } else { 100 };
    show_microseconds((ms / step * step).saturating_mul(1_000))
}
