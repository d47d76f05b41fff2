// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Changes settings of an injection that is there, for `kchaos change`.

use super::{
    auto::Needed, devices::put_former_sectors, hints::idle, make::why, reach::reached, resolve,
    sweep,
};
use crate::{
    error::{Exit, all_of, failure, joined, note},
    interface::{
        ATTRIBUTES, Attribute, Name, Settings, Value, attribute, attributes::place,
        existing::unknown, snapshot::Snapshot, values::Values,
    },
    system::{Roots, files::try_read, guard, lock::Lock, step::Step},
};
use anyhow::Result;
use std::{
    ffi::OsStr,
    io::{self, Write},
    path::Path,
};

/// A change of an injection.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// The injection.
    pub(crate) name: &'a OsStr,
    /// The values that change, with devices and cgroups as people name them.
    pub(crate) values: &'a [(&'static Attribute, Value)],
    /// Whether the system's own disks may be slowed down without an end in sight.
    pub(crate) force: bool,
    /// Whether the disks that the injection names then are attached.
    pub(crate) attach: bool,
    /// Whether commands are printed instead.
    pub(crate) dry_run: bool,
}

/// Makes a change: all of it or, on an error, nothing.
///
/// # Errors
///
/// If there is no such injection, or the kernel refuses.
pub(crate) fn change(roots: &Roots, change: &Change<'_>, out: &mut dyn Write) -> Result<()> {
    roots.require_known_version()?;
    if change.dry_run {
        let plan = change.plan(roots)?;
        let mut steps = plan.needed.attach_steps(roots);
        steps.extend(plan.steps);
        steps.extend(plan.needed.remember_steps(roots, change.name));
        steps.extend(sweep::steps(
            roots,
            &[change.name.to_owned()],
            &plan.needed.disks,
        ));
        return steps.iter().try_for_each(|step| step.print(out));
    }
    let lock = Lock::take(roots)?;
    sweep::before(roots, lock.as_ref());
    let plan = change.plan(roots)?;
    let made = plan
        .needed
        .attach(roots)
        .and_then(|()| write(change.name, &plan.steps));
    let remembered = made.and_then(|()| {
        for step in plan.needed.remember_steps(roots, change.name) {
            step.run().map_err(|error| step.refused(&error))?;
        }
        Ok(())
    });
    // Some disks may not be needed any more, or not after all.
    let given_back = lock.map(|lock| sweep::sweep(roots, &lock));
    let given_back = given_back.unwrap_or_default();
    match remembered {
        Err(error) => Err(joined(error, given_back)),
        Ok(()) => {
            tell_problems(roots, change.name);
            all_of(given_back)
        }
    }
}

/// Says why the injection reaches nothing, or not all that it names, as `kchaos list` does.
fn tell_problems(roots: &Roots, name: &OsStr) {
    let seen = Snapshot::read(roots, name, roots.enabled().unwrap_or(true));
    // Without a look at it, the change is made all the same.
    for problem in seen
        .ok()
        .flatten()
        .into_iter()
        .flat_map(|seen| seen.problems)
    {
        note(&problem);
    }
}

/// The steps of a change, and the disks that the injection needs then.
struct Plan {
    steps: Vec<Step>,
    needed: Needed,
}

