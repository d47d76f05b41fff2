// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tells in words what an injection does, and to which I/O.

use crate::{
    attributes::{Attribute, Value, attribute},
    form::CONDITIONS,
    units,
};

/// The values of an injection's attributes.
pub(crate) struct Described<'a>(pub(crate) &'a [(&'static Attribute, Value)]);

impl Described<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(attribute, _)| attribute.name == name);
        found.map(|(_, value)| value)
    }

    /// The number, unless it is the one of a new injection.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let usual = attribute(name).map(Attribute::default);
        match self.value(name) {
            Some(Value::Number(number)) if usual != Some(Value::Number(*number)) => Some(*number),
            _ => None,
        }
    }

    /// The text, unless it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Value::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The value as people read it.
    fn shown(&self, name: &str) -> Option<String> {
        let value = Value::Number(self.number(name)?);
        Some(attribute(name)?.show(&value))
    }

    /// The effect, whose I/O it is, how long it lasts, and what is held, if that was told:
    /// `delay 10ms ± 2ms, of reads on sda1, for 30s, holds requests`.
    pub(crate) fn words(&self) -> String {
        self.words_about(self.filter())
    }

    /// The same, which also says so when all I/O is meant.
    pub(crate) fn words_in_full(&self) -> String {
        self.words_about(self.filter().or_else(|| Some("of all I/O".to_owned())))
    }

    /// Whether it does anything to any I/O while it is at work.
    pub(crate) fn has_effect(&self) -> bool {
        !self.effects().is_empty() && self.number("probability") != Some(0)
    }

    fn effects(&self) -> Vec<String> {
        [self.delay(), self.limit()].into_iter().flatten().collect()
    }

    fn words_about(&self, filter: Option<String>) -> String {
        let effects = self.effects();
        if effects.is_empty() {
            return "nothing yet".to_owned();
        }
        let parts = [
            Some(effects.join(" and ")),
            filter,
            self.chance(),
            self.time(),
            self.way(),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        parts.join(", ")
    }

    fn delay(&self) -> Option<String> {
        let mut words = if let Some(percentiles) = self.text("percentiles") {
            format!("delay with percentiles {}", with_units(percentiles))
        } else {
            let (mean, jitter) = (self.shown("delay_us"), self.shown("jitter_us"));
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
            if let Some(shape) = self
                .text("distribution")
                .filter(|shape| *shape != "uniform")
            {
                words.push_str(&format!(" ({shape})"));
            }
            words
        };
        if let Some(correlation) = self.shown("correlation") {
            words.push_str(&format!(" correlated by {correlation}"));
        }
        if let Some(seed) = self.number("seed") {
            words.push_str(&format!(" from seed {seed}"));
        }
        Some(words)
    }

    fn limit(&self) -> Option<String> {
        let quota = self.number("quota")?;
        let period = match self.value("period_us") {
            Some(value) => attribute("period_us")?.show(value),
            None => "1s".to_owned(),
        };
        Some(format!("limit to {quota} in each {period}"))
    }

    fn filter(&self) -> Option<String> {
        let mut words = Vec::new();
        if let Some(operations) = self.text("op") {
            words.push(format!("of {}", in_words(operations)));
        }
        let sizes = (self.shown("min_bytes"), self.shown("max_bytes"));
        match sizes {
            (None, None) => {}
            (Some(least), None) => words.push(format!("of {least} or more")),
            (None, Some(most)) => words.push(format!("of up to {most}")),
            (Some(least), Some(most)) => words.push(format!("of {least} to {most}")),
        }
        if let Some(cgroup) = self.text("cgroup") {
            words.push(format!("by cgroup {cgroup}"));
        }
        if let Some(pid) = self.text("pid_ns") {
            words.push(format!("by the PID namespace of {pid}"));
        }
        if let Some(devices) = self.text("device") {
            words.push(format!("on {}", devices.replace(' ', " and ")));
        }
        if let Some(sectors) = self.text("sectors") {
            words.push(format!("at sectors {sectors}"));
        }
        (!words.is_empty()).then(|| words.join(" "))
    }

    fn chance(&self) -> Option<String> {
        let mut words = Vec::new();
        if let Some(every) = self.number("every") {
            words.push(format!("one in {every}"));
        }
        if let Some(share) = self.shown("probability") {
            words.push(format!("{share} of them"));
        }
        match self.number("times") {
            Some(1) => words.push("once".to_owned()),
            Some(times) => words.push(format!("{times} times")),
            None => {}
        }
        (!words.is_empty()).then(|| words.join(", "))
    }

    fn time(&self) -> Option<String> {
        self.shown("duration_ms").map(|time| format!("for {time}"))
    }

    fn way(&self) -> Option<String> {
        let way = self.text("hold").filter(|way| *way != "auto")?;
        Some(format!("holds {way}s"))
    }
}

/// Percentiles as the flag takes them: their file has microseconds.
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

    fn parsed(values: &[(&str, &str)]) -> Vec<(&'static Attribute, Value)> {
        values
            .iter()
            .map(|(name, text)| {
                let attribute = attribute(name).unwrap();
                (attribute, attribute.parse_file(text).unwrap())
            })
            .collect()
    }

    fn words(values: &[(&str, &str)]) -> String {
        Described(&parsed(values)).words()
    }

    #[test]
    fn what_is_usual_is_not_told() {
        assert_eq!(words(&[("delay_us", "0"), ("quota", "0")]), "nothing yet");
        assert_eq!(
            words(&[
                ("delay_us", "10000"),
                ("jitter_us", "0"),
                ("probability", "100")
            ]),
            "delay 10ms"
        );
    }

    #[test]
    fn what_is_held_is_told_if_it_is_not_as_usual() {
        let held = |way| words(&[("quota", "5"), ("hold", way)]);
        assert_eq!(held("auto"), "limit to 5 in each 1s");
        assert_eq!(held("request"), "limit to 5 in each 1s, holds requests");
        assert_eq!(
            held("completion"),
            "limit to 5 in each 1s, holds completions"
        );
        assert_eq!(words(&[("hold", "request")]), "nothing yet");
    }

    #[test]
    fn one_time_is_once() {
        let once = [("delay_us", "10000"), ("times", "1")];
        assert_eq!(words(&once), "delay 10ms, once");
    }

    #[test]
    fn what_is_meant_is_told_in_full() {
        let full = |op| {
            let values = [("quota", "5"), ("op", op)];
            Described(&parsed(&values)).words_in_full()
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
            ("delay_us", "10000"),
            ("jitter_us", "2000"),
            ("distribution", "normal"),
            ("correlation", "25"),
            ("quota", "15"),
            ("period_us", "1000"),
            ("op", "read sync"),
            ("min_bytes", "4096"),
            ("cgroup", "/sys/fs/cgroup/a"),
            ("device", "sda1 sdb"),
            ("sectors", "0+8"),
            ("every", "3"),
            ("probability", "0.1"),
            ("times", "5"),
            ("duration_ms", "30000"),
            ("hold", "completion"),
        ];
        assert_eq!(
            words(&all),
            "delay 10ms ± 2ms (normal) correlated by 25% and limit to 15 in each 1ms, of sync reads of 4KiB \
             or more by cgroup /sys/fs/cgroup/a on sda1 and sdb at sectors 0+8, one in 3, 0.1% of them, 5 \
             times, for 30s, holds completions"
        );
        assert_eq!(
            words(&[("percentiles", "50:200 99:5000")]),
            "delay with percentiles 50:200us 99:5ms"
        );
    }
}
