// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ends injections, for `kchaos recover`.

use super::{needs, sweep};
use crate::{
    error::{all_of, note, unless_closed},
    interface::existing::{all, unknown},
    system::{Roots, attached::attached_names, disks::Disks, lock::Lock, saved::Saved, step::Step},
};
use anyhow::Result;
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    time::Duration,
};

/// The options of a recovery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Whether an injection that is not there is no failure.
    pub(crate) ignore_missing: bool,
    /// Whether commands are printed instead.
    pub(crate) dry_run: bool,
}

/// Ends injections, prints their names, and gives back the disks that no injection needs any more.
/// An injection that cannot be ended does not keep the others from ending.
///
/// # Errors
///
/// If there is no such injection, or the kernel refuses.
pub(crate) fn recover(
    roots: &Roots,
    names: &[OsString],
    options: Options,
    out: &mut dyn Write,
) -> Result<()> {
    roots.require_interface()?;
    if options.dry_run {
        return print(roots, names, options, out);
    }
    let (lock, ended) = take_or_end(roots, names);
    let (text, failures) = end(roots, names, &ended, options);
    finish(roots, lock, &text, failures, out)
}

/// [`recover()`] for a caller that has the lock, if this user can have it.
///
/// # Errors
///
/// If the kernel refuses.
pub(super) fn recover_locked(
    roots: &Roots,
    lock: Option<Lock>,
    names: &[OsString],
    options: Options,
    out: &mut dyn Write,
) -> Result<()> {
    let (text, failures) = end(roots, names, &[], options);
    finish(roots, lock, &text, failures, out)
}

/// Ends all injections.
///
/// # Errors
///
/// If one of them cannot be ended; the others end.
pub(crate) fn recover_all(roots: &Roots, options: Options, out: &mut dyn Write) -> Result<()> {
    roots.require_interface()?;
    let mut names = all(roots)?;
    let (mut lock, mut ended) = (None, Vec::new());
    if !options.dry_run {
        (lock, ended) = take_or_end(roots, &names);
        // Another kchaos may have made some meanwhile.
        names.extend(all(roots)?);
    }
    if names.is_empty() && !options.ignore_missing {
        note("there is no injection to recover from");
        tell_others_disks(roots);
    }
    // Another kchaos may end some of them first.
    let options = Options {
        ignore_missing: true,
        ..options
    };
    if options.dry_run {
        return print(roots, &names, options, out);
    }
    let (text, failures) = end(roots, &names, &ended, options);
    finish(roots, lock, &text, failures, out)
}

/// Says which disks are on ioem though no kchaos has put them there.
fn tell_others_disks(roots: &Roots) {
    for disk in attached_names(roots) {
        if matches!(Saved::read(&roots.saved(&disk)), Ok(None)) {
            note(&format!(
                "{disk} is on ioem all the same, and not by kchaos: kchaos detach {disk}"
            ));
        }
    }
}

/// The lock, and the injections that have ended before it was there: they do not wait for another
/// kchaos, which may wait for a disk.
fn take_or_end(roots: &Roots, names: &[OsString]) -> (Option<Lock>, Vec<OsString>) {
    /// The time in which another kchaos has made its injection, unless its disk has it wait. An
    /// injection that ends before is half made, and that kchaos fails.
    const MADE: Duration = Duration::from_millis(200);
    if let Some(lock) = Lock::take_within(roots, MADE) {
        return (Some(lock), Vec::new());
    }
    let mut ended = names.to_vec();
    ended.retain(|name| end_one(roots, name).unwrap_or(false));
    let lock = Lock::take(roots).inspect_err(|error| {
        note(&format!(
            "{error:#}; this one ends injections all the same, and the next gives disks back"
        ));
    });
    if let Ok(None) = &lock {
        let folder = roots.needs();
        let why = format!("this user may not write {}", folder.display());
        sweep::tell_left(roots, &why);
    }
    (lock.ok().flatten(), ended)
}

/// Ends injections, of which some have ended before. Returns the text to print, and the failures.
fn end(
    roots: &Roots,
    names: &[OsString],
    ended: &[OsString],
    options: Options,
) -> (String, Vec<anyhow::Error>) {
    let (mut text, mut failures) = (String::new(), Vec::new());
    for name in once(names) {
        match end_one(roots, name).map(|is_ended| is_ended || ended.contains(name)) {
            Ok(true) => {
                text.push_str(&name.to_string_lossy());
                text.push('\n');
            }
            // A variable without a value leaves the meant injection at work.
            Ok(false) if options.ignore_missing && !name.is_empty() => {}
            Ok(false) => failures.push(unknown(roots, name)),
            Err(error) => failures.push(error),
        }
    }
    (text, failures)
}

/// Ends an injection, and returns whether it was there.
fn end_one(roots: &Roots, name: &OsStr) -> Result<bool> {
    if !roots.is_injection(name) {
        return Ok(false);
    }
    let step = Step::RemoveDirectory(roots.injection(name));
    match step.run() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(step.refused(&error)),
    }
}

/// Gives disks back, and prints the names of the injections that have ended.
fn finish(
    roots: &Roots,
    lock: Option<Lock>,
    text: &str,
    mut failures: Vec<anyhow::Error>,
    out: &mut dyn Write,
) -> Result<()> {
    if let Some(lock) = &lock {
        failures.extend(sweep::sweep(roots, lock));
        if let Err(error) = sweep::view(roots) {
            sweep::tell_left(roots, &format!("{error:#}"));
        }
    }
    // A reader that takes its time keeps no other kchaos waiting.
    drop(lock);
    let printed = out.write_all(text.as_bytes());
    all_of(failures)?;
    Ok(printed?)
}

/// Prints the commands that end injections and give disks back.
fn print(roots: &Roots, names: &[OsString], options: Options, out: &mut dyn Write) -> Result<()> {
    let mut failures = Vec::new();
    let mut steps = Vec::new();
    let mut ended = Vec::new();
    for name in once(names) {
        if roots.is_injection(name) {
            steps.push(Step::RemoveDirectory(roots.injection(name)));
            let file = needs::file(roots, name);
            steps.extend(file.exists().then_some(Step::RemoveFile(file)));
            ended.push(name.clone());
        } else if !options.ignore_missing || name.is_empty() {
            failures.push(unknown(roots, name));
        }
    }
    steps.extend(sweep::steps(roots, &ended, &Disks::default()));
    let mut text = Vec::new();
    steps.iter().try_for_each(|step| step.print(&mut text))?;
    unless_closed(out.write_all(&text))?;
    all_of(failures)
}

/// Each name once.
fn once(names: &[OsString]) -> impl Iterator<Item = &OsString> {
    let is_first = |place: usize| !names[..place].contains(&names[place]);
    let names = names.iter().enumerate();
    names.filter_map(move |(place, name)| is_first(place).then_some(name))
}
