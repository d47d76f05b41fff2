// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Reads the keys and values of a scenario's tables.

use super::{
    options::{Given, Options, is_list, is_switch},
    source::{Mistake, Span},
    variables::Variables,
};
use crate::interface::{check_name, units};
use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// How often something can be repeated.
pub(super) const REPEATS: RangeInclusive<u64> = 1..=10_000;

/// A table of the file: its own keys, and its options.
pub(super) struct Level<'t> {
    pub(super) own: BTreeMap<&'t str, &'t Spanned<DeValue<'t>>>,
    pub(super) options: Vec<Given>,
    pub(super) span: Span,
}

/// Reads a file, and keeps the mistakes.
pub(super) struct Reader<'a> {
    pub(super) variables: &'a Variables,
    pub(super) options: Options,
    pub(super) mistakes: Vec<Mistake>,
}

/// The text of a value that is a text or a number.
pub(super) fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

impl Reader<'_> {
    pub(super) fn tell(&mut self, span: &Span, sentence: impl Into<String>) {
        self.mistakes.push(Mistake::new(span, sentence));
    }

    /// Sorts the keys of a table, and reads its options.
    pub(super) fn level<'t>(
        &mut self,
        table: &'t DeTable<'t>,
        span: &Span,
        own: &[&str],
    ) -> Level<'t> {
        let mut level = Level {
            own: BTreeMap::new(),
            options: Vec::new(),
            span: span.clone(),
        };
        for (key, value) in table {
            let name: &str = key.get_ref();
            if own.contains(&name) {
                level.own.insert(name, value);
            } else if self.options.find(name).is_some() {
                level.options.extend(self.option(name, value));
            } else {
                let guess = self.options.guess(name, own);
                self.tell(
                    &key.span(),
                    format!("there is no key {name:?} here; {guess}"),
                );
            }
        }
        level
    }

    fn option(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Given> {
        let arg = self.options.find(name)?;
        let takes_many = is_list(arg);
        let option = arg.get_long()?.to_owned();
        let values = match value.get_ref() {
            DeValue::Array(items) if takes_many => items.iter().collect(),
            DeValue::Array(_) => {
                self.tell(&value.span(), format!("{name} has one value, and no list"));
                return None;
            }
            _ => vec![value],
        };
        let values: Option<Vec<String>> = values
            .into_iter()
            .map(|value| match value.get_ref() {
                DeValue::Boolean(is_on) if is_switch(&option) => Some(u8::from(*is_on).to_string()),
                _ => self.text(value, name),
            })
            .collect();
        let given = Given {
            option,
            values: values?,
            span: value.span(),
        };
        match self.options.check(&given) {
            Ok(()) => Some(given),
            Err(mistake) => {
                self.mistakes.push(mistake);
                None
            }
        }
    }

    /// The text of a value, with the values of its variables.
    pub(super) fn text(&mut self, value: &Spanned<DeValue<'_>>, name: &str) -> Option<String> {
        let Some(text) = plain(value.get_ref()) else {
            let kind = value.get_ref().type_str();
            let sentence =
                format!("{name} has to be a text or a number, and this is of type {kind}");
            self.tell(&value.span(), sentence);
            return None;
        };
        match self.variables.fill(&text) {
            Ok(text) => Some(text),
            Err(sentence) => {
                self.tell(&value.span(), sentence);
                None
            }
        }
    }

    pub(super) fn name(&mut self, level: &Level<'_>, what: &str) -> Option<String> {
        let Some(value) = level.own.get("name") else {
            self.tell(
                &level.span,
                format!("{what} has a name; add name = \"...\""),
            );
            return None;
        };
        let name = self.text(value, "name")?;
        match check_name(&name) {
            Ok(name) => Some(name),
            Err(sentence) => {
                self.tell(&value.span(), format!("name = {name:?}: {sentence}"));
                None
            }
        }
    }

    pub(super) fn repeat(&mut self, level: &Level<'_>) -> Option<u64> {
        let Some(value) = level.own.get("repeat") else {
            return Some(1);
        };
        let text = self.text(value, "repeat")?;
        let number = units::number(&text)
            .ok()
            .and_then(|n| u64::try_from(n).ok());
        let number = number.filter(|number| REPEATS.contains(number));
        if number.is_none() {
            let (least, most) = (REPEATS.start(), REPEATS.end());
            let sentence = format!("repeat = {text}: it has to be from {least} to {most}");
            self.tell(&value.span(), sentence);
        }
        number
    }

    pub(super) fn pause(&mut self, level: &Level<'_>) -> Option<Duration> {
        let Some(value) = level.own.get("pause") else {
            return Some(Duration::ZERO);
        };
        let text = self.text(value, "pause")?;
        match units::microseconds(&text) {
            Ok(microseconds) => Some(Duration::from_micros(microseconds)),
            Err(sentence) => {
                self.tell(&value.span(), format!("pause = \"{text}\": {sentence}"));
                None
            }
        }
    }

    /// The tables of a list of tables.
    pub(super) fn tables<'t>(
        &mut self,
        value: &'t Spanned<DeValue<'t>>,
        name: &str,
    ) -> Vec<&'t Spanned<DeValue<'t>>> {
        let items = value.get_ref().as_array();
        let are_tables =
            items.is_some_and(|items| items.iter().all(|item| item.get_ref().is_table()));
        if !are_tables {
            let how = match name {
                "steps" => "begin each with a line [[steps]]",
                _ => "such as together = [{ name = \"a\", delay = \"1ms\" }]",
            };
            self.tell(
                &value.span(),
                format!("{name} has to be a list of tables; {how}"),
            );
            return Vec::new();
        }
        items
            .map(|items| items.iter().collect())
            .unwrap_or_default()
    }
}
