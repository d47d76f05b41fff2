// SPDX-License-Identifier: GPL-2.0-only

//! One line a test: the figures that it asked for and that it measured.

use anyhow::Result;
use std::fmt::Display;

/// The figures that are judged. With fewer, a test passes if it runs to its end and the kernel logs
/// no complaint.
#[derive(Clone, Copy, Default)]
pub(crate) enum Judge {
    #[default]
    All,
    /// All except times: for kernels and clocks whose times mean nothing.
    Untimed,
    /// None: for tests that learn from a time how the driver treated an I/O.
    None,
}

/// The findings of one test.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<String>,
    failures: Vec<String>,
    skipped: Vec<String>,
    judge: Judge,
}

impl Report {
    pub(crate) fn new(judge: Judge) -> Self {
        Self {
            judge,
            ..Self::default()
        }
    }

    /// Notes a figure that is a time.
    pub(crate) fn time(
        &mut self,
        what: &str,
        asked: impl Display,
        measured: impl Display,
        good: bool,
    ) {
        match self.judge {
            Judge::All => self.figure(what, asked, measured, good),
            Judge::Untimed | Judge::None => self.tell(what, measured),
        }
    }

    fn tell(&mut self, what: &str, measured: impl Display) {
        self.figures
            .push(format!("{what}: measured {measured}, not judged here"));
    }

    /// Notes a figure; the test fails if it is not `good`.
    pub(crate) fn figure(
        &mut self,
        what: &str,
        asked: impl Display,
        measured: impl Display,
        good: bool,
    ) {
        if matches!(self.judge, Judge::None) {
            self.tell(what, measured);
            return;
        }
        let line = format!("{what}: asked {asked}, measured {measured}");
        if !good {
            self.failures.push(line.clone());
        }
        self.figures.push(line);
    }

    /// Notes the part that is not tested here, since this kernel or guest lacks something.
    pub(crate) fn skip(&mut self, reason: impl Display) {
        self.skipped.push(reason.to_string());
    }

    /// Prints the KTAP line; true if the test passed.
    pub(crate) fn print(&self, number: usize, name: &str, result: Result<()>) -> bool {
        let is_empty = self.figures.is_empty() && self.skipped.is_empty();
        let passed = result.is_ok() && self.failures.is_empty() && !is_empty;
        println!(
            "{} {number} {name} - {}",
            if passed { "ok" } else { "not ok" },
            self.figures.join("; ")
        );
        for reason in &self.skipped {
            println!("# skipped: {reason}");
        }
        for failure in &self.failures {
            println!("# failed: {failure}");
        }
        if let Err(error) = result {
            println!("# failed: {error:#}");
        }
        if is_empty {
            println!("# failed: nothing was measured");
        }
        passed
    }
}
