// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The figures of a recording for a terminal.

use super::build::Group;
use crate::{
    interface::units::{at_most, grouped, show_bytes, show_microseconds},
    show::picture::picture,
};
use std::{fmt::Write, time::Duration};

/// The shares of the columns.
const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("max", 1.0)];

/// The table of all classes, with a histogram for each operation.
pub(super) fn table(device: &str, groups: &[Group], length: Duration, most_depth: u64) -> String {
    let seconds = length.as_secs_f64().max(1e-9);
    let ios: u64 = groups.iter().map(|group| group.class.times.count).sum();
    let bytes: u64 = groups.iter().map(|group| group.class.bytes).sum();
    let mut text = format!(
        "{device}: {} I/Os in {}: {} and {} a second, at most {most_depth} at a time\n",
        grouped(ios),
        show_microseconds((seconds * 1e3).round() as u64 * 1_000),
        grouped((ios as f64 / seconds).round() as u64),
        megabytes(bytes as f64 / seconds)
    );
    let _ = write!(
        text,
        "  {:<20} {:>9} {:>8} {:>7} {:>6}",
        "operation", "I/Os", "a second", "bytes", "depth"
    );
    for (name, _) in SHARES {
        let _ = write!(text, " {name:>7}");
    }
    text.push('\n');
    for group in groups {
        let times = &group.class.times;
        let _ = write!(
            text,
            "  {:<20} {:>9} {:>8} {:>7} {:>6.2}",
            title(group),
            grouped(times.count),
            grouped((times.count as f64 / seconds).round() as u64),
            megabytes(group.class.bytes as f64 / seconds),
            times.sum_ns as f64 / 1e9 / seconds
        );
        for (_, share) in SHARES {
            let _ = write!(text, " {:>7}", at_most(times.at(share).div_ceil(1_000)));
        }
        text.push('\n');
    }
    for group in groups {
        let _ = writeln!(text, "{}", title(group));
        for line in picture("took", &group.class.times.octaves_us()) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// A class in words.
pub(super) fn title(group: &Group) -> String {
    let word = group.operation.word();
    match group.class.bytes {
        0 => word.to_owned(),
        _ => format!("{word} up to {}", show_bytes(group.max_bytes)),
    }
}

/// Bytes of a second in megabytes.
fn megabytes(bytes: f64) -> String {
    match bytes / 1e6 {
        mega @ ..10.0 => format!("{mega:.2}MB"),
        mega @ ..100.0 => format!("{mega:.1}MB"),
        mega => format!("{mega:.0}MB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        build::groups,
        event::{Event, Operation, Step},
        measure::Measured,
    };

    fn measured() -> Measured {
        let mut measured = Measured::default();
        for (operation, sectors, sector) in [
            (Operation::Read, 8, 0),
            (Operation::Discard, 1_024, 8),
            (Operation::Flush, 0, 0),
        ] {
            for place in 0..60_000 {
                let event = |step, at_ns| Event {
                    at_ns,
                    step,
                    operation,
                    sector,
                    sectors,
                };
                let from_ns = place * 1_000_000;
                let events = [
                    event(Step::Issue, from_ns),
                    event(Step::Complete, from_ns + 80_000),
                ];
                measured.take(&events, false);
            }
        }
        measured
    }

    #[test]
    fn the_table_has_a_line_for_each_class_in_80_columns() {
        let measured = measured();
        let text = table("sda", &groups(&measured), Duration::from_secs(60), 1);
        println!("{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let first = "sda: 180,000 I/Os in 1m: 3,000 and 528MB a second, at most 1 at a time\n";
        assert!(text.starts_with(first), "{text}");
        for expected in [
            "  read up to 4KiB         60,000    1,000  4.10MB   0.08    80us    80us    80us\n",
            "  discard up to 512KiB    60,000    1,000   524MB   0.08",
            "  flush                   60,000    1,000  0.00MB   0.08",
            "<128us      60000 ###",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn the_picture_has_a_curve_for_each_class() {
        use crate::record::{build::profile, svg};
        let measured = measured();
        let groups = groups(&measured);
        let mut profile = profile(&measured, &groups, Duration::from_secs(60));
        profile.device = "a<b".to_owned();
        let text = svg::picture(&profile, &groups);
        assert_eq!(text.matches("<polyline").count(), 3);
        for expected in [
            "a&lt;b: how long I/Os took, in 60.0 s",
            ">100us<",
            "flush</text>",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }

    #[test]
    fn the_file_has_the_form_of_its_schema() {
        use crate::record::build::profile;
        let measured = measured();
        let groups = groups(&measured);
        let profile = profile(&measured, &groups, Duration::from_secs(60));
        let value: serde_json::Value = toml::from_str(&profile.text()).unwrap();
        let schema = include_str!("../../schema/profile.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let complaints: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(complaints, [""; 0]);
    }
}
