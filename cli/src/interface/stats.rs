// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The numbers of an injection, from its file `stats`, and those of a disk's hardware queues.

use super::{
    attributes::Name,
    listed::{Listed, left_out},
};
use crate::system::{Roots, files::try_read};
use chaos_policy::policy::histogram::{STEP_KEY, WHOLE_OCTAVES, begin_us, octave_begin_us};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, io, path::Path};

/// The counts that only grow, in the order in which they are shown.
pub(crate) const GROWING: [&str; 4] = ["matched", "delayed", "limited", "released_early"];

/// The counts that are seldom anything but 0, and the words that are shown if one is.
pub(crate) const SELDOM: [(&str, &str); 7] = [
    ("failed", "failed"),
    ("dropped", "lost"),
    ("torn", "torn"),
    ("corrupted", "with flipped bits"),
    (NOT_FAILED, "ended as usual all the same"),
    ("no_memory", "not held, as there was no memory"),
    (
        "over_memory",
        "held as requests, as held completions had all of memory_kib",
    ),
];

/// The counts of I/Os that failed or were damaged.
const ENDED: [&str; 4] = ["failed", "dropped", "torn", "corrupted"];

/// The count of I/Os that were to end otherwise than the disk ends them, and could not.
pub(crate) const NOT_FAILED: &str = "not_failed";

/// The rooms of bursts that are saved now, each with the attribute of the burst. The file lacks
/// them without such a burst.
pub(crate) const SAVED: [(&str, Name); 2] =
    [("saved", Name::Burst), ("saved_bytes", Name::BytesBurst)];

/// All counts of an injection that kchaos shows, in order.
const SHOWN: [&str; 14] = [
    "remaining_ms",
    "matched",
    "delayed",
    "limited",
    "held",
    "released_early",
    "no_memory",
    "over_memory",
    "failed",
    "dropped",
    "torn",
    "corrupted",
    NOT_FAILED,
    "errors",
];

/// The numbers of one injection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    numbers: BTreeMap<String, u64>,
    /// The end of each step of the histogram, in microseconds, and the number of I/Os in it.
    pub(crate) added_us: Vec<(u64, u64)>,
    /// The numbers of each device, if there are several.
    pub(crate) devices: BTreeMap<String, BTreeMap<String, u64>>,
    /// The number of further lines that the file lacks.
    pub(crate) left_out: u64,
}

impl Stats {
    /// Reads the numbers of the injection in this directory. An older module has no file for them.
    ///
    /// # Errors
    ///
    /// If there is a file and it cannot be read.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        match try_read(&directory.join("stats")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            result => Ok(Self::parse(&result?)),
        }
    }

    /// Reads `key number` from each line. Other lines are skipped: a later driver may have them.
    pub(crate) fn parse(text: &str) -> Self {
        let mut stats = Self::default();
        for line in text.lines() {
            let Some((key, number)) = line.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            if let Some(end) = key.strip_prefix(STEP_KEY) {
                let end = end.parse().ok().filter(|end| *end > 0);
                stats.added_us.extend(end.map(|end| (end, number)));
            } else if let Some((device, key)) = key.rsplit_once('.') {
                let of_device = stats.devices.entry(device.to_owned()).or_default();
                of_device.insert(key.to_owned(), number);
            } else {
                stats.numbers.insert(key.to_owned(), number);
            }
        }
        stats.added_us.sort_unstable();
        stats.left_out = left_out(text);
        stats
    }

    /// One of the numbers; 0 if it is not there.
    pub(crate) fn get(&self, key: &str) -> u64 {
        self.find(key).unwrap_or(0)
    }

    /// Whether the injection may have an effect. An older driver does not say, which counts as yes.
    pub(crate) fn says_active(&self) -> bool {
        self.numbers.get("active") != Some(&0)
    }

    /// One of the numbers, if it is there.
    pub(crate) fn find(&self, key: &str) -> Option<u64> {
        self.numbers.get(key).copied()
    }

    /// How many I/Os got a delay, had to wait for a limit, failed or were damaged: the largest of
    /// the numbers, since one I/O may have had several of these.
    pub(crate) fn hits(&self) -> u64 {
        self.waits().max(self.ended())
    }

    /// How many of them got a delay, or had to wait for a limit.
    pub(crate) fn waits(&self) -> u64 {
        self.get("delayed").max(self.get("limited"))
    }

    /// How many of them failed or were damaged.
    pub(crate) fn ended(&self) -> u64 {
        let ended = ENDED.map(|key| self.get(key));
        ended.into_iter().fold(0, u64::saturating_add)
    }

    /// The growth of the counts and of the histogram since `before`; `None` if something is less
    /// than then, as after a reset, or the steps have other lengths.
    pub(crate) fn since(&self, before: &Self) -> Option<Self> {
        if self.get(WHOLE_OCTAVES) != before.get(WHOLE_OCTAVES) {
            return None;
        }
        let mut grown = Self {
            left_out: self.left_out.max(before.left_out),
            ..Self::default()
        };
        for key in GROWING.into_iter().chain(ENDED) {
            let growth = self.get(key).checked_sub(before.get(key))?;
            grown.numbers.insert(key.to_owned(), growth);
        }
        let mut steps: BTreeMap<u64, u64> = self.added_us.iter().copied().collect();
        for (end, count) in &before.added_us {
            let now = steps.get_mut(end)?;
            *now = now.checked_sub(*count)?;
        }
        grown.added_us = steps.into_iter().filter(|(_, count)| *count > 0).collect();
        Some(grown)
    }

    /// The time in microseconds below which so many per cent of the hits that wait went; `None` if
    /// the file lacks steps, or none has gone. Steps of any length will do: it is the end of the
    /// step that the percentile falls into. I/Os that a limit admitted at once are no hits, and
    /// have the shortest times.
    pub(crate) fn percentile_us(&self, per_cent: u64) -> Option<u64> {
        if self.left_out > 0 {
            return None;
        }
        let counts = self.added_us.iter().map(|(_, count)| u128::from(*count));
        let all: u128 = counts.sum();
        let hits = all.min(u128::from(self.waits()));
        let rank = all - hits + (hits * u128::from(per_cent)).div_ceil(100);
        let mut seen = 0;
        let mut steps = self.added_us.iter();
        let step = steps.find(|(_, count)| {
            seen += u128::from(*count);
            seen >= rank
        });
        step.filter(|_| hits > 0).map(|(end, _)| *end)
    }

    /// The numbers as JSON.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for key in SHOWN {
            object.insert(key.to_owned(), json!(self.get(key)));
        }
        for (key, _) in SAVED {
            object.insert(key.to_owned(), json!(self.find(key)));
        }
        let begin_us = if self.get(WHOLE_OCTAVES) == 1 {
            octave_begin_us
        } else {
            begin_us
        };
        let steps = self.added_us.iter();
        let steps = steps.map(
            |(end, count)| json!({"from_us": begin_us(*end), "below_us": end, "count": count}),
        );
        object.insert("added_us".to_owned(), steps.collect());
        let devices = self.devices.iter().map(|(device, numbers)| {
            let mut object = Map::new();
            object.extend(
                numbers
                    .iter()
                    .map(|(key, number)| (key.clone(), json!(number))),
            );
            object.insert("name".to_owned(), json!(device));
            Value::Object(object)
        });
        object.insert("devices".to_owned(), devices.collect());
        object.insert("left_out".to_owned(), json!(self.left_out));
        object
    }
}

