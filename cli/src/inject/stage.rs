// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The injections of a scenario: all are checked first, then each is made, watched and ended.
//!
//! From the first to the last, the disks stay on the scheduler, by an injection without an effect
//! that names them. Its lease is renewed, and that of each other injection is its time, so that all
//! of them end by themselves if this program is killed.

use super::{
    Begun, Needed, begin_checked,
    hints::hints,
    hits::{Before, Hits},
    lease::{self, Renewal},
    lock,
    make::rehearse,
    owned::Owned,
    request::{Checked, Request},
    sweep,
    whose::Whose,
    witness::Witness,
};
use crate::{
    error::{Exit, failure},
    interface::{Name, Settings, Value, stats::Stats, values::Values},
    show::describe::Described,
    system::{
        Roots,
        disks::Disks,
        target::{Resolved, resolve_all},
    },
};
use anyhow::Result;
use chaos_policy::policy::device::MOST_DEVICES;
use std::{collections::BTreeSet, sync::Arc};

/// An injection of a scenario, as its file names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    /// The beginning of its name; a number follows.
    pub(crate) name: &'a str,
    /// Its settings, with an end.
    pub(crate) settings: &'a Settings,
    /// The processes whose I/O is affected.
    pub(crate) whose: Whose<'a>,
    /// Whether everything is allowed that wants consent.
    pub(crate) force: bool,
}

impl Part<'_> {
    fn request(&self) -> Request<'_> {
        Request {
            effect: self.name,
            name: None,
            settings: self.settings,
            whose: self.whose,
            command: &[],
            force: self.force,
            expect_hits: false,
            attach: true,
            replace: false,
        }
    }

    /// Looks its names up, and asks whether it may be made.
    ///
    /// # Errors
    ///
    /// If a device, a cgroup or a process is not there, a disk cannot have the scheduler, or it
    /// wants `--force`.
    pub(crate) fn check(&self, roots: &Roots) -> Result<Checked> {
        roots.require_known_version()?;
        if let Some(devices) = self.settings.text(Name::Device) {
            roots.require_sysfs()?;
            for resolved in resolve_all(roots, devices)? {
                if let Resolved::Absent(name) = resolved {
                    let message = format!(
                        "there is no device {name}, and the devices of a scenario are there from \
                         its beginning; `lsblk` lists all"
                    );
                    return Err(failure(Exit::Name, message));
                }
            }
        }
        let checked = Checked::new(roots, &self.request())?;
        Needed::by(
            roots,
            &checked.settings,
            true,
            &checked.meant,
            &Disks::default(),
        )?;
        Ok(checked)
    }
}

/// The disks of a scenario, which stay on the scheduler until this is dropped.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    roots: &'a Roots,
    keepers: Vec<(Arc<Owned>, Option<Renewal>)>,
}

impl<'a> Stage<'a> {
    /// Attaches the disks of all these injections, and has the driver try each of them.
    ///
    /// # Errors
    ///
    /// If the kernel refuses a step; then nothing stays.
    pub(crate) fn new(roots: &'a Roots, name: &str, all: &[&Checked]) -> Result<Self> {
        // After a failure, the stage needs the lock that is dropped before it.
        let mut stage = Self {
            roots,
            keepers: Vec::new(),
        };
        let lock = lock(roots)?;
        let lock = lock.as_ref();
        sweep::before(roots, lock);
        let mut devices = BTreeSet::new();
        let mut meant = Disks::default();
        for checked in all {
            let named = checked.settings.text(Name::Device);
            devices.extend(named.into_iter().flat_map(|devices| devices.split(' ')));
            meant.add(checked.meant.clone());
        }
        let devices: Vec<&str> = devices.into_iter().collect();
        for devices in devices.chunks(MOST_DEVICES) {
            let checked = keeper(devices, &meant);
            let part = Part {
                name,
                settings: &checked.settings,
                whose: Whose::Anyone,
                force: true,
            };
            let begun = begin_checked(roots, &part.request(), &checked, lock)?;
            let owned = Arc::new(begun.owned);
            let renewal = lease::renew(Arc::clone(&owned), || {});
            stage.keepers.push((owned, Some(renewal)));
        }
        for checked in all {
            rehearse(roots, &checked.settings)?;
        }
        Ok(stage)
    }

