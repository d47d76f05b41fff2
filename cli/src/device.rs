// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Switching devices to ioem, and giving them back the scheduler that they had.

use crate::{
    disk::{Disk, IOEM, active_scheduler, remembered},
    error::{all_of, note, refused},
    interface::Roots,
};
use anyhow::Result;
use std::{fs, io::Write, path::PathBuf};
use walkdir::WalkDir;

/// A device on ioem.
#[derive(Debug)]
pub struct Attached {
    /// Its name in sysfs.
    pub name: String,
    /// The scheduler that it had before, if that is known.
    pub remembered: Option<String>,
}

/// The devices that are on ioem.
pub fn attached(roots: &Roots) -> Vec<Attached> {
    WalkDir::new(roots.sysfs.join("block"))
        .min_depth(1)
        .max_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().to_str()?.to_owned();
            (active_scheduler(roots, &name)? == IOEM).then(|| Attached {
                remembered: remembered(&roots.state.join(&name)),
                name,
            })
        })
        .collect()
}

/// Switches devices to ioem, all of them or, on an error, none.
///
/// # Errors
///
/// If a device is not there, cannot have a scheduler, or the kernel refuses.
pub fn attach(
    roots: &Roots,
    devices: &[PathBuf],
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let mut disks: Vec<Disk> = Vec::new();
    for device in devices {
        let disk = Disk::find(roots, device)?;
        if disk.active == IOEM {
            note(&format!("{} is on ioem already", disk.name));
        } else if disks.iter().all(|other| other.name != disk.name) {
            disks.push(disk);
        }
    }
    if dry_run {
        let mut steps = disks.iter().flat_map(|disk| disk.attach_steps(roots));
        return steps.try_for_each(|step| step.print(out));
    }
    for (place, disk) in disks.iter().enumerate() {
        if let Err(error) = disk.switch(&disk.attach_steps(roots), IOEM) {
            let mut failures = vec![error];
            failures.extend(
                disks[..=place]
                    .iter()
                    .filter_map(|disk| give_back(roots, disk).err()),
            );
            return all_of(failures);
        }
    }
    for disk in &disks {
        writeln!(out, "{}: {} -> {IOEM}", disk.name, disk.active)?;
    }
    Ok(())
}

/// Undoes what was done of an attachment.
fn give_back(roots: &Roots, disk: &Disk) -> Result<()> {
    if active_scheduler(roots, &disk.name).as_deref() == Some(IOEM) {
        disk.switch(&disk.detach_steps(&disk.active), &disk.active)
    } else {
        forget(disk)
    }
}

/// Removes the memory of a disk that is not on ioem, if there is one.
fn forget(disk: &Disk) -> Result<()> {
    match fs::remove_file(&disk.memory) {
        Err(error) if disk.memory.exists() => Err(refused("remove", &disk.memory, &error)),
        _ => Ok(()),
    }
}

/// Gives devices back the scheduler that they had; one that cannot be switched does not keep the others.
///
/// # Errors
///
/// If a device is not there, or the kernel refuses.
pub fn detach(
    roots: &Roots,
    devices: &[PathBuf],
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let mut failures = Vec::new();
    for device in devices {
        let result = Disk::find(roots, device).and_then(|disk| detach_disk(&disk, dry_run, out));
        failures.extend(result.err());
    }
    all_of(failures)
}

fn detach_disk(disk: &Disk, dry_run: bool, out: &mut dyn Write) -> Result<()> {
    let name = &disk.name;
    if disk.active != IOEM {
        note(&format!("{name} is not on ioem but on {}", disk.active));
        return if dry_run { Ok(()) } else { forget(disk) };
    }
    let scheduler = remembered(&disk.memory).unwrap_or_else(|| {
        note(&format!(
            "nobody remembers which scheduler {name} had before ioem, so it gets none"
        ));
        "none".to_owned()
    });
    let steps = disk.detach_steps(&scheduler);
    if dry_run {
        return steps.iter().try_for_each(|step| step.print(out));
    }
    disk.switch(&steps, &scheduler)?;
    writeln!(out, "{name}: {IOEM} -> {scheduler}")?;
    Ok(())
}
