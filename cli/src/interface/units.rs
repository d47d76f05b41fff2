// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Times, bytes and per cents as people write and read them, and the units that attributes have.

use humantime::DurationError;
use std::ops::RangeInclusive;

/// The step from one unit of bytes to the next.
const KIB: u128 = 1_024;

/// Units of humantime that nobody means here: with `30M`, most people mean minutes.
const UNSURE: [&str; 8] = ["M", "month", "months", "y", "yr", "yrs", "year", "years"];

/// Reads a time that has a unit, such as `10ms`, `1.5s` or `1m 30s`, in microseconds.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn microseconds(text: &str) -> Result<u64, String> {
    // The Greek letter looks as the micro sign does.
    let parsed = humantime::parse_duration(&text.replace('\u{3bc}', "\u{b5}"));
    let time = parsed.map_err(|error| match error {
        DurationError::UnknownUnit { unit, .. } if unit.is_empty() => {
            format!("a time needs a unit: {text}us, {text}ms or {text}s")
        }
        DurationError::UnknownUnit { unit, .. } => {
            format!("\"{unit}\" is no unit of time; units are us, ms, s, m, h and d")
        }
        _ => "a time is a number and a unit, such as 10ms, 1.5s or 250us".to_owned(),
    })?;
    if let Some(unit) = UNSURE.iter().find(|unit| has_unit(text, unit)) {
        return Err(format!(
            "\"{unit}\" would be a month or a year; units are us, ms, s, m, h and d"
        ));
    }
    if time.subsec_nanos() % 1_000 != 0 {
        return Err("the shortest step of a time is 1us".to_owned());
    }
    u64::try_from(time.as_micros()).map_err(|error| error.to_string())
}

/// Whether one of the units of a time is this one.
fn has_unit(text: &str, unit: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphabetic())
        .any(|word| word == unit)
}

/// A time in the largest unit that leaves at least one whole: `10ms`, `1.5s`, `1h`.
pub fn show_microseconds(microseconds: u64) -> String {
    const SECOND: u64 = 1_000_000;
    // Minutes and hours have no decimal parts that people would know at once.
    for (unit, length) in [("h", 3_600 * SECOND), ("m", 60 * SECOND)] {
        if microseconds >= length && microseconds % length == 0 {
            return format!("{}{unit}", microseconds / length);
        }
    }
    match microseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{microseconds}us"),
        1_000..SECOND => format!("{}ms", decimal(microseconds, 3)),
        _ => format!("{}s", decimal(microseconds, 6)),
    }
}

/// A rough length of a time whose exact length has too many digits to read.
pub(crate) fn about(microseconds: u64) -> String {
    const DAY: u64 = 24 * 3_600 * 1_000_000;
    match microseconds / DAY {
        0 | 1 => show_microseconds(microseconds),
        days => format!("{days} days"),
    }
}

/// A time in at most three digits that is not shorter than this one: `10.3ms` for 10240.
pub(crate) fn at_most(microseconds: u64) -> String {
    let digits = microseconds.checked_ilog10().unwrap_or(0);
    let step = 10_u64.pow(digits.saturating_sub(2));
    show_microseconds(microseconds.div_ceil(step).saturating_mul(step))
}

/// A number with a comma before each three digits: `1,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Reads a whole number.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn number(text: &str) -> Result<u128, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for the type is too large for every attribute.
        Ok(text.parse().unwrap_or(u128::MAX))
    } else {
        Err("it has to be a whole number, in digits only".to_owned())
    }
}

/// Reads a number of bytes, such as `512`, `4k` or `1MiB`.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn bytes(text: &str) -> Result<u128, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (figures, suffix) = text.split_at(digits);
    let factor = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => KIB,
        "m" | "mib" => KIB * KIB,
        "g" | "gib" => KIB * KIB * KIB,
        _ => 0,
    };
    match number(figures) {
        Ok(value) if factor != 0 => Ok(value.saturating_mul(factor)),
        _ => Err(
            "it has to be a number of bytes, such as 512, 4k (4096 bytes) or 1m (1048576 bytes)"
                .to_owned(),
        ),
    }
}

/// A number of bytes in the largest unit that leaves a whole number: `512B`, `4KiB`, `1MiB`.
pub fn show_bytes(bytes: u64) -> String {
    for (unit, length) in [("GiB", KIB * KIB * KIB), ("MiB", KIB * KIB), ("KiB", KIB)] {
        let bytes = u128::from(bytes);
        if bytes >= length && bytes % length == 0 {
            return format!("{}{unit}", bytes / length);
        }
    }
    format!("{bytes}B")
}

