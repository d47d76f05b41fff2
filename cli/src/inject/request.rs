// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The request for an injection, and the checks before anything is changed for it.

use super::{
    hints::idle,
    reach::{endless, named, reached},
    resolve::resolved,
    whose::{Aimed, Whose},
};
use crate::{
    error::{Exit, failure, note},
    interface::{Name, Settings, existing::recover_command},
    system::{Roots, attached::attached_names, guard},
};
use anyhow::Result;
use std::ffi::OsString;

/// An injection that is to be made.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The effect, after which injections without a name are named.
    pub(crate) effect: &'static str,
    /// The name, if one was asked for.
    pub(crate) name: Option<&'a str>,
    /// The settings, with devices and cgroups as people name them.
    pub(crate) settings: &'a Settings,
    /// The processes whose I/O is affected, beside the settings.
    pub(crate) whose: Whose<'a>,
    /// The command that the injection is made for; empty if there is none.
    pub(crate) command: &'a [OsString],
    /// Whether the system's own disks may be slowed down without an end in sight.
    pub(crate) force: bool,
    /// Whether a command is to fail if its injection hits nothing.
    pub(crate) expect_hits: bool,
    /// Whether the disks that the injection names are attached.
    pub(crate) attach: bool,
    /// Whether an injection of the name ends first.
    pub(crate) replace: bool,
}

impl Request<'_> {
    /// The settings as the driver takes them.
    pub(super) fn checked(&self, roots: &Roots) -> Result<Settings> {
        let aimed = Aimed::new(roots, self.settings, self.whose)?;
        let settings = resolved(roots, &aimed.settings, self.force);
        let settings = settings.map_err(|error| aimed.why(error))?;
        aimed.check()?;
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
        if self.attach && !self.force {
            check_others(roots, &settings)?;
        }
        for sentence in idle(&settings) {
            note(&sentence);
        }
        Ok(settings)
    }
}

/// Refuses to attach a disk that the system needs, if other injections would act on it without an
/// end: a lease of this injection ends none of them.
fn check_others(roots: &Roots, settings: &Settings) -> Result<()> {
    let Some(devices) = settings.text(Name::Device) else {
        return Ok(());
    };
    let attached = attached_names(roots);
    let named = named(roots, devices).into_iter();
    let new: Vec<String> = named.filter(|disk| !attached.contains(disk)).collect();
    for (disk, what) in guard::needed(roots, &new) {
        let others = endless(roots, disk);
        let names: Vec<&str> = others.iter().map(String::as_str).collect();
        if !names.is_empty() {
            let message = format!(
                "{disk} has {what}, and these would act on it without an end: {}; end them with \
                 `{}`, or add --force",
                names.join(", "),
                recover_command(&names)
            );
            return Err(failure(Exit::Usage, message));
        }
    }
    Ok(())
}
