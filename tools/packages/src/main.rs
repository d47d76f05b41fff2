// SPDX-License-Identifier: GPL-2.0-only

//! Writes the manual pages of the packages into a folder: kchaos(1), a page for each verb, and
//! ioem(4).
//!
//! All of their text is in other places: the help of kchaos, the driver's table of attributes, and
//! `driver/interface.md`.

mod help;
mod ioem;
mod markdown;
mod program;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use std::{env, fs, path::Path, process::ExitCode};

/// A manual page.
struct Page {
    /// The name of its file, such as `kchaos.1`.
    file: String,
    text: String,
}

fn pages(date: &str) -> Result<Vec<Page>> {
    let mut pages = program::pages(date)?;
    pages.push(ioem::page(date));
    Ok(pages)
}

fn write(folder: &Path, date: &str) -> Result<()> {
    for page in pages(date)? {
        let path = folder.join(page.file);
        fs::write(&path, page.text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn run() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [folder, date] = &words[..] else {
        bail!("name a folder for the pages, and their date, such as 2026-01-31");
    };
    write(Path::new(folder), date)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("packages: {error:#}");
            ExitCode::FAILURE
        }
    }
}
