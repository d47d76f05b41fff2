// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The table of an injection's attributes, from which flags, checks, the list and its JSON are
//! made.

use super::{
    form::Form,
    units::{HOUR_US, Time, Unit},
};
use std::ops::RangeInclusive;

/// The largest number of 32 bits.
const MOST: u64 = 0xffff_ffff;

/// The attribute that starts an injection, and is therefore written last.
pub(crate) const ENABLED: &str = "enabled";

/// The attribute that says for how long an injection lasts.
pub(crate) const DURATION: &str = "duration_ms";

/// The attribute that names the devices whose I/O is affected.
pub(crate) const DEVICE: &str = "device";

/// The attribute that names the cgroup whose I/O is affected.
pub(crate) const CGROUP: &str = "cgroup";

/// The attribute that names a process, of whose PID namespace the I/O is affected.
pub(crate) const PID_NS: &str = "pid_ns";

const DELAY: Unit = Unit::microseconds("delay");
const JITTER: Unit = Unit::microseconds("jitter");
const PERIOD: Unit = Unit::microseconds("period");
const FOR: Unit = Unit::Time(Time {
    flag: "for",
    microseconds: 1_000,
});

/// The files of an injection's directory, in the order in which they are written and shown. The
/// filters are first, so that no other I/O is ever affected. The duration is late, so that it does
/// not pass before the injection starts.
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

/// `quota` as `inject limit` takes it: 0, which is no limit, is rejected.
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
    /// What happens to that I/O.
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

/// The values that an attribute can have.
#[derive(Debug)]
pub enum Kind {
    /// A number.
    Number {
        /// The unit that it counts.
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
    /// The values that it can have.
    pub kind: Kind,
    /// Where the help shows it.
    pub section: Section,
    /// The sentence about it in the help.
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

    /// The flag that takes the same values as the file.
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

    /// The values that are accepted, in words.
    pub(crate) fn range(&self) -> String {
        match &self.kind {
            Kind::Number { unit, range, .. } => match unit {
                Unit::Number | Unit::Bytes | Unit::Percent { .. } => unit.range(range),
                Unit::Time(time) => time.range(range),
            },
            Kind::Text(form) => form.accepted(),
        }
    }

    /// The values that are accepted, and the default, in words.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_which_io_is_meant_comes_first_and_the_start_last() {
        let place = |name| ATTRIBUTES.iter().position(|row| row.name == name).unwrap();
        assert_eq!(place(ENABLED), ATTRIBUTES.len() - 1);
        assert_eq!(place(DURATION), ATTRIBUTES.len() - 2);
        let sections: Vec<Section> = ATTRIBUTES.iter().map(|row| row.section).collect();
        assert!(sections.is_sorted_by_key(|section| *section as u8));
    }
}
