// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The verbs that change something: injections are made and ended, disks attached and detached.

pub(crate) mod attach;
mod auto;
pub(crate) mod change;
pub(crate) mod command;
mod consent;
pub(crate) mod devices;
pub(crate) mod gc;
mod hints;
mod hits;
mod hung;
pub(crate) mod interrupted;
mod lease;
mod loss;
#[cfg(test)]
mod machine;
mod make;
mod missed;
pub(crate) mod needs;
mod order;
pub(crate) mod own;
mod owned;
mod reach;
pub(crate) mod recover;
mod request;
mod resolve;
mod run;
pub(crate) mod several;
pub(crate) mod stage;
mod stay;
pub(crate) mod sweep;
pub(crate) mod wait;
mod whose;
mod witness;

use crate::{
    error::{all_of, joined, note, note_failure, print_or},
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
pub(crate) use request::Checked;
pub(crate) use request::Request;
use request::mutual_wait;
use std::{ffi::OsString, io::Write, process::Command, sync::Arc};
pub(crate) use whose::Whose;
use witness::Witness;

/// An injection that was made.
struct Begun {
    name: String,
    owned: Owned,
    /// Its settings, without the lease that is renewed for a command.
    settings: Settings,
    /// The cgroup of its command.
    own: Option<OwnCgroup>,
}

/// The lock for [`begin`]. Signals are caught after it, so that Ctrl-C ends a wait for the lock.
fn lock(roots: &Roots) -> Result<Option<Lock>> {
    roots.require_known_version()?;
    Lock::take(roots)
}

/// Attaches the disks of an injection, and makes the injection: all of it or, on an error, nothing.
/// The caller gives back the disks of an injection that it has replaced, and then the lock.
fn begin(roots: &Roots, request: &Request<'_>, lock: Option<&Lock>) -> Result<Begun> {
    sweep::before(roots, lock);
    let checked = Checked::new(roots, request)?;
    begin_checked(roots, request, &checked, lock)
}

/// The same for a request that was checked before.
fn begin_checked(
    roots: &Roots,
    request: &Request<'_>,
    checked: &Checked,
    lock: Option<&Lock>,
) -> Result<Begun> {
    let mut settings = checked.settings.clone();
    let own = match request.whose {
        Whose::Command => Some(OwnCgroup::new(roots)?),
        _ => None,
    };
    if let Some(own) = &own {
        settings.set(Name::Cgroup, Value::Text(own.name()?));
    }
    let needed = Needed::by(
        roots,
        &settings,
        request.attach,
        &checked.meant,
        &Disks::default(),
    );
    let made = needed.and_then(|needed| {
        needed.attach(roots)?;
        let mut written = settings.clone();
        if !request.command.is_empty() {
            written.set(Name::DurationMs, Value::Number(lease::LENGTH_MS));
        }
        let (name, owned) = make(roots, request, &written, &needed)?;
        match resolve::check_namespace_of(checked.process.as_ref()) {
            Ok(()) => Ok((name, owned)),
            Err(error) => Err(joined(error, owned.end().err().into_iter().collect())),
        }
    });
    match made {
        Ok((name, owned)) => Ok(Begun {
            name,
            owned,
            settings,
            own,
        }),
        Err(error) => {
            let undone = lock.map(|lock| sweep::sweep(roots, lock));
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
    begin_and_tell(roots, request, lock(roots)?, out).map(drop)
}

/// Makes an injection, and prints its name.
fn begin_and_tell(
    roots: &Roots,
    request: &Request<'_>,
    lock: Option<Lock>,
    out: &mut dyn Write,
) -> Result<Begun> {
    let begun = begin(roots, request, lock.as_ref())?;
    sweep::before(roots, lock.as_ref());
    drop(lock);
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
/// If the injection cannot be made or ended, or somebody removes it before.
pub(crate) fn inject_and_stay(
    roots: &Roots,
    request: &Request<'_>,
    out: &mut dyn Write,
) -> Result<u8> {
    let lock = lock(roots)?;
    let mut signals = command::Signals::new()?;
    let Begun { name, owned, .. } = begin_and_tell(roots, request, lock, out)?;
    let stayed = stay::until_end(roots, &name, &owned, &mut signals);
    let failures = end(roots, &owned);
    match stayed {
        Ok(code) => all_of(failures).map(|()| code),
        Err(error) => Err(joined(error, failures)),
    }
}

/// Makes an injection, runs its command, and ends the injection when the command has ended. Returns
/// the command's exit code.
///
/// # Errors
///
/// If the injection cannot be made, or the command cannot be run. Trouble to end the injection is
/// told beside the exit code: its lease ends it all the same.
pub(crate) fn inject_for(roots: &Roots, request: &Request<'_>) -> Result<u8> {
    let lock = lock(roots)?;
    // From now on, no signal ends kchaos before it has cleaned up.
    let signals = command::Signals::new()?;
    let Begun {
        name,
        owned,
        settings,
        own,
    } = begin(roots, request, lock.as_ref())?;
    let owned = Arc::new(owned);
    let witness = Arc::new(Witness::new(roots, &owned, &settings));
    let looking = Arc::clone(&witness);
    let renewal = lease::renew(Arc::clone(&owned), move || looking.look());
    // This can take longer than a lease.
    sweep::before(roots, lock.as_ref());
    drop(lock);
    hints(roots, &name, &settings);
    let program = request.command.first().map(|word| word.to_string_lossy());
    let who = program.unwrap_or_default();
    if settings.freezes() {
        note(&mutual_wait(&who, &name));
    }
    let mut command = match (&own, request.command) {
        (Some(own), words) => own.command(words),
        (None, words) => plain(words)?,
    };
    let hits = Hits::new(roots, &name, &settings, &who, own.is_some());
    let ran = signals.run(&mut command);
    let idle = witness.end(renewal.stop(), &who);
    if let Some(idle) = &idle {
        note(&format!("the injection {name} {idle}"));
    }
    let outcome = hits.end(&witness, idle.as_deref());
    for failure in end(roots, &owned) {
        note_failure(&failure);
    }
    let mut ended = ran;
    if let Some(own) = &own {
        if let Ok(ended) = &mut ended {
            ended.was_started &= own.was_started();
        }
        own.end(roots);
    }
    Ok(outcome.tell(request.expect_hits, &ended?))
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
    let Checked {
        settings, meant, ..
    } = Checked::new(roots, request)?;
    let needed = Needed::by(roots, &settings, request.attach, &meant, &Disks::default())?;
    let mut steps = needed.attach_steps(roots);
    let (name, make) = make::steps(roots, request, &settings, &[])?;
    steps.extend(make);
    steps.extend(needed.remember_steps(roots, &name));
    let given_back = sweep::steps(roots, &[name], &needed.disks);
    steps.extend(given_back);
    steps.iter().try_for_each(|step| step.print(out))
}
