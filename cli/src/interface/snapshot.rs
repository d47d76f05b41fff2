// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! An injection as its files show it: its settings, its state and its numbers.

use super::{
    attributes::{ATTRIBUTES, Name, Value},
    ceiling::{self, Ceiling},
    listed::Listed,
    problems::problems,
    stats::Stats,
    values::Values,
    ways::ways,
};
use crate::{
    error::{Exit, failure, refused},
    system::{
        Roots,
        files::{is_locked, try_read},
    },
};
use anyhow::Result;
use std::{collections::BTreeSet, ffi::OsStr, io};

/// Whether an injection is at work, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is at work.
    On,
    /// It is switched off, or all injections are.
    Off,
    /// Its lease has passed.
    Over,
    /// It has affected as many I/Os as were asked for.
    UsedUp,
}

impl State {
    /// The word for people and programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Over => "over",
            Self::UsedUp => "used up",
        }
    }

    fn of(values: &Values, stats: &Stats, all_enabled: bool) -> Self {
        let lease_passed =
            values.number(Name::DurationMs).is_some() && stats.get("remaining_ms") == 0;
        if !all_enabled || values.number(Name::Enabled) == Some(0) {
            Self::Off
        } else if stats.says_active() {
            Self::On
        } else if lease_passed {
            Self::Over
        } else if values.number(Name::Times).is_some() {
            Self::UsedUp
        } else {
            // The injection was switched off after this program read its settings.
            Self::Off
        }
    }
}

/// An injection.
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) values: Values,
    pub(crate) stats: Stats,
    /// On each disk that it delays now, the most I/Os a second.
    pub(crate) ceilings: Listed<Ceiling>,
    pub(crate) state: State,
    /// Whether a kchaos renews its lease for a command: that one has a lock on the directory.
    pub(crate) is_renewed: bool,
    /// Why it reaches nothing, or not all that it names, although it is on.
    pub(crate) problems: Vec<String>,
    /// The ways in which it holds I/O.
    pub(crate) ways: BTreeSet<&'static str>,
}

impl Snapshot {
    /// An injection with these values and numbers; `all_enabled` is the switch of all injections.
    pub(crate) fn new(
        name: String,
        values: Values,
        stats: Stats,
        ceilings: Listed<Ceiling>,
        all_enabled: bool,
    ) -> Self {
        let state = State::of(&values, &stats, all_enabled);
        let ceilings = if state == State::On {
            ceilings
        } else {
            // The driver shows what the delay would allow.
            Listed::default()
        };
        Self {
            name,
            values,
            stats,
            ceilings,
            state,
            is_renewed: false,
            problems: Vec::new(),
            ways: BTreeSet::new(),
        }
    }

    /// Whether it has been made to the end: it is switched on, and affects some I/O.
    pub(crate) fn is_made(&self) -> bool {
        self.values.get(Name::Enabled) != Some(&Value::Number(0)) && self.values.has_effect()
    }

    /// Whether it has ended by itself, and holds nothing any more. The time of its lease also
    /// passes while it is switched off.
    pub(crate) fn has_ended(&self) -> bool {
        let is_over = self.values.number(Name::DurationMs).is_some()
            && !self.stats.says_active()
            && self.stats.get("remaining_ms") == 0;
        (is_over || self.state == State::UsedUp) && self.stats.get("held") == 0
    }

    /// Whether its lease ends it by itself: it has one, and nobody renews it.
    pub(crate) fn has_end(&self) -> bool {
        self.values.number(Name::DurationMs).is_some() && !self.is_renewed
    }

    /// The time in milliseconds after which the injection ends by itself, if it is on, or used up
    /// and still holds I/O.
    pub(crate) fn ends_in_ms(&self) -> Option<u64> {
        let holds = self.state == State::UsedUp && self.stats.get("held") > 0;
        let is_sure = (self.state == State::On || holds) && self.has_end();
        is_sure.then(|| self.stats.get("remaining_ms"))
    }

    /// Reads the files of an injection; `None` if it ends before all of them are read.
    pub(crate) fn read(roots: &Roots, name: &OsStr, all_enabled: bool) -> Result<Option<Self>> {
        let directory = roots.injection(name);
        let mut values = Values::default();
        for attribute in &ATTRIBUTES {
            let file = directory.join(attribute.file());
            let text = match try_read(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                result => result.map_err(|error| refused("read", &file, &error))?,
            };
            let value = attribute.parse_file(&text).map_err(|message| {
                failure(
                    Exit::Unavailable,
                    format!("{} says \"{text}\", and {message}", file.display()),
                )
            })?;
            values.0.push((attribute, value));
        }
        let stats = Stats::read(&directory)
            .map_err(|error| refused("read", &directory.join("stats"), &error))?;
        let ceilings = ceiling::read(roots, name);
        let name = name.to_string_lossy().into_owned();
        let mut seen = Self::new(name, values, stats, ceilings, all_enabled);
        seen.is_renewed = is_locked(&directory);
        if seen.values.has_effect() {
            seen.ways = ways(roots, &seen.values);
            if seen.state == State::On {
                seen.problems = problems(roots, &seen.name, &seen.values, &seen.stats);
            }
        }
        Ok(directory.is_dir().then_some(seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::attributes::attribute;

    fn seen(files: &[(Name, u64)], stats: &str, all_enabled: bool) -> Snapshot {
        let values = files
            .iter()
            .map(|(name, number)| (attribute(*name), Value::Number(*number)));
        let ceilings = ceiling::parse("sda 100\n... 2 more\n");
        let stats = Stats::parse(stats);
        Snapshot::new(
            "x".to_owned(),
            Values(values.collect()),
            stats,
            ceilings,
            all_enabled,
        )
    }

    #[test]
    fn why_an_injection_does_nothing_is_told() {
        let (idle, leased) = ("active 0\nremaining_ms 0", "active 0\nremaining_ms 9");
        for (files, stats, all_enabled, expected) in [
            (&[][..], "active 1", true, State::On),
            (&[], "", true, State::On),
            (&[], "active 0", false, State::Off),
            (&[(Name::Enabled, 0)], idle, true, State::Off),
            (
                &[(Name::Enabled, 0), (Name::DurationMs, 5), (Name::Times, 5)],
                idle,
                true,
                State::Off,
            ),
            (
                &[(Name::DurationMs, 5)],
                "active 1\nremaining_ms 5",
                true,
                State::On,
            ),
            (&[(Name::DurationMs, 5)], idle, true, State::Over),
            (
                &[(Name::DurationMs, 5), (Name::Times, 5)],
                leased,
                true,
                State::UsedUp,
            ),
            (&[(Name::Times, 5)], idle, true, State::UsedUp),
            (&[(Name::Times, 5)], "active 1", true, State::On),
            (&[], idle, true, State::Off),
        ] {
            let seen = seen(files, stats, all_enabled);
            assert_eq!(seen.state, expected, "{files:?} {stats:?} {all_enabled}");
            // An injection that is not at work has no ceiling.
            let is_at_work = expected == State::On;
            assert_eq!(seen.ceilings == Listed::default(), !is_at_work);
            assert_eq!(seen.ceilings.items.is_empty(), !is_at_work);
        }
    }
}
