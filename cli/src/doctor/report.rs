// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! All that `kchaos doctor` has found out, in lines of 80 columns and as JSON.

use crate::show::{
    SCHEMA,
    columns::{table, wrapped},
};
use serde_json::{Map, Value, json};

/// A disk, as its line in the report has it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) scheduler: String,
    /// Whether it can be on ioem, or why it is.
    pub(super) usable: String,
}

/// A thing that is wrong, in a sentence that ends with the next step.
#[derive(Debug)]
pub(super) struct Problem {
    /// A word for programs, which stays when the sentence changes.
    pub(super) kind: &'static str,
    text: String,
}

impl Problem {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, text }
    }
}

/// The findings about a machine.
#[derive(Default)]
pub(super) struct Report {
    /// Facts about the machine, each with its name.
    facts: Vec<(&'static str, String)>,
    pub(super) disks: Vec<Seen>,
    pub(super) problems: Vec<Problem>,
}

impl Report {
    pub(super) fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, value.into()));
    }

    pub(super) fn problem(&mut self, kind: &'static str, text: impl Into<String>) {
        self.problems.push(Problem::new(kind, text));
    }

    pub(super) fn json(&self) -> Value {
        let facts: Map<String, Value> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let disks = self.disks.iter().map(
            |disk| json!({ "name": disk.name, "scheduler": disk.scheduler, "use": disk.usable }),
        );
        let problems = self
            .problems
            .iter()
            .map(|problem| json!({ "kind": problem.kind, "text": problem.text }));
        json!({
            "schema": SCHEMA,
            "facts": facts,
            "disks": disks.collect::<Vec<_>>(),
            "problems": problems.collect::<Vec<_>>(),
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .facts
            .iter()
            .flat_map(|(name, value)| wrapped(&format!("{name:11} {value}")))
            .collect();
        lines.push(String::new());
        if !self.disks.is_empty() {
            let rows = self.disks.iter();
            let rows = rows.map(|disk| {
                [
                    disk.name.clone(),
                    disk.scheduler.clone(),
                    disk.usable.clone(),
                ]
            });
            lines.extend(table(["DISK", "SCHEDULER", "USE"], rows));
            lines.push(String::new());
        }
        lines.push(match self.problems.len() {
            0 => "no problem was found".to_owned(),
            1 => "1 problem:".to_owned(),
            number => format!("{number} problems:"),
        });
        let problems = self.problems.iter();
        lines.extend(problems.flat_map(|problem| wrapped(&format!("  {}", problem.text))));
        lines
    }
}
