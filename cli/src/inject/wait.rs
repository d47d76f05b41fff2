// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Waits for the work of an injection, for `kchaos wait`.

use super::sweep;
use crate::{
    error::{Exit, failure, note},
    interface::{
        existing::{is_there, unknown, unknown_beside},
        snapshot::Snapshot,
        units,
    },
    system::Roots,
};
use anyhow::Result;
use std::{
    ffi::OsStr,
    thread::sleep,
    time::{Duration, Instant},
};

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// The event to wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// The injection holds so many I/Os.
    Held(u64),
    /// It has delayed, limited, failed or lost so many.
    Hit(u64),
    /// It is not there, or has ended by itself.
    Gone,
}

impl Until {
    /// The number that is to be reached, and the one that is.
    fn progress(self, seen: &Snapshot) -> Option<(u64, u64)> {
        match self {
            Self::Held(asked) => Some((asked, seen.stats.get("held"))),
            Self::Hit(asked) => Some((asked, seen.stats.hits())),
            Self::Gone => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Held(number) => format!("held {number} I/Os"),
            Self::Hit(number) => format!("hit {number} I/Os"),
            Self::Gone => "ended".to_owned(),
        }
    }
}

/// Waits until it is so.
///
/// # Errors
///
/// [`Exit::Timeout`] if it is not so in time, [`Exit::Name`] if it cannot become so any more: the
/// injection is not there, or has ended.
pub(crate) fn wait(
    roots: &Roots,
    name: &OsStr,
    until: Until,
    timeout: Option<Duration>,
) -> Result<()> {
    roots.require_known_version()?;
    let begun = Instant::now();
    let shown = name.to_string_lossy();
    let mut was_there = false;
    loop {
        if !is_there(roots, name) {
            return match until {
                Until::Gone if was_there => Ok(()),
                Until::Gone if !name.is_empty() => {
                    note(&unknown_beside(roots, name));
                    Ok(())
                }
                _ => Err(unknown(roots, name)),
            };
        }
        was_there = true;
        let seen = Snapshot::read(roots, name, roots.enabled().unwrap_or(true))?;
        let Some(seen) = seen else {
            continue;
        };
        let progress = until.progress(&seen);
        match progress {
            Some((asked, reached)) if reached >= asked => return Ok(()),
            None if seen.has_ended() => {
                sweep::before_looking(roots);
                return Ok(());
            }
            Some((_, reached)) if seen.has_ended() => {
                return Err(failure(
                    Exit::Name,
                    format!(
                        "{shown} is {} and has not {}, only {reached}",
                        seen.state.word(),
                        until.words()
                    ),
                ));
            }
            _ => {}
        }
        if let Some(time) = timeout.filter(|time| begun.elapsed() >= *time) {
            let reached = progress.map(|(_, reached)| format!(", only {reached}"));
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            return Err(failure(
                Exit::Timeout,
                format!(
                    "after {}, {shown} has not {}{}",
                    units::show_microseconds(micros),
                    until.words(),
                    reached.unwrap_or_default()
                ),
            ));
        }
        sleep(PAUSE);
    }
}
