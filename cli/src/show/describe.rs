// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Describes an injection in words: its effect, and the I/O that it affects.

use crate::interface::{
    Name, attribute,
    operation::CONDITIONS,
    snapshot::Snapshot,
    units,
    values::Values,
    ways::{COMPLETION, REQUEST},
};

/// An injection in words.
pub(crate) struct Described<'a> {
    values: &'a Values,
    /// The injection, if it exists.
    seen: Option<&'a Snapshot>,
}

impl<'a> Described<'a> {
    /// An injection with these values.
    pub(crate) fn new(values: &'a Values) -> Self {
        Self { values, seen: None }
    }

    /// An injection that exists.
    pub(crate) fn seen(seen: &'a Snapshot) -> Self {
        Self {
            values: &seen.values,
            seen: Some(seen),
        }
    }

    /// The effect, its I/O, its duration, and the way in which it holds:
    /// `delay 10ms ± 2ms, of reads on sda1, for 30s, 12s left, holds requests`.
    pub(crate) fn words(&self) -> String {
        self.words_about(self.filter(), self.left())
    }

    /// The same without the rest of the time; the words of an injection without a filter say that
    /// it affects all I/O.
    pub(crate) fn words_in_full(&self) -> String {
        let filter = self.filter().or_else(|| Some("of all I/O".to_owned()));
        self.words_about(filter, None)
    }

    fn effects(&self) -> Vec<String> {
        [self.delay(), self.limit()].into_iter().flatten().collect()
    }

