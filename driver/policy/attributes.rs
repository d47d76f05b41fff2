// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The table of an injection's attributes: their names, values, defaults and meanings.
//!
//! The settings, the files in configfs, the flags of kchaos and the values that tests write come
//! from this table, and tests compare `interface.md` and the README with it. To be read, kept and
//! shown, a number needs a row here and nothing else.

use super::parse::{power_of_ten, scaled, ParseError};
use core::ops::RangeInclusive;

/// The longest time that an attribute accepts, in microseconds: one hour.
pub const MAX_TIME_US: u32 = 3_600_000_000;

const HOUR_US: u64 = MAX_TIME_US as u64;

/// The largest number that most attributes accept.
const MOST: u64 = u32::MAX as u64;

/// The largest number of bytes that limits accept: they count sectors in 32 bits.
const MOST_BYTES: u64 = MOST * super::limits::SECTOR_BYTES as u64;

/// Passes the table to a macro.
macro_rules! attributes {
    ($user:ident) => {
        $user! {
            // The columns: place; names, in Rust and of the file; kind of value, with the default;
            // section of the help; sentence in the help.
            0 Enabled enabled: number(0..=1, 1), Time, "0 prepares the injection without starting it";
            1 DelayUs delay_us: number(0..=HOUR_US, 0), Effect, "Mean delay of each I/O";
            2 JitterUs jitter_us: number(0..=HOUR_US, 0), Effect, "How far a delay may be from the mean, either way; the standard deviation unless the distribution is uniform";
            3 Correlation correlation: percent(2, 0), Effect, "How much a delay resembles the one before";
            4 PeriodUs period_us: number(1..=HOUR_US, 1_000_000), Effect, "Length of a limit's period";
            5 Quota quota: number(0..=MOST, 0), Effect, "I/Os let through in each period, per device";
            6 Device device: text(""), Filter, "Only I/O to these: a disk, a partition of it";
            7 Op op: text(""), Filter, "Only these operations; of the conditions sync, fua and meta, each named one must hold";
            8 Sectors sectors: text(""), Filter, "Only I/O that touches these ranges of the disk, in sectors of 512 bytes";
            9 MinBytes min_bytes: number(0..=MOST, 0), Filter, "Only I/O of at least so many bytes; 0 is any";
            10 MaxBytes max_bytes: number(0..=MOST, 0), Filter, "Only I/O of at most so many bytes; 0 is any";
            11 Probability probability: percent(4, 100), Filter, "Share of that I/O that is affected, with up to four decimals";
            12 Every every: number(1..=MOST, 1), Filter, "Only each n-th of that I/O, counted per device";
            13 Times times: number(0..=MOST, 0), Filter, "Stop after so many affected I/Os, on all devices together; 0 is no end";
            14 Seed seed: number(0..=u64::MAX, 0), Effect, "Draw the same random numbers each time; 0 draws others each time";
            15 Distribution distribution: text("uniform"), Effect, "How delays spread around the mean, as in tc netem";
            16 Percentiles percentiles: text(""), Effect, "Delays such as were measured, instead of mean and jitter: so many per cent are at most so long";
            17 DurationMs duration_ms: number(0..=MOST, 0), Time, "End by itself after this time; 0 is no end";
            18 Hold hold: text("auto"), Effect, "Hold the request, so that the disk is slow, or the completion, so that only this I/O is; auto: the request if all I/O of a disk is affected, else the completion";
            19 Cgroup cgroup: text(""), Filter, "Only I/O of this cgroup (v2) and those below it, buffered writes included";
            20 PidNs pid_ns: text(""), Filter, "Only I/O that processes of this process's PID namespace submit";
            21 Freeze freeze: number(0..=1, 0), Effect, "1 holds each I/O until this is 0, or the injection ends";
            22 BytesQuota bytes_quota: number(0..=MOST_BYTES, 0), Effect, "Bytes let through in each period, per device";
            23 Burst burst: number(0..=MOST, 0), Effect, "I/Os that unused periods save up, beyond the limit of one period";
            24 BytesBurst bytes_burst: number(0..=MOST_BYTES, 0), Effect, "Bytes that unused periods save up, beyond the limit of one period";
            25 IosOfBytes ios_of_bytes: number(0..=MOST, 0), Effect, "Bytes that count as one I/O of a limit; larger I/O counts several times; 0 is any size";
            26 Error error: text(""), Effect, "End each I/O with this error, such as EIO, and keep it from the disk";
            27 DataLoss i_know_data_will_be_lost: number(0..=1, 0), Effect, "1 allows this injection to lose data";
            28 Drop drop: number(0..=1, 0), Effect, "1 acknowledges each write, and keeps it from the disk";
            29 Profile profile: text(""), Time, "How the effect changes with time: steps of a duration and a strength";
            30 Lanes lanes: number(0..=super::lanes::MOST_LANES, 0), Effect, "I/Os in service at a time, each for its delay, as by the heads of a disk; 0 is any number";
            31 Torn torn: number(0..=1, 0), Effect, "1 keeps the last blocks of each write from the disk";
            32 Corrupt corrupt: number(0..=super::ending::MOST_FLIPS, 0), Effect, "Flip so many bits of the data of each read";
            33 SeekUs seek_us: number(0..=HOUR_US, 0), Effect, "Mean time in which the heads of a hard disk come to another place";
            34 TurnUs turn_us: number(0..=HOUR_US, 0), Effect, "Time of a turn of its platters, of which the heads wait for a part";
        }
    };
}

