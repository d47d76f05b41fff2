// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The one table of an injection's attributes, from which flags, checks, list and JSON come.

use crate::units;
use serde_json::{Value, json};
use std::ops::RangeInclusive;

/// The longest time that an attribute accepts: one hour.
const HOUR_US: u64 = 3_600_000_000;

/// The attribute that starts an injection, and is therefore written last.
pub const ENABLED: &str = "enabled";

/// The files of an injection's directory, in the order in which they are written and shown.
///
/// An attribute that the driver gains is a line here.
#[rustfmt::skip]
pub const ATTRIBUTES: [Attribute; 6] = [
    Attribute::new("delay_us", Unit::Microseconds, 0..=HOUR_US, 0, "Mean delay of each I/O"),
    Attribute::new("jitter_us", Unit::Microseconds, 0..=HOUR_US, 0, "How far a delay may be from the mean, either way"),
    Attribute::new("correlation", Unit::Percent, 0..=10_000, 0, "How much a delay resembles the one before"),
    Attribute::new("period_us", Unit::Microseconds, 1..=HOUR_US, 1_000_000, "Length of a limit's period"),
    Attribute::new("quota", Unit::Number, 0..=0xffff_ffff, 0, "I/Os let through in each period, per device; 0 is no limit"),
    Attribute::new(ENABLED, Unit::Number, 0..=1, 1, "0 prepares the injection without starting it"),
];

/// The attribute of that name.
pub fn attribute(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.name == name)
}

/// What an attribute counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Just a number.
    Number,
    /// A time. The attribute's name ends in `_us`; without that, it is the name of a flag that takes a unit.
    Microseconds,
    /// Per cents; the value is in hundredths.
    Percent,
}

/// A file of an injection's directory.
#[derive(Debug)]
pub struct Attribute {
    /// Its file name.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// The values that the driver accepts.
    pub range: RangeInclusive<u64>,
    /// Its value in a new injection.
    pub default: u64,
    /// What it does.
    pub help: &'static str,
}

impl Attribute {
    const fn new(
        name: &'static str,
        unit: Unit,
        range: RangeInclusive<u64>,
        default: u64,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            range,
            default,
            help,
        }
    }

    /// The flag that takes what the file takes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The flag that takes a time with its unit, for an attribute that is a time.
    pub fn flag_with_unit(&self) -> Option<&'static str> {
        match self.unit {
            Unit::Microseconds => self.name.strip_suffix("_us"),
            Unit::Number | Unit::Percent => None,
        }
    }

    /// Reads a value as the file has it; per cents may have their sign.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub fn parse(&self, text: &str) -> Result<u64, String> {
        let value = match text.strip_prefix('-').map(|rest| self.parse_positive(rest)) {
            Some(Ok(_)) => return Err(self.out_of_range(|value| self.file_text(value))),
            _ => self.parse_positive(text)?,
        };
        self.check(value, |value| self.file_text(value))
    }

    fn parse_positive(&self, text: &str) -> Result<u64, String> {
        match self.unit {
            Unit::Number | Unit::Microseconds => units::number(text),
            Unit::Percent => units::percent(text),
        }
    }

    /// Reads a time with its unit.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub fn parse_with_unit(&self, text: &str) -> Result<u64, String> {
        let value = units::microseconds(text)
            .map_err(|message| format!("{message}; --{} takes microseconds", self.flag()))?;
        self.check(value, units::show_microseconds)
    }

    fn check(&self, value: u64, show: impl Fn(u64) -> String) -> Result<u64, String> {
        if self.range.contains(&value) {
            Ok(value)
        } else {
            Err(self.out_of_range(show))
        }
    }

    fn out_of_range(&self, show: impl Fn(u64) -> String) -> String {
        let (least, most) = (show(*self.range.start()), show(*self.range.end()));
        format!("it has to be from {least} to {most}")
    }

    /// The value as the file has it.
    pub fn file_text(&self, value: u64) -> String {
        match self.unit {
            Unit::Number | Unit::Microseconds => value.to_string(),
            Unit::Percent => units::show_percent(value),
        }
    }

    /// The value as a number for programs to read.
    pub fn json(&self, value: u64) -> Value {
        match self.unit {
            Unit::Percent if value % 100 != 0 => json!(value as f64 / 100.0),
            Unit::Percent => json!(value / 100),
            Unit::Number | Unit::Microseconds => json!(value),
        }
    }

    /// The value for people to read.
    pub fn show(&self, value: u64) -> String {
        match self.unit {
            Unit::Number => value.to_string(),
            Unit::Microseconds => units::show_microseconds(value),
            Unit::Percent => format!("{}%", units::show_percent(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Attribute {
        attribute(name).unwrap()
    }

    #[test]
    fn every_row_holds_together() {
        for attribute in &ATTRIBUTES {
            assert!(
                attribute.range.contains(&attribute.default),
                "{attribute:?}"
            );
            assert_eq!(
                attribute.unit == Unit::Microseconds,
                attribute.name.ends_with("_us"),
                "{attribute:?}"
            );
            for value in [
                *attribute.range.start(),
                attribute.default,
                *attribute.range.end(),
            ] {
                assert_eq!(attribute.parse(&attribute.file_text(value)), Ok(value));
                if attribute.unit != Unit::Number {
                    let read = match attribute.flag_with_unit() {
                        Some(_) => attribute.parse_with_unit(&attribute.show(value)),
                        None => attribute.parse(&attribute.show(value)),
                    };
                    assert_eq!(read, Ok(value));
                }
            }
        }
    }

    #[test]
    fn bounds_are_the_drivers() {
        for (name, most, too_much) in [
            ("enabled", "1", "2"),
            ("delay_us", "3600000000", "3600000001"),
            ("jitter_us", "3600000000", "3600000001"),
            ("correlation", "100", "100.01"),
            ("period_us", "3600000000", "3600000001"),
            ("quota", "4294967295", "4294967296"),
        ] {
            assert!(named(name).parse(most).is_ok(), "{name}");
            let message = named(name).parse(too_much).unwrap_err();
            assert!(
                message.ends_with(&format!("to {most}")),
                "{name}: {message}"
            );
            let message = named(name).parse("-1").unwrap_err();
            assert!(
                message.ends_with(&format!("to {most}")),
                "{name}: {message}"
            );
        }
        assert!(named("period_us").parse("0").is_err());
    }

    #[test]
    fn a_time_with_its_unit_is_told_its_range_in_units() {
        assert_eq!(named("delay_us").parse_with_unit("10ms"), Ok(10_000));
        assert_eq!(
            named("period_us").parse_with_unit("2h").unwrap_err(),
            "it has to be from 1us to 1h"
        );
        assert_eq!(
            named("delay_us").parse_with_unit("10").unwrap_err(),
            "a time needs a unit: 10us, 10ms or 10s; --delay-us takes microseconds"
        );
    }
}
