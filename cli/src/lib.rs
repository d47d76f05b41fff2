// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The program `kchaos` as a library: it drives the I/O scheduler ioem through the driver's files
//! in configfs and the disks' in sysfs, and does nothing that a shell could not do.
//!
//! [`Arguments::read`] reads a command line, and [`run`] runs it. [`interface`] has the settings of
//! injections: their names, ranges and texts.
//!
//! Data flows down through the rooms, and no room uses one above it: `scenario` runs a file of
//! steps, `record` makes a disk as slow as another one was, `args` reads a command line, `top` is a
//! live view with keys, `doctor` looks for problems, `inject` makes a change, `show` prints a
//! state, `interface` knows the driver's files, and `system` the machine.

pub mod args;
mod doctor;
pub mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod inject;
pub mod interface;
mod record;
mod scenario;
mod show;
mod system;
mod top;

pub use args::Arguments;
pub use system::Roots;

use anyhow::Result;
use args::{Devices, Fault, Inject, Task, Verb, Whom};
use clap::CommandFactory;
use clap_complete::Shell;
use error::{Exit, failure};
use inject::{
    Request, Whose,
    attach::{self, Which},
    change::{self, Change},
    gc, own, recover, sweep,
    wait::{self, Until},
};
use interface::Name;
use show::{list, status};
use std::{ffi::OsString, io::Write};

/// If these are the words by which this program starts itself again, to run a command in a cgroup,
/// becomes the command. Returns only the failure to do so.
pub fn enter(words: &[OsString]) -> Option<anyhow::Error> {
    own::enter(words)
}

/// Runs the verb of a command line, and returns the exit code. Results go to `out`.
///
/// # Errors
///
/// Any failure; [`error::exit`] has its exit code.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<u8> {
    let roots = &Roots::from_environment();
    if arguments.verb.changes() {
        own::sweep(roots);
    }
    match &arguments.verb {
        Verb::Inject(inject) => return run_inject(roots, inject, out),
        Verb::Recover {
            names,
            all,
            ignore_missing,
            dry_run,
        } => {
            let options = recover::Options {
                ignore_missing: *ignore_missing,
                dry_run: dry_run.dry_run,
            };
            match all {
                true => recover::recover_all(roots, options, out),
                false => recover::recover(roots, names, options, out),
            }
        }
        Verb::Change(args) => {
            let change = Change {
                name: &args.name,
                values: &args.changes.0,
                force: args.force,
                attach: !args.no_attach,
                dry_run: args.dry_run.dry_run,
            };
            change::change(roots, &change, out)
        }
        Verb::Wait {
            name,
            held,
            hit,
            timeout,
            ..
        } => {
            let held = held.map(Until::Held);
            let until = held.or(hit.map(Until::Hit)).unwrap_or(Until::Gone);
            sweep::before_looking(roots);
            wait::wait(roots, name, until, *timeout)
        }
        Verb::List { json } => {
            sweep::before_looking(roots);
            list::list(roots, *json, out)
        }
        Verb::Status(args) => {
            let options = status::Options {
                names: &args.names,
                watch: args.watch.then_some(args.interval),
                json: args.json,
            };
            sweep::before_looking(roots);
            status::status(roots, &options, out)
        }
        Verb::Top(args) => {
            let options = top::Options {
                interval: args.interval,
                frames: args.frames,
            };
            return top::top(roots, &options, out);
        }
        Verb::Attach(args) => {
            let options = attach::Options {
                requests: args.nr_requests,
                force: args.force,
                dry_run: args.devices.dry_run.dry_run,
            };
            attach::attach(roots, which(&args.devices), options, out)
        }
        Verb::Detach(args) => attach::detach(roots, which(args), args.dry_run.dry_run, out),
        Verb::Doctor { json } => return doctor::doctor(roots, *json, out),
        Verb::Gc { dry_run } => gc::gc(roots, dry_run.dry_run, out),
        Verb::Scenario { verb } => return scenario::scenario(roots, verb, out),
        Verb::Record(args) => return record::record(roots, args, out),
        Verb::Replay(args) => return record::replay(roots, args, out),
        Verb::Version => version(roots, out),
        Verb::Completions { shell } => completions(*shell, out),
    }?;
    Ok(0)
}

