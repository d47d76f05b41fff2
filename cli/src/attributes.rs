// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The one table of an injection's attributes, from which flags, checks, list and JSON come.

use crate::{
    form::Form,
    unit::{self, Time, Unit},
    units,
};
use serde_json::json;
use std::ops::RangeInclusive;

/// The longest time that an attribute accepts: one hour.
pub(crate) const HOUR_US: u64 = 3_600_000_000;

/// The largest number of 32 bits.
const MOST: u64 = 0xffff_ffff;

/// The attribute that starts an injection, and is therefore written last.
pub const ENABLED: &str = "enabled";

/// The attribute after whose time an injection does nothing any more.
pub const DURATION: &str = "duration_ms";

/// The attribute that says which devices' I/O is affected.
pub const DEVICE: &str = "device";

/// The attribute that says whose cgroup's I/O is affected.
pub const CGROUP: &str = "cgroup";

/// The attribute that says in whose PID namespace those are whose I/O is affected.
pub const PID_NS: &str = "pid_ns";

const DELAY: Unit = Unit::microseconds("delay");
const JITTER: Unit = Unit::microseconds("jitter");
const PERIOD: Unit = Unit::microseconds("period");
const FOR: Unit = Unit::Time(Time {
    flag: "for",
    microseconds: 1_000,
});

/// The files of an injection's directory, in the order in which they are written and shown: first what says which I/O is meant, so
/// that no other I/O is ever affected; the time it lasts late, so that it does not pass before the injection starts.
///
/// An attribute that the driver gains is a line here.
#[rustfmt::skip]
pub const ATTRIBUTES: [Attribute; 21] = [
    Attribute::text(DEVICE, Form::Devices, Section::Filter, "Only I/O to these: a disk, a partition of it, or the mount point or any file of what is on it"),
    Attribute::text("op", Form::Operations, Section::Filter, "Only these operations; of the conditions sync, fua and meta, all that are named must hold"),
    Attribute::text(CGROUP, Form::Cgroup, Section::Filter, "Only I/O of this cgroup (v2) and those below it, buffered writes included"),
    Attribute::text(PID_NS, Form::Process, Section::Filter, "Only I/O that processes of this process's PID namespace submit"),
    Attribute::text("sectors", Form::Sectors, Section::Filter, "Only I/O that touches these ranges of the disk, in sectors of 512 bytes"),
    Attribute::number("min_bytes", Unit::Bytes, 0..=MOST, 0, Section::Filter, "Only I/O of at least so many bytes; 0 is any, 4k is 4096, 1m is 1048576"),
    Attribute::number("max_bytes", Unit::Bytes, 0..=MOST, 0, Section::Filter, "Only I/O of at most so many bytes; 0 is any"),
    Attribute::number("probability", Unit::Percent { places: 4 }, 0..=1_000_000, 1_000_000, Section::Filter, "Share of that I/O that is affected, with up to four decimals"),
    Attribute::number("every", Unit::Number, 1..=MOST, 1, Section::Filter, "Only each n-th of that I/O, counted per device"),
    Attribute::number("times", Unit::Number, 0..=MOST, 0, Section::Filter, "Stop after so many affected I/Os, on all devices together; 0 is no end"),
    Attribute::number("delay_us", DELAY, 0..=HOUR_US, 0, Section::Effect, "Mean delay of each I/O"),
    Attribute::number("jitter_us", JITTER, 0..=HOUR_US, 0, Section::Effect, "How far a delay may be from the mean, either way; the standard deviation unless the distribution is uniform"),
    Attribute::number("correlation", Unit::Percent { places: 2 }, 0..=10_000, 0, Section::Effect, "How much a delay resembles the one before"),
    Attribute::text("distribution", Form::Distribution, Section::Effect, "How delays spread around the mean, as in tc netem"),
    Attribute::text("percentiles", Form::Percentiles, Section::Effect, "Delays such as were measured, instead of mean and jitter: so many per cent are at most so long; a number without unit is microseconds"),
    Attribute::number("seed", Unit::Number, 0..=u64::MAX, 0, Section::Effect, "Draw the same random numbers each time; 0 draws others each time"),
    Attribute::number("period_us", PERIOD, 1..=HOUR_US, 1_000_000, Section::Effect, "Length of a limit's period"),
    Attribute::number("quota", Unit::Number, 0..=MOST, 0, Section::Effect, "I/Os let through in each period, per device; 0 is no limit"),
    Attribute::text("hold", Form::Way, Section::Effect, "What is held: the request, so that the disk is slow, or the completion, so that only this I/O is; auto: the request if all I/O of a disk is affected, else the completion"),
    Attribute::number(DURATION, FOR, 0..=MOST, 0, Section::Time, "End by itself after this time; 0 is no end; not with -- COMMAND"),
    Attribute::number(ENABLED, Unit::Number, 0..=1, 1, Section::Time, "0 prepares the injection without starting it"),
];