// The host has no configfs, which is the other user.
#[allow(unused_imports)]
pub(crate) use attributes;

macro_rules! declare {
    ($($place:literal $attribute:ident $file:ident: $kind:expr, $section:ident, $help:literal;)*) => {
        /// A file of an injection's directory that people can write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Attribute {
            $(#[doc = $help] $attribute = $place,)*
        }

        // The module does not use the help.
        #[allow(dead_code)]
        impl Attribute {
            /// Every attribute, in the order of the table.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$attribute),*];

            /// How many attributes there are.
            pub const COUNT: usize = [$($place),*].len();

            /// The numbers of a new injection; 0 for attributes that are no numbers.
            pub(super) const DEFAULTS: [u64; Self::COUNT] = [$($kind.number_at_first()),*];

            /// The name of the file.
            pub const fn file(self) -> &'static str {
                match self {
                    $(Self::$attribute => stringify!($file),)*
                }
            }

            /// The attribute whose file has this name.
            pub fn named(file: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|attribute| attribute.file() == file)
            }

            /// The values that it accepts, and its default.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Self::$attribute => $kind,)*
                }
            }

            /// The section of the help that has it.
            pub const fn section(self) -> Section {
                match self {
                    $(Self::$attribute => Section::$section,)*
                }
            }

            /// Whether it damages data, which needs [`Attribute::DataLoss`].
            pub const fn damages(self) -> bool {
                matches!(self, Self::Drop | Self::Torn | Self::Corrupt)
            }

            /// A sentence about it, without a full stop.
            pub const fn help(self) -> &'static str {
                match self {
                    $(Self::$attribute => $help,)*
                }
            }
        }
    };
}

attributes!(declare);

const _: () = {
    let mut place = 0;
    while place < Attribute::COUNT {
        assert!(
            Attribute::ALL[place] as usize == place,
            "a row is not in its place"
        );
        place += 1;
    }
};

/// The sections of the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The choice of the affected I/O.
    Filter,
    /// The effect on that I/O.
    Effect,
    /// The time of the effect.
    Time,
}

/// The kind of an attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number(Number),
    /// A text, with its default.
    Text(&'static str),
}

impl Kind {
    const fn number_at_first(self) -> u64 {
        match self {
            Self::Number(number) => number.default,
            Self::Text(_) => 0,
        }
    }
}

/// The numbers that an attribute accepts, in units of the last decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// How many decimals it may have, at most 4.
    pub decimals: usize,
    /// The smallest accepted number.
    pub least: u64,
    /// The greatest accepted number.
    pub most: u64,
    /// The number of a new injection.
    pub default: u64,
}

impl Number {
    /// Reads a number.
    ///
    /// # Errors
    ///
    /// See [`ParseError`].
    pub fn parse(&self, text: &[u8]) -> Result<u64, ParseError> {
        scaled(text, self.decimals, self.least, self.most)
    }
}

