// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What the program `kchaos` does: it drives the I/O scheduler ioem through the driver's files in configfs and the disks' in
//! sysfs, and does nothing that a shell could not do.

pub mod args;
pub mod attributes;
pub mod device;
mod disk;
pub mod error;
pub mod injection;
pub mod interface;
pub mod list;
pub mod settings;
pub mod step;
pub mod units;

use anyhow::Result;
use args::{Arguments, Fault, Inject, Verb};
use interface::Roots;
use std::io::Write;

/// Does what the arguments ask for. Results go to `out`.
///
/// # Errors
///
/// [`error::exit`] says of what kind.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<()> {
    let roots = &arguments.roots;
    match &arguments.verb {
        Verb::Inject(inject) => run_inject(roots, inject, out),
        Verb::Recover {
            all: true, dry_run, ..
        } => injection::recover_all(roots, dry_run.dry_run, out),
        Verb::Recover { names, dry_run, .. } => {
            injection::recover(roots, names, dry_run.dry_run, out)
        }
        Verb::List { json } => list::list(roots, *json, out),
        Verb::Attach(args) => device::attach(roots, &args.devices, args.dry_run.dry_run, out),
        Verb::Detach(args) => device::detach(roots, &args.devices, args.dry_run.dry_run, out),
        Verb::Version => version(roots, out),
    }
}

fn run_inject(roots: &Roots, inject: &Inject, out: &mut dyn Write) -> Result<()> {
    let Fault::Ioem { effect } = &inject.fault;
    let (word, settings) = effect.parts();
    let name = inject.name.as_deref();
    if inject.dry_run.dry_run {
        injection::print_inject(roots, word, name, settings, out)
    } else {
        injection::inject(roots, word, name, settings, out)
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
