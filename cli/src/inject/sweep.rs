// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Gives back the disks that kchaos attached by itself and that no injection needs any more.

use super::{interrupted, needs};
use crate::{
    error::{is_permission, note, refused},
    system::{
        IOEM, Roots,
        disk::{Disk, active_scheduler},
        disks::Disks,
        lock::Lock,
        saved::{Saved, saved_names},
        step::{NEW, Step},
    },
};
use anyhow::Result;
use std::{ffi::OsString, fs, io};

/// The fate of a disk's saved state.
enum Next {
    /// It stays.
    Stay,
    /// The disk gets it back.
    GiveBack(Box<Disk>, Saved, &'static str),
    /// It is of no use: the disk is gone, or not on ioem any more.
    Forget,
    /// It is of no use: another disk has the name now, which stays as it is.
    Another,
}

/// Gives disks back before a verb begins. Trouble with them is no failure of that verb.
pub(crate) fn before(roots: &Roots, lock: Option<&Lock>) {
    for failure in lock.map(|lock| sweep(roots, lock)).unwrap_or_default() {
        if !is_permission(&failure) {
            note(&format!("{failure:#}"));
        }
    }
}

/// The same for verbs that only look: they do not wait for another kchaos. In the middle of a
/// change that was killed, nobody knows the disks that the injection needs, and looking undoes
/// nothing.
pub(crate) fn before_looking(roots: &Roots) {
    if interrupted::is_pending(roots) {
        return;
    }
    before(roots, Lock::try_take(roots).as_ref());
}

/// Gives disks back after an injection has ended.
pub(super) fn after_end(roots: &Roots) -> Vec<anyhow::Error> {
    match Lock::take_soon(roots) {
        Ok(Some(lock)) => sweep(roots, &lock),
        Ok(None) => Vec::new(),
        Err(error) => {
            note(&format!(
                "{error:#}; the injection has ended, and the next kchaos gives its disks back"
            ));
            Vec::new()
        }
    }
}

/// Checks that the injections and the disks can be seen.
pub(super) fn view(roots: &Roots) -> Result<()> {
    roots.require_known_version()?;
    roots.require_sysfs()
}

/// Says which disks nobody gives back now, if kchaos attached any by itself, and why.
pub(super) fn tell_left(roots: &Roots, why: &str) {
    let auto = |name: &String| {
        let saved = Saved::read(&roots.saved(name));
        matches!(saved, Ok(Some(saved)) if saved.auto)
    };
    let left: Vec<String> = saved_names(roots).into_iter().filter(auto).collect();
    if !left.is_empty() {
        note(&format!(
            "{why}; so {} may stay on {IOEM}, and the next kchaos that can gives it back",
            left.join(" ")
        ));
    }
}

/// Gives disks back, and forgets the disks and injections that are gone. Without a view of the
/// injections and the disks, does nothing: all of them would seem to be gone.
pub(super) fn sweep(roots: &Roots, _lock: &Lock) -> Vec<anyhow::Error> {
    if view(roots).is_err() {
        return Vec::new();
    }
    let _ = fs::remove_file(roots.state.join(NEW));
    interrupted::settle(roots);
    needs::clean(roots);
    let mut failures = Vec::new();
    for (name, next) in nexts(roots, &[]) {
        let result = match next {
            Next::Stay => Ok(()),
            Next::GiveBack(disk, saved, why) => {
                let steps = disk.detach_steps(&saved);
                let switched = disk.switch(&steps, &saved.scheduler);
                switched.inspect(|()| {
                    note(&format!("{name}: {IOEM} -> {}, {why}", saved.shown()));
                })
            }
            Next::Forget => forget(roots, &name),
            Next::Another => forget(roots, &name).inspect(|()| {
                note(&format!(
                    "{name} is another disk now than the one that kchaos attached: it stays as it \
                     is, and kchaos has removed the record of the former"
                ));
            }),
        };
        failures.extend(result.err());
    }
    failures
}

/// Sentences about the records that the next kchaos that changes something acts on.
pub(crate) fn left(roots: &Roots) -> Vec<String> {
    if view(roots).is_err() {
        return Vec::new();
    }
    let nexts = nexts(roots, &[]).into_iter();
    let texts = nexts.filter_map(|(name, next)| {
        let file = roots.saved(&name);
        let file = file.display();
        match next {
            Next::Stay => None,
            Next::GiveBack(_, saved, why) => Some(format!(
                "{name} is still to get {} back, {why}",
                saved.shown()
            )),
            Next::Forget => Some(format!(
                "the record {file} is of a disk that is gone, or not on {IOEM} any more"
            )),
            Next::Another => Some(format!(
                "the record {file} is of another disk than the one that has the name now"
            )),
        }
    });
    texts.collect()
}

/// The steps that give disks back once the injections `without` have ended, except for the disks
/// `keep`.
pub(super) fn steps(roots: &Roots, without: &[OsString], keep: &Disks) -> Vec<Step> {
    let nexts = nexts(roots, without).into_iter();
    let nexts = nexts.filter(|(name, _)| !keep.has(name));
    let steps = nexts.flat_map(|(name, next)| match next {
        Next::Stay => Vec::new(),
        Next::GiveBack(disk, saved, _) => disk.detach_steps(&saved),
        Next::Forget | Next::Another => vec![Step::RemoveFile(roots.saved(&name))],
    });
    steps.collect()
}

/// Removes the file with the saved state of a disk, if there is one.
pub(super) fn forget(roots: &Roots, disk: &str) -> Result<()> {
    let file = roots.saved(disk);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(refused("remove", &file, &error))
        }
        _ => Ok(()),
    }
}

