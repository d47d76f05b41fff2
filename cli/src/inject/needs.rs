// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks that injections need on ioem. A file for each injection that kchaos makes remembers
//! them, so that the disks are given back when no injection needs them any more.

use super::{interrupted::RECORD, reach::named};
use crate::{
    interface::{Name, existing::all, made_for::MadeFor, snapshot::Snapshot},
    system::{
        Roots,
        disks::Disks,
        files::entries,
        step::{NEW, Step, inode},
    },
};
use anyhow::Result;
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs, io,
    path::PathBuf,
};

/// The number in the file of an injection that is still being made.
const UNFINISHED: u64 = 0;

/// The file of an injection.
pub(super) fn file(roots: &Roots, name: &OsStr) -> PathBuf {
    roots.needs().join(name)
}

/// The step before an injection is made. If this program is killed before the injection is at work,
/// the next one removes it.
pub(super) fn first_step(roots: &Roots, name: &OsStr, disks: &Disks) -> Step {
    Step::Save {
        file: file(roots, name),
        value: format!("{UNFINISHED}{disks}"),
    }
}

/// The step after an injection was made.
pub(super) fn last_step(roots: &Roots, name: &OsStr, disks: &Disks) -> Step {
    if disks.is_empty() {
        return Step::RemoveFile(file(roots, name));
    }
    Step::SaveNumber {
        file: file(roots, name),
        directory: roots.injection(name),
        more: disks.to_string(),
    }
}

/// The content of a file.
struct Need {
    name: OsString,
    /// The inode number of the injection's directory.
    number: u64,
    disks: Disks,
}

/// The state of the injection of a file.
#[derive(PartialEq)]
enum Fate {
    /// It needs its disks.
    Lives,
    /// It is at work, and the kchaos that made it was killed before its last step.
    Unrecorded,
    /// The kchaos that made it was killed before it was at work.
    Unfinished,
    /// It is gone, or has ended by itself.
    Ended,
}

impl Need {
    /// The content of each file that can be read, and the paths of the others.
    fn all(roots: &Roots) -> (Vec<Self>, Vec<PathBuf>) {
        let (mut needs, mut broken) = (Vec::new(), Vec::new());
        for entry in entries(&roots.needs()).flatten() {
            match Self::read(roots, entry.file_name()) {
                _ if entry.file_name() == RECORD => {}
                Some(need) if entry.file_name() != NEW => needs.push(need),
                _ => broken.push(entry.path().to_owned()),
            }
        }
        (needs, broken)
    }

    fn read(roots: &Roots, name: &OsStr) -> Option<Self> {
        let MadeFor { number, disks } = MadeFor::read(roots, name)?;
        Some(Self {
            name: name.to_owned(),
            number,
            disks,
        })
    }

    /// The disks, without the disks that are there and that the injection does not name any more.
    fn still_named(&self, roots: &Roots) -> Disks {
        let seen = Snapshot::read(roots, &self.name, roots.enabled().unwrap_or(true));
        let seen = seen.ok().flatten();
        let devices = seen
            .as_ref()
            .and_then(|seen| seen.values.text(Name::Device));
        let mut disks = self.disks.clone();
        if let Some(devices) = devices {
            let named = named(roots, devices);
            disks.retain(roots, |name, is_another| {
                named.contains(name) || is_another || !roots.disk(name).exists()
            });
        }
        disks
    }

    fn fate(&self, roots: &Roots) -> Fate {
        let number = match inode(&roots.injection(&self.name)) {
            Ok(number) => number,
            // Without the driver's directory, nobody can tell.
            Err(error) if error.kind() == io::ErrorKind::NotFound && roots.ioem().is_dir() => {
                return Fate::Ended;
            }
            Err(_) => return Fate::Lives,
        };
        let seen = Snapshot::read(roots, &self.name, roots.enabled().unwrap_or(true));
        match seen {
            Ok(None) => Fate::Ended,
            Ok(Some(seen)) if self.number == UNFINISHED && !seen.is_made() => Fate::Unfinished,
            Ok(Some(_)) if self.number == UNFINISHED => Fate::Unrecorded,
            _ if self.number != number => Fate::Ended,
            Ok(Some(seen)) if seen.has_ended() => Fate::Ended,
            // An injection that cannot be read may be at work.
            _ => Fate::Lives,
        }
    }
}

