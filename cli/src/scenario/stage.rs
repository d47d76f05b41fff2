// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A scenario that was checked on this machine: everything that it names is there, and nothing
//! forbids it.

use super::{
    read::{Injection, Scenario, Step},
    source::Source,
};
use crate::{
    args::Whom,
    error::{all_of, exit, failure},
    inject::{Checked, Whose, stage::Part},
    interface::{Name, Settings, Value, units::show_microseconds},
    system::Roots,
};
use anyhow::Result;
use std::time::Duration;

/// A scenario that can begin.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) repeat: u64,
    pub(super) steps: Vec<ReadyStep>,
    pub(super) speed: u32,
}

/// A step of it.
#[derive(Debug)]
pub(super) struct ReadyStep {
    pub(super) name: String,
    pub(super) repeat: u64,
    pub(super) pause: Duration,
    pub(super) injections: Vec<ReadyInjection>,
}

/// An injection of a step.
#[derive(Debug)]
pub(super) struct ReadyInjection {
    pub(super) name: String,
    settings: Settings,
    whom: Whom,
    force: bool,
    pub(super) checked: Checked,
    /// The time from its beginning to its end, which is also that of its lease.
    pub(super) length: Duration,
}

impl ReadyInjection {
    fn new(roots: &Roots, injection: Injection, force: bool, speed: u32) -> Result<Self> {
        let mut settings = injection.settings;
        let lease_ms = settings.number(Name::DurationMs).unwrap_or(1);
        let lease_ms = (lease_ms / u64::from(speed)).max(1);
        settings.set(Name::DurationMs, Value::Number(lease_ms));
        let whose = whose(&injection.whom);
        let part = Part {
            name: &injection.name,
            settings: &settings,
            whose,
            force,
        };
        let checked = part.check(roots)?;
        Ok(Self {
            name: injection.name,
            settings,
            whom: injection.whom,
            force,
            checked,
            length: Duration::from_millis(lease_ms),
        })
    }

    /// It as a request.
    pub(super) fn part(&self) -> Part<'_> {
        Part {
            name: &self.name,
            settings: &self.settings,
            whose: whose(&self.whom),
            force: self.force,
        }
    }
}

/// The processes whose I/O is affected.
fn whose(whom: &Whom) -> Whose<'_> {
    match (whom.pid, &whom.container) {
        (Some(pid), _) => Whose::Process(pid),
        (_, Some(id)) => Whose::Container(id),
        _ => Whose::Anyone,
    }
}

impl ReadyStep {
    /// The time that it takes.
    pub(super) fn length(&self) -> Duration {
        let lengths = self.injections.iter().map(|injection| injection.length);
        lengths.max().unwrap_or_default()
    }
}

impl Ready {
    /// Checks all steps of a scenario, of which the times are divided by `speed`.
    ///
    /// # Errors
    ///
    /// All failures, each with the place in the file; the exit code is that of the first.
    pub(super) fn new(
        roots: &Roots,
        source: &Source,
        scenario: Scenario,
        force: bool,
        speed: u32,
    ) -> Result<Self> {
        roots.require_known_version()?;
        let mut failures = Vec::new();
        let mut injection = |injection: Injection| {
            let place = source.place(&injection.span);
            let name = injection.name.clone();
            let ready = ReadyInjection::new(roots, injection, force, speed);
            let told =
                ready.map_err(|error| failure(exit(&error), format!("{place}: {name}: {error:#}")));
            match told {
                Ok(ready) => Some(ready),
                Err(error) => {
                    failures.push(error);
                    None
                }
            }
        };
        let steps = scenario.steps.into_iter().map(|step| {
            let Step {
                name,
                repeat,
                pause,
                injections,
            } = step;
            ReadyStep {
                name,
                repeat,
                pause: pause / speed,
                injections: injections.into_iter().filter_map(&mut injection).collect(),
            }
        });
        let steps = steps.collect();
        all_of(failures)?;
        Ok(Self {
            name: scenario.name,
            description: scenario.description,
            repeat: scenario.repeat,
            steps,
            speed,
        })
    }

    /// Every injection once.
    pub(super) fn injections(&self) -> impl Iterator<Item = &ReadyInjection> {
        self.steps.iter().flat_map(|step| &step.injections)
    }

    /// The steps in the order in which they are taken, each with the number of its round.
    pub(super) fn turns(&self) -> impl Iterator<Item = (u64, &ReadyStep)> {
        (0..self.repeat).flat_map(move |whole| {
            self.steps.iter().flat_map(move |step| {
                (1..=step.repeat).map(move |round| (whole * step.repeat + round, step))
            })
        })
    }

    /// The number of turns.
    pub(super) fn count(&self) -> u64 {
        let steps = self.steps.iter().map(|step| step.repeat);
        self.repeat * steps.sum::<u64>()
    }

    /// The time from the beginning to the end; the last pause is left out.
    pub(super) fn length(&self) -> Duration {
        let steps = self.steps.iter();
        let once: Duration = steps
            .map(|step| (step.length() + step.pause) * times(step.repeat))
            .sum();
        let last = self.steps.last().map(|step| step.pause);
        once * times(self.repeat) - last.unwrap_or_default()
    }

    /// It in a line.
    pub(super) fn summary(&self) -> String {
        let micros = u64::try_from(self.length().as_micros()).unwrap_or(u64::MAX);
        let steps = match self.count() {
            1 => "1 step".to_owned(),
            count => format!("{count} steps"),
        };
        format!("{}: {steps}, {}", self.name, show_microseconds(micros))
    }
}

/// A number of repetitions, of which the reader has checked the range.
fn times(repeat: u64) -> u32 {
    u32::try_from(repeat).unwrap_or(u32::MAX)
}
