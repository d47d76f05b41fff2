// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks that an injection was made for, as kchaos has written them beside it.

use crate::system::{Roots, disks::Disks, files::read_own, step::inode};
use std::ffi::OsStr;

/// The content of the file of an injection.
pub(crate) struct MadeFor {
    /// The inode number of the injection's directory.
    pub(crate) number: u64,
    /// The disks that it names or needs on ioem.
    pub(crate) disks: Disks,
}

impl MadeFor {
    /// Reads the file of an injection.
    pub(crate) fn read(roots: &Roots, name: &OsStr) -> Option<Self> {
        let text = read_own(&roots.needs().join(name)).ok()?;
        let mut words = text.split(' ');
        Some(Self {
            number: words.next()?.parse().ok()?,
            disks: Disks::parse(words)?,
        })
    }

    /// The content, if it is about the injection that has the name now.
    pub(crate) fn of(roots: &Roots, name: &OsStr) -> Option<Self> {
        let number = inode(&roots.injection(name)).ok()?;
        Self::read(roots, name).filter(|made_for| made_for.number == number)
    }
}
