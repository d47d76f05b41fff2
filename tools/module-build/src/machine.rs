// SPDX-License-Identifier: GPL-2.0-only

//! The machine on which the commands of a build run.

use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A machine, or a chroot.
pub trait Machine {
    /// Runs a command to its end, and returns all that it prints.
    ///
    /// # Errors
    ///
    /// If the command fails; the error has what it prints.
    fn run(&self, words: &[String]) -> Result<String>;

    /// The path in this process of a path that the commands see.
    fn outside(&self, path: &Path) -> PathBuf;
}

/// This machine.
#[derive(Debug)]
pub struct Here;

impl Machine for Here {
    fn run(&self, words: &[String]) -> Result<String> {
        run(Command::new(&words[0]).args(&words[1..]))
    }

    fn outside(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// Runs a command to its end, as [`Machine::run`].
///
/// # Errors
///
/// If it fails.
pub fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    if !output.status.success() {
        bail!("{program} has failed ({}):\n{printed}", output.status);
    }
    Ok(printed)
}
