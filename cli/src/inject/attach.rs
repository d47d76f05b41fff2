// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Switches disks to ioem, and gives them back their former scheduler.

use super::{
    consent, loss,
    reach::{acting, endless},
    sweep::{self, forget},
};
use crate::{
    error::{Exit, all_of, failure, joined, note, print_or},
    interface::existing::recover_command,
    system::{
        IOEM, LOAD, Roots,
        disk::{Disk, active_scheduler},
        files::names,
        guard,
        lock::Lock,
        saved::{Saved, diskseq, saved_names},
        step::Step,
        target,
    },
};
use anyhow::{Result, anyhow};
use std::{
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

/// The devices of a verb.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// The devices that a user names.
    Named(&'a [PathBuf]),
    /// All that there are.
    All,
}

/// Switches devices to ioem, all of them or, on an error, none.
///
/// # Errors
///
/// If a device is not there, cannot have a scheduler or has the system itself on it, or the kernel
/// refuses.
pub(crate) fn attach(
    roots: &Roots,
    devices: Which<'_>,
    options: Options,
    out: &mut dyn Write,
) -> Result<()> {
    let requests = options.requests;
    if options.dry_run {
        let disks = to_switch(roots, devices, options)?;
        return print_attach(roots, &disks, requests, out);
    }
    let lock = Lock::take(roots)?;
    sweep::before(roots, lock.as_ref());
    let disks = to_switch(roots, devices, options)?;
    let mut made: Vec<Made> = Vec::new();
    for disk in disks {
        let one = Made::of(roots, disk);
        let switched = one
            .disk
            .switch(&one.disk.attach_steps(roots, requests), IOEM);
        made.push(one);
        if let Err(error) = switched {
            return Err(joined(error, undo(roots, &made)));
        }
    }
    // A reader that takes its time keeps no other kchaos waiting.
    drop(lock);
    let lines: Vec<String> = made
        .iter()
        .map(|made| attached_line(&made.disk, requests))
        .collect();
    print_or(out, &lines.concat(), || match Lock::take(roots) {
        Ok(_lock) => undo(roots, &made),
        Err(error) => vec![error.context("nothing is undone")],
    })
}

/// An attachment that may have to be undone.
struct Made {
    /// The disk as it was before.
    disk: Disk,
    /// Its record before.
    before: Option<Saved>,
    /// Its record after.
    after: Option<Saved>,
}

impl Made {
    fn of(roots: &Roots, disk: Disk) -> Self {
        let before = Saved::of(roots, &disk.name).ok().flatten();
        Self {
            after: disk.attached(roots).or_else(|| before.clone()),
            disk,
            before,
        }
    }

    /// Undoes the attachment, as far as it was made and nobody has changed the disk since.
    fn undo(&self, roots: &Roots) -> Result<()> {
        let (disk, name) = (&self.disk, &self.disk.name);
        let record = Saved::of(roots, name).ok().flatten();
        let is_ours = record == self.after && diskseq(&roots.disk(name)) == disk.diskseq;
        let is_on_ioem = active_scheduler(roots, name).as_deref() == Some(IOEM);
        if !is_ours {
            // The step that saves the record has failed, or another kchaos has come in between.
            if record != self.before {
                note(&format!(
                    "{name} was changed by another kchaos since, so it stays as it is"
                ));
            }
            Ok(())
        } else if disk.active == IOEM {
            disk.switch(&disk.lower_steps(self.before.as_ref()), IOEM)
        } else if is_on_ioem {
            disk.switch(&disk.detach_steps(&disk.now()), &disk.active)
        } else {
            forget(roots, name)
        }
    }
}

/// Undoes attachments. The caller has the lock.
fn undo(roots: &Roots, made: &[Made]) -> Vec<anyhow::Error> {
    let failures = made.iter().filter_map(|made| made.undo(roots).err());
    failures.collect()
}

/// The disks of these devices that need a change, each of them once.
fn to_switch(roots: &Roots, devices: Which<'_>, options: Options) -> Result<Vec<Disk>> {
    let found = match devices {
        Which::Named(devices) => {
            let mut found = Vec::new();
            for device in devices {
                let target = target::there(roots, device)?;
                for sentence in &target.notes {
                    note(sentence);
                }
                found.extend(target.to_attach(roots)?);
            }
            found
        }
        Which::All => all_disks(roots),
    };
    if found.is_empty() {
        let message = "there is no disk that can have an I/O scheduler; `lsblk` lists all";
        return Err(failure(Exit::Name, message));
    }
    let is_named = matches!(devices, Which::Named(_));
    let requests = options.requests;
    let mut disks: Vec<Disk> = Vec::new();
    for disk in found {
        let is_as_asked = disk.active == IOEM
            && !disk.is_auto(roots)
            && requests.is_none_or(|wanted| disk.requests == Some(wanted));
        if disks.iter().any(|other| other.name == disk.name) {
            continue;
        } else if is_as_asked {
            note(&format!("{} is on ioem already", disk.name));
        } else {
            disks.push(disk);
        }
    }
    if is_named || options.force {
        check_needed(roots, &disks, options.force)?;
    } else {
        leave_needed_out(roots, &mut disks)?;
    }
    Ok(disks)
}

/// All disks that can have a scheduler.
fn all_disks(roots: &Roots) -> Vec<Disk> {
    let names = names(&roots.sysfs.join("block")).into_iter();
    names
        .filter_map(|name| Disk::named(roots, &name).ok())
        .collect()
}

/// Leaves out the disks that the system needs or may need, and those with mounted file systems
/// whose data would be damaged, and says so.
///
/// # Errors
///
/// If no disk is left.
fn leave_needed_out(roots: &Roots, disks: &mut Vec<Disk>) -> Result<()> {
    let names = to_guard(roots, disks);
    let count = disks.len();
    for name in &names {
        let remedy = "it stays as it is; --force attaches it too";
        let alone = std::slice::from_ref(name);
        let checked = guard::check(roots, alone, remedy).and_then(|()| {
            let damaged = consent::check(&loss::check_attached(roots, alone)?);
            damaged.map_err(|error| anyhow!("{error}; until then, {name} stays as it is"))
        });
        if let Err(error) = checked {
            note(&error.to_string());
            disks.retain(|disk| disk.name != *name);
        }
    }
    if disks.is_empty() && count > 0 {
        let message = "no disk was attached; name one, or add --force";
        return Err(failure(Exit::Usage, message));
    }
    Ok(())
}

/// The names of the disks that are not on ioem, or only until no injection needs them.
fn to_guard(roots: &Roots, disks: &[Disk]) -> Vec<String> {
    let others = disks
        .iter()
        .filter(|disk| disk.active != IOEM || disk.is_auto(roots));
    others.map(|disk| disk.name.clone()).collect()
}

/// Refuses to switch the system's own disks; with `force`, warns of injections that act on them.
fn check_needed(roots: &Roots, disks: &[Disk], force: bool) -> Result<()> {
    let names = to_guard(roots, disks);
    let lost = loss::check_attached(roots, &names)?;
    if !force {
        let remedy = "if that is what you want, add --force, and --for TIME to each injection";
        let refusals = [consent::check(&lost), guard::check(roots, &names, remedy)];
        return all_of(refusals.into_iter().filter_map(Result::err).collect());
    }
    for risk in guard::risks(roots, &names) {
        let endless = endless(roots, risk.disk);
        let names: Vec<&str> = endless.iter().map(String::as_str).collect();
        if !names.is_empty() {
            note(&format!(
                "{}, and these act on it now without an end: {}; end them with `{}`",
                risk.why,
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

/// The line about a disk that was attached.
fn attached_line(disk: &Disk, requests: Option<u64>) -> String {
    let name = &disk.name;
    let scheduler = if disk.active == IOEM {
        IOEM.to_owned()
    } else {
        format!("{} -> {IOEM}", disk.active)
    };
    match requests {
        Some(requests) => format!("{name}: {scheduler}, nr_requests {requests}\n"),
        None if disk.active == IOEM => format!("{name}: {IOEM}, until `kchaos detach {name}`\n"),
        None => format!("{name}: {scheduler}\n"),
    }
}

/// Gives devices back their former scheduler. A device that cannot be switched does not keep the
/// others from being given back.
///
/// # Errors
///
/// If sysfs or a device is not there, or the kernel refuses.
pub(crate) fn detach(
    roots: &Roots,
    devices: Which<'_>,
    dry_run: bool,
    out: &mut dyn Write,
) -> Result<()> {
    roots.require_sysfs()?;
    let mut lock = None;
    if !dry_run {
        lock = Lock::take(roots)?;
        sweep::before(roots, lock.as_ref());
    }
    let mut failures = Vec::new();
    let mut text = Vec::new();
    let mut keep = |result: Result<Vec<u8>>| match result {
        Ok(more) => text.extend(more),
        Err(error) => failures.push(error),
    };
    match devices {
        Which::Named(devices) => {
            for device in devices {
                let target = target::there(roots, device);
                let disks = target.and_then(|target| target.to_attach(roots));
                match (gone(roots, device), disks) {
                    (Some(name), Err(_)) => keep(forget_gone(roots, &name, dry_run)),
                    (_, Ok(disks)) => {
                        for disk in disks {
                            keep(detach_disk(roots, &disk, dry_run));
                        }
                    }
                    (None, Err(error)) => keep(Err(error)),
                }
            }
        }
        Which::All => {
            let disks = all_disks(roots).into_iter();
            let disks: Vec<Disk> = disks.filter(|disk| disk.active == IOEM).collect();
            let gone: Vec<String> = saved_names(roots);
            let gone = gone.iter().filter(|name| roots.is_gone(name));
            let gone: Vec<&String> = gone.collect();
            if disks.is_empty() && gone.is_empty() {
                note("no device uses ioem");
            }
            for disk in disks {
                keep(detach_disk(roots, &disk, dry_run));
            }
            for name in gone {
                keep(forget_gone(roots, name, dry_run));
            }
        }
    }
    drop(lock);
    // All devices are given back even if nothing can be printed any more.
    let printed = out.write_all(&text);
    all_of(failures)?;
    Ok(printed?)
}

/// The name of a disk that is not there any more, but whose state is still saved.
fn gone(roots: &Roots, device: &Path) -> Option<String> {
    let name = device.strip_prefix(&roots.dev).unwrap_or(device);
    let name = name.to_str()?.replace('/', "!");
    let is_gone = saved_names(roots).contains(&name) && roots.is_gone(&name);
    is_gone.then_some(name)
}

/// Removes the saved state of a disk that is gone.
fn forget_gone(roots: &Roots, name: &str, dry_run: bool) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    if dry_run {
        Step::RemoveFile(roots.saved(name)).print(&mut text)?;
    } else {
        forget(roots, name)?;
        note(&format!(
            "{name} is gone, and so is its need of a scheduler: kchaos has removed its record"
        ));
    }
    Ok(text)
}

/// The saved state of a disk.
///
/// # Errors
///
/// If the record of it is broken: kchaos does not know what the disk is to get.
fn remembered(roots: &Roots, disk: &Disk) -> Result<Option<Saved>> {
    Saved::of(roots, &disk.name).map_err(|about| {
        failure(
            Exit::Failure,
            format!(
                "{0}, the record of the scheduler that {1} had before ioem, is broken: it {about}; \
                 {1} stays as it is; remove the record, and {1} gets none: rm -r {0} && kchaos \
                 detach {1}; or choose another scheduler first: echo SCHEDULER > {2}",
                disk.saved_file.display(),
                disk.name,
                disk.scheduler.display()
            ),
        )
    })
}

/// Gives a disk back, and returns the text to print.
fn detach_disk(roots: &Roots, disk: &Disk, dry_run: bool) -> Result<Vec<u8>> {
    let name = &disk.name;
    let mut text = Vec::new();
    let record = remembered(roots, disk)?;
    let is_half_back = record.as_ref().is_some_and(|saved| disk.lacks(saved));
    if disk.active != IOEM && !is_half_back {
        note(&format!("{name} is not on ioem but on {}", disk.active));
        if !dry_run {
            forget(roots, name)?;
        }
        return Ok(text);
    }
    let saved = record.unwrap_or_else(|| {
        note(&format!(
            "kchaos has no record of the scheduler that {name} had before ioem, so it gets none"
        ));
        Saved::unknown()
    });
    let steps = disk.detach_steps(&saved);
    if dry_run {
        for step in &steps {
            step.print(&mut text)?;
        }
        return Ok(text);
    }
    let all_enabled = roots.enabled().unwrap_or(true);
    let acting = acting(roots, name, all_enabled, |_| true);
    disk.switch(&steps, &saved.scheduler)?;
    if !acting.is_empty() {
        note(&format!(
            "{name} is not on ioem any more, so these reach it no more: {}; to have it back: kchaos \
             attach {name}",
            acting.join(", ")
        ));
    }
    writeln!(text, "{name}: {IOEM} -> {}", saved.scheduler)?;
    Ok(text)
}