/// A whole number.
const fn number(range: RangeInclusive<u64>, default: u64) -> Kind {
    Kind::Number(Number {
        decimals: 0,
        least: *range.start(),
        most: *range.end(),
        default,
    })
}

/// Per cent.
const fn percent(decimals: usize, default: u64) -> Kind {
    let one = power_of_ten(decimals);
    Kind::Number(Number {
        decimals,
        least: 0,
        most: one.saturating_mul(100),
        default: one.saturating_mul(default),
    })
}

const fn text(default: &'static str) -> Kind {
    Kind::Text(default)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::policy::{
        device::MOST_DEVICES,
        distribution::{Shape, MOST_POINTS},
        failure::Failure,
        operations::{CONDITIONS, OPERATIONS},
        profile::MOST_STEPS,
        sectors::MOST_RANGES,
        settings::Settings,
        way::Way,
    };
    use std::{format, string::String, string::ToString, vec::Vec};

    /// The names, the default and the values in each row of `interface.md` about files of
    /// injections.
    fn described() -> Vec<[&'static str; 3]> {
        let text = include_str!("../interface.md");
        let text = text.split_once("## Effect").unwrap().1;
        let text = text.split_once("## Counts").unwrap().0;
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            [cells[1], cells[2], cells[3]]
        })
        .collect()
    }

    /// A default in the words of `interface.md`.
    fn default(attribute: Attribute) -> String {
        match attribute.kind() {
            Kind::Text("") => "empty".to_string(),
            Kind::Text(text) => format!("`{text}`"),
            Kind::Number(_) => Settings::new().show(attribute).to_string(),
        }
    }

    /// The values of a number in the words of `interface.md`.
    fn values(number: Number) -> String {
        let one = power_of_ten(number.decimals);
        let (least, most) = (number.least / one, number.most / one);
        match number.decimals {
            0 if most == 1 => format!("{least}, {most}"),
            0 => format!("{least} to {most}"),
            2 => format!("{least} to {most} per cent, two decimals"),
            _ => format!("{least} to {most} per cent, four decimals"),
        }
    }

    /// All words that a text accepts, if they are fixed, or the words that say how many it accepts.
    fn words(attribute: Attribute) -> Vec<String> {
        let quoted = |word: &str| format!("`{word}`");
        let up_to = |most: usize| Vec::from([format!("up to {most} ")]);
        match attribute {
            Attribute::Distribution => Shape::NAMES.map(|(word, _)| quoted(word)).into(),
            Attribute::Hold => Way::NAMES.map(|(word, _)| quoted(word)).into(),
            Attribute::Op => {
                let operations = OPERATIONS.iter().map(|word| quoted(word));
                let conditions = CONDITIONS.iter().map(|(word, _)| quoted(word));
                operations.chain(conditions).collect()
            }
            Attribute::Error => {
                let names = Failure::NAMES.into_iter();
                names
                    .flat_map(|(one, other)| [quoted(one), quoted(other)])
                    .collect()
            }
            Attribute::Device => up_to(MOST_DEVICES),
            Attribute::Sectors => up_to(MOST_RANGES),
            Attribute::Percentiles => up_to(MOST_POINTS),
            Attribute::Profile => up_to(MOST_STEPS),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_interface_is_described_as_it_is() {
        let rows = described();
        for attribute in Attribute::ALL {
            let name = format!("`{}`", attribute.file());
            let row = rows
                .iter()
                .find(|row| row[0].split(", ").any(|file| file == name));
            let row = row.unwrap_or_else(|| panic!("no row has {name}"));
            assert_eq!(row[1], default(attribute), "{name}");
            match attribute.kind() {
                Kind::Number(number) => assert_eq!(row[2], values(number), "{name}"),
                Kind::Text(_) => {
                    let missing = words(attribute)
                        .into_iter()
                        .find(|word| !row[2].contains(word));
                    assert_eq!(missing, None, "{name}");
                }
            }
        }
        let named: usize = rows.iter().map(|row| row[0].split(", ").count()).sum();
        assert_eq!(named, Attribute::COUNT, "{rows:?}");
    }

    #[test]
    fn the_readme_names_every_attribute() {
        let readme = include_str!("../../README.md");
        for attribute in Attribute::ALL {
            let name = format!("`{}`", attribute.file());
            assert!(readme.contains(&name), "{name}");
        }
    }
}
