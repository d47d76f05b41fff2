// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The forms of an injection's texts: as people write them, and as its files have them.

mod percentiles;
mod profile;

use super::{
    operation, units,
    words::{check_count, one_of, words, words_of},
};
use chaos_policy::policy::{
    device::MOST_DEVICES,
    distribution::{MOST_POINTS, Shape},
    failure::Failure,
    profile::{MOST_SCALE, MOST_STEPS},
    sectors::MOST_RANGES,
    way::Way,
};

/// The distributions of delays.
const DISTRIBUTIONS: [&str; Shape::NAMES.len()] = words_of(&[], &Shape::NAMES);

/// The ways to hold I/O.
const WAYS: [&str; Way::NAMES.len()] = words_of(&[], &Way::NAMES);

/// The errors with which I/O can end.
const ERRORS: [&str; Failure::NAMES.len()] = words_of(&[], &Failure::NAMES);

/// The word for no error, which is an empty text in the file.
const NO_ERROR: &str = "none";

/// The largest number that a process can have.
const MOST_PROCESS: u128 = 4_194_304;

/// Hundred per cent with the decimals that percentiles have.
const PERCENTILE_PLACES: u32 = 4;

/// The kind of text that an attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Devices; the flag takes more than the file does.
    Devices,
    /// Operations and conditions.
    Operations,
    /// A cgroup; the flag takes more than the file does.
    Cgroup,
    /// A process.
    Process,
    /// Ranges of sectors.
    Sectors,
    /// A distribution of delays.
    Distribution,
    /// Percentiles of delays.
    Percentiles,
    /// A way to hold I/O.
    Way,
    /// An error with which I/O ends.
    Error,
    /// The steps of a profile.
    Profile,
}

impl Form {
    /// Whether the text is a list: then each of several flags can give a part of it.
    pub fn is_list(self) -> bool {
        match self {
            Self::Devices
            | Self::Operations
            | Self::Sectors
            | Self::Percentiles
            | Self::Profile => true,
            Self::Cgroup | Self::Process | Self::Distribution | Self::Way | Self::Error => false,
        }
    }

    /// The name of a value in the help.
    pub fn value_name(self) -> &'static str {
        match self {
            Self::Devices => "DEVICE,...",
            Self::Operations => "OPERATION,...",
            Self::Cgroup => "PATH",
            Self::Process => "PID",
            Self::Sectors => "[DISK:]START+LENGTH,...",
            Self::Distribution => "NAME",
            Self::Percentiles => "PERCENT:TIME,...",
            Self::Way => "WAY",
            Self::Error => "ERROR",
            Self::Profile => "TIME:STRENGTH,...",
        }
    }

    /// All words that a value can have, if they are fixed.
    pub(crate) fn known_words(self) -> &'static [&'static str] {
        match self {
            Self::Operations => &operation::ALL,
            Self::Distribution => &DISTRIBUTIONS,
            Self::Way => &WAYS,
            Self::Error => &ERRORS,
            Self::Devices
            | Self::Cgroup
            | Self::Process
            | Self::Sectors
            | Self::Percentiles
            | Self::Profile => &[],
        }
    }

    /// The texts that are accepted, for the help.
    pub fn accepted(self) -> String {
        match self {
            Self::Devices => {
                format!(
                    "up to {MOST_DEVICES} of /dev/sdb, sdb, sdb1, 8:16, vg/lv, UUID=..., /mnt; repeatable"
                )
            }
            Self::Operations => format!("of {}; repeatable", operation::ALL.join(", ")),
            Self::Cgroup => "/sys/fs/cgroup/tenant, or /tenant as in /proc/PID/cgroup".to_owned(),
            Self::Process => format!("1 to {MOST_PROCESS}"),
            Self::Sectors => {
                format!(
                    "up to {MOST_RANGES} ranges such as 0+2048, or sdb:0+2048 of one disk alone, none \
                     over another; repeatable"
                )
            }
            Self::Distribution => DISTRIBUTIONS.join(", "),
            Self::Percentiles => format!(
                "up to {MOST_POINTS} such as 50:200us,99:5ms,99.9:80ms, 0 to 100% and 0s to 1h, \
                 rising; repeatable"
            ),
            Self::Profile => format!(
                "up to {MOST_STEPS} such as 5ms:100,45ms:0, 1ms to 1h and 0 to {MOST_SCALE}%, and once; \
                 repeatable"
            ),
            Self::Way => WAYS.join(", "),
            Self::Error => format!(
                "{}, or the block layer's names; {NO_ERROR} ends it",
                ERRORS.join(", ")
            ),
        }
    }

    /// Reads a text as people write it, and returns it as the file has it. Devices and cgroups stay
    /// as they are; this program looks them up later.
    ///
    /// # Errors
    ///
    /// A sentence that says what is accepted.
    pub fn parse(self, text: &str) -> Result<String, String> {
        if self == Self::Percentiles {
            no_shares(text)?;
            no_bare_times(text)?;
        }
        self.read(text)
    }

    /// The same of a text as a file has it, in which all per cents and units are sure.
    pub(super) fn read(self, text: &str) -> Result<String, String> {
        match self {
            Self::Devices => devices(text),
            Self::Operations => operation::read(text),
            Self::Cgroup => cgroup(text),
            Self::Process => process(text),
            Self::Sectors => sectors(text),
            Self::Distribution => one_of(&DISTRIBUTIONS, text),
            Self::Percentiles => percentiles::read(text),
            Self::Profile => profile::read(text),
            Self::Way => one_of(&WAYS, text),
            Self::Error => error(text),
        }
    }
}

