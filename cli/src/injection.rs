// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Making and ending injections.

use crate::{
    attributes::{CGROUP, DEVICE, DURATION, ENABLED, PID_NS, Value},
    block::Block,
    ceiling, command,
    describe::Described,
    device,
    error::{Exit, all_of, failure, note, refused},
    guard,
    idle::idle,
    inspect::{Seen, State},
    interface::Roots,
    lease,
    made::Made,
    output::print_or,
    resolve,
    settings::Settings,
    step::Step,
    witness::Witness,
};
use anyhow::Result;
use rustix::io::Errno;
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::Path,
    sync::Arc,
};
use walkdir::WalkDir;

/// What is to be injected.
#[derive(Debug)]
pub struct Request<'a> {
    /// What happens, of which names are made.
    pub effect: &'static str,
    /// The name, if one was asked for.
    pub name: Option<&'a str>,
    /// The settings, with names as people write them.
    pub settings: &'a Settings,
    /// The command that it is made for; empty if there is none.
    pub command: &'a [OsString],
    /// Whether the system's own disks may be slowed down without an end.
    pub force: bool,
}

impl Request<'_> {
    /// The settings as the driver takes them.
    fn checked(&self, roots: &Roots) -> Result<Settings> {
        let settings = resolve::resolved(roots, self.settings)?;
        if !self.force && settings.number(DURATION).unwrap_or(0) == 0 {
            let remedy = if self.command.is_empty() {
                "add --for 30s, so that it ends by itself, choose others with --device, or add --force"
            } else {
                "choose others with --device, or add --force"
            };
            guard::check(roots, &reached(roots, &settings), remedy)?;
        }
        for sentence in idle(&settings) {
            note(&sentence);
        }
        Ok(settings)
    }
}

/// The disks whose I/O an injection can reach: those that it names, which may be attached later, or all that are on ioem.
pub(crate) fn reached(roots: &Roots, settings: &Settings) -> Vec<String> {
    match settings.text(DEVICE) {
        Some(devices) => named(roots, devices).into_iter().collect(),
        None => {
            let attached = device::attached(roots).into_iter();
            attached.map(|disk| disk.name).collect()
        }
    }
}

/// The disks of the devices that an injection names, as far as they are there.
fn named(roots: &Roots, devices: &str) -> BTreeSet<String> {
    let blocks = devices
        .split(' ')
        .filter_map(|name| Block::find_exact(roots, name));
    blocks.map(|block| block.disk).collect()
}

/// Makes an injection and prints its name.
///
/// # Errors
///
/// If anything is refused; then nothing of it stays.
pub fn inject(roots: &Roots, request: &Request<'_>, out: &mut dyn Write) -> Result<()> {
    roots.require_known_version()?;
    let settings = request.checked(roots)?;
    let (name, made) = make(roots, request, &settings)?;
    print_or(out, &format!("{name}\n"), || {
        made.end().err().into_iter().collect()
    })?;
    hints(roots, &name, &settings);
    Ok(())
}

/// Makes an injection, runs its command, and ends the injection when the command has ended. Returns the command's exit code.
///
/// # Errors
///
/// If the injection cannot be made or ended, or the command cannot be run.
pub fn inject_for(roots: &Roots, request: &Request<'_>) -> Result<u8> {
    roots.require_known_version()?;
    let mut settings = request.checked(roots)?;
    settings.set(DURATION, Value::Number(lease::LENGTH_MS));
    let signals = command::Signals::new()?;
    let (name, made) = make(roots, request, &settings)?;
    let made = Arc::new(made);
    let renewal = lease::renew(Arc::clone(&made));
    hints(roots, &name, &settings);
    let witness = Witness::new(roots, &made, &settings);
    signals.run(request.command, || {
        if let Some(why) = witness.end(renewal.stop()) {
            let program = request.command.first().map(|word| word.to_string_lossy());
            note(&format!(
                "the injection {name} had ended before {} did: part of it ran without; {why}",
                program.unwrap_or_default()
            ));
        }
        made.end().map(drop)
    })
}

/// Prints the commands that make an injection.
///
/// # Errors
///
/// If the name is taken.
pub fn print_inject(roots: &Roots, request: &Request<'_>, out: &mut dyn Write) -> Result<()> {
    if let Err(error) = roots.require_known_version() {
        note(&format!("these commands would fail now: {error:#}"));
    }
    let settings = request.checked(roots)?;
    for candidate in names(request) {
        let directory = roots.injection(OsStr::new(&candidate));
        if !directory.exists() {
            return settings
                .steps(&directory)
                .iter()
                .try_for_each(|step| step.print(out));
        }
        if request.name.is_some() {
            return Err(taken(&candidate));
        }
    }
    Ok(())
}

/// The name that was asked for, or short ones to try in turn.
fn names(request: &Request<'_>) -> impl Iterator<Item = String> {
    let effect = request.effect;
    let made_up = request.name.is_none().then_some(1_u64..);
    let made_up = made_up.into_iter().flatten();
    request
        .name
        .map(str::to_owned)
        .into_iter()
        .chain(made_up.map(move |number| format!("{effect}-{number}")))
}

fn taken(name: &str) -> anyhow::Error {
    let recover = recover_command(&[name]);
    failure(
        Exit::Name,
        format!(
            "there is an injection named {name} already; choose another --name, or end that one \
             with `{recover}`"
        ),
    )
}

/// The command that ends these injections.
pub(crate) fn recover_command(names: &[&str]) -> String {
    let names = shlex::try_join(names.iter().copied());
    // What no shell can say has a zero byte, as no name has.
    format!("kchaos recover {}", names.unwrap_or_default())
}

/// Why an injection was not made.
enum Refusal {
    /// The first step found the name taken.
    Taken,
    Other(anyhow::Error),
}

