// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The request for an injection, and the checks before anything is changed for it.

use super::{
    consent::{self, OTHER_DISKS, Reason},
    devices::put_disks_of_sectors,
    hints::idle,
    loss,
    reach::{endless, named, reached},
    resolve::{self, Resolved, resolved},
    whose::{Aimed, Whose},
};
use crate::{
    error::{Exit, failure, note},
    interface::{Name, Settings, existing::recover_command},
    system::{Roots, attached::attached_names, disks::Disks, guard, process::Process},
};
use anyhow::Result;
use std::ffi::OsString;

/// An injection that is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// The effect, after which injections without a name are named.
    pub(crate) effect: &'a str,
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

/// A request whose names have been looked up, and which nothing forbids.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The settings as the driver takes them.
    pub(super) settings: Settings,
    /// The disks that are meant.
    pub(super) meant: Disks,
    /// The process whose PID namespace the settings choose.
    pub(super) process: Option<Process>,
}

impl Checked {
    /// Checks a request.
    ///
    /// # Errors
    ///
    /// If a name means nothing, or the request wants `--force`.
    pub(super) fn new(roots: &Roots, request: &Request<'_>) -> Result<Self> {
        let process = resolve::namespace_of(roots, request.settings);
        let (settings, meant) = request.checked(roots)?;
        Ok(Self {
            settings,
            meant,
            process,
        })
    }
}

impl Request<'_> {
    /// The settings as the driver takes them, and the disks that are meant.
    fn checked(&self, roots: &Roots) -> Result<(Settings, Disks)> {
        let mut settings = self.settings.clone();
        put_disks_of_sectors(&mut settings);
        let aimed = Aimed::new(roots, &settings, self.whose)?;
        let resolved = resolved(roots, &aimed.settings, self.force);
        let Resolved {
            settings,
            mut reasons,
            disks,
        } = resolved.map_err(|error| aimed.why(error))?;
        aimed.check()?;
        let names_device = settings.text(Name::Device).is_some();
        if self.attach && !names_device && attached_names(roots).is_empty() {
            return Err(failure(
                Exit::Name,
                "no disk is attached, so this injection would reach none; name a disk with --device",
            ));
        }
        let consents = settings.number(Name::DataLoss) == Some(1);
        if self.attach {
            reasons.extend(loss::check_reached(roots, &settings)?);
        }
        reasons.extend(loss::reasons(roots, &settings, true, true, consents)?);
        if !self.force {
            reasons.extend(endless_hang(&settings, self.end()));
            if settings.number(Name::DurationMs).unwrap_or(0) == 0 {
                let instead = [WITH_END, OTHER_DISKS];
                let instead = &instead[usize::from(!self.command.is_empty())..];
                reasons.extend(endless_risks(roots, &settings, instead));
            }
            if self.attach {
                reasons.extend(others(roots, &settings));
            }
            consent::check(&reasons)?;
        }
        for sentence in idle(&settings) {
            note(&sentence);
        }
        Ok((settings, disks))
    }

    /// The end of the injection.
    fn end(&self) -> End {
        match self.whose {
            _ if self.command.is_empty() => End::Lease,
            Whose::Command => End::OwnCommand("leave --own out"),
            _ => End::Command,
        }
    }
}

/// The end of an injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// That of its lease, if it has one.
    Lease,
    /// That of a command, for which kchaos renews its lease.
    Command,
    /// The same, if only the command's own I/O is affected; with the way to do without that.
    OwnCommand(&'static str),
}

/// A reason if an injection with these settings and this end holds I/O, and nothing ends that.
pub(super) fn endless_hang(settings: &Settings, end: End) -> Option<Reason> {
    let has_lease = settings.number(Name::DurationMs).unwrap_or(0) > 0;
    let (why, instead) = match end {
        End::Lease if !has_lease => (
            "nothing ends this hang, and programs that wait for held I/O cannot be killed",
            "add an end, such as --for 10s",
        ),
        End::OwnCommand(instead) => (
            "nothing ends a hang of the command's own I/O: the command waits for its I/O, and the \
             injection lasts as long as the command",
            instead,
        ),
        End::Lease | End::Command => return None,
    };
    let reason = || Reason::new(why.to_owned(), &[instead]);
    settings.freezes().then(reason)
}

/// The sentence about a hang that ends with a command, which may wait for it.
pub(super) fn mutual_wait(who: &str, name: &str) -> String {
    let recover = recover_command(&[name]);
    format!(
        "if {who} waits for I/O that hangs, neither ends by itself; from another shell, \
         `{recover}` ends the hang"
    )
}

/// The way to do without an injection that has no end.
pub(super) const WITH_END: &str = "add --for 30s, so that it ends by itself";

/// A reason for each disk that the system needs and that an injection without an end would slow
/// down.
pub(super) fn endless_risks(roots: &Roots, settings: &Settings, instead: &[&str]) -> Vec<Reason> {
    let disks = reached(roots, settings);
    let risks = guard::risks(roots, &disks).into_iter();
    risks
        .map(|risk| Reason::new(risk.when_slow(), instead))
        .collect()
}

/// A reason for each disk that the system needs, if it is to be attached, and other injections
/// would act on it without an end: a lease of this injection ends none of them.
fn others(roots: &Roots, settings: &Settings) -> Vec<Reason> {
    let Some(devices) = settings.text(Name::Device) else {
        return Vec::new();
    };
    let attached = attached_names(roots);
    let named = named(roots, devices).into_iter();
    let new: Vec<String> = named.filter(|disk| !attached.contains(disk)).collect();
    let reasons = guard::risks(roots, &new).into_iter().filter_map(|risk| {
        let others = endless(roots, risk.disk);
        let names: Vec<&str> = others.iter().map(String::as_str).collect();
        let why = format!(
            "{}, and these would act on it without an end: {}",
            risk.why,
            names.join(", ")
        );
        let instead = format!("end them with `{}`", recover_command(&names));
        (!names.is_empty()).then(|| Reason::new(why, &[&instead]))
    });
    reasons.collect()
}
