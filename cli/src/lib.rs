// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What the program `kchaos` does: it drives the I/O scheduler ioem through the driver's files in configfs and the disks' in
//! sysfs, and does nothing that a shell could not do.

mod advice;
pub mod args;
pub mod attributes;
mod block;
mod ceiling;
mod columns;
mod command;
mod describe;
pub mod device;
mod disk;
pub mod error;
pub mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod guard;
mod help;
mod idle;
pub mod injection;
mod inspect;
pub mod interface;
mod lease;
pub mod list;
mod listed;
mod made;
pub mod memory;
mod mounts;
pub mod output;
mod resolve;
pub mod settings;
mod stats;
pub mod status;
pub mod step;
pub mod unit;
pub mod units;
mod witness;

use anyhow::Result;
use args::{Arguments, Fault, Inject, Verb};
use attributes::DURATION;
use clap::{Command, Subcommand};
use clap_complete::Shell;
use error::{Exit, failure};
use injection::Request;
use interface::Roots;
use std::io::Write;

/// Does what the arguments ask for, and returns the exit code. Results go to `out`.
///
/// # Errors
///
/// [`error::exit`] says of what kind.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<u8> {
    let roots = &arguments.roots;
    match &arguments.verb {
        Verb::Inject(inject) => return run_inject(roots, inject, out),
        Verb::Recover {
            all: true, dry_run, ..
        } => injection::recover_all(roots, dry_run.dry_run, out),
        Verb::Recover { names, dry_run, .. } => {
            injection::recover(roots, names, dry_run.dry_run, out)
        }
        Verb::List { json } => list::list(roots, *json, out),
        Verb::Status(args) => status::status(roots, args, out),
        Verb::Attach(args) => device::attach(roots, args, out),
        Verb::Detach(args) => device::detach(roots, &args.devices, args.dry_run.dry_run, out),
        Verb::Version => version(roots, out),
        Verb::Completions { shell } => completions(*shell, out),
    }?;
    Ok(0)
}

fn run_inject(roots: &Roots, inject: &Inject, out: &mut dyn Write) -> Result<u8> {
    let Fault::Ioem { effect } = &inject.fault;
    let (effect, task) = effect.parts();
    let request = Request {
        effect,
        name: inject.name.as_deref(),
        settings: &task.settings,
        command: &task.command,
        force: inject.force,
    };
    if !task.command.is_empty() && task.settings.number(DURATION).is_some() {
        return Err(failure(
            Exit::Usage,
            "an injection for a command lasts as long as the command, so --for has no meaning with \
             -- COMMAND; leave --for out, or end the command too: -- timeout 30s COMMAND",
        ));
    }
    match (inject.dry_run.dry_run, task.command.is_empty()) {
        (false, false) => return injection::inject_for(roots, &request),
        (false, true) => injection::inject(roots, &request, out)?,
        (true, true) => injection::print_inject(roots, &request, out)?,
        (true, false) => {
            return Err(failure(
                Exit::Usage,
                "--dry-run cannot print what -- COMMAND does, which goes on for as long as the \
                 command runs; leave one out",
            ));
        }
    }
    Ok(0)
}

fn version(roots: &Roots, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "kchaos {}", env!("CARGO_PKG_VERSION"))?;
    match roots.version() {
        Ok(version) => writeln!(out, "interface {version}")?,
        Err(error) => writeln!(out, "interface not available: {error:#}")?,
    }
    Ok(())
}

fn completions(shell: Shell, out: &mut dyn Write) -> Result<()> {
    // Without where the file systems are, which nobody types.
    let command = Command::new("kchaos").version(env!("CARGO_PKG_VERSION"));
    let mut command = Verb::augment_subcommands(command);
    let mut script = Vec::new();
    // It would not survive a failure of `out`.
    clap_complete::generate(shell, &mut command, "kchaos", &mut script);
    Ok(out.write_all(&script)?)
}
