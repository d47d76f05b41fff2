// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What the number of an attribute counts, and how it and its range are read and written.

use crate::units;
use std::ops::RangeInclusive;

/// What a number counts.
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
            Self::Number | Self::Time(_) => units::number(text),
            Self::Bytes => units::bytes(text),
            Self::Percent { places } => units::percent(text, places),
        }
    }

    /// The number as a file has it.
    pub(crate) fn file_text(self, value: u64) -> String {
        match self {
            Self::Number | Self::Bytes | Self::Time(_) => value.to_string(),
            Self::Percent { places } => units::show_percent(value, places),
        }
    }

    /// The number as people read it.
    pub(crate) fn show(self, value: u64) -> String {
        match self {
            Self::Number => value.to_string(),
            Self::Bytes => units::show_bytes(value),
            Self::Time(time) => time.show(value),
            Self::Percent { places } => format!("{}%", units::show_percent(value, places)),
        }
    }

    /// A range in numbers as a file has them, and what they mean: `0 to 3600000000 microseconds, which is 1h`.
    pub(crate) fn range(self, range: &RangeInclusive<u64>) -> String {
        let (least, most) = (*range.start(), *range.end());
        match self {
            Self::Number if is_switch(range) => format!("{least} or {most}"),
            Self::Number => format!("{least} to {most}"),
            Self::Bytes => {
                let beyond = units::show_bytes(most.saturating_add(1));
                format!("{least} to {most} bytes, which is just below {beyond}")
            }
            Self::Percent { .. } => format!("{} to {}", self.file_text(least), self.show(most)),
            Self::Time(time) => {
                let about = units::about(time.in_microseconds(most));
                format!("{least} to {most} {}, which is {about}", time.name())
            }
        }
    }
}

/// Whether there are only on and off.
pub(crate) fn is_switch(range: &RangeInclusive<u64>) -> bool {
    *range == (0..=1)
}

/// How an attribute has a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// The flag that takes it with a unit.
    pub flag: &'static str,
    /// How many microseconds the file counts as one.
    pub microseconds: u64,
}

impl Time {
    /// What the file counts.
    pub(crate) fn name(self) -> &'static str {
        match self.microseconds {
            1 => "microseconds",
            _ => "milliseconds",
        }
    }

    /// A range in times with their units: `0s to 1h`.
    pub(crate) fn range(self, range: &RangeInclusive<u64>) -> String {
        let (least, most) = (self.show(*range.start()), self.show(*range.end()));
        let about = units::about(self.in_microseconds(*range.end()));
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
        units::show_microseconds(self.in_microseconds(value))
    }
}
