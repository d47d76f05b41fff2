// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Recordings of real disks: how long each I/O took, as a file, and injections that make another
//! disk as slow.
//!
//! `run` traces a disk by an `instance` of tracefs, whose `pages` have the `event`s of requests.
//! `pairs` finds the end of each, `measure` counts them by `histogram`s, and `build` makes a
//! `profile` of these, with the `points` that are like the distribution, and the `lanes` or
//! the rate (`levels`) of a disk that was saturated. `replay` reads a profile,
//! or makes one of a report of `fio` or of `biolatency`.

mod biolatency;
mod build;
mod disk;
mod event;
mod fio;
mod histogram;
mod instance;
mod lanes;
mod levels;
mod measure;
mod output;
mod pages;
mod pairs;
mod points;
mod profile;
mod replay;
mod run;
mod source;
mod svg;
mod table;

use crate::{
    args::{Record, Replay},
    system::Roots,
};
use anyhow::Result;
use std::io::Write;

/// Runs `kchaos record`, and returns the exit code.
///
/// # Errors
///
/// If the disk cannot be recorded.
pub(crate) fn record(roots: &Roots, args: &Record, out: &mut dyn Write) -> Result<u8> {
    run::record(roots, args, out)
}

/// Removes what recordings have left that were killed.
pub(crate) fn remove_left(roots: &Roots) {
    instance::remove_all_left(roots);
}

/// Runs `kchaos replay`.
///
/// # Errors
///
/// If an injection cannot be made.
pub(crate) fn replay(roots: &Roots, args: &Replay, out: &mut dyn Write) -> Result<u8> {
    replay::replay(roots, args, out)
}
