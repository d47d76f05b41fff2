// SPDX-License-Identifier: GPL-2.0-only

//! Runs the tests of Chaos Driver, each in its place: on this machine, or through the lab in
//! virtual machines. One line a test; the last line tells how many passed and failed.
//!
//! `make test` and others start it; it works in the folder of the checkout.

mod bench;
mod boot;
mod checks;
mod ci;
mod command;
mod debug;
mod demo;
#[cfg(test)]
mod deploy;
mod fuzz;
mod headers;
mod install;
mod ktap;
mod languages;
mod matrix;
mod model;
mod packages;
mod programs;
mod refusals;
mod reproducible;
mod slots;
mod test;
mod vm;

use anyhow::{Context, Result};
use clap::Parser;
use std::{env, process::ExitCode};

/// Runs the tests of Chaos Driver
#[derive(Parser)]
enum Arguments {
    /// All tests on a distribution's kernel, and all tests that need none
    Test,
    /// Tests on kernels with sanitizers; from the environment: KERNELS, TORTURE_SECONDS, SEED and
    /// VOLUME_SECONDS
    Debug {
        /// Only these, of: untimed_tests traps unjudged_tests torture volumes
        #[arg(value_name = "STEP")]
        steps: Vec<String>,
    },
    /// The module on each kernel of tools/targets, or on the kernels that MATRIX names
    Matrix,
    /// README's commands on fresh machines of Debian 12 and 13
    Install {
        /// Only these, of: trixie bookworm
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
    },
    /// The packages of Debian, on fresh machines
    Packages {
        /// The machines, of: trixie bookworm
        #[arg(value_name = "TARGET")]
        targets: Vec<String>,
    },
    /// A release of two clones, whose bytes are compared
    Reproducible,
    /// All features for users, in a VM, command by command
    Demo {
        /// The kernel, by a name in tools/targets; by default the first
        target: Option<String>,
    },
    /// Costs and exactness; from the environment: BOOTS, JOBS, PARTS and OUT
    Bench,
    /// Inputs on which a parser fails
    Fuzz(fuzz::Arguments),
    /// The driver's own code under a checker
    Model {
        /// The checker that looks at it
        checker: model::Checker,
    },
    /// The tests of continuous integration
    Ci,
}

fn run(arguments: Arguments) -> Result<u8> {
    let arguments = match arguments {
        Arguments::Fuzz(fuzz) => Arguments::Fuzz(fuzz.with_whole_paths()?),
        other => other,
    };
    slots::most()?;
    env::set_current_dir(command::top()).context("entering the checkout")?;
    let passed = match arguments {
        Arguments::Test => test::test(),
        Arguments::Debug { steps } => debug::debug(&steps)?,
        Arguments::Matrix => matrix::matrix(),
        Arguments::Install { targets } => install::install(&targets)?,
        Arguments::Packages { targets } => packages::packages(&targets)?,
        Arguments::Reproducible => reproducible::reproducible()?,
        Arguments::Demo { target } => demo::demo(target.as_deref()).map(|()| true)?,
        Arguments::Bench => return bench::bench(),
        Arguments::Fuzz(fuzz) => fuzz::fuzz(fuzz)?,
        Arguments::Model { checker } => model::check(checker).map(|()| true)?,
        Arguments::Ci => ci::ci(),
    };
    Ok(u8::from(!passed))
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("suite: {error:#}");
            ExitCode::FAILURE
        }
    }
}
