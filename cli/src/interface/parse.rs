// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! How the values of attributes are read and written: by people, in files, and in JSON.

use super::{
    attributes::{Attribute, Kind, Value},
    units::{self, Unit, is_switch},
};
use serde_json::json;
use std::ops::RangeInclusive;

impl Attribute {
    /// Reads a value as people write it: as the file has it, bytes and per cents also with a sign.
    /// Per cents without a sign that could be a share of one are refused, and percentiles' times
    /// without a unit.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        match &self.kind {
            Kind::Text(form) => form.parse(text).map(Value::Text),
            Kind::Number { unit, range } => {
                if let Unit::Percent { places } = unit {
                    units::not_a_share(text, *places)?;
                }
                number(*unit, range, text)
            }
        }
    }

    /// One value of the parts that several flags gave, each of which is accepted alone.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub(crate) fn join(&self, parts: &[&Value]) -> Result<Value, String> {
        let texts: Vec<String> = parts.iter().map(|part| self.file_text(part)).collect();
        let text = texts.join(",");
        match &self.kind {
            Kind::Text(form) => form.read(&text).map(Value::Text),
            Kind::Number { unit, range } => number(*unit, range, &text),
        }
    }
    /// Reads a value as its file has it.
    ///
    /// # Errors
    ///
    /// A sentence that says what was expected.
    pub fn parse_file(&self, text: &str) -> Result<Value, String> {
        match &self.kind {
            // A flag takes other texts, such as names that this program looks up.
            Kind::Text(_) => Ok(Value::Text(text.to_owned())),
            Kind::Number { unit, range } => number(*unit, range, text),
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
}

/// Reads a number of this unit that is in the range.
fn number(unit: Unit, range: &RangeInclusive<u64>, text: &str) -> Result<Value, String> {
    let value = match text.strip_prefix('-').map(|rest| unit.read(rest)) {
        Some(Ok(_)) => None,
        _ if is_switch(range) => unit.read(text).ok(),
        _ => Some(unit.read(text)?),
    };
    within(range, value).ok_or_else(|| out_of_range(range, &unit.range(range)))
}

/// The value, if there is one and it is in the range.
fn within(range: &RangeInclusive<u64>, value: Option<u128>) -> Option<Value> {
    let value = u64::try_from(value?).ok()?;
    range.contains(&value).then_some(Value::Number(value))
}

fn out_of_range(range: &RangeInclusive<u64>, in_words: &str) -> String {
    let from = if is_switch(range) { "" } else { "from " };
    format!("it has to be {from}{in_words}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{
        attributes::{ATTRIBUTES, Name, attribute},
        units::Time,
    };

    #[test]
    fn every_row_holds_together() {
        for attribute in &ATTRIBUTES {
            let (Kind::Number { unit, range }, Value::Number(default)) =
                (&attribute.kind, attribute.default())
            else {
                continue;
            };
            assert!(range.contains(&default), "{attribute:?}");
            let file = attribute.file();
            let names_its_unit = match unit {
                Unit::Time(Time { microseconds, .. }) => {
                    file.ends_with(if *microseconds == 1 { "_us" } else { "_ms" })
                }
                Unit::Bytes => file.split('_').any(|word| word == "bytes"),
                Unit::Number | Unit::Percent { .. } => true,
            };
            assert!(names_its_unit, "{attribute:?}");
            for value in [*range.start(), default, *range.end()].map(Value::Number) {
                let text = attribute.file_text(&value);
                assert_eq!(attribute.parse(&text), Ok(value.clone()));
                assert_eq!(attribute.parse_file(&text), Ok(value.clone()));
                let read = attribute.parse_with_unit(&attribute.show(&value));
                assert_eq!(read, Ok(value));
            }
        }
    }

    #[test]
    fn numbers_are_taken_up_to_the_drivers_bounds() {
        for attribute in &ATTRIBUTES {
            let Kind::Number { unit, range } = &attribute.kind else {
                continue;
            };
            let most = unit.file_text(*range.end());
            assert!(attribute.parse(&most).is_ok(), "{attribute:?}");
            let too_much = match range.end().checked_add(1) {
                Some(number) => unit.file_text(number),
                None => "18446744073709551616".to_owned(),
            };
            let expected = if is_switch(range) { "0 or 1" } else { &most };
            for wrong in [&too_much, "-1"] {
                let message = attribute.parse(wrong).unwrap_err();
                let last = message.split(" to ").last().unwrap();
                assert!(
                    last.starts_with(expected) || message.ends_with(expected),
                    "{attribute:?}: {message}"
                );
            }
            if let Some(number) = range.start().checked_sub(1) {
                assert!(attribute.parse(&unit.file_text(number)).is_err());
            }
        }
    }

    #[test]
    fn per_cents_that_could_be_a_share_of_one_are_asked_about() {
        let probability = attribute(Name::Probability);
        for (text, readings) in [
            ("0.5", "write 0.5% or 50%"),
            ("1", "write 1% or 100%"),
            ("1.0", "write 1% or 100%"),
            ("0.0001", "write 0.0001% or 0.01%"),
        ] {
            let message = probability.parse(text).unwrap_err();
            assert!(message.ends_with(readings), "{text}: {message}");
            assert!(probability.parse(&format!("{text}%")).is_ok(), "{text}");
            // A file has per cents without a sign.
            assert!(probability.parse_file(text).is_ok(), "{text}");
        }
        for text in ["0", "0.0", "1.0001", "2", "50", "100"] {
            assert!(probability.parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_time_with_its_unit_is_told_its_range_in_units() {
        assert_eq!(
            attribute(Name::DelayUs).parse_with_unit("10ms"),
            Ok(Value::Number(10_000))
        );
        assert_eq!(
            attribute(Name::DurationMs).parse_with_unit("30s"),
            Ok(Value::Number(30_000))
        );
        for (name, text, expected) in [
            (Name::PeriodUs, "2h", "it has to be from 1us to 1h"),
            (
                Name::DelayUs,
                "10",
                "a time needs a unit: 10us, 10ms or 10s; --delay-us takes microseconds",
            ),
            (
                Name::DurationMs,
                "10",
                "a time needs a unit: 10us, 10ms or 10s; --duration-ms takes milliseconds",
            ),
            (
                Name::DurationMs,
                "1.5ms",
                "the shortest step of this time is 1ms",
            ),
        ] {
            assert_eq!(attribute(name).parse_with_unit(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_range_is_told_in_words_and_units() {
        for (name, text, expected) in [
            (Name::Quota, "-1", "from 0 to 4294967295"),
            (Name::Enabled, "2", "0 or 1"),
            (Name::Probability, "101%", "from 0 to 100%"),
            (
                Name::MinBytes,
                "4g",
                "from 0 to 4294967295 bytes, which is just below 4GiB",
            ),
            (
                Name::DelayUs,
                "3600000001",
                "from 0 to 3600000000 microseconds, which is 1h",
            ),
            (
                Name::DurationMs,
                "4294967296",
                "from 0 to 4294967295 milliseconds, which is 49 days",
            ),
        ] {
            let message = attribute(name).parse(text).unwrap_err();
            assert_eq!(message, format!("it has to be {expected}"));
        }
        assert_eq!(
            attribute(Name::DurationMs)
                .parse_with_unit("50d")
                .unwrap_err(),
            "it has to be from 0s to 4294967.295s, which is 49 days"
        );
        assert_eq!(
            attribute(Name::DelayUs).accepted(),
            "[0s to 1h; default 0s]"
        );
        assert_eq!(
            attribute(Name::Probability).accepted(),
            "[0 to 100%; default 100%]"
        );
    }

    #[test]
    fn programs_read_numbers_and_texts() {
        for (name, value, expected) in [
            (Name::Probability, Value::Number(1_000), json!(0.1)),
            (Name::Probability, Value::Number(1_000_000), json!(100)),
            (Name::Correlation, Value::Number(1_250), json!(12.5)),
            (Name::Op, Value::Text("read".to_owned()), json!("read")),
            (Name::Seed, Value::Number(u64::MAX), json!(u64::MAX)),
            (Name::Hold, attribute(Name::Hold).default(), json!("auto")),
        ] {
            assert_eq!(attribute(name).json(&value), expected);
        }
    }
}