/// `quota` for those who ask for a limit, to whom 0, which is none, is a slip.
pub(crate) const LIMIT: Attribute = Attribute::number(
    "quota",
    Unit::Number,
    1..=MOST,
    1,
    Section::Effect,
    "I/Os let through in each period, per device",
);

/// The attribute of that name.
pub fn attribute(name: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|attribute| attribute.name == name)
}

/// Where the help shows an attribute's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Which I/O is affected.
    Filter,
    /// What happens to it.
    Effect,
    /// When it happens.
    Time,
}

impl Section {
    /// The heading in the help.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Filter => "Which I/O",
            Self::Effect => "What happens to it",
            Self::Time => "When",
        }
    }
}

/// What an attribute can be.
#[derive(Debug)]
pub enum Kind {
    /// A number.
    Number {
        /// What it counts.
        unit: Unit,
        /// The values that the driver accepts.
        range: RangeInclusive<u64>,
        /// Its value in a new injection.
        default: u64,
    },
    /// A text.
    Text(Form),
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// A file of an injection's directory.
#[derive(Debug)]
pub struct Attribute {
    /// Its file name.
    pub name: &'static str,
    /// What it can be.
    pub kind: Kind,
    /// Where the help shows it.
    pub section: Section,
    /// What it does.
    pub help: &'static str,
}

impl Attribute {
    const fn number(
        name: &'static str,
        unit: Unit,
        range: RangeInclusive<u64>,
        default: u64,
        section: Section,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Number {
                unit,
                range,
                default,
            },
            section,
            help,
        }
    }