/// The fate of each saved state once the injections `without` have ended.
fn nexts(roots: &Roots, without: &[OsString]) -> Vec<(String, Next)> {
    let names = saved_names(roots);
    let saved = names.into_iter().filter_map(|name| {
        // A text that is broken is told when the disk is given back.
        let saved = Saved::read(&roots.saved(&name)).ok().flatten()?;
        Some((name, saved))
    });
    let mut needed = None;
    let nexts = saved.map(|(name, saved)| {
        let next = if saved.is_of_another(roots, &name) {
            next_of_another(roots, &name, saved)
        } else if saved.back {
            next_of_unneeded(roots, &name, saved)
        } else if !saved.auto {
            next_of_attached(roots, &name)
        } else {
            let needed = needed.get_or_insert_with(|| needs::needed(roots, without));
            let is_on_ioem = || active_scheduler(roots, &name).as_deref() == Some(IOEM);
            match needed {
                // The disk may be needed.
                Err(_) => Next::Stay,
                Ok(needed) if needed.contains(&name) && is_on_ioem() => Next::Stay,
                Ok(_) => next_of_unneeded(roots, &name, saved),
            }
        };
        (name, next)
    });
    nexts.collect()
}

/// A loop device that gets another file, and a drive that gets another medium, stay on ioem. Nobody
/// has asked for that.
fn next_of_another(roots: &Roots, name: &str, saved: Saved) -> Next {
    match Disk::named(roots, name) {
        Ok(disk) if saved.auto && disk.active == IOEM => {
            // The number of requests was the former disk's.
            let saved = Saved {
                requests: None,
                ..saved
            };
            let why = "as it is another disk now than the one that kchaos attached";
            Next::GiveBack(Box::new(disk), saved, why)
        }
        _ => Next::Another,
    }
}

/// A user gives such a disk back. The record of one that is not on ioem tells nothing any more: a
/// kchaos was killed before the switch, or somebody else has chosen a scheduler since.
fn next_of_attached(roots: &Roots, name: &str) -> Next {
    match Disk::named(roots, name) {
        Ok(disk) if disk.active != IOEM => Next::Forget,
        _ => Next::Stay,
    }
}

fn next_of_unneeded(roots: &Roots, name: &str, saved: Saved) -> Next {
    match Disk::named(roots, name) {
        Ok(disk) if disk.lacks(&saved) => {
            let why = match saved.back {
                true => "which a kchaos had begun that was killed",
                false => "as no injection needs it",
            };
            Next::GiveBack(Box::new(disk), saved, why)
        }
        // A new scheduler that somebody else chose stays.
        Ok(_) => Next::Forget,
        Err(_) if roots.is_gone(name) => Next::Forget,
        Err(_) => Next::Stay,
    }
}
