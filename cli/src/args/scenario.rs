// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The arguments of `kchaos scenario`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// A verb about a scenario.
#[derive(Debug, Subcommand)]
pub enum ScenarioVerb {
    /// Check a scenario, take its steps one after another, and report what they hit
    ///
    /// While it runs, a line on standard error tells the step, the rest of its time and the hits.
    /// The report is on standard output: for each injection, when it was at work, its settings,
    /// and the I/O that it hit. A signal ends all injections, gives the disks back, and then kchaos
    /// exits with 128 and its number, after the report of the steps until then.
    Run(ScenarioRun),
    /// List the scenarios that come with kchaos
    List,
    /// Print one of these, such as to begin a file of your own with it
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Check a scenario and whether this machine has all that it names, and change nothing
    ///
    /// The exit code is that with which `run` would not begin: 2 for a mistake in the file, or if
    /// it wants --force; 5 for a device, a cgroup or a process that is not there.
    Check(ScenarioFile),
    /// Print the JSON Schema of scenarios, by which editors know their keys
    Schema,
}

/// The arguments of `kchaos scenario run`.
#[derive(Args, Debug)]
pub struct ScenarioRun {
    /// The scenario.
    #[command(flatten)]
    pub file: ScenarioFile,
    /// Divide the times of steps and pauses by this, to see all of a long scenario soon
    #[arg(long, value_name = "FACTOR", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub speed: u32,
    /// Exit with 125 if all steps are taken, and no I/O was hit in one of them
    #[arg(long)]
    pub expect_hits: bool,
    /// Write the report to this file as JSON, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub json: Option<PathBuf>,
    /// Write the report to this file as a page for a browser, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub html: Option<PathBuf>,
}

/// A file with a scenario, and the values of its variables.
#[derive(Args, Debug)]
pub struct ScenarioFile {
    /// The file, in TOML; or the name of a scenario that comes with kchaos
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The value of $device in the file
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// The value of another variable in the file; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Also allow what `kchaos inject` allows with --force
    #[arg(long)]
    pub force: bool,
}

impl ScenarioFile {
    /// The names and values of variables.
    pub fn variables(&self) -> Vec<(String, String)> {
        let device = self.device.iter();
        let device = device.map(|device| ("device".to_owned(), device.clone()));
        device.chain(self.set.iter().cloned()).collect()
    }
}

/// Reads a variable and its value.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it has to be a name and a value, such as for=30s".to_owned()),
    }
}
