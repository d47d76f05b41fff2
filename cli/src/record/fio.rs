// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The report of fio as a profile: `fio --output-format=json` has percentiles for each job and
//! operation.

use super::{
    event::Operation,
    histogram::Histogram,
    measure::Key,
    points::{points, text},
    profile::{Profile, Row},
};
use crate::{error::note, interface::units::grouped};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The times into which a job's percentiles are divided.
const SAMPLES: u64 = 20_000;

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    read: Option<Side>,
    write: Option<Side>,
    trim: Option<Side>,
    sync: Option<Syncs>,
}

/// The calls of fsync and the like.
#[derive(Deserialize)]
struct Syncs {
    #[serde(default)]
    total_ios: u64,
    lat_ns: Option<Measured>,
}

/// The number of calls of which fio has the time.
#[derive(Deserialize)]
struct Measured {
    #[serde(default, rename = "N")]
    count: u64,
}

#[derive(Deserialize)]
struct Side {
    #[serde(default)]
    total_ios: u64,
    #[serde(default)]
    io_bytes: u64,
    #[serde(default)]
    iops: f64,
    clat_ns: Option<Times>,
}

#[derive(Deserialize)]
struct Times {
    #[serde(default)]
    min: f64,
    #[serde(default)]
    max: f64,
    #[serde(default)]
    mean: f64,
    #[serde(default)]
    percentile: BTreeMap<String, f64>,
}

/// All jobs of one class.
#[derive(Default)]
struct Sum {
    times: Histogram,
    ios: u64,
    bytes: u64,
    iops: f64,
    mean_ns: f64,
}

/// The profile. A note tells the times that are not in it.
///
/// # Errors
///
/// A sentence that says what the report lacks.
pub(super) fn profile(text: &str) -> Result<Profile, String> {
    // fio may print notes before its result.
    let start = text.find('{').unwrap_or(0);
    let report: Report = serde_json::from_str(&text[start..])
        .map_err(|error| format!("this is no report of fio: {error}"))?;
    let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
    let all: u64 = report
        .jobs
        .iter()
        .flat_map(sides)
        .map(|(_, side)| side.total_ios)
        .sum();
    for job in &report.jobs {
        for (operation, side) in sides(job) {
            let times = side.clat_ns.as_ref();
            let times = times.filter(|times| !times.percentile.is_empty()).ok_or(
                "the report of fio has no percentiles of clat_ns; run fio without \
                 --clat_percentiles=0, and fio 3 or later",
            )?;
            let key = Key::of(operation, side.io_bytes / side.total_ios);
            let sum = sums.entry(key).or_default();
            let samples = (SAMPLES * side.total_ios).div_ceil(all);
            add(&mut sum.times, times, samples)?;
            sum.ios += side.total_ios;
            sum.bytes += side.io_bytes;
            sum.iops += side.iops;
            sum.mean_ns += times.mean * side.total_ios as f64;
        }
    }
    if sums.is_empty() {
        return Err("the report of fio has no I/O".to_owned());
    }
    if let Some(sentence) = left_out(&report) {
        note(&sentence);
    }
    Ok(Profile::of(sums.into_iter().map(row).collect()))
}

/// A sentence if the report has the times of fsyncs.
fn left_out(report: &Report) -> Option<String> {
    let syncs = report.jobs.iter().filter_map(|job| job.sync.as_ref());
    // A report can lack one of the two.
    let counts = syncs.map(|syncs| {
        let measured = syncs.lat_ns.as_ref().map_or(0, |times| times.count);
        syncs.total_ios.max(measured)
    });
    let count: u64 = counts.sum();
    (count > 0).then(|| {
        format!(
            "the times of {} fsyncs are left out, as an fsync is several I/Os; record the disk \
             with `kchaos record` to have its flushes",
            grouped(count)
        )
    })
}

/// The operations of a job that had I/O.
fn sides(job: &Job) -> impl Iterator<Item = (Operation, &Side)> {
    let sides = [
        (Operation::Read, &job.read),
        (Operation::Write, &job.write),
        (Operation::Discard, &job.trim),
    ];
    let sides = sides
        .into_iter()
        .filter_map(|(operation, side)| Some((operation, side.as_ref()?)));
    sides.filter(|(_, side)| side.total_ios > 0)
}

/// Adds times that have a job's percentiles, with straight lines between them.
fn add(sum: &mut Histogram, times: &Times, samples: u64) -> Result<(), String> {
    let mut lines = vec![(0.0, times.min)];
    let mut percentiles = Vec::new();
    for (percent, ns) in &times.percentile {
        let share = percent
            .parse::<f64>()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent));
        let share = share.ok_or_else(|| format!("{percent:?} of fio is no per cent"))? / 100.0;
        percentiles.push((share, *ns));
    }
    percentiles.sort_by(|one, other| one.0.total_cmp(&other.0));
    lines.extend(percentiles);
    lines.push((1.0, times.max));
    for sample in 0..samples {
        let share = (sample as f64 + 0.5) / samples as f64;
        let behind = lines
            .partition_point(|(other, _)| *other < share)
            .clamp(1, lines.len() - 1);
        let [from, to] = [lines[behind - 1], lines[behind]];
        let part = match to.0 - from.0 {
            width if width > 0.0 => (share - from.0) / width,
            _ => 1.0,
        };
        sum.add((from.1 + (to.1 - from.1) * part.clamp(0.0, 1.0)).max(0.0) as u64);
    }
    Ok(())
}