/// The time in microseconds of held I/O that no time ends, in the driver's file.
pub(crate) const ENDLESS_US: u64 = (u64::MAX - 1) / 1_000;

/// The held I/O of one hardware queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Its number.
    pub(crate) number: u64,
    /// The number of I/Os.
    pub(crate) held: u64,
    /// The time until the first of them may go, in microseconds.
    pub(crate) first_us: u64,
    /// The time until the last of them may go, in microseconds.
    pub(crate) last_us: u64,
}

impl Queue {
    /// All of its I/O may go after so many microseconds at the latest.
    pub(crate) fn end_by(&mut self, end_us: u64) {
        self.first_us = self.first_us.min(end_us);
        self.last_us = self.last_us.min(end_us);
    }
}

/// The hardware queues of a disk on ioem; none if the disk is not on ioem any more.
pub(crate) fn queues(roots: &Roots, disk: &str) -> Listed<Queue> {
    let file = roots.disk(disk).join("queue/iosched/held");
    let text = try_read(&file).unwrap_or_default();
    parse_queues(&text)
}

/// Reads a line for each hardware queue.
pub(crate) fn parse_queues(text: &str) -> Listed<Queue> {
    Listed::parse(text, queue)
}

/// The number of I/Os that hardware queues hold together.
pub(crate) fn held(queues: &[Queue]) -> u64 {
    let held = queues.iter().map(|queue| queue.held);
    held.fold(0, u64::saturating_add)
}