    /// Makes an injection.
    ///
    /// # Errors
    ///
    /// If the kernel refuses a step; then nothing stays of the injection.
    pub(crate) fn begin(&self, part: &Part<'_>, checked: &Checked) -> Result<Playing<'a>> {
        let roots = self.roots;
        if checked.settings.damage().is_some() {
            // Somebody may have begun to use the disk since the scenario began.
            part.check(roots)?;
        }
        let lock = lock(roots)?;
        let before = Before::new(roots);
        let Begun {
            name,
            owned,
            settings,
            ..
        } = begin_checked(roots, &part.request(), checked, lock.as_ref())?;
        drop(lock);
        let owned = Arc::new(owned);
        let witness = Witness::new(roots, &owned, &settings);
        hints(roots, &name, &settings);
        Ok(Playing {
            roots,
            name,
            owned,
            settings,
            witness,
            before,
        })
    }

    /// Gives the disks back.
    pub(crate) fn end(mut self) -> Vec<anyhow::Error> {
        self.give_back()
    }

    fn give_back(&mut self) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        if self.keepers.is_empty() {
            return failures;
        }
        for (owned, renewal) in &mut self.keepers {
            failures.extend(owned.end().err());
            renewal.take().map(Renewal::stop);
        }
        self.keepers.clear();
        failures.extend(sweep::after_end(self.roots));
        failures
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        // After `end`, there is nothing to give back; else another failure is on its way.
        let _ = self.give_back();
    }
}

/// An injection that is off, and keeps these devices on the scheduler.
fn keeper(devices: &[&str], meant: &Disks) -> Checked {
    let mut settings = Settings {
        enabled: false,
        values: Vec::new(),
    };
    settings.set(Name::Device, Value::Text(devices.join(" ")));
    settings.set(Name::DurationMs, Value::Number(lease::LENGTH_MS));
    Checked {
        settings,
        meant: meant.clone(),
        process: None,
    }
}

/// An injection at work, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Playing<'a> {
    roots: &'a Roots,
    pub(crate) name: String,
    owned: Arc<Owned>,
    settings: Settings,
    witness: Witness,
    before: Before,
}

/// An injection after its end.
#[derive(Debug)]
pub(crate) struct Played {
    /// Its name.
    pub(crate) name: String,
    /// Its effect and its filter, in words.
    pub(crate) words: String,
    /// Its settings, as the driver took them.
    pub(crate) settings: Settings,
    /// Its numbers.
    pub(crate) stats: Stats,
    /// The I/O that it hit, or why it hit none, in words.
    pub(crate) hits: String,
    /// The rest of a sentence about it, if it was not at work all the time.
    pub(crate) idle: Option<String>,
}

impl Playing<'_> {
    /// Looks at it, and returns its numbers.
    pub(crate) fn look(&self) -> Stats {
        self.witness.look();
        self.witness.stats()
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn end(self) -> (Played, Result<()>) {
        const WHO: &str = "the step";
        let idle = self.witness.end(false, WHO);
        let hits = Hits::since(
            self.before.clone(),
            self.roots,
            &self.name,
            &self.settings,
            WHO,
        );
        let outcome = hits.end(&self.witness, idle.as_deref());
        let values = Values(self.settings.values.clone());
        let played = Played {
            name: self.name.clone(),
            words: Described::new(&values).words(),
            settings: self.settings.clone(),
            stats: self.witness.stats(),
            hits: outcome.words().to_owned(),
            idle,
        };
        let ended = self.owned.end();
        (played, ended.map(drop))
    }
}

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        // After `end`, it is gone; else another failure is on its way.
        let _ = self.owned.end();
    }
}
