// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Scenarios: files of steps, each of which is one injection or several with an end.
//!
//! `read` understands a file, `stage` checks it on this machine, and `play` takes the steps. The
//! result is a `report`, as text, `json` or `html`.

mod files;
mod html;
mod json;
mod options;
mod play;
mod progress;
mod read;
mod report;
mod schema;
mod shelf;
mod source;
mod stage;
mod svg;
mod values;
mod variables;

use crate::{
    args::{ScenarioFile, ScenarioRun, ScenarioVerb},
    error::{all_of, unless_closed},
    system::Roots,
};
use anyhow::Result;
use play::play;
use stage::Ready;
use std::io::Write;

/// Runs a verb about scenarios, and returns the exit code.
///
/// # Errors
///
/// If the file makes no sense, or a step cannot be taken.
pub(crate) fn scenario(roots: &Roots, verb: &ScenarioVerb, out: &mut dyn Write) -> Result<u8> {
    match verb {
        ScenarioVerb::Run(run) => play_file(roots, run, out),
        ScenarioVerb::Check(file) => {
            let ready = ready(roots, file, 1)?;
            Ok(writeln!(out, "{}", ready.summary()).map(|()| 0)?)
        }
        ScenarioVerb::List => Ok(out.write_all(shelf::list().as_bytes()).map(|()| 0)?),
        ScenarioVerb::Show { name } => {
            let text = shelf::show(name)?;
            Ok(out.write_all(text.as_bytes()).map(|()| 0)?)
        }
        ScenarioVerb::Schema => Ok(writeln!(out, "{:#}", schema::schema()).map(|()| 0)?),
    }
}

fn ready(roots: &Roots, file: &ScenarioFile, speed: u32) -> Result<Ready> {
    let source = shelf::open(&file.file)?;
    let variables = variables::Variables::new(file.variables());
    let scenario = read::read(&source, variables)?;
    Ready::new(roots, &source, scenario, file.force, speed)
}

fn play_file(roots: &Roots, run: &ScenarioRun, out: &mut dyn Write) -> Result<u8> {
    let ready = ready(roots, &run.file, run.speed)?;
    let files = files::Files::open(run.json.as_deref(), run.html.as_deref())?;
    let (report, failures) = play(roots, &ready)?;
    let printed = out.write_all(report.text().as_bytes());
    let mut failures = failures;
    failures.extend(files.write(&report));
    all_of(failures)?;
    // The exit code stays, even if the reader of the report has gone.
    unless_closed(printed)?;
    Ok(report.exit_code(run.expect_hits))
}
