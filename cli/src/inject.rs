// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The verbs that change something: injections are made and ended, disks attached and detached.

pub(crate) mod attach;
mod command;
pub(crate) mod devices;
mod hints;
mod hits;
mod lease;
mod make;
mod missed;
pub(crate) mod own;
mod owned;
mod reach;
pub(crate) mod recover;
mod resolve;
mod whose;
mod witness;

use crate::{
    error::{note, print_or},
    interface::{Name, Settings, Value},
    system::{Roots, guard},
};
use anyhow::{Context, Result};
use hints::{hints, idle};
use hits::Hits;
use make::{make, names, taken};
use own::OwnCgroup;
use reach::reached;
use std::{
    ffi::{OsStr, OsString},
    io::Write,
    process::Command,
    sync::Arc,
};
use whose::Aimed;
pub(crate) use whose::Whose;
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
    /// Whose I/O is affected, beside what the settings say.
    pub(crate) whose: Whose<'a>,
    /// The command that the injection is made for; empty if there is none.
    pub(crate) command: &'a [OsString],
    /// Whether the system's own disks may be slowed down without an end in sight.
    pub(crate) force: bool,
    /// Whether a command is to fail if its injection hits nothing.
    pub(crate) expect_hits: bool,
}

impl Request<'_> {
    /// The settings as the driver takes them.
    fn checked(&self, roots: &Roots) -> Result<Settings> {
        let aimed = Aimed::new(roots, self.settings, self.whose)?;
        let settings =
            resolve::resolved(roots, &aimed.settings).map_err(|error| aimed.why(error))?;
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

/// Makes an injection and prints its name.
///
/// # Errors
///
/// If the kernel refuses a step; then nothing stays of the injection.
pub(crate) fn inject(roots: &Roots, request: &Request<'_>, out: &mut dyn Write) -> Result<()> {
    roots.require_known_version()?;
    let settings = request.checked(roots)?;
    let (name, owned) = make(roots, request.effect, request.name, &settings)?;
    print_or(out, &format!("{name}\n"), || {
        owned.end().err().into_iter().collect()
    })?;
    hints(roots, &name, &settings);
    Ok(())
}

/// Makes an injection, runs its command, and ends the injection when the command has ended. Returns
/// the command's exit code.
///
/// # Errors
///
/// If the injection cannot be made or ended, or the command cannot be run.
pub(crate) fn inject_for(roots: &Roots, request: &Request<'_>) -> Result<u8> {
    roots.require_known_version()?;
    let mut settings = request.checked(roots)?;
    settings.set(Name::DurationMs, Value::Number(lease::LENGTH_MS));
    // From now on, no signal ends kchaos before it has cleaned up.
    let signals = command::Signals::new()?;
    let own = match request.whose {
        Whose::Command => Some(OwnCgroup::new(roots)?),
        _ => None,
    };
    if let Some(own) = &own {
        settings.set(Name::Cgroup, Value::Text(own.name()?));
    }
    let (name, owned) = make(roots, request.effect, request.name, &settings)?;
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
        if let Some(sentence) = witness.end(renewal.stop(), &name, &who) {
            note(&sentence);
        }
        outcome = Some(hits.end(&witness));
        let ended = owned.end().map(drop);
        if let Some(own) = &own {
            own.end(roots);
        }
        ended
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
    let settings = request.checked(roots)?;
    for candidate in names(request.effect, request.name) {
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