fn row((key, sum): (Key, Sum)) -> Row {
    let [min_bytes, max_bytes] = key.bytes();
    Row {
        ios: sum.ios,
        iops: sum.iops,
        bytes_per_second: sum.iops * sum.bytes as f64 / sum.ios as f64,
        mean_us: (sum.mean_ns / sum.ios as f64 / 1e3).round() as u64,
        min_bytes,
        max_bytes,
        ..Row::of(key.operation.word(), text(&points(&sum.times)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report as fio 3.41 writes it, of which much is left out.
    const REPORT: &str = r#"note: both iodepth >= 1 and synchronous I/O engine are selected
{
  "fio version" : "fio-3.41",
  "jobs" : [
    {
      "jobname" : "db",
      "read" : {
        "io_bytes" : 40960000, "bw_bytes" : 4096000, "iops" : 1000.0, "total_ios" : 10000,
        "clat_ns" : {
          "min" : 80000, "max" : 9000000, "mean" : 120000.0, "stddev" : 1.0, "N" : 10000,
          "percentile" : {
            "1.000000" : 90000, "50.000000" : 110000, "99.000000" : 400000, "99.900000" : 5000000
          }
        }
      },
      "write" : { "io_bytes" : 0, "iops" : 0.0, "total_ios" : 0, "clat_ns" : { "min" : 0 } },
      "trim" : { "io_bytes" : 0, "iops" : 0.0, "total_ios" : 0, "clat_ns" : { "min" : 0 } },
      "sync" : { "total_ios" : 0, "lat_ns" : { "min" : 0, "N" : 0 } }
    },
    {
      "jobname" : "log",
      "write" : {
        "io_bytes" : 65536000, "bw_bytes" : 6553600, "iops" : 100.0, "total_ios" : 1000,
        "clat_ns" : {
          "min" : 1000000, "max" : 3000000, "mean" : 2000000.0,
          "percentile" : { "50.000000" : 2000000 }
        }
      },
      "sync" : {
        "total_ios" : 1200,
        "lat_ns" : { "min" : 900000, "max" : 7000000, "mean" : 2000000.0, "N" : 1200 }
      }
    }
  ]
}"#;

    #[test]
    fn each_operation_has_its_percentiles() {
        let profile = profile(REPORT).unwrap();
        let [read, write] = &profile.classes[..] else {
            panic!("{profile:?}");
        };
        assert_eq!(
            (&*read.op, read.min_bytes, read.max_bytes),
            ("read", 0, 4_096)
        );
        assert_eq!((read.ios, read.mean_us), (10_000, 120));
        let points = read.points().unwrap();
        let at = |percent: &str| points.iter().find(|(other, _)| other == percent).unwrap().1;
        assert!((109..=111).contains(&at("50")), "{points:?}");
        assert!((395..=415).contains(&at("99")), "{points:?}");
        assert_eq!(
            (&*write.op, write.min_bytes, write.max_bytes),
            ("write", 32_769, 65_536)
        );
        assert!((write.bytes_per_second - 6_553_600.0).abs() < 1.0);
    }

    #[test]
    fn the_fsyncs_that_are_left_out_are_told() {
        let told = |text: &str| left_out(&serde_json::from_str(text).unwrap());
        let all = told(&REPORT[REPORT.find('{').unwrap()..]).unwrap();
        assert!(
            all.starts_with("the times of 1,200 fsyncs are left out, as "),
            "{all}"
        );
        let job = |sync: &str| format!(r#"{{"jobs": [{{"sync": {sync}}}]}}"#);
        let measured = told(&job(r#"{"lat_ns": {"N": 7}}"#)).unwrap();
        assert!(measured.starts_with("the times of 7 fsyncs"), "{measured}");
        let none = [
            job(r#"{"total_ios": 0, "lat_ns": {"min": 0, "N": 0}}"#),
            job("{}"),
        ];
        assert_eq!(none.map(|text| told(&text)), [None, None]);
    }

    #[test]
    fn a_report_without_percentiles_or_io_is_told() {
        for (text, expected) in [
            (r#"{"jobs": []}"#, "no I/O"),
            (
                r#"{"jobs": [{"read": {"total_ios": 1, "clat_ns": {"min": 1}}}]}"#,
                "no percentiles of clat_ns",
            ),
            (r#"{"jobs": 1}"#, "no report of fio"),
        ] {
            let sentence = profile(text).unwrap_err();
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
