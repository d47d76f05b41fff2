// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Attaches the disks that an injection names, for as long as injections need them.

use super::{needs, reach::reached};
use crate::{
    error::note,
    interface::{Name, Settings},
    system::{IOEM, Roots, disk::Disk, disks::Disks, lock::folder_steps, step::Step},
};
use anyhow::Result;
use std::ffi::OsStr;

/// The disks that an injection needs on ioem.
pub(super) struct Needed {
    /// The disks that are to be attached.
    to_attach: Vec<Disk>,
    /// The disks that the injection names, and the disks that are given back when no injection
    /// needs them.
    pub(super) disks: Disks,
    /// Whether any of them is given back then. Else nothing is lost if nothing remembers them.
    gives_back: bool,
}

impl Needed {
    /// The disks of an injection with these settings. Without `attach`, none is to be attached.
    /// `meant` are the disks that names were looked up for just before. Disks that have the names
    /// of `replaced` ones were never meant, and stay as they are.
    pub(super) fn by(
        roots: &Roots,
        settings: &Settings,
        attach: bool,
        meant: &Disks,
        replaced: &Disks,
    ) -> Result<Self> {
        let mut needed = Self {
            to_attach: Vec::new(),
            disks: Disks::default(),
            gives_back: !replaced.is_empty(),
        };
        for name in reached(roots, settings) {
            let disk = match Disk::still(roots, &name, meant.number(&name)) {
                _ if replaced.has(&name) => continue,
                Err(error) if attach => return Err(error),
                Err(_) => continue,
                Ok(disk) => disk,
            };
            let is_auto = disk.active == IOEM && disk.is_auto(roots);
            let is_named = settings.text(Name::Device).is_some();
            if is_named || is_auto {
                needed.disks.add(Disks::one(&name, disk.diskseq));
            }
            needed.gives_back |= is_auto;
            if is_named && attach && disk.active != IOEM {
                needed.gives_back = true;
                needed.to_attach.push(disk);
            }
        }
        needed.disks.add(replaced.clone());
        Ok(needed)
    }

    /// Attaches the disks. After an error, some may be attached, which [`super::sweep`] gives back.
    pub(super) fn attach(&self, roots: &Roots) -> Result<()> {
        for disk in &self.to_attach {
            disk.switch(&disk.auto_attach_steps(roots), IOEM)?;
            note(&format!(
                "{}: {} -> {IOEM}, as long as an injection needs it",
                disk.name, disk.active
            ));
        }
        Ok(())
    }

    /// The steps of [`Needed::attach`].
    pub(super) fn attach_steps(&self, roots: &Roots) -> Vec<Step> {
        let disks = self.to_attach.iter();
        disks
            .flat_map(|disk| disk.auto_attach_steps(roots))
            .collect()
    }

    /// The steps that remember the disks of an injection which has just been made.
    pub(super) fn remember_steps(&self, roots: &Roots, name: &OsStr) -> Vec<Step> {
        if self.disks.is_empty() && !needs::file(roots, name).exists() {
            return Vec::new();
        }
        needs_steps(roots, name, &self.disks)
    }

    /// The steps before an injection changes: it needs the former disks and the new ones, whatever
    /// ends this program in between.
    pub(super) fn change_steps(&self, roots: &Roots, name: &OsStr) -> Vec<Step> {
        let former = needs::of(roots, name);
        let both = self.with(former.clone());
        if both == former {
            return Vec::new();
        }
        needs_steps(roots, name, &both)
    }

    /// The steps after [`Needed::change_steps`] and the change.
    pub(super) fn changed_steps(&self, roots: &Roots, name: &OsStr) -> Vec<Step> {
        if self.with(needs::of(roots, name)) == self.disks {
            return Vec::new();
        }
        needs_steps(roots, name, &self.disks)
    }

    /// Takes steps that remember the disks.
    pub(super) fn remember(&self, steps: &[Step]) -> Result<()> {
        let mut steps = steps.iter();
        let taken = steps.try_for_each(|step| step.run().map_err(|error| step.refused(&error)));
        taken.or_else(|error| if self.gives_back { Err(error) } else { Ok(()) })
    }

    /// The disks, and former ones.
    fn with(&self, mut former: Disks) -> Disks {
        former.add(self.disks.clone());
        former
    }
}

/// The steps that write the disks which an injection needed before a change that is undone.
pub(super) fn former_steps(roots: &Roots, name: &OsStr, former: &Disks) -> Vec<Step> {
    match needs::of(roots, name) == *former {
        true => Vec::new(),
        false => needs_steps(roots, name, former),
    }
}

/// The steps that write the file of an injection which is there, or remove it if it is there.
fn needs_steps(roots: &Roots, name: &OsStr, disks: &Disks) -> Vec<Step> {
    let mut steps = Vec::new();
    if !disks.is_empty() {
        steps.extend(folder_steps(roots));
    }
    steps.push(needs::last_step(roots, name, disks));
    steps
}
