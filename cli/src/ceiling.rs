// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! How many I/Os a second a delay allows at most, since a disk can only have so many requests at a time.

use crate::{
    interface::{Roots, try_read},
    settings::Settings,
};
use std::ffi::OsStr;

/// A ceiling below which also who has asked for nothing but a delay is told.
const LOW: u64 = 1_000;

/// The most requests that a hardware queue can have.
const MOST_REQUESTS: u64 = 2_048;

/// Each disk that the injection delays, and the most I/Os a second there.
pub(crate) fn read(roots: &Roots, name: &OsStr) -> Vec<(String, u64)> {
    parse(&try_read(&roots.injection(name).join("ceiling")).unwrap_or_default())
}

/// Reads a disk and a number in each line.
pub(crate) fn parse(text: &str) -> Vec<(String, u64)> {
    text.lines()
        .filter_map(|line| {
            let (disk, iops) = line.split_once(' ')?;
            Some((disk.to_owned(), iops.parse().ok()?))
        })
        .collect()
}

/// Tells of each disk on which the injection allows less than was asked for.
pub(crate) fn hints(roots: &Roots, name: &str, settings: &Settings) -> Vec<String> {
    let asked = settings
        .number("quota")
        .filter(|quota| *quota > 0)
        .map(|quota| {
            let period_us = settings.number("period_us").unwrap_or(1_000_000);
            u128::from(quota) * 1_000_000 / u128::from(period_us.max(1))
        });
    let ceilings = read(roots, OsStr::new(name)).into_iter();
    ceilings
        .filter(|(_, iops)| u128::from(*iops) < asked.unwrap_or(u128::from(LOW)))
        .map(|(disk, iops)| hint(roots, &disk, iops, asked))
        .collect()
}

fn hint(roots: &Roots, disk: &str, iops: u64, asked: Option<u128>) -> String {
    let file = roots
        .sysfs
        .join("block")
        .join(disk)
        .join("queue/nr_requests");
    let requests: u64 = try_read(&file)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let than = asked.map_or(String::new(), |asked| {
        format!(", fewer than the {asked} of the limit")
    });
    let next = if requests < MOST_REQUESTS {
        format!("; kchaos attach --nr-requests {MOST_REQUESTS} {disk} raises it")
    } else {
        String::new()
    };
    format!(
        "with this delay, {disk} does at most {iops} I/Os a second{than} (nr_requests {requests}){next}"
    )
}