/// Reads per cents with at most this many decimals, such as `25`, `25%` or `12.5%`, in units of the
/// last decimal.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn percent(text: &str, places: u32) -> Result<u128, String> {
    let figures = text.strip_suffix('%').unwrap_or(text);
    let (whole, decimals) = figures.split_once('.').unwrap_or((figures, "0"));
    let wrong = || {
        let most = if places == 2 { "two" } else { "four" };
        format!("it has to be per cents with at most {most} decimals, such as 25% or 12.5%")
    };
    let given = u32::try_from(decimals.len()).unwrap_or(u32::MAX);
    let missing = places.checked_sub(given).ok_or_else(wrong)?;
    let decimals = number(decimals).map_err(|_| wrong())? * 10_u128.pow(missing);
    let whole = number(whole).map_err(|_| wrong())?;
    Ok(whole
        .saturating_mul(10_u128.pow(places))
        .saturating_add(decimals))
}

/// Per cents that have no sign `%`, are more than 0 and at most 1, and so could be meant as a share
/// of one, or the question which of both is meant.
///
/// # Errors
///
/// A sentence with both readings.
pub(crate) fn not_a_share(text: &str, places: u32) -> Result<(), String> {
    match percent(text, places).map(u64::try_from) {
        Ok(Ok(value)) if is_share(text, value, places) => {
            let [percent, share] = readings(value, places);
            Err(format!(
                "{text} could be {percent}, or {share} as a share of one; write {percent} or {share}"
            ))
        }
        _ => Ok(()),
    }
}

/// Whether per cents with this text and value could be meant as a share of one.
pub(crate) fn is_share(text: &str, value: u64, places: u32) -> bool {
    !text.ends_with('%') && (1..=10_u64.pow(places)).contains(&value)
}

/// A number as per cents, and as a share of one.
pub(crate) fn readings(value: u64, places: u32) -> [String; 2] {
    [value, value.saturating_mul(100)].map(|value| Unit::Percent { places }.show(value))
}

/// Per cents in units of their last decimal, as the interface writes them: `25`, `12.5`.
pub fn show_percent(value: u64, places: u32) -> String {
    decimal(value, places)
}

/// `value` divided by ten to the power of `places`, without zeros at the end.
fn decimal(value: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let width = places as usize;
    let text = format!("{}.{:0width$}", value / one, value % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The unit that a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Just a number.
    Number,
    /// Bytes.
    Bytes,
    /// A time.
    Time(Time),
    /// Per cents; the value is in units of the last decimal.
    Percent {
        /// How many decimals there can be.
        places: u32,
    },
}

impl Unit {
    /// A time in microseconds, whose flag takes it with a unit.
    pub(crate) const fn microseconds(flag: &'static str) -> Self {
        Self::Time(Time {
            flag,
            microseconds: 1,
        })
    }

    /// Reads a number without a sign.
    pub(crate) fn read(self, text: &str) -> Result<u128, String> {
        match self {
            Self::Number | Self::Time(_) => number(text),
            Self::Bytes => bytes(text),
            Self::Percent { places } => percent(text, places),
        }
    }

    /// The number as a file has it.
    pub(crate) fn file_text(self, value: u64) -> String {
        match self {
            Self::Number | Self::Bytes | Self::Time(_) => value.to_string(),
            Self::Percent { places } => show_percent(value, places),
        }
    }

    /// The number as people read it.
    pub(crate) fn show(self, value: u64) -> String {
        match self {
            Self::Number => value.to_string(),
            Self::Bytes => show_bytes(value),
            Self::Time(time) => time.show(value),
            Self::Percent { places } => format!("{}%", show_percent(value, places)),
        }
    }

    /// A range in numbers as a file has them, and their meaning, such as
    /// `0 to 3600000000 microseconds, which is 1h`.
    pub(crate) fn range(self, range: &RangeInclusive<u64>) -> String {
        let (least, most) = (*range.start(), *range.end());
        match self {
            Self::Number if is_switch(range) => format!("{least} or {most}"),
            Self::Number => format!("{least} to {most}"),
            Self::Bytes => {
                let beyond = show_bytes(most.saturating_add(1));
                format!("{least} to {most} bytes, which is just below {beyond}")
            }
            Self::Percent { .. } => format!("{} to {}", self.file_text(least), self.show(most)),
            Self::Time(time) => {
                let about = about(time.in_microseconds(most));
                format!("{least} to {most} {}, which is {about}", time.name())
            }
        }
    }
}

/// Whether there are only on and off.
pub(crate) fn is_switch(range: &RangeInclusive<u64>) -> bool {
    *range == (0..=1)
}

/// The form of an attribute that is a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// The flag that takes it with a unit.
    pub flag: &'static str,
    /// The number of microseconds in one unit of the file.
    pub microseconds: u64,
}

