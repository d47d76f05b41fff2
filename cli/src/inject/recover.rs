// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ends injections, for `kchaos recover`.

use crate::{
    error::{all_of, note},
    interface::existing::{all, unknown},
    system::{Roots, step::Step},
};
use anyhow::Result;
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::Path,
};

/// Ends injections and prints their names. An injection that cannot be ended does not keep the
/// others from ending.
///
/// # Errors
///
/// If there is no such injection, or the kernel refuses.
pub(crate) fn recover(
    roots: &Roots,
    names: &[OsString],
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    roots.require_interface()?;
    let mut failures = Vec::new();
    // The other injections end even if nothing can be printed any more.
    let mut printed = Ok(());
    for name in names {
        let shown = name.to_string_lossy();
        let step = Step::RemoveDirectory(roots.injection(name));
        if !is_entry(name) || !roots.injection(name).is_dir() {
            failures.push(unknown(name));
        } else if dry_run {
            step.print(out)?;
        } else {
            match step.run() {
                Ok(()) => printed = printed.and_then(|()| writeln!(out, "{shown}")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    failures.push(unknown(name))
                }
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
/// If one of them cannot be ended; the others end.
pub(crate) fn recover_all(roots: &Roots, dry_run: bool, out: &mut dyn Write) -> Result<()> {
    let names = all(roots)?;
    if names.is_empty() {
        note("there is no injection to recover from");
    }
    recover(roots, &names, dry_run, out)
}

/// Whether `name` is the name of an entry of a directory, and leads nowhere else.
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
}
