// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Reads the file of a scenario: every mistake in it is told at once, with its place.

use super::{
    options::{Given, Options},
    source::{Mistake, Source, Span},
    values::{Reader, plain},
    variables::Variables,
};
use crate::{
    args::Whom,
    interface::{Name, Settings},
};
use anyhow::Result;
use std::time::Duration;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The keys of a scenario beside the options of its steps.
pub(super) const SCENARIO_KEYS: [&str; 6] = [
    "name",
    "description",
    "repeat",
    "pause",
    "variables",
    "steps",
];

/// The keys of a step beside options.
pub(super) const STEP_KEYS: [&str; 4] = ["name", "repeat", "pause", "together"];

/// The keys of one of several injections of a step beside options.
pub(super) const TOGETHER_KEYS: [&str; 1] = ["name"];

/// The steps of a file, in their order.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// How often all steps are taken.
    pub(super) repeat: u64,
    pub(super) steps: Vec<Step>,
}

/// One or several injections that begin together.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: String,
    /// How often it is taken before the next.
    pub(super) repeat: u64,
    /// The time after it, unless it is the last.
    pub(super) pause: Duration,
    pub(super) injections: Vec<Injection>,
}

/// An injection of a step.
#[derive(Debug)]
pub(super) struct Injection {
    pub(super) name: String,
    /// Its settings, of which one is an end.
    pub(super) settings: Settings,
    pub(super) whom: Whom,
    /// The place of its table.
    pub(super) span: Span,
}

/// An injection as the file has it.
struct Draft {
    name: String,
    given: Vec<Given>,
    span: Span,
}

/// A step as the file has it, with its drafts in the place of injections.
type DraftOfStep = (Step, Vec<Draft>);

/// Reads a scenario.
///
/// # Errors
///
/// The sentences about all mistakes.
pub(super) fn read(source: &Source, mut variables: Variables) -> Result<Scenario> {
    let parsed = DeTable::parse(&source.text);
    let table = parsed.map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let found = source.found(&span).filter(|found| !found.trim().is_empty());
        let found = found.map_or(String::new(), |found| format!(" (found `{found}`)"));
        let sentence = format!("this is no TOML: {}{found}", error.message());
        source.failure(vec![Mistake::new(&span, sentence)])
    })?;
    let mut mistakes = Vec::new();
    defaults(table.get_ref(), &mut variables, &mut mistakes);
    let mut reader = Reader {
        variables: &variables,
        options: Options::new(),
        mistakes,
    };
    let scenario = reader.scenario(&table);
    let mut mistakes = reader.mistakes;
    let unused = variables.unused().into_iter();
    mistakes.extend(unused.map(|sentence| Mistake::new(&(0..0), sentence)));
    match scenario {
        Some(scenario) if mistakes.is_empty() => Ok(scenario),
        _ => Err(source.failure(mistakes)),
    }
}

/// Reads the values of variables in the file.
fn defaults(table: &DeTable<'_>, variables: &mut Variables, mistakes: &mut Vec<Mistake>) {
    let mut entries = table.iter();
    let Some((_, found)) = entries.find(|(key, _)| key.get_ref() == "variables") else {
        return;
    };
    let Some(found) = found.get_ref().as_table() else {
        let sentence = "variables is a table of texts: device = \"sdb\" below [variables]";
        mistakes.push(Mistake::new(&found.span(), sentence));
        return;
    };
    for (name, value) in found {
        match plain(value.get_ref()) {
            Some(text) => variables.set_default(name.get_ref(), text),
            None => {
                let sentence = format!(
                    "the value of the variable {name} has to be a text",
                    name = name.get_ref()
                );
                mistakes.push(Mistake::new(&value.span(), sentence));
            }
        }
    }
}

