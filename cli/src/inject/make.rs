// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Makes an injection by its steps: all of them, or none.

use super::{auto::Needed, needs, owned::Owned, request::Request, whose};
use crate::{
    error::{Exit, all_of, failure, joined},
    interface::{Name, Settings, existing::recover_command, snapshot::Snapshot},
    system::{Roots, disks::Disks, step::Step},
};
use anyhow::Result;
use rustix::io::Errno;
use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process,
};

/// The name that was asked for, or short ones with the effect to try in turn.
fn names(effect: &str, name: Option<&str>) -> impl Iterator<Item = String> {
    let made_up = name.is_none().then_some(1_u64..);
    let made_up = made_up.into_iter().flatten();
    name.map(str::to_owned)
        .into_iter()
        .chain(made_up.map(move |number| format!("{effect}-{number}")))
}

/// The failure for a name that an injection has already.
fn taken(name: &str) -> anyhow::Error {
    let recover = recover_command(&[name]);
    failure(
        Exit::Name,
        format!(
            "there is an injection named {name} already; choose another --name, add --replace, or \
             end that one with `{recover}`"
        ),
    )
}

/// Makes an injection, which needs these disks, and returns it with its name.
pub(super) fn make(
    roots: &Roots,
    request: &Request<'_>,
    settings: &Settings,
    needed: &Needed,
) -> Result<(String, Owned)> {
    for name in names(request.effect, request.name) {
        let directory = roots.injection(OsStr::new(&name));
        let former = Former::of(roots, request, &name);
        match former {
            Former::None => {}
            Former::Stays if request.name.is_none() => continue,
            Former::Stays => return Err(taken(&name)),
            Former::Replaced => rehearse(roots, settings)?,
            Former::Over => {}
        }
        if matches!(former, Former::Replaced | Former::Over) {
            end_former(&directory)?;
        }
        return match one(roots, &name, settings, needed) {
            Err(Refusal::Taken) if request.name.is_none() => continue,
            Err(Refusal::Taken) => Err(taken(&name)),
            Err(Refusal::Other(error)) if matches!(former, Former::Replaced) => {
                Err(error.context(format!("the former injection {name} has ended already")))
            }
            Err(Refusal::Other(error)) => Err(error),
            Ok(owned) => Ok((name, owned)),
        };
    }
    Err(anyhow::anyhow!("there is no free name"))
}

/// The name of a new injection, which is none of these others, and the steps that make it.
pub(super) fn steps(
    roots: &Roots,
    request: &Request<'_>,
    settings: &Settings,
    others: &[OsString],
) -> Result<(OsString, Vec<Step>)> {
    for name in names(request.effect, request.name) {
        if others.iter().any(|other| *other == *name) {
            continue;
        }
        let directory = roots.injection(OsStr::new(&name));
        let mut steps = Vec::new();
        match Former::of(roots, request, &name) {
            Former::None => {}
            Former::Stays if request.name.is_none() => continue,
            Former::Stays => return Err(taken(&name)),
            Former::Replaced | Former::Over => {
                steps.push(Step::RemoveDirectory(directory.clone()));
            }
        }
        steps.extend(settings.steps(&directory));
        return Ok((OsString::from(name), steps));
    }
    Err(anyhow::anyhow!("there is no free name"))
}

/// The fate of an injection that has the name of a new one.
enum Former {
    /// There is none.
    None,
    /// It keeps its name.
    Stays,
    /// It ends, as was asked for.
    Replaced,
    /// It has ended by itself.
    Over,
}

impl Former {
    fn of(roots: &Roots, request: &Request<'_>, name: &str) -> Self {
        let name = OsStr::new(name);
        if !roots.injection(name).exists() {
            return Self::None;
        }
        let has_ended = || {
            let seen = Snapshot::read(roots, name, roots.enabled().unwrap_or(true));
            matches!(seen, Ok(Some(seen)) if seen.has_ended())
        };
        if has_ended() {
            Self::Over
        } else if request.replace {
            Self::Replaced
        } else {
            Self::Stays
        }
    }
}

/// Makes an injection that does nothing, and ends it: if the driver refuses a setting, it does so
/// before the former injection has ended.
pub(super) fn rehearse(roots: &Roots, settings: &Settings) -> Result<()> {
    let settings = Settings {
        enabled: false,
        ..settings.clone()
    };
    let name = format!("rehearsal-{}", process::id());
    let (name, none) = (OsStr::new(&name), Disks::default());
    let directory = roots.injection(name);
    // If this program is killed, the next one removes the injection.
    let _ = needs::first_step(roots, name, &none).run();
    let rehearsed = match take(&directory, &settings.steps(&directory)) {
        Ok(owned) => owned.end().map(drop),
        Err(Refusal::Taken) => Err(taken(&name.to_string_lossy())),
        Err(Refusal::Other(error)) => Err(error),
    };
    if !directory.exists() {
        let _ = needs::last_step(roots, name, &none).run();
    }
    rehearsed
}

fn end_former(directory: &Path) -> Result<()> {
    let step = Step::RemoveDirectory(directory.to_owned());
    match step.run() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(step.refused(&error)),
        _ => Ok(()),
    }
}

