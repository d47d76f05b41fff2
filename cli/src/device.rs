// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Switching devices to ioem, and giving them back the scheduler that they had.

use crate::{
    args::Attach,
    disk::{Disk, IOEM, NONE, active_scheduler},
    error::{all_of, note, refused},
    guard, injection,
    interface::{LOAD, Roots},
    memory::Memory,
    output::print_or,
};
use anyhow::Result;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// A device on ioem.
#[derive(Debug)]
pub struct Attached {
    /// Its name in sysfs.
    pub name: String,
    /// What it had before, if that is known.
    pub remembered: Option<Memory>,
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
                remembered: Memory::read(&roots.state.join(&name)).ok().flatten(),
                name,
            })
        })
        .collect()
}

/// Switches devices to ioem, all of them or, on an error, none.
///
/// # Errors
///
/// If a device is not there, cannot have a scheduler, has the system itself on it, or the kernel refuses.
pub fn attach(roots: &Roots, args: &Attach, out: &mut dyn Write) -> Result<()> {
    let requests = args.nr_requests;
    let mut disks: Vec<Disk> = Vec::new();
    for device in &args.devices.devices {
        let disk = Disk::find(roots, device)?;
        if disk.active == IOEM && requests.is_none_or(|wanted| disk.requests == Some(wanted)) {
            note(&format!("{} is on ioem already", disk.name));
        } else if disks.iter().all(|other| other.name != disk.name) {
            disks.push(disk);
        }
    }
    let others = disks.iter().filter(|disk| disk.active != IOEM);
    let names: Vec<String> = others.map(|disk| disk.name.clone()).collect();
    if args.force {
        for (disk, what) in guard::needed(roots, &names) {
            let endless = injection::endless(roots, disk);
            let names: Vec<&str> = endless.iter().map(String::as_str).collect();
            if !names.is_empty() {
                note(&format!(
                    "{disk} has {what}, and these act on it now without an end: {}; end them with \
                     `{}`",
                    names.join(", "),
                    injection::recover_command(&names)
                ));
            }
        }
    } else {
        guard::check(
            roots,
            &names,
            "if that is what you want, add --force, and --for TIME to each injection",
        )?;
    }
    if args.devices.dry_run.dry_run {
        let needs_module = |disk: &Disk| disk.active != IOEM && !disk.can_have_ioem;
        // A disk lists ioem if the module is loaded, also where configfs is not mounted.
        if disks.iter().any(needs_module) && roots.require_interface().is_err() {
            note(&format!(
                "unless the kernel finds the module chaos_driver installed, these commands would \
                 fail now: it is not loaded; {LOAD}"
            ));
        }
        let mut steps = disks
            .iter()
            .flat_map(|disk| disk.attach_steps(roots, requests));
        return steps.try_for_each(|step| step.print(out));
    }
    let before: Vec<Option<Memory>> = disks
        .iter()
        .map(|disk| Memory::read(&disk.memory).ok().flatten())
        .collect();
    let new_folders = missing_folders(&roots.state);
    let undo = |count| {
        let disks = disks.iter().zip(&before).take(count);
        let failures = disks
            .filter_map(|(disk, memory)| give_back(roots, disk, requests, memory.as_ref()).err())
            .collect::<Vec<_>>();
        for folder in &new_folders {
            // If something is in it, such as the memory of a disk that could not be given back, it stays.
            let _ = fs::remove_dir(folder);
        }
        failures
    };
    for (place, disk) in disks.iter().enumerate() {
        if let Err(error) = disk.switch(&disk.attach_steps(roots, requests), IOEM) {
            let mut failures = vec![error];
            failures.extend(undo(place + 1));
            return all_of(failures);
        }
    }
    let lines: Vec<String> = disks
        .iter()
        .map(|disk| attached_line(disk, requests))
        .collect();
    print_or(out, &lines.concat(), || undo(disks.len()))
}

/// A folder and those above it, as far as they are not there; the deepest comes first.
fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    let folders = folder.ancestors().take_while(|folder| !folder.exists());
    folders.map(Path::to_owned).collect()
}

/// What became of a disk that was attached.
fn attached_line(disk: &Disk, requests: Option<u64>) -> String {
    let before = if disk.active == IOEM {
        String::new()
    } else {
        format!("{} -> ", disk.active)
    };
    let requests = requests.map(|requests| format!(", nr_requests {requests}"));
    format!(
        "{}: {before}{IOEM}{}\n",
        disk.name,
        requests.unwrap_or_default()
    )
}

/// Undoes what was done of an attachment.
fn give_back(
    roots: &Roots,
    disk: &Disk,
    requests: Option<u64>,
    remembered: Option<&Memory>,
) -> Result<()> {
    if disk.active == IOEM {
        disk.switch(&disk.lower_steps(remembered), IOEM)
    } else if active_scheduler(roots, &disk.name).as_deref() == Some(IOEM) {
        disk.switch(&disk.detach_steps(&disk.now(requests)), &disk.active)
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
    // Whether anybody learns of it or not, the others are given back too.
    let mut printed = Ok(());
    for device in devices {
        match Disk::find(roots, device).and_then(|disk| detach_disk(&disk, dry_run)) {
            Ok(text) => printed = printed.and_then(|()| out.write_all(&text)),
            Err(error) => failures.push(error),
        }
    }
    all_of(failures)?;
    Ok(printed?)
}

/// What is remembered of a disk on ioem; if there is nothing, people are told.
fn remembered(disk: &Disk) -> Option<Memory> {
    let name = &disk.name;
    let read = Memory::read(&disk.memory);
    match &read {
        Ok(Some(_)) => {}
        Ok(None) => note(&format!(
            "nobody remembers which scheduler {name} had before ioem, so it gets none"
        )),
        Err(about) => note(&format!(
            "{}, where it is remembered what {name} had before ioem, is broken: it {about}; so {name} \
             gets none; choose another: echo SCHEDULER > {}",
            disk.memory.display(),
            disk.scheduler.display()
        )),
    }
    read.ok().flatten()
}

/// Gives a disk back, and returns what is to be printed.
fn detach_disk(disk: &Disk, dry_run: bool) -> Result<Vec<u8>> {
    let name = &disk.name;
    let mut text = Vec::new();
    if disk.active != IOEM {
        note(&format!("{name} is not on ioem but on {}", disk.active));
        if !dry_run {
            forget(disk)?;
        }
        return Ok(text);
    }
    let memory = remembered(disk).unwrap_or_else(|| Memory {
        scheduler: NONE.to_owned(),
        requests: None,
    });
    let steps = disk.detach_steps(&memory);
    if dry_run {
        for step in &steps {
            step.print(&mut text)?;
        }
        return Ok(text);
    }
    disk.switch(&steps, &memory.scheduler)?;
    writeln!(text, "{name}: {IOEM} -> {}", memory.scheduler)?;
    Ok(text)
}