impl Reader<'_> {
    fn scenario(&mut self, table: &Spanned<DeTable<'_>>) -> Option<Scenario> {
        let level = self.level(table.get_ref(), &(0..0), &SCENARIO_KEYS);
        let name = self.name(&level, "a scenario");
        let description = level.own.get("description");
        let description = description.and_then(|value| self.text(value, "description"));
        let repeat = self.repeat(&level);
        let pause = self.pause(&level);
        let mut drafts = Vec::new();
        let tables = level.own.get("steps");
        let tables = tables.map(|value| self.tables(value, "steps"));
        for table in tables.iter().flatten() {
            drafts.extend(self.step(table, &level.options, pause));
        }
        if tables.is_none_or(|tables| tables.is_empty()) {
            self.tell(
                &(0..0),
                "a scenario has steps; begin each with a line [[steps]]",
            );
        }
        self.check_names(&drafts);
        // An option with a wrong value is left out, and each of these checks could miss it.
        if !self.mistakes.is_empty() {
            return None;
        }
        let steps = drafts.into_iter().map(|(step, drafts)| {
            let injections = drafts.into_iter();
            let injections = injections.filter_map(|draft| self.injection(draft));
            Step {
                injections: injections.collect(),
                ..step
            }
        });
        Some(Scenario {
            steps: steps.collect(),
            name: name?,
            description,
            repeat: repeat?,
        })
    }

    fn step(
        &mut self,
        table: &Spanned<DeValue<'_>>,
        outer: &[Given],
        pause: Option<Duration>,
    ) -> Option<DraftOfStep> {
        let level = self.level(table.get_ref().as_table()?, &table.span(), &STEP_KEYS);
        let name = self.name(&level, "a step");
        let repeat = self.repeat(&level);
        let pause = match level.own.contains_key("pause") {
            true => self.pause(&level),
            false => pause,
        };
        let options = within(outer, &level.options);
        let mut drafts = Vec::new();
        match level.own.get("together") {
            None => drafts.push(Draft {
                name: name.clone().unwrap_or_default(),
                given: options,
                span: level.span,
            }),
            Some(value) => {
                let tables = self.tables(value, "together");
                if tables.is_empty() {
                    self.tell(&value.span(), "together has at least one injection");
                }
                for table in tables {
                    let Some(found) = table.get_ref().as_table() else {
                        continue;
                    };
                    let inner = self.level(found, &table.span(), &TOGETHER_KEYS);
                    let name = self.name(&inner, "an injection of together");
                    drafts.push(Draft {
                        name: name.unwrap_or_default(),
                        given: within(&options, &inner.options),
                        span: inner.span,
                    });
                }
            }
        }
        let step = Step {
            name: name?,
            repeat: repeat?,
            pause: pause?,
            injections: Vec::new(),
        };
        Some((step, drafts))
    }

    fn injection(&mut self, draft: Draft) -> Option<Injection> {
        let Draft { name, given, span } = draft;
        let given: Vec<&Given> = given.iter().collect();
        let (settings, whom) = match self.options.read(&given) {
            Ok(read) => read,
            Err(sentence) => {
                self.tell(&span, format!("in {name:?}, {sentence}"));
                return None;
            }
        };
        let lifted = settings.lifted().next();
        if let Some((flag, what)) = lifted {
            let option = flag.trim_start_matches('-');
            self.tell(
                &span,
                format!("in {name:?}, {option} = 0 would be {what}; choose more"),
            );
        } else if settings.number(Name::DurationMs).is_none() {
            let sentence = format!("{name:?} has no end; add for = \"30s\"");
            self.tell(&span, sentence);
        }
        if let Some(why) = settings.do_nothing() {
            self.tell(&span, format!("{name:?} would do nothing: {why}"));
        }
        Some(Injection {
            name,
            settings,
            whom,
            span,
        })
    }

    /// Tells names that two injections have: in the report, nobody could tell them apart.
    fn check_names(&mut self, drafts: &[DraftOfStep]) {
        let mut known = Vec::new();
        for draft in drafts.iter().flat_map(|(_, drafts)| drafts) {
            if known.contains(&&draft.name) && !draft.name.is_empty() {
                let name = &draft.name;
                let sentence =
                    format!("{name:?} is the name of another one, too; choose a new one");
                self.mistakes.push(Mistake::new(&draft.span, sentence));
            }
            known.push(&draft.name);
        }
    }
}

/// The options of a table, and those of the tables around it that it has not itself.
fn within(outer: &[Given], own: &[Given]) -> Vec<Given> {
    let has = |given: &&Given| own.iter().all(|other| other.option != given.option);
    own.iter()
        .chain(outer.iter().filter(has))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests;
