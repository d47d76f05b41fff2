// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The values of an injection that exists.

use super::attributes::{Attribute, Name, Value, attribute};
use std::collections::BTreeSet;

/// The values of an injection's attributes, as far as the loaded module has them.
#[derive(Debug, Default)]
pub(crate) struct Values(pub(crate) Vec<(&'static Attribute, Value)>);

impl Values {
    /// The value of an attribute.
    pub(crate) fn get(&self, name: Name) -> Option<&Value> {
        let found = self.0.iter().find(|(attribute, _)| attribute.name == name);
        found.map(|(_, value)| value)
    }

    /// The value, unless a new injection has it too.
    fn changed(&self, name: Name) -> Option<&Value> {
        let default = attribute(name).default();
        self.get(name).filter(|value| **value != default)
    }

    /// The number, unless a new injection has it too.
    pub(crate) fn number(&self, name: Name) -> Option<u64> {
        match self.changed(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The text, unless a new injection has it too, or it is empty.
    pub(crate) fn text(&self, name: Name) -> Option<&str> {
        match self.changed(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The devices that the injection names: those of `device`, or else the disks of `sectors`.
    pub(crate) fn devices(&self) -> Option<String> {
        let disks = || {
            let disks = disks_of(self.text(Name::Sectors)?)?;
            Some(disks.into_iter().collect::<Vec<_>>().join(" "))
        };
        self.text(Name::Device).map(str::to_owned).or_else(disks)
    }

    /// The number as people read it, unless a new injection has it too.
    pub(crate) fn shown(&self, name: Name) -> Option<String> {
        let value = Value::Number(self.number(name)?);
        Some(attribute(name).show(&value))
    }

    /// Whether the injection holds I/O without an end.
    pub(crate) fn freezes(&self) -> bool {
        self.number(Name::Freeze).is_some()
    }

    /// Whether the injection affects some I/O while it is on.
    pub(crate) fn has_effect(&self) -> bool {
        let effects = [
            Name::DelayUs,
            Name::JitterUs,
            Name::Quota,
            Name::BytesQuota,
            Name::Freeze,
        ];
        let has_effect = self.text(Name::Percentiles).is_some()
            || effects.iter().any(|name| self.number(*name).is_some());
        has_effect && self.number(Name::Probability) != Some(0)
    }
}

/// The disks before the ranges of a text of sectors, unless a range is of every disk.
pub(crate) fn disks_of(sectors: &str) -> Option<BTreeSet<&str>> {
    let ranges = sectors.split(' ');
    let disks = ranges.map(|range| range.rsplit_once(':').map(|(disk, _)| disk));
    disks.collect()
}