    const fn text(name: &'static str, form: Form, section: Section, help: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Text(form),
            section,
            help,
        }
    }

    /// The flag that takes what the file takes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The flag that takes a time with its unit, for an attribute that is a time.
    pub fn flag_with_unit(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Number {
                unit: Unit::Time(Time { flag, .. }),
                ..
            } => Some(flag),
            _ => None,
        }
    }

    /// Its value in a new injection.
    pub fn default(&self) -> Value {
        match &self.kind {
            Kind::Number { default, .. } => Value::Number(*default),
            Kind::Text(form) => Value::Text(form.default().to_owned()),
        }
    }

    /// Reads a value as people write it: as the file has it, bytes and per cents also with their sign.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let (unit, range) = match &self.kind {
            Kind::Text(form) => return form.parse(text).map(Value::Text),
            Kind::Number { unit, range, .. } => (*unit, range),
        };
        let value = match text.strip_prefix('-').map(|rest| unit.read(rest)) {
            Some(Ok(_)) => None,
            _ if unit::is_switch(range) => unit.read(text).ok(),
            _ => Some(unit.read(text)?),
        };
        within(range, value).ok_or_else(|| out_of_range(range, &unit.range(range)))
    }

    /// Reads a value as its file says it.
    ///
    /// # Errors
    ///
    /// A sentence that says what was expected.
    pub fn parse_file(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            // Such as names that this program would have looked up.
            Kind::Text(_) => Ok(Value::Text(text.to_owned())),
            Kind::Number { .. } => self.parse(text),
        }
    }

    /// Reads a time with its unit.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub fn parse_with_unit(&self, text: &str) -> Result<Value, String> {
        let Kind::Number {
            unit: unit @ Unit::Time(time),
            range,
            ..
        } = &self.kind
        else {
            return self.parse(text);
        };
        let out_of_range = || out_of_range(range, &time.range(range));
        if text
            .strip_prefix('-')
            .is_some_and(|rest| units::microseconds(rest).is_ok())
        {
            return Err(out_of_range());
        }
        let microseconds = units::microseconds(text)
            .map_err(|message| format!("{message}; --{} takes {}", self.flag(), time.name()))?;
        if microseconds % time.microseconds != 0 {
            let step = unit.show(1);
            return Err(format!("the shortest step of this time is {step}"));
        }
        let value = u128::from(microseconds / time.microseconds);
        within(range, Some(value)).ok_or_else(out_of_range)
    }

    /// The value as the file has it.
    pub fn file_text(&self, value: &Value) -> String {
        match (&self.kind, value) {
            (Kind::Number { unit, .. }, Value::Number(number)) => unit.file_text(*number),
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Text(text)) => text.clone(),
        }
    }

    /// The value as a number or text for programs to read.
    pub fn json(&self, value: &Value) -> serde_json::Value {
        match (&self.kind, value) {
            (
                Kind::Number {
                    unit: Unit::Percent { places },
                    ..
                },
                Value::Number(number),
            ) => {
                let one = 10_u64.pow(*places);
                if number % one == 0 {
                    json!(number / one)
                } else {
                    json!(*number as f64 / one as f64)
                }
            }
            (_, Value::Number(number)) => json!(number),
            (_, Value::Text(text)) => json!(text),
        }
    }

    /// The value for people to read.
    pub fn show(&self, value: &Value) -> String {
        match (&self.kind, value) {
            (Kind::Number { unit, .. }, Value::Number(number)) => unit.show(*number),
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Text(text)) => text.clone(),
        }
    }

    /// What is accepted.
    pub(crate) fn range(&self) -> String {
        match &self.kind {
            Kind::Number { unit, range, .. } => match unit {
                Unit::Number | Unit::Bytes | Unit::Percent { .. } => unit.range(range),
                Unit::Time(time) => time.range(range),
            },
            Kind::Text(form) => form.accepted(),
        }
    }

    /// What is accepted, and what it is otherwise.
    pub fn accepted(&self) -> String {
        let default = match &self.kind {
            Kind::Number { unit, default, .. } => match unit {
                Unit::Number | Unit::Bytes => default.to_string(),
                Unit::Percent { .. } | Unit::Time(_) => unit.show(*default),
            },
            Kind::Text(Form::Percentiles) => "none".to_owned(),
            Kind::Text(form) => match form.default() {
                "" => "any".to_owned(),
                default => default.to_owned(),
            },
        };
        format!("[{}; default {default}]", self.range())
    }
}

/// The value, if there is one and it is in the range.
fn within(range: &RangeInclusive<u64>, value: Option<u128>) -> Option<Value> {
    let value = u64::try_from(value?).ok()?;
    range.contains(&value).then_some(Value::Number(value))
}

