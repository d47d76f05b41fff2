// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! How many I/Os a second a delay that holds requests allows at most, since a disk can only have so
//! many of them at a time.

use crate::{
    interface::{Roots, try_read},
    listed::Listed,
    settings::Settings,
};
use std::ffi::OsStr;

/// A ceiling below which also who has asked for nothing but a delay is told.
const LOW: u64 = 1_000;

/// The most requests that a hardware queue can have.
const MOST_REQUESTS: u64 = 2_048;

/// Each disk that the injection delays by holding requests, and the most I/Os a second there. Held
/// completions leave the disk its requests, so that there is no ceiling.
pub(crate) fn read(roots: &Roots, name: &OsStr) -> Listed<(String, u64)> {
    parse(&try_read(&roots.injection(name).join("ceiling")).unwrap_or_default())
}

/// Reads a disk and a number in each line.
pub(crate) fn parse(text: &str) -> Listed<(String, u64)> {
    Listed::parse(text, |line| {
        let (disk, iops) = line.split_once(' ')?;
        Some((disk.to_owned(), iops.parse().ok()?))
    })
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
    let ceilings = read(roots, OsStr::new(name));
    let more = ceilings.more("disks").map(|more| format!("and {more}"));
    let low = ceilings.items.into_iter();
    let low = low.filter(|(_, iops)| u128::from(*iops) < asked.unwrap_or(u128::from(LOW)));
    let mut hints: Vec<String> = low
        .map(|(disk, iops)| hint(roots, &disk, iops, asked))
        .collect();
    // Most likely they are no better.
    if !hints.is_empty() {
        hints.extend(more);
    }
    hints
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::attribute;
    use std::fs;

    #[test]
    fn a_low_ceiling_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |path: &str| folder.path().join(path);
        let roots = Roots {
            configfs: path("config"),
            sysfs: path("sys"),
            state: path("state"),
            dev: path("dev"),
            proc: path("proc"),
        };
        let write = |file: &str, text: &str| {
            fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            fs::write(path(file), text).unwrap();
        };
        write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n");
        write("sys/block/sda/queue/nr_requests", "64\n");
        write("sys/block/sdb/queue/nr_requests", "2048\n");
        let told = |given: &[(&str, &str)]| {
            let given = given.iter().map(|(name, text)| {
                let attribute = attribute(name).unwrap();
                (attribute, attribute.parse(text).unwrap())
            });
            hints(&roots, "x", &Settings::new(given).unwrap())
        };
        let raise = "(nr_requests 64); kchaos attach --nr-requests 2048 sda raises it";
        let low = |than: &str| {
            format!("with this delay, sda does at most 60 I/Os a second{than} {raise}")
        };
        assert_eq!(told(&[]), [low("")]);
        let both = told(&[("quota", "4"), ("period_us", "1000")]);
        let than = ", fewer than the 4000 of the limit";
        assert_eq!(both[0], low(than));
        let most = format!(
            "with this delay, sdb does at most 1920 I/Os a second{than} (nr_requests 2048)"
        );
        assert_eq!(both[1..], [most]);
        assert!(told(&[("quota", "60")]).is_empty());
        write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n... 30 more\n");
        let more = "and 30 more disks that the kernel had no room for";
        assert_eq!(told(&[]), [low(""), more.to_owned()]);
        assert!(told(&[("quota", "60")]).is_empty());
    }
}