fn queue(line: &str) -> Option<Queue> {
    let numbers: Option<Vec<u64>> = line.split(' ').map(|word| word.parse().ok()).collect();
    match numbers?[..] {
        [number, held, first_us, last_us, ..] => Some(Queue {
            number,
            held,
            first_us,
            last_us,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_lines_are_read_and_others_are_left_out() {
        let text = "active 1\nmatched 12\nadded_us_lt_2048 3\nadded_us_lt_1024 4\nsda.matched 7\n\
                    md.x.matched 5\nlater something\nmore\n... 13 more\n";
        let stats = Stats::parse(text);
        assert!(stats.says_active());
        assert!(!Stats::parse("active 0\n").says_active());
        assert_eq!((stats.get("matched"), stats.get("held")), (12, 0));
        assert_eq!(stats.added_us, [(1_024, 4), (2_048, 3)]);
        assert_eq!(stats.devices["sda"]["matched"], 7);
        assert_eq!(stats.devices["md.x"]["matched"], 5);
        assert_eq!(stats.devices.len(), 2);
        assert_eq!(stats.left_out, 13);
        assert_eq!(stats.json()["left_out"], 13);
        assert_eq!(
            stats.json()["added_us"][0],
            json!({"from_us": 960, "below_us": 1024, "count": 4})
        );
    }

    #[test]
    fn whole_octaves_begin_at_half_their_end() {
        let steps = "added_us_lt_8 1\nadded_us_lt_16 2\nadded_us_lt_1024 3\n";
        let begins = |text: &str| {
            let json = Stats::parse(text).json();
            [0, 1, 2].map(|step| json["added_us"][step]["from_us"].as_u64().unwrap())
        };
        assert_eq!(begins(&format!("whole_octaves 1\n{steps}")), [0, 8, 512]);
        assert_eq!(begins(steps), [7, 15, 960]);
    }

    #[test]
    fn what_no_driver_says_is_shown_all_the_same() {
        let stats = Stats::parse("added_us_lt_0 1\nadded_us_lt_2 3\nsda.name 7\n");
        // No step ends at 0.
        assert_eq!(stats.added_us, [(2, 3)]);
        assert_eq!(stats.json()["devices"][0]["name"], "sda");
        let queues = parse_queues("0 18446744073709551615 1 1\n1 1 1 1\n");
        assert_eq!(held(&queues.items), u64::MAX);
    }

    #[test]
    fn what_is_seldom_is_always_told_to_programs() {
        for (text, numbers) in [
            ("", [0; 7]),
            ("no_memory 4\nover_memory 7\n", [0, 0, 0, 0, 0, 4, 7]),
            (
                "failed 1\ndropped 2\ntorn 5\ncorrupted 6\nnot_failed 3\n",
                [1, 2, 5, 6, 3, 0, 0],
            ),
        ] {
            let json = Stats::parse(text).json();
            let told = SELDOM.map(|(key, _)| json[key].as_u64().unwrap());
            assert_eq!(told, numbers, "{text}");
        }
    }

    #[test]
    fn each_damage_is_a_hit_and_what_is_saved_is_told_if_there_is_a_burst() {
        let stats = Stats::parse("failed 1\ndropped 2\ntorn 5\ncorrupted 6\nsaved_bytes 0\n");
        assert_eq!(stats.hits(), 14);
        let json = stats.json();
        assert_eq!(
            [&json["saved"], &json["saved_bytes"]],
            [&Value::Null, &json!(0)]
        );
    }

    #[test]
    fn percentiles_are_the_ends_of_steps_of_any_length() {
        let of = |text: &str| {
            let stats = Stats::parse(text);
            [1, 50, 90, 99, 100].map(|per_cent| stats.percentile_us(per_cent))
        };
        let steps = "added_us_lt_1024 90\nadded_us_lt_1152 9\nadded_us_lt_1280 1\n";
        let delayed = format!("delayed 100\n{steps}");
        let expected = [1_024, 1_024, 1_024, 1_152, 1_280].map(Some);
        assert_eq!(of(&delayed), expected);
        // Of the 90 that took less, 80 did not wait for the limit.
        let limited = format!("matched 100\nlimited 20\n{steps}");
        assert_eq!(of(&limited), [1_024, 1_024, 1_152, 1_280, 1_280].map(Some));
        // Some are held still.
        assert_eq!(of("delayed 7\nadded_us_lt_1024 2\n"), [Some(1_024); 5]);
        for text in ["delayed 7\n", steps, &format!("{delayed}... 3 more\n"), ""] {
            assert_eq!(of(text), [None; 5], "{text}");
        }
    }

    #[test]
    fn the_growth_is_that_of_the_same_steps_and_none_after_a_reset() {
        let before = Stats::parse("matched 90\ndelayed 90\nfailed 1\nadded_us_lt_1024 90\n");
        let text = "matched 101\ndelayed 100\nfailed 3\nadded_us_lt_1024 90\nadded_us_lt_1152 10\n";
        let now = Stats::parse(text);
        let grown = now.since(&before).unwrap();
        assert_eq!(
            (grown.get("matched"), grown.waits(), grown.ended()),
            (11, 10, 2)
        );
        assert_eq!(grown.added_us, [(1_152, 10)]);
        assert_eq!(now.percentile_us(50), Some(1_024));
        assert_eq!(grown.percentile_us(50), Some(1_152));
        assert_eq!(before.since(&now), None);
        for other in [
            "matched 101\ndelayed 100\nfailed 3\nadded_us_lt_1152 100\n",
            &format!("{text}whole_octaves 1\n"),
        ] {
            assert_eq!(Stats::parse(other).since(&before), None, "{other}");
        }
    }

    #[test]
    fn a_line_for_each_hardware_queue() {
        let expected = Queue {
            number: 1,
            held: 5,
            first_us: 20,
            last_us: 900,
        };
        assert_eq!(queue("1 5 20 900"), Some(expected));
        assert_eq!(queue("1 5 20"), None);
        assert_eq!(queue("a 5 20 900"), None);
        let queues = parse_queues("1 5 20 900\n... 6 more\n");
        assert_eq!((&queues.items[..], queues.left_out), (&[expected][..], 6));
    }
}
