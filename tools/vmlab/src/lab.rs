// SPDX-License-Identifier: GPL-2.0-only

//! One use of the lab: the checkout, the cache, and the target.

use crate::{cache, chroot::Chroot, process::Output, step, target::Target};
use anyhow::Result;
use std::path::PathBuf;

/// The context of all commands that have a target.
#[derive(Debug)]
pub(crate) struct Lab {
    /// The cache.
    pub(crate) cache: PathBuf,
    /// The target that the user asks for.
    pub(crate) target: Target,
    /// The chroot of the target's suite.
    pub(crate) chroot: Chroot,
}

impl Lab {
    pub(crate) fn new(top: PathBuf, target: Target) -> Result<Self> {
        let cache = cache::folder()?;
        let root = cache.join(format!("chroot-{}", target.suite));
        Ok(Self {
            cache,
            target,
            chroot: Chroot { root, top },
        })
    }

    /// The folder of the files that only this target uses.
    pub(crate) fn state(&self) -> PathBuf {
        self.cache.join(&self.target.name)
    }

    /// See [`step::step`].
    pub(crate) fn step<T>(&self, text: &str, work: impl FnOnce(&Output) -> Result<T>) -> Result<T> {
        step::step(&self.cache, text, work)
    }
}
