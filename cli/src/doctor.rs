// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Looks for trouble that keeps disks from being slow, or leaves them slow, for `kchaos doctor`. It
//! changes nothing.

mod disks;
mod injections;
mod kernel;
mod leftovers;
mod module_file;
mod report;

use crate::{error::unless_closed, system::Roots};
use anyhow::Result;
use report::Report;
use std::io::Write;

/// Prints the findings. Returns the exit code: 1 if there is a problem.
///
/// # Errors
///
/// If it cannot be printed.
pub(crate) fn doctor(roots: &Roots, json: bool, out: &mut dyn Write) -> Result<u8> {
    let report = look(roots);
    let text = match json {
        true => format!("{:#}", report.json()),
        false => report.lines().join("\n"),
    };
    // The exit code stays, even if the reader has gone, such as a `grep -q`.
    unless_closed(writeln!(out, "{text}"))?;
    Ok(u8::from(!report.problems.is_empty()))
}

fn look(roots: &Roots) -> Report {
    let mut report = Report::default();
    kernel::look(roots, roots.ioem().is_dir(), &mut report);
    let has_interface = kernel::look_at_interface(roots, &mut report);
    disks::look(roots, &mut report);
    if has_interface {
        injections::look(roots, &mut report);
    }
    leftovers::look(roots, has_interface, &mut report);
    report
}
