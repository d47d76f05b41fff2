// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The files of a recording.

use super::{build::Group, profile::Profile};
use crate::{
    args::Record,
    error::{Exit, failure, note},
    system::whole_file::{WholeFile, is_there, place},
};
use anyhow::Result;
use std::{fs, path::PathBuf};

/// The files.
#[derive(Debug)]
pub(super) struct Files {
    profile: WholeFile,
    svg: Option<WholeFile>,
}

impl Files {
    /// Opens the files.
    ///
    /// # Errors
    ///
    /// If one of them cannot be written, or a file is there that no option names.
    pub(super) fn open(disk: &str, args: &Record) -> Result<Self> {
        let usual = PathBuf::from(format!("{disk}.toml"));
        let path = args.output.as_ref().unwrap_or(&usual);
        if let Some(svg) = args.svg.as_ref().filter(|svg| place(svg) == place(path)) {
            let message = format!(
                "{} would be the file of the profile and of the picture; choose another file with \
                 --svg",
                svg.display()
            );
            return Err(failure(Exit::Usage, message));
        }
        if args.output.is_none() && fs::symlink_metadata(path).is_ok() {
            return Err(is_there(path));
        }
        let profile = WholeFile::open(path, args.output.is_some())?;
        let svg = args
            .svg
            .as_deref()
            .map(|path| WholeFile::open(path, true))
            .transpose()?;
        Ok(Self { profile, svg })
    }

    /// Writes the files, and returns the failures.
    pub(super) fn write(mut self, profile: &Profile, groups: &[Group]) -> Vec<anyhow::Error> {
        let mut failures = Vec::new();
        failures.extend(self.profile.write(&profile.text()).err());
        if failures.is_empty() {
            let path = self.profile.path.display();
            note(&format!(
                "wrote {path}; `kchaos replay {path} --device DISK` makes another disk as slow"
            ));
        }
        if let Some(svg) = &mut self.svg {
            failures.extend(svg.write(&super::svg::picture(profile, groups)).err());
        }
        failures
    }
}
