// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Takes the steps of a scenario, one after another. Whatever ends this early, all injections end,
//! and the disks are given back.

use super::{
    progress::Progress,
    report::{Entry, Outcome, Report},
    stage::{Ready, ReadyStep},
};
use crate::{
    inject::{
        command::Signals,
        stage::{Playing, Stage},
    },
    interface::stats::Stats,
    system::Roots,
};
use anyhow::{Error, Result};
use std::{
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

/// The longest time until a signal ends the scenario.
const PAUSE: Duration = Duration::from_millis(50);

/// The time between two looks at an injection.
const LOOK: Duration = Duration::from_millis(200);

/// An injection at work.
struct Running<'a> {
    playing: Playing<'a>,
    name: &'a str,
    begun: Instant,
    ends: Instant,
}

/// The reason to end a scenario early.
enum Stop {
    /// A signal of this number.
    Signal(i32),
    /// A step that cannot be taken.
    Failed(Error),
}

struct Player<'a> {
    stage: &'a Stage<'a>,
    signals: Signals,
    progress: Progress,
    begun: Instant,
    entries: Vec<Entry>,
    failures: Vec<Error>,
}

/// Takes all steps, and returns the report with the failures on the way.
///
/// # Errors
///
/// If not even the first step can begin; then nothing has changed.
pub(super) fn play(roots: &Roots, ready: &Ready) -> Result<(Report, Vec<Error>)> {
    // From now on, no signal ends kchaos before it has cleaned up.
    let signals = Signals::new()?;
    let all: Vec<_> = ready
        .injections()
        .map(|injection| &injection.checked)
        .collect();
    let stage = Stage::new(roots, &ready.name, &all)?;
    let at = SystemTime::now();
    let mut player = Player {
        stage: &stage,
        signals,
        progress: Progress::new(ready.count()),
        begun: Instant::now(),
        entries: Vec::new(),
        failures: Vec::new(),
    };
    let outcome = match player.all(ready) {
        Ok(()) => Outcome::Completed,
        Err(Stop::Signal(signal)) => Outcome::Signal(signal),
        Err(Stop::Failed(error)) => {
            player.failures.insert(0, error);
            Outcome::Failed
        }
    };
    player.progress.clear();
    let Player {
        begun,
        entries,
        mut failures,
        ..
    } = player;
    let length = begun.elapsed();
    failures.extend(stage.end());
    let report = Report {
        name: ready.name.clone(),
        description: ready.description.clone(),
        speed: ready.speed,
        at,
        length,
        outcome,
        entries,
    };
    Ok((report, failures))
}

impl<'a> Player<'a> {
    fn all(&mut self, ready: &'a Ready) -> Result<(), Stop> {
        let count = ready.count();
        for (turn, (round, step)) in (1..).zip(ready.turns()) {
            self.step(turn, round, step)?;
            if turn < count {
                self.rest(turn, step.pause)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, turn: u64, round: u64, step: &'a ReadyStep) -> Result<(), Stop> {
        self.check_signal()?;
        self.progress.clear();
        self.progress.begin(turn, &step.name, step.length());
        let mut running = Vec::new();
        let mut stop = None;
        for injection in &step.injections {
            match self.stage.begin(&injection.part(), &injection.checked) {
                Ok(playing) => {
                    let begun = Instant::now();
                    running.push(Running {
                        playing,
                        name: &injection.name,
                        begun,
                        ends: begun + injection.length,
                    });
                }
                Err(error) => {
                    stop = Some(Stop::Failed(error));
                    break;
                }
            }
        }
        if stop.is_none() {
            stop = self.watch(turn, round, step, &mut running).err();
        }
        self.progress.clear();
        for left in running {
            self.end(round, step, left);
        }
        stop.map_or(Ok(()), Err)
    }

    /// Watches injections until all are over.
    fn watch(
        &mut self,
        turn: u64,
        round: u64,
        step: &ReadyStep,
        running: &mut Vec<Running<'a>>,
    ) -> Result<(), Stop> {
        let mut next_look = Instant::now();
        while let Some(last) = running.iter().map(|running| running.ends).max() {
            self.check_signal()?;
            let now = Instant::now();
            if now >= next_look {
                next_look = now + LOOK;
                let looks = running.iter().map(|running| running.playing.look());
                let hits = looks.map(|stats: Stats| stats.hits()).sum();
                self.progress
                    .go_on(turn, &step.name, last.saturating_duration_since(now), hits);
            }
            while let Some(place) = running.iter().position(|running| running.ends <= now) {
                let over = running.remove(place);
                self.progress.clear();
                self.end(round, step, over);
            }
            let first = running.iter().map(|running| running.ends).min();
            let left = first.map(|first| first.saturating_duration_since(Instant::now()));
            sleep(left.unwrap_or_default().min(PAUSE));
        }
        Ok(())
    }

    fn end(&mut self, round: u64, step: &ReadyStep, over: Running<'_>) {
        let from = over.begun - self.begun;
        let (played, ended) = over.playing.end();
        self.failures.extend(ended.err());
        self.entries.push(Entry {
            step: step.name.clone(),
            round,
            name: over.name.to_owned(),
            from,
            until: self.begun.elapsed(),
            played,
        });
    }

    fn rest(&mut self, turn: u64, pause: Duration) -> Result<(), Stop> {
        let ends = Instant::now() + pause;
        loop {
            self.check_signal()?;
            let left = ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.progress.pause(turn, left);
            sleep(left.min(PAUSE));
        }
    }

    fn check_signal(&mut self) -> Result<(), Stop> {
        match self.signals.come() {
            Some(signal) => Err(Stop::Signal(signal)),
            None => Ok(()),
        }
    }
}
