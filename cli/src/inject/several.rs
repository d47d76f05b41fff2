// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Several injections for the same devices: all of them are made, or none.

use super::{
    Begun,
    auto::Needed,
    begin_checked,
    command::{Signals, killed_by},
    hints::hints,
    lock, make,
    request::{Checked, Request},
    sweep,
};
use crate::{
    error::{all_of, joined, note, print_or},
    interface::{Name, Value},
    system::{Roots, disks::Disks, step::Step},
};
use anyhow::Result;
use std::{collections::BTreeSet, ffi::OsString, io::Write};

/// Makes injections, and prints their names. Returns the exit code.
///
/// # Errors
///
/// If one of them cannot be made; then nothing stays of the others.
pub(crate) fn inject(roots: &Roots, requests: &[Request<'_>], out: &mut dyn Write) -> Result<u8> {
    let lock = lock(roots)?;
    sweep::before(roots, lock.as_ref());
    let all = checked(roots, requests)?;
    let mut made: Vec<Begun> = Vec::new();
    // A signal ends kchaos only when all of them are there, or none.
    let mut signals = Signals::new()?;
    for (request, checked) in requests.iter().zip(&all) {
        if let Some(signal) = signals.come() {
            drop(lock);
            all_of(end(roots, &made))?;
            return Ok(killed_by(signal));
        }
        match begin_checked(roots, request, checked, lock.as_ref()) {
            Ok(begun) => made.push(begun),
            Err(error) => {
                drop(lock);
                return Err(joined(error, end(roots, &made)));
            }
        }
    }
    sweep::before(roots, lock.as_ref());
    drop(lock);
    let names: String = made
        .iter()
        .map(|begun| format!("{}\n", begun.name))
        .collect();
    print_or(out, &names, || end(roots, &made))?;
    for begun in &made {
        hints(roots, &begun.name, &begun.settings);
    }
    Ok(0)
}

/// Ends injections, and gives back the disks that were attached for them.
fn end(roots: &Roots, made: &[Begun]) -> Vec<anyhow::Error> {
    let mut failures: Vec<_> = made
        .iter()
        .filter_map(|begun| begun.owned.end().err())
        .collect();
    failures.extend(sweep::after_end(roots));
    failures
}

/// Checks requests for the same devices. Their names are looked up once, so that notes about them
/// come once.
fn checked(roots: &Roots, requests: &[Request<'_>]) -> Result<Vec<Checked>> {
    let mut all: Vec<Checked> = Vec::new();
    for request in requests {
        let mut settings = request.settings.clone();
        if let Some(first) = all.first() {
            // The driver has blanks where a flag has commas.
            if let Some(devices) = first.settings.text(Name::Device) {
                settings.set(Name::Device, Value::Text(devices.replace(' ', ",")));
            }
            if let Some(sectors) = first.settings.text(Name::Sectors) {
                settings.set(Name::Sectors, Value::Text(sectors.to_owned()));
            }
        }
        let request = Request {
            settings: &settings,
            ..*request
        };
        all.push(Checked::new(roots, &request)?);
    }
    Ok(all)
}

/// Prints the commands that make injections.
///
/// # Errors
///
/// As [`inject`] before it changes anything.
pub(crate) fn print(roots: &Roots, requests: &[Request<'_>], out: &mut dyn Write) -> Result<()> {
    if let Err(error) = roots.require_known_version() {
        note(&format!("these commands would fail now: {error:#}"));
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut attached = BTreeSet::new();
    let mut names: Vec<OsString> = Vec::new();
    let mut needs = Disks::default();
    for (request, checked) in requests.iter().zip(checked(roots, requests)?) {
        let Checked {
            settings, meant, ..
        } = checked;
        let needed = Needed::by(roots, &settings, request.attach, &meant, &Disks::default())?;
        // The disks of the first are those of all.
        let to_attach = needed.disks.all_names().cloned().collect::<Vec<_>>();
        if attached.insert(to_attach) {
            steps.extend(needed.attach_steps(roots));
        }
        let (name, made) = make::steps(roots, request, &settings, &names)?;
        steps.extend(made);
        steps.extend(needed.remember_steps(roots, &name));
        needs.add(needed.disks.clone());
        names.push(name);
    }
    steps.extend(sweep::steps(roots, &names, &needs));
    steps.iter().try_for_each(|step| step.print(out))
}
