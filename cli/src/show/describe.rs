// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Describes an injection in words: its effect, and the I/O that it affects.

use crate::interface::{
    Name, attribute,
    ending::Ending,
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
        let chooses = self.values.ending().is_some_and(Ending::chooses);
        let all = (!chooses).then(|| "of all I/O".to_owned());
        let filter = self.filter().or(all);
        self.words_about(filter, None)
    }

    fn effects(&self) -> Vec<String> {
        let effects = [self.delay(), self.arm(), self.limit()];
        let lanes = self.values.number(Name::Lanes);
        let mut effects: Vec<String> = effects.into_iter().flatten().collect();
        if let (Some(lanes), Some(first)) = (lanes, effects.first_mut()) {
            first.push_str(&format!(" ({lanes} at a time)"));
        }
        effects
    }

    fn words_about(&self, filter: Option<String>, left: Option<String>) -> String {
        let effects = self.effects();
        let end = self.values.ending().map(Ending::words);
        if effects.is_empty() && end.is_none() {
            return "nothing yet".to_owned();
        }
        let effects = (!effects.is_empty()).then(|| effects.join(" and "));
        let parts = [
            effects,
            end,
            filter,
            self.chance(),
            self.steps(),
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

    /// The times of a hard disk: `hard disk with seek 8.5ms and turn 8333us`.
    fn arm(&self) -> Option<String> {
        let shown = |(name, word)| Some(format!("{word} {}", self.values.shown(name)?));
        let times = [(Name::SeekUs, "seek"), (Name::TurnUs, "turn")].map(shown);
        let times: Vec<String> = times.into_iter().flatten().collect();
        (!times.is_empty()).then(|| format!("hard disk with {}", times.join(" and ")))
    }

    fn limit(&self) -> Option<String> {
        let ios = self.values.number(Name::Quota).map(|quota| {
            let size = self.values.shown(Name::IosOfBytes);
            let size = size.map_or(String::new(), |size| format!(" of {size}"));
            format!("{quota}{size}{}", self.burst(Name::Burst))
        });
        let bytes = self.values.shown(Name::BytesQuota);
        let bytes = bytes.map(|quota| format!("{quota}{}", self.burst(Name::BytesBurst)));
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

    /// The room that can be saved, which is a burst.
    fn burst(&self, name: Name) -> String {
        let burst = self.values.shown(name);
        burst.map_or(String::new(), |burst| format!(" (burst {burst})"))
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

    /// The steps of the profile: `in steps 5ms:100 45ms:0`.
    fn steps(&self) -> Option<String> {
        let steps = self.values.text(Name::Profile)?.split(' ').map(|step| {
            let parts = step.split_once(':').and_then(|(time, strength)| {
                let time = units::show_microseconds(time.parse().ok()?);
                Some(format!("{time}:{strength}"))
            });
            parts.unwrap_or_else(|| step.to_owned())
        });
        Some(format!("in steps {}", steps.collect::<Vec<_>>().join(" ")))
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
    fn an_end_without_the_disk_is_told_after_the_delay() {
        let (error, drop) = ((Name::Error, "ENODATA"), (Name::Drop, "1"));
        let delay = (Name::DelayUs, "30000000");
        let some = [(Name::Op, "read"), (Name::Device, "sdb"), error];
        assert_eq!(words(&some), "fails with ENODATA, of reads on sdb");
        assert_eq!(words(&[delay, error]), "delay 30s, fails with ENODATA");
        let full = |values: &[_]| Described::new(&parsed(values)).words_in_full();
        assert_eq!(full(&[error]), "fails with ENODATA, of all I/O");
        assert_eq!(full(&[drop]), "writes are lost");
        assert_eq!(full(&[drop, error]), "fails with ENODATA, of all I/O");
        let torn = (Name::Torn, "1");
        assert_eq!(full(&[torn]), "writes are torn");
        let failing = "writes are torn, and fail with ENODATA";
        assert_eq!(full(&[torn, error]), failing);
        let bits = |count| full(&[(Name::Corrupt, count)]);
        assert_eq!(bits("1"), "a bit of each read is flipped");
        assert_eq!(bits("3"), "3 bits of each read are flipped");
        assert_eq!(words(&[(Name::DataLoss, "1")]), "nothing yet");
    }

    #[test]
    fn each_limit_has_its_burst() {
        let burst = (Name::Burst, "1000");
        let ios = [(Name::Quota, "100"), burst];
        assert_eq!(words(&ios), "limit to 100 (burst 1000) in each 1s");
        let all = [
            (Name::Quota, "100"),
            burst,
            (Name::IosOfBytes, "262144"),
            (Name::BytesQuota, "104857600"),
            (Name::BytesBurst, "1073741824"),
        ];
        assert_eq!(
            words(&all),
            "limit to 100 of 256KiB (burst 1000) and 100MiB (burst 1GiB) in each 1s"
        );
        assert_eq!(words(&[burst]), "nothing yet");
    }

    #[test]
    fn a_hard_disk_and_steps_are_told() {
        let arm = [(Name::SeekUs, "8500"), (Name::TurnUs, "8333")];
        let words_of_arm = "hard disk with seek 8.5ms and turn 8.333ms";
        assert_eq!(words(&arm), words_of_arm);
        let heads = [arm[0], arm[1], (Name::Lanes, "2")];
        assert_eq!(words(&heads), format!("{words_of_arm} (2 at a time)"));
        let profile = (Name::Profile, "950000:0 50000:100 once");
        let pauses = [(Name::DelayUs, "20000"), profile];
        let expected = "delay 20ms, in steps 950ms:0 50ms:100 once";
        assert_eq!(words(&pauses), expected);
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
