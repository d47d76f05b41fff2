// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The verbs that change something: injections are made and ended, disks attached and detached.

pub(crate) mod attach;
mod auto;
pub(crate) mod change;
mod command;
mod consent;
pub(crate) mod devices;
mod hints;
mod hits;
mod interrupted;
mod lease;
mod make;
mod missed;
mod needs;
mod order;
pub(crate) mod own;
mod owned;
mod reach;
pub(crate) mod recover;
mod request;
mod resolve;
mod run;
mod stay;
pub(crate) mod sweep;
pub(crate) mod wait;
mod whose;
mod witness;

use crate::{
    error::{all_of, joined, note, print_or},
    interface::{Name, Settings, Value},
    system::{Roots, disks::Disks, lock::Lock},
};
use anyhow::{Context, Result};
use auto::Needed;
use hints::hints;
use hits::Hits;
use make::make;
use own::OwnCgroup;
use owned::Owned;
pub(crate) use request::Request;
use std::{ffi::OsString, io::Write, process::Command, sync::Arc};
pub(crate) use whose::Whose;
use witness::Witness;

/// An injection that was made.
struct Begun {
    name: String,
    owned: Owned,
    settings: Settings,
    /// The cgroup of its command.
    own: Option<OwnCgroup>,
}

/// Attaches the disks of an injection, and makes the injection: all of it or, on an error, nothing.
fn begin(roots: &Roots, request: &Request<'_>) -> Result<Begun> {
    let lock = Lock::take(roots)?;
    sweep::before(roots, lock.as_ref());
    let (mut settings, meant) = request.checked(roots)?;
    if !request.command.is_empty() {
        settings.set(Name::DurationMs, Value::Number(lease::LENGTH_MS));
    }
    let own = match request.whose {
        Whose::Command => Some(OwnCgroup::new(roots)?),
        _ => None,
    };
    if let Some(own) = &own {
        settings.set(Name::Cgroup, Value::Text(own.name()?));
    }
    let needed = Needed::by(roots, &settings, request.attach, &meant, &Disks::default());
    let made = needed.and_then(|needed| {
        needed.attach(roots)?;
        make(roots, request, &settings, &needed)
    });
    match made {
        Ok((name, owned)) => {
            // The injection may have replaced another one.
            sweep::before(roots, lock.as_ref());
            Ok(Begun {
                name,
                owned,
                settings,
                own,
            })
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
    begin_and_tell(roots, request, out).map(drop)
}

/// Makes an injection, and prints its name.
fn begin_and_tell(roots: &Roots, request: &Request<'_>, out: &mut dyn Write) -> Result<Begun> {
    roots.require_known_version()?;
    let begun = begin(roots, request)?;
    let (name, owned) = (&begun.name, &begun.owned);
    print_or(out, &format!("{name}\n"), || end(roots, owned))?;
    hints(roots, name, &begun.settings);
    Ok(begun)
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
    let mut signals = command::Signals::new()?;
    let Begun { name, owned, .. } = begin_and_tell(roots, request, out)?;
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
    // From now on, no signal ends kchaos before it has cleaned up.
    let signals = command::Signals::new()?;
    let Begun {
        name,
        owned,
        settings,
        own,
    } = begin(roots, request)?;
    let owned = Arc::new(owned);
    let witness = Arc::new(Witness::new(roots, &owned, &settings));
    let looking = Arc::clone(&witness);
    let renewal = lease::renew(Arc::clone(&owned), move || looking.look());
    hints(roots, &name, &settings);
    let program = request.command.first().map(|word| word.to_string_lossy());
    let who = program.unwrap_or_default();
    let mut command = match (&own, request.command) {
        (Some(own), words) => own.command(words),
        (None, words) => plain(words)?,
    };
    let hits = Hits::new(roots, &name, &settings, &who, false);
    let mut outcome = None;
    let code = signals.run(&mut command, || {
        let idle = witness.end(renewal.stop(), &who);
        if let Some(idle) = &idle {
            note(&format!("the injection {name} {idle}"));
        }
        outcome = Some(hits.end(&witness, idle.as_deref()));
        let failures = end(roots, &owned);
        if let Some(own) = &own {
            own.end(roots);
        }
        all_of(failures)
    })?;
    Ok(outcome.map_or(code, |outcome| outcome.tell(request.expect_hits, code)))
}

/// A command with these words.
fn plain(words: &[OsString]) -> Result<Command> {
    let (program, arguments) = words.split_first().context("there is no command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
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
    let (settings, meant) = request.checked(roots)?;
    let needed = Needed::by(roots, &settings, request.attach, &meant, &Disks::default())?;
    let mut steps = needed.attach_steps(roots);
    let (name, make) = make::steps(roots, request, &settings)?;
    steps.extend(make);
    steps.extend(needed.remember_steps(roots, &name));
    let given_back = sweep::steps(roots, &[name], &needed.disks);
    steps.extend(given_back);
    steps.iter().try_for_each(|step| step.print(out))
}
