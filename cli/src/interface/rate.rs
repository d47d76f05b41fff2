// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A limit as one word: so many I/Os in a time, such as `100`, `100/s` or `6000/min`.

use super::{
    attributes::{LIMIT, Name, Value, attribute},
    units,
};

/// The values of a limit's two attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How many I/Os go through in a period.
    pub(crate) quota: Value,
    /// The length of the period.
    pub(crate) period: Value,
}

impl Rate {
    /// Reads a number of I/Os a second, or in the time after a `/`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (number, time) = text.split_once('/').unwrap_or((text, "s"));
        if number == "max" {
            return Err(
                "\"max\" is no limit, as without an injection; a rate is such as 100, 100/s, 30/min \
                 or 15/ms"
                    .to_owned(),
            );
        }
        if units::number(number.trim_start_matches('-')).is_err() {
            return Err(format!(
                "\"{number}\" is no whole number of I/Os; a rate is such as 100, 100/s, 30/min or \
                 15/ms"
            ));
        }
        let quota = LIMIT.parse(number)?;
        let is_unit = !time.starts_with(|letter: char| letter.is_ascii_digit());
        let time = if is_unit { &format!("1{time}") } else { time };
        let period = attribute(Name::PeriodUs)
            .parse_with_unit(time)
            .map_err(|_| {
                format!("\"{time}\" is no time from 1us to 1h; a rate is such as 100/s or 15/ms")
            })?;
        Ok(Self { quota, period })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_quota_and_a_period() {
        for (text, quota, period_us) in [
            ("100", 100, 1_000_000),
            ("100/s", 100, 1_000_000),
            ("100/sec", 100, 1_000_000),
            ("6000/min", 6_000, 60_000_000),
            ("6000/m", 6_000, 60_000_000),
            ("15/ms", 15, 1_000),
            ("15/100ms", 15, 100_000),
            ("1/h", 1, 3_600_000_000),
        ] {
            let rate = Rate {
                quota: Value::Number(quota),
                period: Value::Number(period_us),
            };
            assert_eq!(Rate::parse(text), Ok(rate), "{text}");
        }
    }

    #[test]
    fn other_rates_are_refused() {
        for (text, expected) in [
            ("", "no whole number"),
            ("0", "from 1 to"),
            ("max", "\"max\" is no limit"),
            ("-1", "from 1 to"),
            ("0.5/s", "30/min"),
            ("1k", "no whole number"),
            ("10MB/s", "no whole number"),
            ("100/", "no time"),
            ("100/x", "no time"),
            ("100/0s", "no time"),
            ("100/d", "no time"),
            ("100/1.5ns", "no time"),
        ] {
            let message = Rate::parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