/// Why an injection was not made.
enum Refusal {
    /// The first step found the name taken.
    Taken,
    /// Anything else failed.
    Other(anyhow::Error),
}

/// Makes an injection of this name, and remembers its disks.
fn one(roots: &Roots, name: &str, settings: &Settings, needed: &Needed) -> Result<Owned, Refusal> {
    let name = OsStr::new(name);
    let directory = roots.injection(name);
    let disks = &needed.disks;
    let first = needs::first_step(roots, name, disks);
    needed.remember(&[first]).map_err(Refusal::Other)?;
    let made = take(&directory, &settings.steps(&directory));
    let owned = made.inspect_err(|refusal| {
        // An injection that could not be ended stays in the file, and the next kchaos ends it. If
        // the file cannot be removed now, the next kchaos removes it.
        if matches!(refusal, Refusal::Taken) || !directory.exists() {
            let _ = needs::last_step(roots, name, &Disks::default()).run();
        }
    })?;
    let last = needs::last_step(roots, name, disks);
    needed.remember(&[last]).map_err(|error| {
        let more = owned.end().err().into_iter().collect();
        Refusal::Other(joined(error, more))
    })?;
    Ok(owned)
}

/// Takes the steps that make an injection, or none of them.
fn take(directory: &Path, steps: &[Step]) -> Result<Owned, Refusal> {
    let owned = Owned::new(directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Refusal::Taken,
        _ => Refusal::Other(Step::MakeDirectory(directory.to_owned()).refused(&error)),
    })?;
    // The first step has made the directory.
    for step in steps.iter().skip(1) {
        let Err(error) = owned.run(step) else {
            continue;
        };
        if !owned.is_there() {
            return Err(Refusal::Other(failure(
                Exit::Failure,
                format!(
                    "somebody removed {} while it was being made; try again",
                    directory.display()
                ),
            )));
        }
        let mut failures = vec![why(step, &error)];
        failures.extend(owned.end().err());
        return all_of(failures).map(|()| owned).map_err(Refusal::Other);
    }
    Ok(owned)
}

/// Says why the driver refused a setting, where the number of the error alone does not.
pub(super) fn why(step: &Step, error: &io::Error) -> anyhow::Error {
    let Step::Set { file, value } = step else {
        return step.refused(error);
    };
    if error.kind() == io::ErrorKind::NotFound && !file.exists() {
        return failure(
            Exit::Unavailable,
            format!(
                "the loaded module has no {}; load the module that belongs to this kchaos",
                file.display()
            ),
        );
    }
    let attribute = file.file_name().and_then(OsStr::to_str);
    let attribute = attribute.and_then(Name::named);
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    let (exit, message) = match (attribute, number) {
        (Some(Name::Cgroup), Some(Errno::NOENT | Errno::NOTDIR | Errno::INVAL)) => {
            (Exit::Name, format!("{value} is no cgroup of a cgroup v2"))
        }
        (Some(Name::Cgroup), Some(Errno::OPNOTSUPP)) => {
            let parent = Path::new(value).parent().unwrap_or(Path::new(value));
            let control = parent.join("cgroup.subtree_control");
            (
                Exit::Failure,
                format!(
                    "the controller io is not enabled for the cgroup {value}: echo +io > {}",
                    control.display()
                ),
            )
        }
        (Some(Name::Op), Some(Errno::OPNOTSUPP)) => (
            Exit::Unavailable,
            "this kernel shows the driver no flushes, as those before 5.12 and real-time ones \
             before 7.2; --op write has the writes that an fsync waits for"
                .to_owned(),
        ),
        (Some(Name::PidNs), Some(Errno::SRCH)) => return whose::no_process(value),
        (_, Some(Errno::NOSPC)) => (
            Exit::Failure,
            "no more than 64 injections act on one disk; end others with `kchaos recover`"
                .to_owned(),
        ),
        _ => return step.refused(error),
    };
    failure(exit, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_made_up_count() {
        let made_up: Vec<String> = names("limit", None).take(2).collect();
        assert_eq!(made_up, ["limit-1", "limit-2"]);
        assert_eq!(names("limit", Some("x")).count(), 1);
    }

    #[test]
    fn what_the_driver_says_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        for (attribute, value, error, expected) in [
            (
                Name::Cgroup,
                "/c/a",
                Errno::OPNOTSUPP,
                "echo +io > /c/cgroup.subtree_control",
            ),
            (Name::Cgroup, "/c/a", Errno::INVAL, "/c/a is no cgroup"),
            (
                Name::Op,
                "flush",
                Errno::OPNOTSUPP,
                "shows the driver no flushes",
            ),
            (Name::PidNs, "12", Errno::SRCH, "no process 12"),
            (
                Name::Device,
                "sda",
                Errno::NOSPC,
                "no more than 64 injections",
            ),
            (Name::Device, "sda", Errno::INVAL, "cannot write sda to "),
        ] {
            let file = folder.path().join(attribute.file());
            std::fs::write(&file, "").unwrap();
            let value = value.to_owned();
            let message = why(&Step::Set { file, value }, &error.into()).to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
