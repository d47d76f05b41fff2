// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Attaches the disks that an injection names, for as long as injections need them.

use super::{
    needs,
    reach::{named, reached},
};
use crate::{
    error::note,
    interface::{Name, Settings},
    system::{IOEM, Roots, disk::Disk, lock::folder_steps, step::Step},
};
use anyhow::Result;
use std::{collections::BTreeSet, ffi::OsStr};

/// The disks that an injection needs on ioem.
pub(super) struct Needed {
    /// The disks that are to be attached.
    to_attach: Vec<Disk>,
    /// All disks that are to be given back when no injection needs them.
    pub(super) disks: BTreeSet<String>,
}

impl Needed {
    /// The disks of an injection with these settings. Without `attach`, none is to be attached.
    pub(super) fn by(roots: &Roots, settings: &Settings, attach: bool) -> Result<Self> {
        let devices = settings.text(Name::Device).filter(|_| attach);
        let named = devices.map_or_else(BTreeSet::new, |devices| named(roots, devices));
        let mut to_attach = Vec::new();
        for name in named {
            let disk = Disk::named(roots, &name)?;
            if disk.active != IOEM {
                to_attach.push(disk);
            }
        }
        let is_auto = |name: &String| {
            let disk = Disk::named(roots, name);
            disk.is_ok_and(|disk| disk.active == IOEM && disk.is_auto(roots))
        };
        let mut disks: BTreeSet<String> = reached(roots, settings).into_iter().collect();
        disks.retain(is_auto);
        disks.extend(to_attach.iter().map(|disk| disk.name.clone()));
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

    /// The steps that remember the disks of an injection which has just been made or changed.
    pub(super) fn remember_steps(&self, roots: &Roots, name: &OsStr) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.disks.is_empty() {
            steps.extend(folder_steps(roots));
        } else if !needs::file(roots, name).exists() {
            return steps;
        }
        steps.push(needs::last_step(roots, name, &self.disks));
        steps
    }
}
