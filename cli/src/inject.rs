// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The verbs that change something: injections are made and ended, disks attached and detached.

pub(crate) mod attach;
mod auto;
pub(crate) mod change;
mod command;
mod hints;
mod lease;
mod make;
mod needs;
mod owned;
mod reach;
pub(crate) mod recover;
mod resolve;
mod stay;
pub(crate) mod sweep;
pub(crate) mod wait;
mod witness;

use crate::{
    error::{Exit, all_of, failure, joined, note, print_or},
    interface::{Name, Settings, Value},
    system::{Roots, attached::attached_names, guard, lock::Lock},
};
use anyhow::Result;
use auto::Needed;
use hints::{hints, idle};
use make::{Naming, make};
use owned::Owned;
use reach::reached;
use std::{ffi::OsString, io::Write, sync::Arc};
use witness::Witness;

/// An injection that is to be made.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The effect, after which injections without a name are named.
    pub(crate) effect: &'static str,
    /// The name, if one was asked for.
    pub(crate) name: Option<&'a str>,
    /// The settings, with devices and cgroups as people name them.
    pub(crate) settings: &'a Settings,
    /// The command that the injection is made for; empty if there is none.
    pub(crate) command: &'a [OsString],
    /// Whether the system's own disks may be slowed down without an end in sight.
    pub(crate) force: bool,
    /// Whether the disks that the injection names are attached.
    pub(crate) attach: bool,
    /// Whether an injection of the name ends first.
    pub(crate) replace: bool,
}

impl Request<'_> {
    fn naming(&self) -> Naming<'_> {
        Naming {
            effect: self.effect,
            name: self.name,
            replace: self.replace,
        }
    }

    /// The settings as the driver takes them.
    fn checked(&self, roots: &Roots) -> Result<Settings> {
        let settings = resolve::resolved(roots, self.settings)?;
        let names_device = settings.text(Name::Device).is_some();
        if self.attach && !names_device && attached_names(roots).is_empty() {
            return Err(failure(
                Exit::Name,
                "no disk is attached, so this injection would reach none; name a disk with --device",
            ));
        }
        if !self.force && settings.number(Name::DurationMs).unwrap_or(0) == 0 {
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

/// Attaches the disks of an injection, and makes the injection: all of it or, on an error, nothing.
fn begin(roots: &Roots, request: &Request<'_>) -> Result<(String, Owned, Settings)> {
    let lock = Lock::take(roots)?;
    sweep::before(roots, lock.as_ref());
    let mut settings = request.checked(roots)?;
    if !request.command.is_empty() {
        settings.set(Name::DurationMs, Value::Number(lease::LENGTH_MS));
    }
    let made = Needed::by(roots, &settings, request.attach).and_then(|needed| {
        needed.attach(roots)?;
        make(roots, &request.naming(), &settings, &needed.disks)
    });
    match made {
        Ok((name, owned)) => {
            // The injection may have replaced another one.
            sweep::before(roots, lock.as_ref());
            Ok((name, owned, settings))
        }
        Err(error) => {
            let undone = lock.map(|lock| sweep::sweep(roots, &lock));
            Err(joined(error, undone.unwrap_or_default()))
        }
    }
}

/// Ends an injection, and gives back the disks that were attached for it.
fn end(roots: &Roots, owned: &Owned) -> Vec<anyhow::Error> {
    let mut failures: Vec<_> = owned.end().err().into_iter().collect();
    failures.extend(sweep::after_end(roots));
    failures
}

/// Makes an injection and prints its name.
///
/// # Errors
///
/// If the kernel refuses a step; then nothing stays of the injection.
pub(crate) fn inject(roots: &Roots, request: &Request<'_>, out: &mut dyn Write) -> Result<()> {
    roots.require_known_version()?;
    let (name, owned, settings) = begin(roots, request)?;
    print_or(out, &format!("{name}\n"), || end(roots, &owned))?;
    hints(roots, &name, &settings);
    Ok(())
}

/// Makes an injection, prints its name, and stays until it has ended by itself. Returns the exit
/// code.
///
/// # Errors
///
/// If the injection cannot be made or ended.
pub(crate) fn inject_and_stay(
    roots: &Roots,
    request: &Request<'_>,
    out: &mut dyn Write,
) -> Result<u8> {
    roots.require_known_version()?;
    let mut signals = command::Signals::new()?;
    let (name, owned, settings) = begin(roots, request)?;
    print_or(out, &format!("{name}\n"), || end(roots, &owned))?;
    hints(roots, &name, &settings);
    let code = stay::until_end(roots, &name, &owned, &mut signals);
    all_of(end(roots, &owned))?;
    Ok(code)
}

/// Makes an injection, runs its command, and ends the injection when the command has ended. Returns
/// the command's exit code.
///
/// # Errors
///
/// If the injection cannot be made or ended, or the command cannot be run.
pub(crate) fn inject_for(roots: &Roots, request: &Request<'_>) -> Result<u8> {
    roots.require_known_version()?;
    let signals = command::Signals::new()?;
    let (name, owned, settings) = begin(roots, request)?;
    let owned = Arc::new(owned);
    let renewal = lease::renew(Arc::clone(&owned));
    hints(roots, &name, &settings);
    let witness = Witness::new(roots, &owned, &settings);
    signals.run(request.command, || {
        if let Some(why) = witness.end(renewal.stop()) {
            let program = request.command.first().map(|word| word.to_string_lossy());
            note(&format!(
                "the injection {name} had ended before {} did: part of it ran without; {why}",
                program.unwrap_or_default()
            ));
        }
        all_of(end(roots, &owned))
    })
}

/// Prints the commands that make an injection.
///
/// # Errors
///
/// If the name is taken.
pub(crate) fn print_inject(
    roots: &Roots,
    request: &Request<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    if let Err(error) = roots.require_known_version() {
        note(&format!("these commands would fail now: {error:#}"));
    }
    let settings = request.checked(roots)?;
    let needed = Needed::by(roots, &settings, request.attach)?;
    let mut steps = needed.attach_steps(roots);
    let (name, make) = make::steps(roots, &request.naming(), &settings)?;
    steps.extend(make);
    steps.extend(needed.remember_steps(roots, &name));
    let given_back = sweep::steps(roots, &[name], &needed.disks);
    steps.extend(given_back);
    steps.iter().try_for_each(|step| step.print(out))
}
