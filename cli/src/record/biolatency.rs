// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The histograms of `biolatency` as a profile: of bcc and of bpftrace, as text and as JSON.

use super::{
    event::Operation,
    histogram::Histogram,
    points::{self, points},
    profile::{ANY, Profile, Row},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The words for units of time, each in nanoseconds.
const UNITS: [(&str, f64); 4] = [
    ("nsecs", 1.0),
    ("usecs", 1e3),
    ("msecs", 1e6),
    ("secs", 1e9),
];

/// The most parts into which a step of a histogram is divided.
const PARTS: u64 = 64;

/// A histogram with the words around it.
#[derive(Debug, Default)]
struct Section {
    /// The flags or the disk, if the histogram is of one.
    name: Option<String>,
    disk: Option<String>,
    unit_ns: Option<f64>,
    /// Steps from a number to another one, and how many are in it.
    steps: Vec<(f64, f64, u64)>,
}

/// Whether this may be such a text.
pub(super) fn is_one(text: &str) -> bool {
    [
        "interval-start",
        "\"hist\"",
        ": count ",
        "@usecs",
        "@msecs",
        "@nsecs",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

/// The profile. Histograms of intervals of time are one together.
///
/// # Errors
///
/// A sentence that says what is wrong.
pub(super) fn profile(text: &str) -> Result<Profile, String> {
    let sections = match text.lines().any(|line| line.trim_start().starts_with('{')) {
        true => of_json(text)?,
        false => of_text(text),
    };
    let disks: BTreeSet<&str> = sections
        .iter()
        .filter_map(|one| one.disk.as_deref())
        .collect();
    if disks.len() > 1 {
        let names: Vec<&str> = disks.into_iter().collect();
        return Err(format!(
            "the histograms are of several disks, {}; leave those of one in the file",
            names.join(", ")
        ));
    }
    let mut classes: BTreeMap<Option<Operation>, Histogram> = BTreeMap::new();
    for section in &sections {
        let operation = match &section.name {
            None => None,
            Some(flags) => match operation(flags) {
                None => continue,
                known => known,
            },
        };
        let unit_ns = section.unit_ns.ok_or(
            "the histogram does not tell its unit; its heading is such as usecs or @usecs",
        )?;
        let times = classes.entry(operation).or_default();
        for (from, until, count) in &section.steps {
            add(times, [from * unit_ns, until * unit_ns], *count);
        }
    }
    classes.retain(|_, times| times.count > 0);
    if classes.is_empty() {
        return Err("there is no histogram with an I/O of a known operation".to_owned());
    }
    if classes.len() > 1 && classes.contains_key(&None) {
        return Err(
            "some histograms are of one operation, and others of all; leave one kind in \
                    the file"
                .to_owned(),
        );
    }
    let rows = classes.into_iter().map(|(operation, times)| Row {
        ios: times.count,
        mean_us: times.mean_ns() / 1_000,
        ..Row::of(
            operation.map_or(ANY, Operation::word),
            points::text(&points(&times)),
        )
    });
    Ok(Profile::of(rows.collect()))
}

/// Adds so many times, evenly between two.
fn add(times: &mut Histogram, [from_ns, until_ns]: [f64; 2], count: u64) {
    let parts = count.min(PARTS);
    for part in 0..parts {
        let place = (part as f64 + 0.5) / parts as f64;
        let many = count * (part + 1) / parts - count * part / parts;
        times.add_many((from_ns + (until_ns - from_ns) * place) as u64, many);
    }
}

/// The operation in words such as `Sync-Write`, which are the flags of a request.
fn operation(flags: &str) -> Option<Operation> {
    let last = flags.rsplit('-').next().unwrap_or_default();
    Operation::ALL
        .into_iter()
        .find(|one| one.word().eq_ignore_ascii_case(last))
}

/// The unit in a heading such as `@usecs[Read]:`, or in a `val_type`.
fn unit_ns(heading: &str) -> Option<f64> {
    let words = heading.split(|letter: char| !letter.is_ascii_alphanumeric());
    let found = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word);
    words.filter_map(found).map(|(_, ns)| *ns).next()
}

/// The sections of a text: of bcc, with lines such as `  64 -> 127  : 1  |*  |`, or of bpftrace,
/// with lines such as `[64, 128)  1 |@  |`.
fn of_text(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut named = Section::default();
    for line in text.lines().map(str::trim) {
        if let Some(step) = step_of_bcc(line).or_else(|| step_of_bpftrace(line)) {
            if let Some(section) = sections.last_mut() {
                section.steps.push(step);
            }
        } else if let Some((key, value)) = line.split_once(" = ") {
            let value = value
                .trim_start_matches('b')
                .trim_matches(['\'', '"'])
                .to_owned();
            match key {
                "flags" => named.name = Some(value),
                _ if key.ends_with("disk") => named.disk = Some(value),
                _ => {}
            }
        } else if let Some(unit_ns) = unit_ns(line) {
            let within = line
                .split_once('[')
                .and_then(|(_, rest)| rest.split_once(']'));
            sections.push(Section {
                unit_ns: Some(unit_ns),
                name: within
                    .map(|(name, _)| name.to_owned())
                    .or(named.name.take()),
                ..std::mem::take(&mut named)
            });
        }
    }
    sections
}

fn step_of_bcc(line: &str) -> Option<(f64, f64, u64)> {
    let (range, rest) = line.split_once(':')?;
    let (from, until) = range.split_once("->")?;
    let count = rest.split_whitespace().next()?.parse().ok()?;
    let [from, until] = [from, until].map(|number| number.trim().parse::<f64>().ok());
    // The upper number belongs to the step.
    Some((from?, until? + 1.0, count))
}

fn step_of_bpftrace(line: &str) -> Option<(f64, f64, u64)> {
    let (range, rest) = line.strip_prefix('[')?.split_once([')', ']'])?;
    let count = rest.split_whitespace().next()?.parse().ok()?;
    let is_closed = line.contains(']');
    let mut numbers = range.split(',').map(|number| binary(number.trim()));
    let from = numbers.next()??;
    let until = match numbers.next() {
        Some(until) => until? + f64::from(u8::from(is_closed)),
        None => from + 1.0,
    };
    Some((from, until, count))
}

/// A number such as `512` or `4K`, where each letter is 1024 times the one before.
fn binary(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let power = match &text[digits.len()..] {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * 1_024_f64.powi(power))
}

/// The sections of JSON, a line each. bcc prints a dictionary of Python.
fn of_json(text: &str) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('{'))
    {
        let of_python = || line.replace("b'", "\"").replace('\'', "\"");
        let value: Value = serde_json::from_str(line)
            .or_else(|_| serde_json::from_str(&of_python()))
            .map_err(|error| format!("a line of the histograms is no JSON: {error}"))?;
        let word = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(unit) = word("val_type") {
            sections.push(Section {
                name: word("flags"),
                disk: word("Bucket ptr").or(word("disk")),
                unit_ns: unit_ns(&unit),
                steps: steps(&value["data"], ["interval-start", "interval-end"])?,
            });
        } else if word("type").as_deref() == Some("hist") {
            let maps = value["data"].as_object().into_iter().flatten();
            for (map, content) in maps {
                let unit_ns = unit_ns(map);
                let named = content.as_object().into_iter().flatten();
                for (name, steps_of_name) in named {
                    sections.push(Section {
                        name: Some(name.clone()),
                        unit_ns,
                        steps: steps(steps_of_name, ["min", "max"])?,
                        ..Section::default()
                    });
                }
                if content.is_array() {
                    sections.push(Section {
                        unit_ns,
                        steps: steps(content, ["min", "max"])?,
                        ..Section::default()
                    });
                }
            }
        }
    }
    Ok(sections)
}

