// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The values of an injection that exists.

use super::{
    attributes::{Attribute, Name, Value, attribute},
    ending::{Ending, damaging},
};
use std::collections::BTreeSet;

/// The numbers of which each has an effect, unless it is 0.
pub(super) const EFFECTS: [Name; 10] = [
    Name::DelayUs,
    Name::JitterUs,
    Name::Quota,
    Name::BytesQuota,
    Name::Freeze,
    Name::Drop,
    Name::Torn,
    Name::Corrupt,
    Name::SeekUs,
    Name::TurnUs,
];

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

    /// The end of the I/O that matches, unless it is as the disk ends it.
    pub(crate) fn ending(&self) -> Option<Ending<'_>> {
        Ending::of(|name| self.number(name), self.text(Name::Error))
    }

    /// Whether the injection damages data, or would without an error.
    pub(crate) fn damages(&self) -> bool {
        damaging().any(|name| self.number(name).is_some())
    }

    /// Whether the injection affects some I/O while it is on.
    pub(crate) fn has_effect(&self) -> bool {
        let texts = [Name::Percentiles, Name::Error];
        let has_effect = texts.iter().any(|name| self.text(*name).is_some())
            || EFFECTS.iter().any(|name| self.number(*name).is_some());
        has_effect && self.number(Name::Probability) != Some(0)
    }
}

/// The disks before the ranges of a text of sectors, unless a range is of every disk.
pub(crate) fn disks_of(sectors: &str) -> Option<BTreeSet<&str>> {
    let ranges = sectors.split(' ');
    let disks = ranges.map(|range| range.rsplit_once(':').map(|(disk, _)| disk));
    disks.collect()
}
