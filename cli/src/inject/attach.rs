// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Switches disks to ioem, and gives them back their former scheduler.

use super::reach::endless;
use crate::{
    error::{all_of, note, print_or, refused},
    interface::existing::recover_command,
    system::{
        IOEM, LOAD, NONE, Roots,
        disk::{Disk, active_scheduler},
        guard,
        saved::Saved,
        target,
    },
};
use anyhow::Result;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The options of an attachment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// The number of requests that each disk gets.
    pub(crate) requests: Option<u64>,
    /// Whether the system's own disks may be switched, too.
    pub(crate) force: bool,
    /// Whether commands are printed instead.
    pub(crate) dry_run: bool,
}

/// Switches devices to ioem, all of them or, on an error, none.
///
/// # Errors
///
/// If a device is not there, cannot have a scheduler or has the system itself on it, or the kernel
/// refuses.
pub(crate) fn attach(
    roots: &Roots,
    devices: &[PathBuf],
    options: Options,
    out: &mut dyn Write,
) -> Result<()> {
    let requests = options.requests;
    let disks = to_switch(roots, devices, requests)?;
    check_needed(roots, &disks, options.force)?;
    if options.dry_run {
        return print_attach(roots, &disks, requests, out);
    }
    let before: Vec<Option<Saved>> = disks
        .iter()
        .map(|disk| Saved::read(&disk.saved_file).ok().flatten())
        .collect();
    let new_folders = missing_folders(&roots.state);
    let undo = |count| {
        let disks = disks.iter().zip(&before).take(count);
        let failures = disks
            .filter_map(|(disk, saved)| give_back(roots, disk, requests, saved.as_ref()).err())
            .collect::<Vec<_>>();
        for folder in &new_folders {
            // The folder stays if it still has the file of a disk that could not be given back.
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

/// The disks of these devices that need a change, each of them once.
fn to_switch(roots: &Roots, devices: &[PathBuf], requests: Option<u64>) -> Result<Vec<Disk>> {
    let mut disks: Vec<Disk> = Vec::new();
    for device in devices {
        let target = target::there(roots, device)?;
        for sentence in &target.notes {
            note(sentence);
        }
        for disk in target.to_attach(roots)? {
            if disk.active == IOEM && requests.is_none_or(|wanted| disk.requests == Some(wanted)) {
                note(&format!("{} is on ioem already", disk.name));
            } else if disks.iter().all(|other| other.name != disk.name) {
                disks.push(disk);
            }
        }
    }
    Ok(disks)
}

/// Refuses to switch the system's own disks; with `force`, warns of injections that act on them.
fn check_needed(roots: &Roots, disks: &[Disk], force: bool) -> Result<()> {
    let others = disks.iter().filter(|disk| disk.active != IOEM);
    let names: Vec<String> = others.map(|disk| disk.name.clone()).collect();
    if !force {
        let remedy = "if that is what you want, add --force, and --for TIME to each injection";
        return guard::check(roots, &names, remedy);
    }
    for (disk, what) in guard::needed(roots, &names) {
        let endless = endless(roots, disk);
        let names: Vec<&str> = endless.iter().map(String::as_str).collect();
        if !names.is_empty() {
            note(&format!(
                "{disk} has {what}, and these act on it now without an end: {}; end them with \
                     `{}`",
                names.join(", "),
                recover_command(&names)
            ));
        }
    }
    Ok(())
}

/// Prints the commands that attach disks.
fn print_attach(
    roots: &Roots,
    disks: &[Disk],
    requests: Option<u64>,
    out: &mut dyn Write,
) -> Result<()> {
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
    steps.try_for_each(|step| step.print(out))
}

/// A folder and those above it, as far as they are not there; the deepest comes first.
fn missing_folders(folder: &Path) -> Vec<PathBuf> {
    let folders = folder.ancestors().take_while(|folder| !folder.exists());
    folders.map(Path::to_owned).collect()
}

/// The line about a disk that was attached.
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

/// Undoes an attachment, as far as it was made.
fn give_back(
    roots: &Roots,
    disk: &Disk,
    requests: Option<u64>,
    remembered: Option<&Saved>,
) -> Result<()> {
    if disk.active == IOEM {
        disk.switch(&disk.lower_steps(remembered), IOEM)
    } else if active_scheduler(roots, &disk.name).as_deref() == Some(IOEM) {
        disk.switch(&disk.detach_steps(&disk.now(requests)), &disk.active)
    } else {
        forget(disk)
    }
}

/// Removes the file of a disk that is not on ioem, if there is one.
fn forget(disk: &Disk) -> Result<()> {
    match fs::remove_file(&disk.saved_file) {
        Err(error) if disk.saved_file.exists() => Err(refused("remove", &disk.saved_file, &error)),
        _ => Ok(()),
    }
}

/// Gives devices back their former scheduler. A device that cannot be switched does not keep the
/// others from being given back.
///
/// # Errors
///
/// If a device is not there, or the kernel refuses.
pub(crate) fn detach(
    roots: &Roots,
    devices: &[PathBuf],
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let mut failures = Vec::new();
    // The other devices are given back even if nothing can be printed any more.
    let mut printed = Ok(());
    for device in devices {
        let disks = target::there(roots, device).and_then(|target| target.to_attach(roots));
        let disks = disks.unwrap_or_else(|error| {
            failures.push(error);
            Vec::new()
        });
        for disk in disks {
            match detach_disk(&disk, dry_run) {
                Ok(text) => printed = printed.and_then(|()| out.write_all(&text)),
                Err(error) => failures.push(error),
            }
        }
    }
    all_of(failures)?;
    Ok(printed?)
}

/// The saved state of a disk on ioem. If there is none, a note says so.
fn remembered(disk: &Disk) -> Option<Saved> {
    let name = &disk.name;
    let read = Saved::read(&disk.saved_file);
    match &read {
        Ok(Some(_)) => {}
        Ok(None) => note(&format!(
            "kchaos has no record of the scheduler that {name} had before ioem, so it gets none"
        )),
        Err(about) => note(&format!(
            "{}, the record of the scheduler that {name} had before ioem, is broken: it {about}; so \
             {name} gets none; choose another: echo SCHEDULER > {}",
            disk.saved_file.display(),
            disk.scheduler.display()
        )),
    }
    read.ok().flatten()
}

/// Gives a disk back, and returns the text to print.
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
    let saved = remembered(disk).unwrap_or_else(|| Saved {
        scheduler: NONE.to_owned(),
        requests: None,
    });
    let steps = disk.detach_steps(&saved);
    if dry_run {
        for step in &steps {
            step.print(&mut text)?;
        }
        return Ok(text);
    }
    disk.switch(&steps, &saved.scheduler)?;
    writeln!(text, "{name}: {IOEM} -> {}", saved.scheduler)?;
    Ok(text)
}