impl Time {
    /// The name of the unit in the file.
    pub(crate) fn name(self) -> &'static str {
        match self.microseconds {
            1 => "microseconds",
            _ => "milliseconds",
        }
    }

    /// A range in times with their units: `0s to 1h`.
    pub(crate) fn range(self, range: &RangeInclusive<u64>) -> String {
        let (least, most) = (self.show(*range.start()), self.show(*range.end()));
        let about = about(self.in_microseconds(*range.end()));
        if about == most {
            format!("{least} to {most}")
        } else {
            format!("{least} to {most}, which is {about}")
        }
    }

    fn in_microseconds(self, value: u64) -> u64 {
        value.saturating_mul(self.microseconds)
    }

    fn show(self, value: u64) -> String {
        show_microseconds(self.in_microseconds(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_unit_are_read() {
        for (text, expected) in [
            ("1us", 1),
            ("250µs", 250),
            ("10ms", 10_000),
            ("1.5ms", 1_500),
            ("1000ns", 1),
            ("5\u{b5}s", 5),
            ("5\u{3bc}s", 5),
            ("2s", 2_000_000),
            ("1m 30s", 90_000_000),
            ("1h", 3_600_000_000),
            ("0", 0),
        ] {
            assert_eq!(microseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_times_are_refused_with_what_would_be_accepted() {
        for (text, expected) in [
            ("10", "10us, 10ms or 10s"),
            ("1.5", "1.5us, 1.5ms or 1.5s"),
            ("10parsecs", "\"parsecs\" is no unit"),
            ("30M", "\"M\" would be a month"),
            ("1h 2months", "\"months\" would be a month"),
            ("1y", "\"y\" would be a month or a year"),
            ("2yrs", "\"yrs\" would be"),
            ("", "such as 10ms"),
            ("ms", "such as 10ms"),
            ("-1ms", "such as 10ms"),
            ("1ns", "1us"),
            ("0.5us", "1us"),
            ("99999999999999999999s", "such as 10ms"),
        ] {
            let message = microseconds(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn times_are_shown_short_and_exact() {
        for (value, expected) in [
            (0, "0s"),
            (999, "999us"),
            (1_000, "1ms"),
            (1_500, "1.5ms"),
            (1_000_000, "1s"),
            (1_234_567, "1.234567s"),
            (60_000_000, "1m"),
            (90_000_000, "90s"),
            (3_600_000_000, "1h"),
        ] {
            assert_eq!(show_microseconds(value), expected);
            assert_eq!(microseconds(expected), Ok(value));
        }
    }

    #[test]
    fn percents_are_read_and_shown() {
        for (text, hundredths, shown) in [
            ("25", 2_500, "25"),
            ("25%", 2_500, "25"),
            ("12.5%", 1_250, "12.5"),
            ("0.05", 5, "0.05"),
            ("100.00", 10_000, "100"),
            ("0", 0, "0"),
        ] {
            assert_eq!(percent(text, 2), Ok(u128::from(hundredths)), "{text}");
            assert_eq!(show_percent(hundredths, 2), shown);
        }
        for text in ["", "%", ".5", "5.", "1.234", "1,5", "25%%", "-1", "+1", "a"] {
            assert!(percent(text, 2).is_err(), "{text}");
        }
        assert_eq!(percent("0.0001%", 4), Ok(1));
        assert_eq!(show_percent(1, 4), "0.0001");
        let message = percent("0.00001%", 4).unwrap_err();
        assert!(message.contains("four decimals"), "{message}");
    }

    #[test]
    fn bytes_are_read_and_shown() {
        for (text, value, shown) in [
            ("0", 0, "0B"),
            ("512", 512, "512B"),
            ("4k", 4_096, "4KiB"),
            ("4KiB", 4_096, "4KiB"),
            ("1m", 1 << 20, "1MiB"),
            ("1G", 1 << 30, "1GiB"),
            ("1537", 1_537, "1537B"),
        ] {
            assert_eq!(bytes(text), Ok(u128::from(value)), "{text}");
            assert_eq!(show_bytes(value), shown);
        }
        for text in ["", "k", "4 k", "1.5k", "-4k", "4kb", "4t"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number("15"), Ok(15));
        assert_eq!(
            number("99999999999999999999"),
            Ok(99_999_999_999_999_999_999)
        );
        assert_eq!(number(&"9".repeat(99)), Ok(u128::MAX));
        for text in ["", "-1", "+1", "0x10", "1 ", "1.0", "1e3", "１"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