fn out_of_range(range: &RangeInclusive<u64>, in_words: &str) -> String {
    let from = if unit::is_switch(range) { "" } else { "from " };
    format!("it has to be {from}{in_words}")
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
            let Kind::Number {
                unit,
                range,
                default,
            } = &attribute.kind
            else {
                continue;
            };
            assert!(range.contains(default), "{attribute:?}");
            let suffix = match unit {
                Unit::Time(Time { microseconds, .. }) => {
                    Some(if *microseconds == 1 { "_us" } else { "_ms" })
                }
                Unit::Bytes => Some("_bytes"),
                Unit::Number | Unit::Percent { .. } => None,
            };
            assert!(
                suffix.is_none_or(|suffix| attribute.name.ends_with(suffix)),
                "{attribute:?}"
            );
            for value in [*range.start(), *default, *range.end()].map(Value::Number) {
                let text = attribute.file_text(&value);
                assert_eq!(attribute.parse(&text), Ok(value.clone()));
                assert_eq!(attribute.parse_file(&text), Ok(value.clone()));
                let read = attribute.parse_with_unit(&attribute.show(&value));
                assert_eq!(read, Ok(value));
            }
        }
    }

    #[test]
    fn what_says_which_io_is_meant_comes_first_and_the_start_last() {
        let place = |name| ATTRIBUTES.iter().position(|row| row.name == name).unwrap();
        assert_eq!(place(ENABLED), ATTRIBUTES.len() - 1);
        assert_eq!(place(DURATION), ATTRIBUTES.len() - 2);
        let sections: Vec<Section> = ATTRIBUTES.iter().map(|row| row.section).collect();
        assert!(sections.is_sorted_by_key(|section| *section as u8));
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
            ("min_bytes", "4294967295", "4294967296"),
            ("max_bytes", "4294967295", "4g"),
            ("probability", "100", "100.0001"),
            ("every", "4294967295", "4294967296"),
            ("times", "4294967295", "4294967296"),
            ("seed", "18446744073709551615", "18446744073709551616"),
            ("duration_ms", "4294967295", "4294967296"),
        ] {
            assert!(named(name).parse(most).is_ok(), "{name}");
            for wrong in [too_much, "-1"] {
                let message = named(name).parse(wrong).unwrap_err();
                let expected = if name == ENABLED { "0 or 1" } else { most };
                let last = message.split(" to ").last().unwrap();
                assert!(
                    last.starts_with(expected) || message.ends_with(expected),
                    "{name}: {message}"
                );
            }
        }
        for name in ["period_us", "every"] {
            assert!(named(name).parse("0").is_err());
        }
    }

    #[test]
    fn a_time_with_its_unit_is_told_its_range_in_units() {
        assert_eq!(
            named("delay_us").parse_with_unit("10ms"),
            Ok(Value::Number(10_000))
        );
        assert_eq!(
            named(DURATION).parse_with_unit("30s"),
            Ok(Value::Number(30_000))
        );
        for (name, text, expected) in [
            ("period_us", "2h", "it has to be from 1us to 1h"),
            (
                "delay_us",
                "10",
                "a time needs a unit: 10us, 10ms or 10s; --delay-us takes microseconds",
            ),
            (
                DURATION,
                "10",
                "a time needs a unit: 10us, 10ms or 10s; --duration-ms takes milliseconds",
            ),
            (DURATION, "1.5ms", "the shortest step of this time is 1ms"),
        ] {
            assert_eq!(named(name).parse_with_unit(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_range_is_told_in_words_and_units() {
        for (name, text, expected) in [
            ("quota", "-1", "from 0 to 4294967295"),
            ("enabled", "2", "0 or 1"),
            ("probability", "101%", "from 0 to 100%"),
            (
                "min_bytes",
                "4g",
                "from 0 to 4294967295 bytes, which is just below 4GiB",
            ),
            (
                "delay_us",
                "3600000001",
                "from 0 to 3600000000 microseconds, which is 1h",
            ),
            (
                DURATION,
                "4294967296",
                "from 0 to 4294967295 milliseconds, which is 49 days",
            ),
        ] {
            let message = named(name).parse(text).unwrap_err();
            assert_eq!(message, format!("it has to be {expected}"));
        }
        assert_eq!(
            named(DURATION).parse_with_unit("50d").unwrap_err(),
            "it has to be from 0s to 4294967.295s, which is 49 days"
        );
        assert_eq!(named("delay_us").accepted(), "[0s to 1h; default 0s]");
        assert_eq!(named("probability").accepted(), "[0 to 100%; default 100%]");
    }

    #[test]
    fn programs_read_numbers_and_texts() {
        for (name, value, expected) in [
            ("probability", Value::Number(1_000), json!(0.1)),
            ("probability", Value::Number(1_000_000), json!(100)),
            ("correlation", Value::Number(1_250), json!(12.5)),
            ("op", Value::Text("read".to_owned()), json!("read")),
            ("seed", Value::Number(u64::MAX), json!(u64::MAX)),
            ("hold", named("hold").default(), json!("auto")),
        ] {
            assert_eq!(named(name).json(&value), expected);
        }
    }
}
