// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The forms of an injection's texts: as people write them, and as its files have them.

mod percentiles;

use super::{
    operation, units,
    words::{check_count, one_of, words, words_of},
};
use chaos_policy::policy::{
    device::MOST_DEVICES,
    distribution::{MOST_POINTS, Shape},
    sectors::MOST_RANGES,
    way::Way,
};

/// The distributions of delays.
const DISTRIBUTIONS: [&str; Shape::NAMES.len()] = words_of(&[], &Shape::NAMES);

/// The ways to hold I/O.
const WAYS: [&str; Way::NAMES.len()] = words_of(&[], &Way::NAMES);

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
}

impl Form {
    /// Whether the text is a list: then each of several flags can give a part of it.
    pub fn is_list(self) -> bool {
        match self {
            Self::Devices | Self::Operations | Self::Sectors | Self::Percentiles => true,
            Self::Cgroup | Self::Process | Self::Distribution | Self::Way => false,
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
        }
    }

    /// All words that a value can have, if they are fixed.
    pub(crate) fn known_words(self) -> &'static [&'static str] {
        match self {
            Self::Operations => &operation::ALL,
            Self::Distribution => &DISTRIBUTIONS,
            Self::Way => &WAYS,
            Self::Devices | Self::Cgroup | Self::Process | Self::Sectors | Self::Percentiles => &[],
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
            Self::Way => WAYS.join(", "),
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
            Self::Way => one_of(&WAYS, text),
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
mod tests {
    use super::*;

    #[test]
    fn what_people_write_becomes_what_the_files_have() {
        for (form, text, expected) in [
            (Form::Devices, "sda,/dev/sdb", "sda,/dev/sdb"),
            (Form::Devices, "/a,,,,,,,,,b", "/a,,,,,,,,,b"),
            (Form::Operations, "WRITE,sync,read,read", "read write sync"),
            (Form::Operations, "read write", "read write"),
            (Form::Process, "012", "12"),
            (Form::Sectors, "8+8,0+8", "8+8 0+8"),
            (Form::Sectors, "sdb:0+8,8:16:8+8", "sdb:0+8 8:16:8+8"),
            (Form::Sectors, "sdb:0+8,sdc:0+8", "sdb:0+8 sdc:0+8"),
            (
                Form::Sectors,
                "0+18446744073709551615",
                "0+18446744073709551615",
            ),
            (Form::Distribution, "Normal", "normal"),
            (Form::Way, "Request", "request"),
            (Form::Way, "AUTO", "auto"),
            (
                Form::Percentiles,
                "50:200us,99:5ms,99.9%:80ms",
                "50:200 99:5000 99.9:80000",
            ),
            (Form::Percentiles, "0:0,100:1h", "0:0 100:3600000000"),
            (Form::Percentiles, "0.5:1ms,99:5ms", "0.5:1000 99:5000"),
            (Form::Operations, "trim", "discard"),
            (Form::Operations, "rw,sync", "read write sync"),
        ] {
            assert_eq!(form.parse(text).as_deref(), Ok(expected), "{text}");
            if form != Form::Devices {
                assert_eq!(form.read(expected).as_deref(), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn what_the_driver_refuses_is_told_why() {
        let many = |word: &str, count| vec![word; count].join(",");
        for (form, text, expected) in [
            (Form::Devices, "", "at least one"),
            (Form::Devices, ",", "at least one"),
            (
                Form::Operations,
                "reads",
                "no operation \"reads\", but 'read'; there are read, write",
            ),
            (
                Form::Operations,
                "read,w",
                "no operation \"w\", but 'write'; ",
            ),
            (Form::Operations, "read|write", "have commas between them"),
            (Form::Operations, "WR", "no operation \"wr\", but 'write'; "),
            (Form::Operations, "metdata", "but 'meta'; "),
            (Form::Operations, "syn", "but 'sync'; "),
            (Form::Operations, "erase", "but 'secure_erase'; "),
            (Form::Operations, "zeroes", "but 'write_zeroes'; "),
            (Form::Operations, "write-zeros", "but 'write_zeroes'; "),
            (Form::Operations, "dicsard", "but 'discard'; "),
            (
                Form::Operations,
                "zone_res",
                "but 'zone_reset' or 'zone_reset_all'; ",
            ),
            (Form::Operations, "quux", "no operation \"quux\"; there"),
            (Form::Operations, "randread", "a disk knows no order"),
            (Form::Operations, ",", "at least one"),
            (Form::Cgroup, "", "/sys/fs/cgroup/tenant"),
            (Form::Process, "0", "from 1 to 4194304"),
            (Form::Process, "-1", "from 1 to 4194304"),
            (Form::Process, "4194305", "from 1 to 4194304"),
            (Form::Process, "self", "$$ is the shell that starts it"),
            (
                Form::Process,
                "$$",
                "from 1 to 4194304; between single quotes",
            ),
            (Form::Process, "nginx", "`pgrep nginx` finds"),
            (Form::Process, "12,13", "the number of one process"),
            (Form::Process, "12 13", "make an injection for each"),
            (Form::Process, "", "from 1 to 4194304"),
            (Form::Process, "1.5", "from 1 to 4194304"),
            (Form::Sectors, "0-8", "\"0-8\" is no range"),
            (Form::Sectors, "0+0", "0+0 has no sectors"),
            (Form::Sectors, "1+18446744073709551615", "beyond sector"),
            (Form::Sectors, "8+8,0+9", "0+9 and 8+8 overlap"),
            (Form::Sectors, "0+99,2+2,50+9", "0+99 and 2+2 overlap"),
            (
                Form::Sectors,
                "sdb:8+8,sdb:0+9",
                "sdb:0+9 and sdb:8+8 overlap",
            ),
            (Form::Sectors, "sdb:8+8,0+9", "0+9 and sdb:8+8 overlap"),
            (Form::Sectors, ":0+8", "no range"),
            (Form::Sectors, "sdb:", "no range"),
            (
                Form::Sectors,
                &many("0+8", 17),
                "17 ranges; 16 are accepted",
            ),
            (Form::Distribution, "gauss", "uniform, normal, pareto"),
            (Form::Way, "requests", "one of auto, request, completion"),
            (Form::Way, "", "one of auto, request, completion"),
            (Form::Percentiles, "99", "\"99\" is no percentile"),
            (
                Form::Percentiles,
                "99:5ms,50:9ms",
                "per cents have to rise, but 50:9ms comes after 99:5ms",
            ),
            (Form::Percentiles, "50:5ms,50:5ms", "per cents have to rise"),
            (
                Form::Percentiles,
                "50:5ms,99:4ms",
                "times must not fall, but 99:4ms comes after 50:5ms",
            ),
            (Form::Percentiles, "101:5ms", "from 0 to 100"),
            (
                Form::Percentiles,
                "50:1ms,99:5",
                "in 99:5, a time needs a unit: 5us, 5ms or 5s",
            ),
            (Form::Percentiles, "1.00001:5ms", "four decimals"),
            (
                Form::Percentiles,
                "0:0,0.5:1ms,0.999:5ms,1:9ms",
                "0%:0,0.5%:1ms,0.999%:5ms,1%:9ms, or 0%:0,50%:1ms,99.9%:5ms,100%:9ms",
            ),
            (Form::Operations, "read,flush", "no flush passes through"),
            (Form::Operations, "fsync", "write"),
            (Form::Operations, "all", "leave --op out"),
            (Form::Percentiles, "50:2h", "from 0s to 1h"),
            (Form::Percentiles, "50:5parsecs", "no unit of time"),
        ] {
            let message = form.parse(text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
