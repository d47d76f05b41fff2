// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Making and ending injections.

use crate::{
    attributes::ENABLED,
    device,
    error::{Exit, all_of, failure, note, refused},
    interface::Roots,
    settings::Settings,
    step::Step,
};
use anyhow::Result;
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::Path,
};
use walkdir::WalkDir;

/// Makes an injection and prints its name.
///
/// # Errors
///
/// If anything is refused; then nothing of it stays.
pub fn inject(
    roots: &Roots,
    effect: &str,
    name: Option<&str>,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<()> {
    roots.require_known_version()?;
    for candidate in names(effect, name) {
        let directory = roots.injection(OsStr::new(&candidate));
        match make(&directory, &settings.steps(&directory)) {
            Err(Refusal::Taken) if name.is_none() => {}
            Err(Refusal::Taken) => return Err(taken(&candidate)),
            Err(Refusal::Other(error)) => return Err(error),
            Ok(()) => {
                writeln!(out, "{candidate}")?;
                hints(roots);
                break;
            }
        }
    }
    Ok(())
}

/// Prints the commands that make an injection.
///
/// # Errors
///
/// If the name is taken.
pub fn print_inject(
    roots: &Roots,
    effect: &str,
    name: Option<&str>,
    settings: &Settings,
    out: &mut dyn Write,
) -> Result<()> {
    if let Err(error) = roots.require_known_version() {
        note(&format!("these commands would fail now: {error:#}"));
    }
    for candidate in names(effect, name) {
        let directory = roots.injection(OsStr::new(&candidate));
        if !directory.exists() {
            return settings
                .steps(&directory)
                .iter()
                .try_for_each(|step| step.print(out));
        }
        if name.is_some() {
            return Err(taken(&candidate));
        }
    }
    Ok(())
}

/// The name that was asked for, or short ones to try in turn.
fn names(effect: &str, name: Option<&str>) -> impl Iterator<Item = String> {
    let made_up = name.is_none().then_some(1_u64..).into_iter().flatten();
    name.map(str::to_owned)
        .into_iter()
        .chain(made_up.map(move |number| format!("{effect}-{number}")))
}

fn taken(name: &str) -> anyhow::Error {
    failure(
        Exit::Name,
        format!(
            "there is an injection named {name} already; choose another --name, or end that one \
             with `kchaos recover {name}`"
        ),
    )
}

/// Why an injection was not made.
enum Refusal {
    /// The first step found the name taken.
    Taken,
    Other(anyhow::Error),
}

fn make(directory: &Path, steps: &[Step]) -> Result<(), Refusal> {
    for (taken, step) in steps.iter().enumerate() {
        let Err(error) = step.run() else { continue };
        let made = taken > 0;
        if !made && error.kind() == io::ErrorKind::AlreadyExists {
            return Err(Refusal::Taken);
        }
        let mut failures = vec![why(step, &error)];
        if made {
            let undo = Step::RemoveDirectory(directory.to_owned());
            if let Err(error) = undo.run() {
                failures.push(undo.refused(&error));
            }
        }
        return all_of(failures).map_err(Refusal::Other);
    }
    Ok(())
}

fn why(step: &Step, error: &io::Error) -> anyhow::Error {
    match step {
        Step::Set { file, .. } if error.kind() == io::ErrorKind::NotFound => failure(
            Exit::Unavailable,
            format!(
                "the loaded module has no {}; load the module that belongs to this kchaos",
                file.display()
            ),
        ),
        _ => step.refused(error),
    }
}

/// Says what keeps a new injection from doing anything.
fn hints(roots: &Roots) {
    if device::attached(roots).is_empty() {
        note("no device uses ioem yet: kchaos attach DEVICE");
    }
    if matches!(roots.enabled(), Ok(false)) {
        let file = roots.ioem().join(ENABLED);
        note(&format!(
            "all injections are switched off: echo 1 > {}",
            file.display()
        ));
    }
}

/// The names of all injections.
///
/// # Errors
///
/// If there is no interface, or it cannot be read.
pub fn all(roots: &Roots) -> Result<Vec<OsString>> {
    roots.require_interface()?;
    let ioem = roots.ioem();
    let mut names = Vec::new();
    for entry in WalkDir::new(&ioem)
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name()
    {
        let entry = entry.map_err(|error| refused("read", &ioem, &error.into()))?;
        if entry.file_type().is_dir() {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Ends injections and prints their names; one that cannot be ended does not keep the others.
///
/// # Errors
///
/// [`Exit::Name`] if there is no such injection.
pub fn recover(
    roots: &Roots,
    names: &[OsString],
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    roots.require_interface()?;
    let mut failures = Vec::new();
    for name in names {
        let shown = name.to_string_lossy();
        let step = Step::RemoveDirectory(roots.injection(name));
        let unknown = || {
            failure(
                Exit::Name,
                format!("there is no injection named {shown}; `kchaos list` shows those there are"),
            )
        };
        if !is_entry(name) || !roots.injection(name).is_dir() {
            failures.push(unknown());
        } else if dry_run {
            step.print(out)?;
        } else {
            match step.run() {
                Ok(()) => writeln!(out, "{shown}")?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => failures.push(unknown()),
                Err(error) => failures.push(step.refused(&error)),
            }
        }
    }
    all_of(failures)
}

/// Ends all injections.
///
/// # Errors
///
/// If one of them cannot be ended; the others are.
pub fn recover_all(roots: &Roots, dry_run: bool, out: &mut dyn Write) -> Result<()> {
    let names = all(roots)?;
    if names.is_empty() {
        note("there is no injection to recover from");
    }
    recover(roots, &names, dry_run, out)
}

/// Whether `name` names something in a directory, and not something elsewhere.
fn is_entry(name: &OsStr) -> bool {
    Path::new(name).file_name() == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["..", ".", "", "../x", "a/", "a/."] {
            assert!(!is_entry(OsStr::new(name)), "{name:?}");
        }
        assert!(is_entry(OsStr::new("inj1")));
    }

    #[test]
    fn names_that_are_made_up_count() {
        let names: Vec<String> = names("limit", None).take(2).collect();
        assert_eq!(names, ["limit-1", "limit-2"]);
        assert_eq!(super::names("limit", Some("x")).count(), 1);
    }
}
