// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Attaches the disks that an injection names, for as long as injections need them.

use super::{
    needs,
    reach::{named, reached},
};
use crate::{
    error::note,
    interface::{Name, Settings},
    system::{IOEM, Roots, disk::Disk, disks::Disks, lock::folder_steps, step::Step},
};
use anyhow::Result;
use std::{collections::BTreeSet, ffi::OsStr};

/// The disks that an injection needs on ioem.
pub(super) struct Needed {
    /// The disks that are to be attached.
    to_attach: Vec<Disk>,
    /// All disks that are to be given back when no injection needs them.
    pub(super) disks: Disks,
}

impl Needed {
    /// The disks of an injection with these settings. Without `attach`, none is to be attached.
    /// `meant` are the disks that names were looked up for just before. Disks that have the names of `replaced` ones were never meant, and stay as they are.
    pub(super) fn by(
        roots: &Roots,
        settings: &Settings,
        attach: bool,
        meant: &Disks,
        replaced: &Disks,
    ) -> Result<Self> {
        let devices = settings.text(Name::Device).filter(|_| attach);
        let named = devices.map_or_else(BTreeSet::new, |devices| named(roots, devices));
        let mut to_attach = Vec::new();
        for name in named.into_iter().filter(|name| !replaced.has(name)) {
            let disk = Disk::still(roots, &name, meant.number(&name))?;
            if disk.active != IOEM {
                to_attach.push(disk);
            }
        }
        let is_auto = |name: &String| {
            let disk = Disk::named(roots, name);
            disk.is_ok_and(|disk| disk.active == IOEM && disk.is_auto(roots))
        };
        let auto = reached(roots, settings).into_iter().filter(is_auto);
        let mut disks = Disks::now(roots, auto);
        for disk in &to_attach {
            disks.add(Disks::one(&disk.name, disk.diskseq));
        }
        disks.add(replaced.clone());
        Ok(Self { to_attach, disks })
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
