// SPDX-License-Identifier: GPL-2.0-only

//! One line a test: what was asked and what was measured.

use anyhow::Result;
use std::fmt::Display;

/// What one test has found.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<String>,
    failures: Vec<String>,
}

impl Report {
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