/// Only with the machine at hand, names can be told from a path with commas, and counted.
fn devices(text: &str) -> Result<String, String> {
    match text.split(',').all(str::is_empty) {
        true => Err("it has to name at least one of the devices".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn error(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case(NO_ERROR) {
        return Ok(String::new());
    }
    let failure = Failure::parse(text.as_bytes()).ok().flatten();
    match failure {
        Some(failure) => Ok(failure.to_string()),
        None => one_of(&ERRORS, text),
    }
}

fn cgroup(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(char::is_control) {
        Err(
            "it has to be the path of a cgroup, such as /sys/fs/cgroup/tenant; --pid PID takes \
             that of a process"
                .to_owned(),
        )
    } else {
        Ok(text.to_owned())
    }
}

fn process(text: &str) -> Result<String, String> {
    if let Ok(number @ 1..=MOST_PROCESS) = units::number(text) {
        return Ok(number.to_string());
    }
    let next = if text.starts_with('$') {
        "; between single quotes, the shell puts no number there".to_owned()
    } else if text == "self" {
        "; self would be kchaos, and $$ is the shell that starts it".to_owned()
    } else if text.contains([',', ' ']) {
        "; make an injection for each, or choose their cgroup with --cgroup".to_owned()
    } else if text.starts_with(char::is_alphabetic) && !text.contains(char::is_control) {
        format!("; `pgrep {text}` finds those of a program")
    } else {
        String::new()
    };
    Err(format!(
        "it has to be the number of one process, from 1 to {MOST_PROCESS}{next}"
    ))
}

/// A range of sectors.
#[derive(Clone, Copy)]
struct Range<'a> {
    /// The disk, if the range is of one alone.
    disk: Option<&'a str>,
    start: u128,
    length: u128,
}

impl Range<'_> {
    fn shown(&self) -> String {
        let range = format!("{}+{}", self.start, self.length);
        match self.disk {
            Some(disk) => format!("{disk}:{range}"),
            None => range,
        }
    }

    /// Whether some sector can be in both.
    fn overlaps(&self, other: &Self) -> bool {
        let may_be_one_disk =
            self.disk.is_none() || other.disk.is_none() || self.disk == other.disk;
        may_be_one_disk
            && self.start < other.start + other.length
            && other.start < self.start + self.length
    }
}

fn sectors(text: &str) -> Result<String, String> {
    let ranges = words(text).map(range).collect::<Result<Vec<_>, _>>()?;
    check_count(ranges.len(), MOST_RANGES, "ranges")?;
    let mut sorted = ranges.clone();
    sorted.sort_by_key(|range| range.start);
    for (place, second) in sorted.iter().enumerate() {
        let mut before = sorted[..place].iter();
        if let Some(first) = before.find(|first| first.overlaps(second)) {
            return Err(format!(
                "{} and {} overlap; each sector can be in one range only",
                first.shown(),
                second.shown()
            ));
        }
    }
    Ok(ranges
        .iter()
        .map(Range::shown)
        .collect::<Vec<_>>()
        .join(" "))
}

fn range(word: &str) -> Result<Range<'_>, String> {
    let wrong = || {
        format!(
            "\"{word}\" is no range; a range is START+LENGTH in sectors of 512 bytes, such as \
             0+2048, or sdb:0+2048 of one disk alone"
        )
    };
    // A disk's number has a colon, too.
    let (disk, range) = match word.rsplit_once(':') {
        Some(("", _)) => return Err(wrong()),
        Some((disk, range)) => (Some(disk), range),
        None => (None, word),
    };
    let (start, length) = range.split_once('+').ok_or_else(wrong)?;
    let number = |text| units::number(text).map_err(|_| wrong());
    let (start, length) = (number(start)?, number(length)?);
    if length == 0 {
        return Err(format!("{word} has no sectors; a range has at least one"));
    }
    if start.saturating_add(length) > u128::from(u64::MAX) {
        return Err(format!("{word} ends beyond sector {}", u64::MAX));
    }
    Ok(Range {
        disk,
        start,
        length,
    })
}

/// Refuses percentiles that are all at most 1, without any sign `%`: they could be shares of one.
fn no_shares(text: &str) -> Result<(), String> {
    let mut readings = [Vec::new(), Vec::new()];
    let mut are_zeros = true;
    for word in words(text) {
        let Some((percent, time)) = word.split_once(':') else {
            return Ok(());
        };
        let value = units::percent(percent, PERCENTILE_PLACES).map(u64::try_from);
        let Ok(Ok(value)) = value else { return Ok(()) };
        if value != 0 && !units::is_share(percent, value, PERCENTILE_PLACES) {
            return Ok(());
        }
        are_zeros &= value == 0;
        let both = units::readings(value, PERCENTILE_PLACES).into_iter();
        for (reading, percent) in readings.iter_mut().zip(both) {
            reading.push(format!("{percent}:{time}"));
        }
    }
    if are_zeros {
        return Ok(());
    }
    let [percents, shares] = readings.map(|reading| reading.join(","));
    Err(format!(
        "these could be {percents}, or {shares} as shares of one; write one of them, with its signs"
    ))
}

/// Refuses times without a unit. A file has microseconds, and people may mean milliseconds.
fn no_bare_times(text: &str) -> Result<(), String> {
    for word in words(text) {
        let time = word.split_once(':').map_or("", |(_, time)| time);
        if units::number(time).is_ok_and(|time| time != 0) {
            let message = units::microseconds(time).err().unwrap_or_default();
            return Err(format!("in {word}, {message}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
