// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Makes an injection by its steps: all of them, or none.

use super::{owned::Owned, whose};
use crate::{
    error::{Exit, all_of, failure},
    interface::{Name, Settings, existing::recover_command},
    system::{Roots, step::Step},
};
use anyhow::Result;
use rustix::io::Errno;
use std::{ffi::OsStr, io, path::Path};

/// The name that was asked for, or short ones with the effect to try in turn.
pub(super) fn names(effect: &str, name: Option<&str>) -> impl Iterator<Item = String> {
    let made_up = name.is_none().then_some(1_u64..);
    let made_up = made_up.into_iter().flatten();
    name.map(str::to_owned)
        .into_iter()
        .chain(made_up.map(move |number| format!("{effect}-{number}")))
}

/// The failure for a name that an injection has already.
pub(super) fn taken(name: &str) -> anyhow::Error {
    let recover = recover_command(&[name]);
    failure(
        Exit::Name,
        format!(
            "there is an injection named {name} already; choose another --name, or end that one \
             with `{recover}`"
        ),
    )
}

/// Why an injection was not made.
enum Refusal {
    /// The first step found the name taken.
    Taken,
    /// Anything else failed.
    Other(anyhow::Error),
}

/// Makes an injection, and returns it with its name.
pub(super) fn make(
    roots: &Roots,
    effect: &str,
    name: Option<&str>,
    settings: &Settings,
) -> Result<(String, Owned)> {
    let mut names = names(effect, name);
    loop {
        // There is always another name to make up.
        let next = names.next().unwrap_or_default();
        let directory = roots.injection(OsStr::new(&next));
        match take(&directory, &settings.steps(&directory)) {
            Err(Refusal::Taken) if name.is_none() => {}
            Err(Refusal::Taken) => return Err(taken(&next)),
            Err(Refusal::Other(error)) => return Err(error),
            Ok(owned) => return Ok((next, owned)),
        }
    }
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
fn why(step: &Step, error: &io::Error) -> anyhow::Error {
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