/// The steps of a list, each with keys for its first number and its last.
fn steps(list: &Value, keys: [&str; 2]) -> Result<Vec<(f64, f64, u64)>, String> {
    let steps = list.as_array().into_iter().flatten().map(|step| {
        let [from, until] = keys.map(|key| step.get(key).and_then(Value::as_f64));
        let count = step.get("count").and_then(Value::as_u64);
        // Below the least number there is none, and above the greatest no end.
        let until = until.or(from.map(|from| from * 2.0));
        let step = count
            .zip(until)
            .map(|(count, until)| (from.unwrap_or(0.0), until + 1.0, count));
        step.ok_or_else(|| format!("a step of a histogram has no count and no {}", keys[1]))
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As bcc prints them.
    const OF_BCC: &str = "\
Tracing block device I/O... Hit Ctrl-C to end.
^C
     usecs           : count     distribution
       0 -> 1        : 0        |                                      |
      64 -> 127      : 100      |********                              |
     128 -> 255      : 300      |**************************************|
    1024 -> 2047     : 100      |********                              |
";

    /// As bpftrace prints them.
    const OF_BPFTRACE: &str = "\
Attaching 3 probes...
Tracing block device I/O... Hit Ctrl-C to end.

@usecs:
[64, 128)            100 |@@@@@@@                                             |
[128, 256)           300 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
[1K, 2K)             100 |@@@@@@@                                             |
";

    const JSON_OF_BCC: &str = "{'ts': '2020-12-30 14:33:03', 'val_type': 'usecs', 'data': \
        [{'interval-start': 64, 'interval-end': 127, 'count': 100}, \
        {'interval-start': 128, 'interval-end': 255, 'count': 300}, \
        {'interval-start': 1024, 'interval-end': 2047, 'count': 100}], 'Bucket ptr': b'sda'}\n";

    const JSON_OF_BPFTRACE: &str = "{\"type\": \"attached_probes\", \"data\": {\"probes\": 3}}\n\
        {\"type\": \"hist\", \"data\": {\"@usecs\": [{\"min\": 64, \"max\": 127, \"count\": 100}, \
        {\"min\": 128, \"max\": 255, \"count\": 300}, {\"min\": 1024, \"max\": 2047, \
        \"count\": 100}]}}\n";

    #[test]
    fn all_forms_are_one_profile() {
        let expected = profile(OF_BCC).unwrap();
        assert_eq!(
            (&*expected.classes[0].op, expected.classes[0].ios),
            (ANY, 500)
        );
        let points = expected.classes[0].points().unwrap();
        // Half of them are below the middle of the 300.
        let half = points
            .iter()
            .find(|(percent, _)| percent == "50")
            .unwrap()
            .1;
        assert!((188..=196).contains(&half), "{points:?}");
        for text in [OF_BPFTRACE, JSON_OF_BCC, JSON_OF_BPFTRACE] {
            assert!(is_one(text), "{text}");
            assert_eq!(profile(text), Ok(expected.clone()), "{text}");
        }
        // Two intervals of time are one histogram.
        let twice = profile(&OF_BCC.repeat(2)).unwrap();
        assert_eq!((twice.classes.len(), twice.classes[0].ios), (1, 1_000));
    }

    #[test]
    fn flags_tell_the_operation() {
        let flagged = |flags: &str, count: u64| {
            format!(
                "\nflags = {flags}\n     msecs   : count   distribution\n  2 -> 3 : {count} |*|\n"
            )
        };
        let text = [
            flagged("Read", 5),
            flagged("ReadAhead-Read", 5),
            flagged("Sync-Write", 7),
            flagged("Unknown", 9),
        ]
        .concat();
        let profile = profile(&text).unwrap();
        let rows = profile.classes.iter();
        let rows = rows.map(|row| (&*row.op, row.ios));
        assert_eq!(rows.collect::<Vec<_>>(), [("read", 10), ("write", 7)]);
        assert_eq!(profile.classes[0].mean_us, 3_000);
    }

    #[test]
    fn what_is_not_clear_is_told() {
        let disks = "Bucket disk = 'xvdb'\n usecs : count distribution\n 2 -> 3 : 1 |*|\n\n\
                     Bucket disk = 'xvdc'\n usecs : count distribution\n 2 -> 3 : 1 |*|\n";
        for (text, expected) in [
            (disks, "several disks, xvdb, xvdc"),
            ("@usecs:\n[2, 4) 0 ||\n", "no histogram with an I/O"),
            (
                "{\"type\": \"hist\", \"data\": {\"@x\": [{\"max\": 1, \"count\": 1}]}}",
                "unit",
            ),
            ("{'interval-start'", "no JSON"),
        ] {
            let sentence = profile(text).unwrap_err();
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
