// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Looks up the devices, cgroups and processes that people name.

use super::whose::no_process;
use crate::{
    error::{Exit, failure, note},
    interface::{Name, Settings, Value},
    system::{
        Roots,
        block::{self, Found, is_number},
        cgroups,
        disk::Disk,
    },
};
use anyhow::Result;
use std::path::Path;

/// The largest numbers that a device can have.
const MOST_MAJOR: u64 = 4_095;
const MOST_MINOR: u64 = 1_048_575;

/// The settings with the driver's names for devices and the cgroup.
///
/// # Errors
///
/// [`Exit::Name`] if there is no such device, cgroup or process.
pub(crate) fn resolved(roots: &Roots, settings: &Settings) -> Result<Settings> {
    let mut resolved = settings.clone();
    if let Some(devices) = settings.text(Name::Device) {
        let mut names: Vec<String> = Vec::new();
        for name in devices.split(',') {
            let name = device(roots, name)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        resolved.set(Name::Device, Value::Text(names.join(" ")));
    }
    if let Some(path) = settings.text(Name::Cgroup) {
        resolved.set(Name::Cgroup, Value::Text(cgroups::find(roots, path)?));
    }
    if let Some(process) = settings.text(Name::PidNs) {
        check_process(roots, process)?;
    }
    Ok(resolved)
}

/// Checks that there is this process, if /proc is there.
fn check_process(roots: &Roots, process: &str) -> Result<()> {
    if roots.proc.join("self").exists() && !roots.proc.join(process).exists() {
        return Err(no_process(process));
    }
    Ok(())
}

/// The driver's name of a device.
fn device(roots: &Roots, text: &str) -> Result<String> {
    match block::find(roots, Path::new(text))? {
        Found::Block(block) => {
            // A scheduler never sees I/O to a device that has none.
            Disk::named(roots, &block.disk)?;
            Ok(block.name)
        }
        Found::Absent(name) => {
            check_absent(&name)?;
            note(&format!(
                "there is no device {name} yet; the injection reaches it once it is there and on ioem"
            ));
            Ok(name)
        }
    }
}

/// Checks that a device could have this name or number.
fn check_absent(name: &str) -> Result<()> {
    if !is_number(name) {
        return if name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
            let message = format!("no device can be named \"{name}\"; name one such as /dev/sda");
            Err(failure(Exit::Usage, message))
        } else {
            Ok(())
        };
    }
    let within = |text: &str, most| text.parse().is_ok_and(|number: u64| number <= most);
    match name.split_once(':') {
        Some((major, minor)) if within(major, MOST_MAJOR) && within(minor, MOST_MINOR) => Ok(()),
        _ => Err(failure(
            Exit::Usage,
            format!(
                "no device can have the number {name}; they are from 0:0 to {MOST_MAJOR}:{MOST_MINOR}"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_device_can_be_called_is_refused() {
        for name in ["sdz", "cciss!c0d0", "8:1", "4095:1048575"] {
            assert!(check_absent(name).is_ok(), "{name}");
        }
        for name in [
            "a b",
            "4096:0",
            "0:1048576",
            "1:2:3",
            "99999999999999999999:0",
        ] {
            assert!(check_absent(name).is_err(), "{name}");
        }
    }
}