/// Makes an injection, and returns its name too.
fn make(roots: &Roots, request: &Request<'_>, settings: &Settings) -> Result<(String, Made)> {
    let mut names = names(request);
    loop {
        // Names that are made up do not end.
        let name = names.next().unwrap_or_default();
        let directory = roots.injection(OsStr::new(&name));
        match take(&directory, &settings.steps(&directory)) {
            Err(Refusal::Taken) if request.name.is_none() => {}
            Err(Refusal::Taken) => return Err(taken(&name)),
            Err(Refusal::Other(error)) => return Err(error),
            Ok(made) => return Ok((name, made)),
        }
    }
}

/// Takes the steps that make an injection, or none of them.
fn take(directory: &Path, steps: &[Step]) -> Result<Made, Refusal> {
    let made = Made::new(directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Refusal::Taken,
        _ => Refusal::Other(Step::MakeDirectory(directory.to_owned()).refused(&error)),
    })?;
    // The first of them has made the directory.
    for step in steps.iter().skip(1) {
        let Err(error) = made.run(step) else { continue };
        if !made.is_there() {
            return Err(Refusal::Other(failure(
                Exit::Failure,
                format!(
                    "somebody removed {} while it was being made; try again",
                    directory.display()
                ),
            )));
        }
        let mut failures = vec![why(step, &error)];
        failures.extend(made.end().err());
        return all_of(failures).map(|()| made).map_err(Refusal::Other);
    }
    Ok(made)
}

/// Says why the driver did not take a setting, where the number of the error alone does not.
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
    let attribute = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    let (exit, message) = match (attribute, number) {
        (CGROUP, Some(Errno::NOENT | Errno::NOTDIR | Errno::INVAL)) => {
            (Exit::Name, format!("{value} is no cgroup of a cgroup v2"))
        }
        (CGROUP, Some(Errno::OPNOTSUPP)) => {
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
        (PID_NS, Some(Errno::SRCH)) => return resolve::no_process(value),
        (_, Some(Errno::NOSPC)) => (
            Exit::Failure,
            "no more than 64 injections act on one disk; end others with `kchaos recover`"
                .to_owned(),
        ),
        _ => return step.refused(error),
    };
    failure(exit, message)
}

/// Says what keeps a new injection from doing anything, or from doing what was asked for.
fn hints(roots: &Roots, name: &str, settings: &Settings) {
    let attached: Vec<String> = device::attached(roots)
        .into_iter()
        .map(|disk| disk.name)
        .collect();
    match settings.text(DEVICE) {
        Some(devices) => {
            let named = named(roots, devices).into_iter();
            for disk in named.filter(|disk| !attached.contains(disk)) {
                note(&format!("{disk} is not on ioem yet: kchaos attach {disk}"));
            }
        }
        None if attached.is_empty() => note("no device uses ioem yet: kchaos attach DEVICE"),
        None => {}
    }
    let all_off = matches!(roots.enabled(), Ok(false));
    if all_off {
        note(&roots.all_off());
    }
    if !settings.enabled {
        let file = roots.injection(OsStr::new(name)).join(ENABLED);
        note(&format!(
            "{name} does nothing until it is switched on: echo 1 > {}",
            file.display()
        ));
    } else if !all_off {
        for hint in ceiling::hints(roots, name, settings) {
            note(&hint);
        }
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

/// The injections that act on a disk if it is on ioem, and that do not end by themselves.
pub(crate) fn endless(roots: &Roots, disk: &str) -> Vec<String> {
    // Without the driver there are none.
    let names = all(roots).unwrap_or_default();
    let all_enabled = roots.enabled().unwrap_or(true);
    let acts = |seen: &Seen| {
        let described = Described(&seen.values);
        let devices = described.text(DEVICE);
        seen.state == State::On
            && described.has_effect()
            && described.number(DURATION).is_none()
            && devices.is_none_or(|devices| named(roots, devices).contains(disk))
    };
    let names = names.iter().filter(|name| {
        // Of one that cannot be read, nobody knows that it does nothing.
        Seen::read(roots, name, all_enabled).map_or(true, |seen| seen.as_ref().is_some_and(acts))
    });
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
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
    // Whether anybody learns of it or not, the others end too.
    let mut printed = Ok(());
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
                Ok(()) => printed = printed.and_then(|()| writeln!(out, "{shown}")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => failures.push(unknown()),
                Err(error) => failures.push(step.refused(&error)),
            }
        }
    }
    all_of(failures)?;
    Ok(printed?)
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
        let settings = Settings::new([]).unwrap();
        let request = |name| Request {
            effect: "limit",
            name,
            settings: &settings,
            command: &[],
            force: false,
        };
        let names: Vec<String> = names(&request(None)).take(2).collect();
        assert_eq!(names, ["limit-1", "limit-2"]);
        assert_eq!(super::names(&request(Some("x"))).count(), 1);
    }

    #[test]
    fn what_the_driver_says_is_told_in_words() {
        let folder = tempfile::tempdir().unwrap();
        for (attribute, value, error, expected) in [
            (
                CGROUP,
                "/c/a",
                Errno::OPNOTSUPP,
                "echo +io > /c/cgroup.subtree_control",
            ),
            (CGROUP, "/c/a", Errno::INVAL, "/c/a is no cgroup"),
            (PID_NS, "12", Errno::SRCH, "no process 12"),
            (DEVICE, "sda", Errno::NOSPC, "no more than 64 injections"),
            (DEVICE, "sda", Errno::INVAL, "cannot write sda to "),
        ] {
            let file = folder.path().join(attribute);
            std::fs::write(&file, "").unwrap();
            let value = value.to_owned();
            let message = why(&Step::Set { file, value }, &error.into()).to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
