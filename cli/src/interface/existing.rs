// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The injections that exist, by their names.

use super::near::{near, or};
use crate::{
    error::{Exit, failure, refused},
    system::{Roots, files::entries, lock::Lock},
};
use anyhow::Result;
use std::ffi::{OsStr, OsString};

/// The names of all injections.
///
/// # Errors
///
/// If there is no interface, or it cannot be read.
pub(crate) fn all(roots: &Roots) -> Result<Vec<OsString>> {
    roots.require_interface()?;
    let ioem = roots.ioem();
    let mut names = Vec::new();
    for entry in entries(&ioem) {
        let entry = entry.map_err(|error| refused("read", &ioem, &error.into()))?;
        if entry.file_type().is_dir() {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Whether there is an injection of this name. One that another kchaos replaces counts as there.
pub(crate) fn is_there(roots: &Roots, name: &OsStr) -> bool {
    roots.is_injection(name) || {
        Lock::settle(roots);
        roots.is_injection(name)
    }
}

/// The failure for a name that no injection has.
pub(crate) fn unknown(roots: &Roots, name: &OsStr) -> anyhow::Error {
    let next = match &*name.to_string_lossy() {
        "" => "the name is empty: has a variable no value?",
        "all" | "*" => "recover takes --all, and status shows all without a name",
        names if names.contains([',', ' ']) => "several names are several words",
        _ => "`kchaos list` lists all",
    };
    failure(
        Exit::Name,
        format!("{}; {next}", unknown_beside(roots, name)),
    )
}

/// The sentence about a name that no injection has, with the names of injections that are like it.
pub(crate) fn unknown_beside(roots: &Roots, name: &OsStr) -> String {
    let shown = name.to_string_lossy();
    let names = all(roots).unwrap_or_default();
    let names: Vec<_> = names.iter().map(|name| name.to_string_lossy()).collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let near = near(&shown, &names).into_iter().map(str::to_owned);
    let near: Vec<String> = near.collect();
    // Each name begins with an empty one.
    let more = match near.is_empty() || shown.is_empty() {
        true => String::new(),
        false => format!(", but {}", or(&near)),
    };
    format!("there is no injection named {shown}{more}")
}

/// The command that ends injections.
pub(crate) fn recover_command(names: &[&str]) -> String {
    let names = shlex::try_join(names.iter().copied());
    // Only a zero byte cannot be quoted, and no name has one.
    format!("kchaos recover {}", names.unwrap_or_default())
}