fn which(devices: &Devices) -> Which<'_> {
    if devices.all {
        Which::All
    } else {
        Which::Named(&devices.devices)
    }
}

fn run_inject(roots: &Roots, inject: &Inject, out: &mut dyn Write) -> Result<u8> {
    let Fault::Ioem { effect } = &inject.fault;
    let (effect, task) = effect.parts();
    let request = Request {
        effect,
        name: inject.name.as_deref(),
        settings: &task.settings,
        whose: whose(&task.whom),
        command: &task.command,
        force: inject.force,
        expect_hits: inject.expect_hits,
        attach: !inject.no_attach,
        replace: inject.replace,
    };
    let has_command = !task.command.is_empty();
    check_end(inject, task)?;
    if let Some((flag, what)) = task.settings.lifted().next() {
        let message = format!(
            "{flag} 0 would be {what}, as without {flag}; leave it out, or choose more than 0"
        );
        return Err(failure(Exit::Usage, message));
    }
    if inject.dry_run.dry_run && (has_command || inject.wait) {
        let which = if has_command { "-- COMMAND" } else { "--wait" };
        return Err(failure(
            Exit::Usage,
            format!(
                "--dry-run cannot print the work of {which}, which goes on until the injection \
                 ends; leave one out"
            ),
        ));
    }
    if inject.dry_run.dry_run {
        inject::print_inject(roots, &request, out)?;
    } else if has_command {
        return inject::inject_for(roots, &request);
    } else if inject.wait {
        return inject::inject_and_stay(roots, &request, out);
    } else {
        inject::inject(roots, &request, out)?;
    }
    Ok(0)
}

/// Checks that no two options say when an injection ends, and that one does if kchaos is to wait.
fn check_end(inject: &Inject, task: &Task) -> Result<()> {
    let has_command = !task.command.is_empty();
    let settings = &task.settings;
    let is_set = |name| settings.number(name).is_some_and(|number| number > 0);
    if inject.expect_hits && !has_command {
        return Err(failure(
            Exit::Usage,
            "--expect-hits is about the time in which a command runs; add -- COMMAND, or leave it \
             out and look at `kchaos status`",
        ));
    }
    if task.whom.own && !has_command {
        return Err(failure(
            Exit::Usage,
            "--own affects the I/O of a command alone, so it needs one: add -- COMMAND; for a \
             program that runs already, there is --pid",
        ));
    }
    if has_command && settings.number(Name::DurationMs).is_some() {
        return Err(failure(
            Exit::Usage,
            "an injection for a command lasts as long as the command, so --for has no meaning with \
             -- COMMAND; leave --for out, or end the command too: -- timeout 30s COMMAND",
        ));
    }
    if has_command && inject.wait {
        return Err(failure(
            Exit::Usage,
            "an injection for a command lasts as long as the command, and kchaos waits for that \
             anyway; leave --wait out",
        ));
    }
    if inject.wait && !is_set(Name::DurationMs) && !is_set(Name::Times) {
        return Err(failure(
            Exit::Usage,
            "this injection does not end by itself, so --wait has nothing to wait for; add \
             --for 30s or --times 100",
        ));
    }
    Ok(())
}

/// The processes whose I/O is affected; the command line has at most one of the three.
fn whose(whom: &Whom) -> Whose<'_> {
    match (whom.own, whom.pid, &whom.container) {
        (true, _, _) => Whose::Command,
        (_, Some(pid), _) => Whose::Process(pid),
        (_, _, Some(id)) => Whose::Container(id),
        _ => Whose::Anyone,
    }
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
    let mut script = Vec::new();
    // `generate` panics if its output fails.
    clap_complete::generate(shell, &mut Arguments::command(), "kchaos", &mut script);
    Ok(out.write_all(&script)?)
}