/// Removes the files of injections that have ended, and finishes the work of a kchaos that was
/// killed. Only for a kchaos that has the lock: no other is making an injection.
pub(super) fn clean(roots: &Roots) {
    let (needs, broken) = Need::all(roots);
    // The next kchaos tries again to remove a file that stays.
    for file in broken {
        let _ = fs::remove_file(file);
    }
    for need in needs {
        let fate = need.fate(roots);
        if fate == Fate::Unfinished {
            let _ = fs::remove_dir(roots.injection(&need.name));
        }
        let _ = match fate {
            Fate::Lives if need.still_named(roots) == need.disks => continue,
            // A kchaos was killed while it changed the injection's device.
            Fate::Lives | Fate::Unrecorded => {
                last_step(roots, &need.name, &need.still_named(roots)).run()
            }
            Fate::Unfinished | Fate::Ended => fs::remove_file(file(roots, &need.name)),
        };
    }
}

/// Sentences about the files that [`clean`] removes or finishes. Only for a kchaos that has the
/// lock, as for that.
pub(crate) fn left(roots: &Roots) -> Vec<String> {
    let (needs, broken) = Need::all(roots);
    let is_new = |file: &PathBuf| file.ends_with(NEW);
    let broken = broken.into_iter().filter(|file| !is_new(file));
    let mut texts: Vec<String> = broken
        .map(|file| {
            format!(
                "the record {} has a text that kchaos does not write",
                file.display()
            )
        })
        .collect();
    for need in needs {
        let name = need.name.to_string_lossy();
        texts.extend(match need.fate(roots) {
            Fate::Lives => None,
            Fate::Unrecorded => Some(format!(
                "the kchaos that made {name} was killed before it noted its disks"
            )),
            Fate::Unfinished => Some(format!(
                "the injection {name} is half made, as its kchaos was killed"
            )),
            Fate::Ended => Some(format!(
                "the record {} is of an injection that has ended",
                file(roots, &need.name).display()
            )),
        });
    }
    texts
}

/// The disks that injections need, apart from those of the injections `without`. A disk that has
/// the name of one that was needed is another disk, and not needed.
///
/// # Errors
///
/// If an injection cannot be read, which may need any disk.
pub(super) fn needed(roots: &Roots, without: &[OsString]) -> Result<BTreeSet<String>> {
    let (mut needs, _) = Need::all(roots);
    needs.retain(|need| matches!(need.fate(roots), Fate::Lives | Fate::Unrecorded));
    // Of an injection that kchaos did not make, or not for these disks.
    let mut needed = BTreeSet::new();
    for name in all(roots)? {
        let has_file = needs.iter().any(|need| need.name == name);
        if !has_file && !without.contains(&name) {
            needed.extend(named_by(roots, &name)?);
        }
    }
    let needs = needs
        .into_iter()
        .filter(|need| !without.contains(&need.name));
    let needs = needs.map(|need| need.still_named(roots));
    needed.extend(needs.flat_map(|disks| disks.names(roots).collect::<Vec<_>>()));
    Ok(needed)
}

/// The disks in the file of an injection.
pub(super) fn of(roots: &Roots, name: &OsStr) -> Disks {
    Need::read(roots, name).map_or_else(Disks::default, |need| need.disks)
}

/// The disks in the file of an injection whose names are those of other disks now.
pub(super) fn replaced(roots: &Roots, name: &OsStr) -> Disks {
    of(roots, name).replaced(roots)
}

/// The disks that an injection names, unless it has ended.
fn named_by(roots: &Roots, name: &OsStr) -> Result<BTreeSet<String>> {
    let seen = Snapshot::read(roots, name, roots.enabled().unwrap_or(true))?;
    let seen = seen.filter(|seen| !seen.has_ended());
    let devices = seen
        .as_ref()
        .and_then(|seen| seen.values.text(Name::Device));
    Ok(devices.map_or_else(BTreeSet::new, |devices| named(roots, devices)))
}