impl Change<'_> {
    fn plan(&self, roots: &Roots) -> Result<Plan> {
        let name = self.name;
        let all_enabled = roots.enabled().unwrap_or(true);
        let seen = Snapshot::read(roots, name, all_enabled)?;
        let seen = seen.filter(|_| roots.is_injection(name));
        let seen = seen.ok_or_else(|| unknown(name))?;
        let asked = Settings::new(self.values.iter().cloned());
        let mut asked = asked.map_err(|message| failure(Exit::Usage, message))?;
        put_former_sectors(&mut asked, &seen.values)?;
        self.check_delay(&seen.values, &asked)?;
        let asked = resolve::resolved(roots, &asked, self.force)?;
        let after = self.after(&seen.values, &asked);
        after
            .check_bytes()
            .map_err(|message| failure(Exit::Usage, message))?;
        let changes_reach = [Name::Device, Name::DurationMs, Name::Enabled]
            .iter()
            .any(|name| self.has(*name));
        if changes_reach && !self.force && after.number(Name::DurationMs).unwrap_or(0) == 0 {
            let remedy = "add --for 30s, so that it ends by itself, choose others with --device, \
                          or add --force";
            guard::check(roots, &reached(roots, &after), remedy)?;
        }
        for sentence in idle(&after) {
            note(&sentence);
        }
        if seen.has_ended() && !self.has(Name::DurationMs) && !self.has(Name::Times) {
            note(&format!(
                "{} is {}, so it goes on doing nothing; --for or --times begins again",
                seen.name,
                seen.state.word()
            ));
        }
        Ok(Plan {
            steps: self.steps(roots, &seen.values, &asked),
            needed: Needed::by(roots, &after, self.attach && changes_reach)?,
        })
    }

    fn has(&self, name: Name) -> bool {
        self.values
            .iter()
            .any(|(attribute, _)| attribute.name == name)
    }

    /// Refuses settings of a delay beside percentiles, which are the delay.
    fn check_delay(&self, before: &Values, asked: &Settings) -> Result<()> {
        let percentiles = before.text(Name::Percentiles);
        if percentiles.is_none() || asked.text(Name::Percentiles).is_some() {
            return Ok(());
        }
        for name in [Name::DelayUs, Name::JitterUs, Name::Distribution] {
            if let Some((attribute, _)) = self.values.iter().find(|(row, _)| row.name == name) {
                let flag = attribute.flag();
                let flag = attribute.flag_with_unit().unwrap_or(&flag);
                return Err(failure(
                    Exit::Usage,
                    format!(
                        "{} has percentiles, which say how long delays are, so --{flag} would do \
                         nothing; change --percentiles, or make it anew with `kchaos inject ... \
                         --replace`",
                        self.name.to_string_lossy()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The settings after the change.
    fn after(&self, before: &Values, asked: &Settings) -> Settings {
        let mut values = Vec::new();
        for attribute in &ATTRIBUTES {
            let found = asked
                .values
                .iter()
                .find(|(row, _)| row.name == attribute.name);
            let value = found.map(|(_, value)| value.clone());
            let stays = before.get(attribute.name).cloned();
            let stays = stays.filter(|value| *value != attribute.default());
            values.extend(value.or(stays).map(|value| (attribute, value)));
        }
        values.retain(|(attribute, _)| attribute.name != Name::Enabled);
        let was_enabled = before.get(Name::Enabled) != Some(&Value::Number(0));
        Settings {
            enabled: if self.has(Name::Enabled) {
                asked.enabled
            } else {
                was_enabled
            },
            values,
        }
    }

    /// The steps, in an order in which the driver accepts each.
    fn steps(&self, roots: &Roots, before: &Values, asked: &Settings) -> Vec<Step> {
        let directory = roots.injection(self.name);
        let mut values = asked.values.clone();
        if self.has(Name::Enabled) {
            let enabled = attribute(Name::Enabled);
            values.push((enabled, Value::Number(u64::from(asked.enabled))));
        }
        // The least size must not be above the greatest in between.
        let most = asked.number(Name::MaxBytes).unwrap_or(0);
        let least = before.number(Name::MinBytes).unwrap_or(0);
        let most_first = most == 0 || most >= least;
        values.sort_by_key(|(attribute, _)| match attribute.name {
            Name::MaxBytes if most_first => (place(Name::MinBytes), 0),
            name => (place(name), 1),
        });
        let steps = values.into_iter().map(|(attribute, value)| Step::Set {
            file: directory.join(attribute.file()),
            value: attribute.file_text(&value),
        });
        steps.collect()
    }
}

/// Takes all steps or, if the driver refuses one, none.
fn write(name: &OsStr, steps: &[Step]) -> Result<()> {
    let mut former = Vec::new();
    for step in steps {
        let Step::Set { file, .. } = step else {
            continue;
        };
        let before = try_read(file);
        match before.and_then(|value| step.run().map(|()| value)) {
            Ok(value) => former.push(Step::Set {
                file: file.clone(),
                value,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_there(file) => {
                return Err(unknown(name));
            }
            Err(error) => {
                let failed = former.iter().rev().filter_map(|step| {
                    let result = step.run();
                    result.err().map(|error| step.refused(&error))
                });
                return Err(joined(why(step, &error), failed.collect()));
            }
        }
    }
    Ok(())
}

/// Whether the directory of a file is there.
fn is_there(file: &Path) -> bool {
    file.parent().is_some_and(Path::exists)
}
