// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The files that the report of a scenario is written to.

use super::{html::page, json::json, report::Report};
use crate::{
    error::{Exit, failure},
    system::whole_file::{WholeFile, place},
};
use anyhow::Result;
use std::path::Path;

/// The files, which are opened before the scenario begins. Old reports stay until it has ended.
pub(super) struct Files {
    json: Option<WholeFile>,
    html: Option<WholeFile>,
}

impl Files {
    /// Opens the files.
    ///
    /// # Errors
    ///
    /// If one of them cannot be written, or both are the same.
    pub(super) fn open(json: Option<&Path>, html: Option<&Path>) -> Result<Self> {
        if let (Some(json), Some(html)) = (json, html)
            && place(json) == place(html)
        {
            let message = format!(
                "{} would be the file of both reports; choose another file with --html",
                html.display()
            );
            return Err(failure(Exit::Usage, message));
        }
        let open = |path: Option<&Path>| path.map(|path| WholeFile::open(path, true)).transpose();
        Ok(Self {
            json: open(json)?,
            html: open(html)?,
        })
    }

    /// Writes the files, and returns the failures.
    pub(super) fn write(self, report: &Report) -> Vec<anyhow::Error> {
        let json = self
            .json
            .map(|file| (file, format!("{:#}\n", json(report))));
        let html = self.html.map(|file| (file, page(report)));
        let texts = json.into_iter().chain(html);
        let written = texts.map(|(mut file, text)| file.write(&text));
        written.filter_map(Result::err).collect()
    }
}
