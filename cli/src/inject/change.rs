// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Changes settings of an injection that is there, for `kchaos change`.

use super::{
    auto::{self, Needed},
    consent::{self, OTHER_DISKS, Reason},
    devices::{check_former_sectors, put_disks_of_sectors, put_former_sectors},
    hints::idle,
    interrupted::Marks,
    loss,
    make::why,
    needs, order,
    own::is_own,
    request::{End, WITH_END, endless_hang, endless_risks, mutual_wait},
    resolve::{self, Resolved},
    sweep,
};
use crate::{
    error::{Exit, failure, joined, note},
    interface::{
        ATTRIBUTES, Attribute, Name, Settings, Value, attribute,
        ending::damaging,
        existing::{recover_command, unknown},
        snapshot::{Snapshot, State},
        values::Values,
    },
    system::{Roots, disks::Disks, files::try_read, lock::Lock, process::Process, step::Step},
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
        steps.extend(plan.needed.change_steps(roots, change.name));
        steps.extend(plan.steps);
        steps.extend(plan.needed.changed_steps(roots, change.name));
        steps.extend(plan.last);
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
    let marks = Marks::new(roots, change.name, &plan.steps, &plan.last);
    let marks = marks.filter(|_| lock.is_some());
    if let Err(error) = plan.make(roots, change.name, marks) {
        // Some disks may not be needed after all.
        let undone = lock.map(|lock| sweep::sweep(roots, &lock));
        return Err(joined(error, undone.unwrap_or_default()));
    }
    // Some disks may not be needed any more.
    sweep::before(roots, lock.as_ref());
    tell_problems(roots, change.name);
    Ok(())
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
    /// The steps from the first one on that begins a time or a count anew. No write undoes that, so
    /// they follow all else that can fail.
    last: Vec<Step>,
    needed: Needed,
    /// The process whose PID namespace the change chooses.
    process: Option<Process>,
}

impl Plan {
    /// Attaches the disks and takes all steps. After an error, the injection is as it was, and some
    /// disks may be attached, which [`super::sweep`] gives back.
    fn make(&self, roots: &Roots, name: &OsStr, marks: Option<Marks>) -> Result<()> {
        self.needed.attach(roots)?;
        let disks = needs::of(roots, name);
        self.needed
            .remember(&self.needed.change_steps(roots, name))?;
        // Without the record, only a kill could leave a half.
        let marks = marks.filter(|marks| marks.begin.run().is_ok());
        let ends = marks.map(|marks| [marks.end]);
        let ends = ends.as_ref().map_or(&[][..], |end| end);
        let made = self.write(roots, name, &disks, ends);
        if made.is_err() {
            let _ = take(ends);
        }
        made
    }

    fn write(&self, roots: &Roots, name: &OsStr, disks: &Disks, ends: &[Step]) -> Result<()> {
        let former = write(roots, name, &self.steps)?;
        let mut begun = Vec::new();
        self.needed
            .remember(&self.needed.changed_steps(roots, name))
            .and_then(|()| resolve::check_namespace_of(self.process.as_ref()))
            .and_then(|()| {
                begun = write(roots, name, &self.last)?;
                take(ends)
            })
            .map_err(|error| {
                let mut failures = undo(&begun);
                failures.extend(undo(&former));
                failures.extend(take(&auto::former_steps(roots, name, disks)).err());
                joined(error, failures)
            })
    }
}

/// Takes steps until one fails.
fn take(steps: &[Step]) -> Result<()> {
    let mut steps = steps.iter();
    steps.try_for_each(|step| step.run().map_err(|error| step.refused(&error)))
}

