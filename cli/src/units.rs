// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Times and per cents as people write and read them.

use humantime::DurationError;

/// Reads a time that has a unit, such as `10ms`, `1.5s` or `1m 30s`, in microseconds.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn microseconds(text: &str) -> Result<u64, String> {
    let time = humantime::parse_duration(text).map_err(|error| match error {
        DurationError::UnknownUnit { unit, .. } if unit.is_empty() => {
            format!("a time needs a unit: {text}us, {text}ms or {text}s")
        }
        DurationError::UnknownUnit { unit, .. } => {
            format!("\"{unit}\" is no unit of time; units are us, ms, s, m and h")
        }
        _ => "a time is a number and a unit, such as 10ms, 1.5s or 250us".to_owned(),
    })?;
    if time.subsec_nanos() % 1_000 != 0 {
        return Err("the shortest step of a time is 1us".to_owned());
    }
    u64::try_from(time.as_micros()).map_err(|error| error.to_string())
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

/// Reads a whole number.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn number(text: &str) -> Result<u64, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for the type is too large for every attribute.
        Ok(text.parse().unwrap_or(u64::MAX))
    } else {
        Err("it has to be a whole number, in digits only".to_owned())
    }
}

/// Reads per cents with at most two decimals, such as `25`, `25%` or `12.5%`, in hundredths.
///
/// # Errors
///
/// A sentence that says what is wrong with `text`.
pub fn percent(text: &str) -> Result<u64, String> {
    let figures = text.strip_suffix('%').unwrap_or(text);
    let (whole, decimals) = figures.split_once('.').unwrap_or((figures, "0"));
    let wrong = |_| "it has to be per cents with at most two decimals, such as 25% or 12.5%";
    if decimals.len() > 2 {
        return Err(wrong(String::new()).to_owned());
    }
    let hundredths = number(decimals).map_err(wrong)? * if decimals.len() == 1 { 10 } else { 1 };
    let whole = number(whole).map_err(wrong)?;
    Ok(whole.saturating_mul(100).saturating_add(hundredths))
}

/// Hundredths of a per cent as the interface writes them: `25`, `12.5`.
pub fn show_percent(hundredths: u64) -> String {
    decimal(hundredths, 2)
}

/// `value` divided by ten to the power of `places`, without zeros at the end.
fn decimal(value: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let width = places as usize;
    let text = format!("{}.{:0width$}", value / one, value % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
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
            assert_eq!(percent(text), Ok(hundredths), "{text}");
            assert_eq!(show_percent(hundredths), shown);
        }
        for text in ["", "%", ".5", "5.", "1.234", "1,5", "25%%", "-1", "+1", "a"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_digits_only() {
        assert_eq!(number("15"), Ok(15));
        assert_eq!(number("99999999999999999999"), Ok(u64::MAX));
        for text in ["", "-1", "+1", "0x10", "1 ", "1.0", "1e3", "１"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
