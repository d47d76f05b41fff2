// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Looks up the devices, cgroups and processes that people name.

use super::{consent::Reason, devices::put, whose::no_process};
use crate::{
    error::{Exit, failure},
    interface::{Name, Settings, Value},
    system::{Roots, cgroups, process::Process},
};
use anyhow::Result;

/// The settings with the driver's names for devices and the cgroup; and without `force`, the
/// reasons for which their devices want it.
///
/// # Errors
///
/// [`crate::error::Exit::Name`] if there is no such device, cgroup or process.
pub(super) fn resolved(
    roots: &Roots,
    settings: &Settings,
    force: bool,
) -> Result<(Settings, Vec<Reason>)> {
    roots.require_sysfs()?;
    let mut resolved = settings.clone();
    let reasons = put(roots, &mut resolved, force)?;
    if let Some(path) = settings.text(Name::Cgroup) {
        resolved.set(Name::Cgroup, Value::Text(cgroups::find(roots, path)?));
    }
    if let Some(process) = settings.text(Name::PidNs) {
        check_process(roots, process)?;
    }
    Ok((resolved, reasons))
}

/// Checks that there is this process, if /proc is there.
fn check_process(roots: &Roots, process: &str) -> Result<()> {
    if roots.proc.join("self").exists() && !roots.proc.join(process).exists() {
        return Err(no_process(process));
    }
    Ok(())
}

/// The process whose PID namespace the settings choose, if /proc has it.
pub(super) fn namespace_of(roots: &Roots, settings: &Settings) -> Option<Process> {
    let pid = settings.text(Name::PidNs)?.parse().ok()?;
    Process::find(roots, pid)
}

/// Checks, after the driver has looked the process up by its number, that it was the one that was
/// meant.
///
/// # Errors
///
/// [`Exit::Name`] if it has ended, as another one may have the number by now.
pub(super) fn check_namespace_of(process: Option<&Process>) -> Result<()> {
    match process {
        Some(process) if !process.is_still_there() => {
            let message = format!(
                "process {} ended while kchaos chose its PID namespace, and its number may be \
                 another one's now; kchaos has undone its changes",
                process.pid
            );
            Err(failure(Exit::Name, message))
        }
        _ => Ok(()),
    }
}