impl Change<'_> {
    fn plan(&self, roots: &Roots) -> Result<Plan> {
        let name = self.name;
        let all_enabled = roots.enabled().unwrap_or(true);
        let seen = Snapshot::read(roots, name, all_enabled)?;
        let seen = seen.filter(|_| roots.is_injection(name));
        let seen = seen.ok_or_else(|| unknown(roots, name))?;
        if seen.is_renewed && self.has(Name::DurationMs) {
            return Err(renewed(&seen.name));
        }
        let asked = Settings::new(self.values.iter().cloned());
        let mut asked = asked.map_err(|message| failure(Exit::Usage, message))?;
        put_former_sectors(&mut asked, &seen.values)?;
        if seen.values.text(Name::Device).is_none() {
            put_disks_of_sectors(&mut asked);
        }
        self.check_delay(&seen.values, &asked)?;
        let process = resolve::namespace_of(roots, &asked);
        let Resolved {
            settings: mut asked,
            mut reasons,
            disks: meant,
        } = resolve::resolved(roots, &asked, self.force)?;
        if !self.has(Name::Sectors) {
            check_former_sectors(&asked, &seen.values)?;
        }
        let consents = self.has(Name::DataLoss);
        let takes_back = damaging().any(|name| asked.number(name) == Some(0));
        let consented = seen.values.number(Name::DataLoss).is_some();
        if takes_back && consented && self.after(&seen.values, &asked).damage().is_none() {
            asked.set(Name::DataLoss, Value::Number(0));
        }
        let after = self.after(&seen.values, &asked);
        after
            .check_bytes()
            .map_err(|message| failure(Exit::Usage, message))?;
        let places = [Name::Device, Name::Sectors];
        let is_new = asked.damage().is_some() || places.iter().any(|name| self.has(*name));
        let begins = [Name::Enabled, Name::DurationMs, Name::Times];
        let begins = seen.state != State::On && begins.iter().any(|name| self.has(*name));
        let lost = loss::reasons(roots, &after, is_new, begins, consents)?;
        reasons.extend(lost.into_iter().filter(|_| !self.force));
        let reach = [
            Name::Device,
            Name::Sectors,
            Name::DurationMs,
            Name::Times,
            Name::Enabled,
        ];
        let changes_reach = reach.iter().any(|name| self.has(*name));
        let switches_off = self.has(Name::Enabled) && !after.enabled;
        let attaches = self.attach && changes_reach && !switches_off;
        if attaches {
            let lost = loss::check_reached(roots, &after)?;
            reasons.extend(lost.into_iter().filter(|_| !self.force));
        }
        if changes_reach && !self.force {
            reasons.extend(risks(roots, &seen, &after));
        }
        let changes_hang = [Name::Freeze, Name::DurationMs, Name::Enabled];
        let changes_hang = changes_hang.iter().any(|name| self.has(*name));
        let end = end(&seen, &after);
        if changes_hang && !self.force {
            reasons.extend(endless_hang(&after, end));
        }
        consent::check(&reasons)?;
        if changes_hang && after.freezes() && end != End::Lease {
            note(&mutual_wait("its command", &seen.name));
        }
        for sentence in idle(&after) {
            note(&sentence);
        }
        for (flag, what) in asked.lifted() {
            note(&format!("{flag} 0 is {what}"));
        }
        if let Some(why) = after.do_nothing().filter(|_| after.enabled) {
            note(&format!("{} does nothing then: {why}", seen.name));
        }
        if seen.has_ended() && !self.has(Name::DurationMs) && !self.has(Name::Times) {
            note(&format!(
                "{} is {}, so it goes on doing nothing; --for or --times begins again",
                seen.name,
                seen.state.word()
            ));
        }
        let replaced = match self.has(Name::Device) {
            true => Disks::default(),
            false => needs::replaced(roots, name),
        };
        let needed = Needed::by(roots, &after, attaches, &meant, &replaced)?;
        for disk in replaced.all_names().filter(|_| changes_reach) {
            note(&format!(
                "{disk} is another disk now than the one that {} was made for, so kchaos leaves it \
                 as it is; to take it: kchaos change {} --device {disk}",
                seen.name, seen.name
            ));
        }
        let mut first = order::ordered(&seen, &self.written(&asked));
        let begin = first.iter().position(|(row, _)| order::begins(row.name));
        let last = first.split_off(begin.unwrap_or(first.len()));
        let directory = roots.injection(name);
        Ok(Plan {
            steps: steps_in(&directory, first),
            last: steps_in(&directory, last),
            needed,
            process,
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
                return Err(failure(
                    Exit::Usage,
                    format!(
                        "{} has percentiles, which say how long delays are, so {} would do nothing; \
                         change --percentiles, or make it anew with `kchaos inject ... --replace`",
                        self.name.to_string_lossy(),
                        attribute.shown_flag()
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

    /// The values to write.
    fn written(&self, asked: &Settings) -> Vec<(&'static Attribute, Value)> {
        let mut values = asked.values.clone();
        if self.has(Name::Enabled) {
            let enabled = attribute(Name::Enabled);
            values.push((enabled, Value::Number(u64::from(asked.enabled))));
        }
        values
    }
}

/// The end of an injection after a change.
fn end(before: &Snapshot, after: &Settings) -> End {
    if !before.is_renewed {
        End::Lease
    } else if after.text(Name::Cgroup).is_some_and(is_own) {
        End::OwnCommand("make another injection without --own")
    } else {
        End::Command
    }
}

/// The reasons to refuse settings by which an injection slows the system's own disks without an end
/// in sight.
fn risks(roots: &Roots, before: &Snapshot, after: &Settings) -> Vec<Reason> {
    if before.is_renewed {
        let instead = "it lasts as long as its command, whose kchaos renews its lease; choose \
                       others with --device";
        endless_risks(roots, after, &[instead])
    } else if after.number(Name::DurationMs).unwrap_or(0) > 0 {
        Vec::new()
    } else {
        endless_risks(roots, after, &[WITH_END, OTHER_DISKS])
    }
}

/// The failure for another end of an injection that lasts as long as its command.
fn renewed(name: &str) -> anyhow::Error {
    failure(
        Exit::Usage,
        format!(
            "{name} lasts as long as its command, whose kchaos renews its lease and would undo --for; \
             leave --for out, or end it with `{}`",
            recover_command(&[name])
        ),
    )
}

/// The steps that write values to the files of an injection.
fn steps_in(directory: &Path, values: Vec<(&'static Attribute, Value)>) -> Vec<Step> {
    let steps = values.into_iter().map(|(attribute, value)| Step::Set {
        file: directory.join(attribute.file()),
        value: attribute.file_text(&value),
    });
    steps.collect()
}

/// Takes all steps or, if the driver refuses one, none. Returns the steps that undo them, of which
/// the last is the first to take.
fn write(roots: &Roots, name: &OsStr, steps: &[Step]) -> Result<Vec<Step>> {
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
                return Err(unknown(roots, name));
            }
            Err(error) => return Err(joined(why(step, &error), undo(&former))),
        }
    }
    Ok(former)
}

/// Writes former values.
fn undo(former: &[Step]) -> Vec<anyhow::Error> {
    let failed = former.iter().rev().filter_map(|step| {
        let result = step.run();
        result.err().map(|error| step.refused(&error))
    });
    failed.collect()
}

/// Whether the directory of a file is there.
fn is_there(file: &Path) -> bool {
    file.parent().is_some_and(Path::exists)
}