    fn words_about(&self, filter: Option<String>, left: Option<String>) -> String {
        let effects = self.effects();
        if effects.is_empty() {
            return "nothing yet".to_owned();
        }
        let parts = [
            Some(effects.join(" and ")),
            filter,
            self.chance(),
            self.time(),
            left,
            self.way(),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }

    fn delay(&self) -> Option<String> {
        if self.values.freezes() {
            return Some("hang".to_owned());
        }
        let mut words = if let Some(percentiles) = self.values.text(Name::Percentiles) {
            format!("delay with percentiles {}", with_units(percentiles))
        } else {
            let (mean, jitter) = (
                self.values.shown(Name::DelayUs),
                self.values.shown(Name::JitterUs),
            );
            let mut words = match (mean, jitter) {
                (None, None) => return None,
                (mean, None) => format!("delay {}", mean.unwrap_or_default()),
                (mean, Some(jitter)) => {
                    format!(
                        "delay {} ± {jitter}",
                        mean.unwrap_or_else(|| "0s".to_owned())
                    )
                }
            };
            if let Some(shape) = self.values.text(Name::Distribution) {
                words.push_str(&format!(" ({shape})"));
            }
            words
        };
        if let Some(correlation) = self.values.shown(Name::Correlation) {
            words.push_str(&format!(" correlated by {correlation}"));
        }
        if let Some(seed) = self.values.number(Name::Seed) {
            words.push_str(&format!(" from seed {seed}"));
        }
        Some(words)
    }

    fn limit(&self) -> Option<String> {
        let ios = self.values.number(Name::Quota).map(|quota| {
            let size = self.values.shown(Name::IosOfBytes);
            let size = size.map_or(String::new(), |size| format!(" of {size}"));
            format!("{quota}{size}{}", self.saved(Name::Burst))
        });
        let bytes = self.values.shown(Name::BytesQuota);
        let bytes = bytes.map(|quota| format!("{quota}{}", self.saved(Name::BytesBurst)));
        let quotas: Vec<String> = ios.into_iter().chain(bytes).collect();
        if quotas.is_empty() {
            return None;
        }
        let period = attribute(Name::PeriodUs);
        let value = self.values.get(Name::PeriodUs).cloned();
        let period = period.show(&value.unwrap_or_else(|| period.default()));
        Some(format!(
            "limit to {} in each {period}",
            quotas.join(" and ")
        ))
    }

    /// The room that can be saved.
    fn saved(&self, name: Name) -> String {
        let saved = self.values.shown(name);
        saved.map_or(String::new(), |saved| format!(" (and {saved} saved)"))
    }

    /// The I/O that the filter chooses: `of reads of 4KiB or more on sda1`; `None` if it is all.
    pub(crate) fn filter(&self) -> Option<String> {
        let mut words = Vec::new();
        if let Some(operations) = self.values.text(Name::Op) {
            words.push(format!("of {}", in_words(operations)));
        }
        let sizes = (
            self.values.shown(Name::MinBytes),
            self.values.shown(Name::MaxBytes),
        );
        match sizes {
            (None, None) => {}
            (Some(least), None) => words.push(format!("of {least} or more")),
            (None, Some(most)) => words.push(format!("of up to {most}")),
            (Some(least), Some(most)) => words.push(format!("of {least} to {most}")),
        }
        if let Some(cgroup) = self.values.text(Name::Cgroup) {
            words.push(format!("by cgroup {cgroup}"));
        }
        match self.values.text(Name::PidNs) {
            None => {}
            Some("gone") => words.push("by a PID namespace that is gone".to_owned()),
            Some("hidden") => {
                words.push("by a PID namespace that is not seen from here".to_owned())
            }
            Some(pid) => words.push(format!("by the PID namespace of {pid}")),
        }
        if let Some(devices) = self.values.text(Name::Device) {
            words.push(format!("on {}", devices.replace(' ', " and ")));
        }
        if let Some(sectors) = self.values.text(Name::Sectors) {
            words.push(format!("at sectors {sectors}"));
        }
        (!words.is_empty()).then(|| words.join(" "))
    }

    fn chance(&self) -> Option<String> {
        let mut words = Vec::new();
        if let Some(every) = self.values.number(Name::Every) {
            words.push(format!("one in {every}"));
        }
        if let Some(share) = self.values.shown(Name::Probability) {
            words.push(format!("{share} of them"));
        }
        match self.values.number(Name::Times) {
            Some(1) => words.push("once".to_owned()),
            Some(times) => words.push(format!("{times} times")),
            None => {}
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    fn time(&self) -> Option<String> {
        if self.seen.is_some_and(|seen| seen.is_renewed) {
            return Some("as long as kchaos renews it".to_owned());
        }
        let time = self.values.shown(Name::DurationMs)?;
        Some(format!("for {time}"))
    }

    fn left(&self) -> Option<String> {
        let left = self.seen?.ends_in_ms()?.saturating_mul(1_000);
        Some(format!("{} left", units::at_most(left)))
    }

    /// The way to hold, if it is known: that of `auto` depends on the devices.
    fn way(&self) -> Option<String> {
        let ways = self.seen.map(|seen| &seen.ways);
        match ways.map(|ways| [REQUEST, COMPLETION].map(|way| ways.contains(way))) {
            Some([true, true]) => {
                Some("holds requests of whole disks, and completions of partitions".to_owned())
            }
            Some([true, false]) => Some("holds requests".to_owned()),
            Some([false, true]) => Some("holds completions".to_owned()),
            Some([false, false]) | None => {
                Some(format!("holds {}s", self.values.text(Name::Hold)?))
            }
        }
    }
}

/// Percentiles with units, as the flag takes them: the file has microseconds.
fn with_units(percentiles: &str) -> String {
    let points = percentiles.split(' ').map(|point| {
        let time = point.split_once(':').and_then(|(percent, time)| {
            let time = units::show_microseconds(time.parse().ok()?);
            Some(format!("{percent}:{time}"))
        });
        time.unwrap_or_else(|| point.to_owned())
    });
    points.collect::<Vec<_>>().join(" ")
}

/// Operations and conditions: `sync reads and writes`.
fn in_words(operations: &str) -> String {
    let (conditions, kinds): (Vec<&str>, Vec<&str>) = operations
        .split(' ')
        .partition(|word| CONDITIONS.contains(word));
    let kinds: Vec<String> = kinds.into_iter().map(plural).collect();
    let kinds = if kinds.is_empty() {
        "I/O".to_owned()
    } else {
        kinds.join(" and ")
    };
    let words = conditions.into_iter().chain([kinds.as_str()]);
    words.collect::<Vec<_>>().join(" ")
}

fn plural(operation: &str) -> String {
    match operation {
        "read" | "write" | "discard" => format!("{operation}s"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[(Name, &str)]) -> Values {
        let values = values.iter().map(|(name, text)| {
            let attribute = attribute(*name);
            (attribute, attribute.parse_file(text).unwrap())
        });
        Values(values.collect())
    }

    fn words(values: &[(Name, &str)]) -> String {
        Described::new(&parsed(values)).words()
    }

    #[test]
    fn what_is_usual_is_not_told() {
        assert_eq!(
            words(&[(Name::DelayUs, "0"), (Name::Quota, "0")]),
            "nothing yet"
        );
        assert_eq!(
            words(&[
                (Name::DelayUs, "10000"),
                (Name::JitterUs, "0"),
                (Name::Probability, "100")
            ]),
            "delay 10ms"
        );
    }

    #[test]
    fn what_is_held_is_told_if_it_is_not_as_usual() {
        let held = |way| words(&[(Name::Quota, "5"), (Name::Hold, way)]);
        assert_eq!(held("auto"), "limit to 5 in each 1s");
        assert_eq!(held("request"), "limit to 5 in each 1s, holds requests");
        assert_eq!(
            held("completion"),
            "limit to 5 in each 1s, holds completions"
        );
        assert_eq!(words(&[(Name::Hold, "request")]), "nothing yet");
    }

    #[test]
    fn a_freeze_is_a_hang_whatever_the_delay() {
        let freeze = (Name::Freeze, "1");
        assert_eq!(words(&[freeze]), "hang");
        let more = [(Name::DelayUs, "10000"), (Name::Op, "read"), freeze];
        assert_eq!(words(&more), "hang, of reads");
        let limited = [(Name::Quota, "5"), (Name::DurationMs, "10000"), freeze];
        assert_eq!(words(&limited), "hang and limit to 5 in each 1s, for 10s");
        assert_eq!(words(&[(Name::Freeze, "0")]), "nothing yet");
    }

    #[test]
    fn one_time_is_once() {
        let once = [(Name::DelayUs, "10000"), (Name::Times, "1")];
        assert_eq!(words(&once), "delay 10ms, once");
    }

    #[test]
    fn what_is_meant_is_told_in_full() {
        let full = |op| {
            let values = [(Name::Quota, "5"), (Name::Op, op)];
            Described::new(&parsed(&values)).words_in_full()
        };
        for (op, expected) in [
            ("", "of all I/O"),
            ("read", "of reads"),
            (
                "read write zone_reset",
                "of reads and writes and zone_reset",
            ),
            ("write sync fua", "of sync fua writes"),
            ("meta", "of meta I/O"),
        ] {
            assert_eq!(full(op), format!("limit to 5 in each 1s, {expected}"));
        }
    }

    #[test]
    fn everything_is_told() {
        let all = [
            (Name::DelayUs, "10000"),
            (Name::JitterUs, "2000"),
            (Name::Distribution, "normal"),
            (Name::Correlation, "25"),
            (Name::Quota, "15"),
            (Name::PeriodUs, "1000"),
            (Name::Op, "read sync"),
            (Name::MinBytes, "4096"),
            (Name::Cgroup, "/sys/fs/cgroup/a"),
            (Name::Device, "sda1 sdb"),
            (Name::Sectors, "0+8"),
            (Name::Every, "3"),
            (Name::Probability, "0.1"),
            (Name::Times, "5"),
            (Name::DurationMs, "30000"),
            (Name::Hold, "completion"),
        ];
        assert_eq!(
            words(&all),
            "delay 10ms ± 2ms (normal) correlated by 25% and limit to 15 in each 1ms, of sync reads of 4KiB \
             or more by cgroup /sys/fs/cgroup/a on sda1 and sdb at sectors 0+8, one in 3, 0.1% of them, 5 \
             times, for 30s, holds completions"
        );
        assert_eq!(
            words(&[(Name::Percentiles, "50:200 99:5000")]),
            "delay with percentiles 50:200us 99:5ms"
        );
    }
}
