// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The values of an injection that exists.

use super::attributes::{Attribute, Value, attribute};

/// The values of an injection's attributes, as far as the loaded module has them.
#[derive(Debug, Default)]
pub(crate) struct Values(pub(crate) Vec<(&'static Attribute, Value)>);

impl Values {
    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(attribute, _)| attribute.name == name);
        found.map(|(_, value)| value)
    }

    /// The number, unless a new injection has it too.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let default = attribute(name).map(Attribute::default);
        match self.get(name) {
            Some(Value::Number(number)) if default != Some(Value::Number(*number)) => Some(*number),
            _ => None,
        }
    }

    /// The text, unless it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The number as people read it, unless a new injection has it too.
    pub(crate) fn shown(&self, name: &str) -> Option<String> {
        let value = Value::Number(self.number(name)?);
        Some(attribute(name)?.show(&value))
    }

    /// Whether the injection does something to some I/O while it is on.
    pub(crate) fn has_effect(&self) -> bool {
        let effects = ["delay_us", "jitter_us", "quota"];
        let has_effect = self.text("percentiles").is_some()
            || effects.iter().any(|name| self.number(name).is_some());
        has_effect && self.number("probability") != Some(0)
    }
}
