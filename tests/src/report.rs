// SPDX-License-Identifier: GPL-2.0-only

//! One line a test: what was asked and what was measured.

use anyhow::Result;
use std::fmt::Display;

/// What one test has found.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<String>,
    failures: Vec<String>,
    /// Whether figures that are times are judged.
    untimed: bool,
}

impl Report {
    /// Without a judgement on times if `untimed`, for kernels and clocks on which they tell nothing.
    pub(crate) fn new(untimed: bool) -> Self {
        Self {
            untimed,
            ..Self::default()
        }
    }

    /// Notes a figure that is a time, or the number of I/Os in one.
    pub(crate) fn time(
        &mut self,
        what: &str,
        asked: impl Display,
        measured: impl Display,
        good: bool,
    ) {
        if self.untimed {
            self.figures
                .push(format!("{what}: measured {measured}, not judged here"));
        } else {
            self.figure(what, asked, measured, good);
        }
    }

    /// Notes a figure; the test fails if it is not `good`.
    pub(crate) fn figure(
        &mut self,
        what: &str,
        asked: impl Display,
        measured: impl Display,
        good: bool,
    ) {
        let line = format!("{what}: asked {asked}, measured {measured}");
        if !good {
            self.failures.push(line.clone());
        }
        self.figures.push(line);
    }

    /// Prints the KTAP line; true if the test passed.
    pub(crate) fn print(&self, number: usize, name: &str, result: Result<()>) -> bool {
        let passed = result.is_ok() && self.failures.is_empty() && !self.figures.is_empty();
        println!(
            "{} {number} {name} - {}",
            if passed { "ok" } else { "not ok" },
            self.figures.join("; ")
        );
        for failure in &self.failures {
            println!("# failed: {failure}");
        }
        if let Err(error) = result {
            println!("# failed: {error:#}");
        }
        if self.figures.is_empty() {
            println!("# failed: nothing was measured");
        }
        passed
    }
}
