// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The files of which a replay makes injections: profiles, and what other programs measured.

use super::{biolatency, fio, profile::Profile};
use crate::error::{Exit, failure, refused};
use anyhow::Result;
use std::{fs, path::Path};

/// Reads a profile, a report of fio, or histograms of biolatency.
///
/// # Errors
///
/// If the file cannot be read, or is none of these.
pub(super) fn read(path: &Path) -> Result<Profile> {
    let bytes = fs::read(path).map_err(|error| refused("read", path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let read = match () {
        () if text.contains("\"fio version\"") => fio::profile(&text),
        () if biolatency::is_one(&text) => biolatency::profile(&text),
        () => Profile::parse(&text),
    };
    let wrong = |sentence| failure(Exit::Usage, format!("{}: {sentence}", path.display()));
    read.map_err(wrong)
}
