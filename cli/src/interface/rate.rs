// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A limit as one word: so many I/Os in a time, such as `100`, `100/s` or `6000/min`, or so many
//! bytes, such as `10MB/s`.

use super::{
    attributes::{LIMIT, Name, Value, attribute},
    units,
};
use chaos_policy::policy::{attributes::MAX_TIME_US, limits::SECTOR_BYTES};

/// The values of two attributes of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How many I/Os or bytes go through in a period.
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
        let period = period(time).ok_or_else(|| {
            format!("\"{time}\" is no time from 1us to 1h; a rate is such as 100/s or 15/ms")
        })?;
        Ok(Self { quota, period })
    }

    /// Reads a number of bytes a second, or in the time after a `/`. The period is such that the
    /// bytes of each are whole sectors, as the driver counts, and near [`EVEN_US`].
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub(crate) fn of_bytes(text: &str) -> Result<Self, String> {
        const SECTOR: u128 = SECTOR_BYTES as u128;
        let like = "a bandwidth is such as 10MB/s, 512KiB/s or 1GB/min";
        let whole = text.strip_suffix("ps").unwrap_or(text);
        let (number, time) = whole.split_once('/').unwrap_or((whole, "s"));
        let bytes = decimal_bytes(number)
            .filter(|bytes| *bytes > 0)
            .ok_or_else(|| format!("\"{number}\" is no number of bytes above 0; {like}"))?;
        let time_us = match period(time) {
            Some(Value::Number(time_us)) => u128::from(time_us),
            _ => return Err(format!("\"{time}\" is no time from 1us to 1h; {like}")),
        };
        if bytes > u128::from(u64::MAX) {
            return Err(format!("\"{number}\" is out of range; {like}"));
        }
        let sectors = (bytes * EVEN_US / time_us / SECTOR).max(1);
        let period_us = (sectors * SECTOR * time_us + bytes / 2) / bytes;
        let quota = u64::try_from(sectors * SECTOR).unwrap_or(u64::MAX);
        let range = |name| attribute(name).range();
        match u64::try_from(period_us) {
            Ok(period_us @ 1..=MOST_PERIOD_US) if quota <= MOST_QUOTA => Ok(Self {
                quota: Value::Number(quota),
                period: Value::Number(period_us),
            }),
            _ => Err(format!(
                "{text} is out of range: it is {quota} bytes in {period_us} microseconds, and \
                 --bytes-quota accepts {}, --period-us {}",
                range(Name::BytesQuota),
                range(Name::PeriodUs)
            )),
        }
    }
}

/// The period of a bandwidth is near this, so that it is even.
const EVEN_US: u128 = 10_000;

/// The longest period, and the greatest quota of bytes.
const MOST_PERIOD_US: u64 = MAX_TIME_US as u64;
const MOST_QUOTA: u64 = u32::MAX as u64 * SECTOR_BYTES as u64;

/// The time of a rate as a period, if it is one.
fn period(time: &str) -> Option<Value> {
    let is_unit = !time.starts_with(|letter: char| letter.is_ascii_digit());
    let time = if is_unit { &format!("1{time}") } else { time };
    attribute(Name::PeriodUs).parse_with_unit(time).ok()
}

/// Reads a number of bytes as bandwidths have it, where `MB` are millions: `512`, `10MB`, `1.5MiB`.
fn decimal_bytes(text: &str) -> Option<u128> {
    const KIB: u128 = 1_024;
    const UNITS: [(&str, u128); 11] = [
        ("", 1),
        ("b", 1),
        ("k", KIB),
        ("kib", KIB),
        ("kb", 1_000),
        ("m", KIB * KIB),
        ("mib", KIB * KIB),
        ("mb", 1_000_000),
        ("g", KIB * KIB * KIB),
        ("gib", KIB * KIB * KIB),
        ("gb", 1_000_000_000),
    ];
    let is_figure = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let figures = text.bytes().take_while(is_figure).count();
    let (figures, unit) = text.split_at(figures);
    let unit = unit.to_ascii_lowercase();
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, decimals) = figures.split_once('.').unwrap_or((figures, ""));
    let whole = units::number(whole).ok()?;
    if decimals.is_empty() {
        let is_whole = !figures.contains('.');
        return is_whole.then(|| whole.saturating_mul(*factor));
    }
    let places = u32::try_from(decimals.len()).ok()?;
    let part = units::number(decimals).ok()?.checked_mul(*factor)? / 10_u128.checked_pow(places)?;
    whole.checked_mul(*factor)?.checked_add(part)
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
    fn a_bandwidth_is_whole_sectors_in_a_short_period() {
        for (text, bytes, period_us) in [
            ("10MB/s", 99_840, 9_984),
            ("10MBps", 99_840, 9_984),
            ("1MiB", 10_240, 9_766),
            ("1GB/s", 9_999_872, 10_000),
            ("51200", 512, 10_000),
            ("512/s", 512, 1_000_000),
            ("1kB/min", 512, 30_720_000),
        ] {
            let rate = Rate {
                quota: Value::Number(bytes),
                period: Value::Number(period_us),
            };
            assert_eq!(Rate::of_bytes(text), Ok(rate), "{text}");
        }
    }

    #[test]
    fn other_bandwidths_are_refused() {
        for (text, expected) in [
            ("", "no number of bytes above 0"),
            ("0", "no number of bytes above 0"),
            ("10Mbit/s", "no number of bytes above 0"),
            ("10MB/x", "no time"),
            ("1B/h", "out of range"),
            ("9999999999999GB/s", "out of range"),
        ] {
            let message = Rate::of_bytes(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
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
