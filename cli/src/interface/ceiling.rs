// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ceilings: a disk can have only so many requests at a time, so that a delay that holds requests
//! allows only so many I/Os a second.

use super::{listed::Listed, units::at_most};
use crate::system::{Roots, disk::requests, files::names, files::try_read};
use std::ffi::OsStr;

/// The most I/Os a second of a disk that an injection delays by holding requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling {
    pub(crate) disk: String,
    pub(crate) iops: u64,
    /// How many requests the disk can have at a time, if that is known.
    pub(crate) requests: Option<u64>,
}

impl Ceiling {
    /// The most that the disk does with this mean delay: `60 I/Os a second`.
    pub(crate) fn rate(&self, delay_us: Option<u64>) -> String {
        let requests = self.requests.filter(|requests| *requests > 0);
        match (self.iops, delay_us, requests) {
            (0, Some(delay_us), Some(requests)) => {
                format!("one I/O per {}", at_most(delay_us / requests))
            }
            (0, _, _) => "less than one I/O a second".to_owned(),
            (1, _, _) => "1 I/O a second".to_owned(),
            (iops, _, _) => format!("{iops} I/Os a second"),
        }
    }

    /// The effect on the disk if it holds I/O until this end of the injection.
    pub(crate) fn holds(&self, until_end: &str) -> String {
        let disk = &self.disk;
        let requests = self
            .requests
            .map_or(String::new(), |requests| format!("{requests} "));
        format!(
            "{disk} holds such I/O {until_end}, and once it holds {requests}requests, other I/O \
             waits as well"
        )
    }
}

/// The end of an injection with a lease or without one, in words.
pub(crate) fn until_end(has_lease: bool) -> &'static str {
    match has_lease {
        true => "until the lease is over",
        false => "until the injection ends",
    }
}

/// Each disk that the injection delays by holding requests. A held completion leaves the disk its
/// request, and so has no ceiling.
pub(crate) fn read(roots: &Roots, name: &OsStr) -> Listed<Ceiling> {
    let text = try_read(&roots.injection(name).join("ceiling")).unwrap_or_default();
    let mut ceilings = parse(&text);
    for ceiling in &mut ceilings.items {
        let queues = names(&roots.disk(&ceiling.disk).join("mq")).len().max(1);
        let queues = u64::try_from(queues).unwrap_or(1);
        let requests = requests(roots, &ceiling.disk);
        ceiling.requests = requests.map(|requests| requests.saturating_mul(queues));
    }
    ceilings
}

/// Reads a disk and a number in each line.
pub(crate) fn parse(text: &str) -> Listed<Ceiling> {
    Listed::parse(text, |line| {
        let (disk, iops) = line.split_once(' ')?;
        Some(Ceiling {
            disk: disk.to_owned(),
            iops: iops.parse().ok()?,
            requests: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_below_one_a_second_is_told_the_other_way_round() {
        let ceiling = |iops, requests| Ceiling {
            disk: "sda".to_owned(),
            iops,
            requests,
        };
        let hour = Some(3_600_000_000);
        for (iops, requests, delay_us, expected) in [
            (25_600, None, hour, "25600 I/Os a second"),
            (1, Some(256), hour, "1 I/O a second"),
            (0, Some(256), hour, "one I/O per 14.1s"),
            (0, Some(256), None, "less than one I/O a second"),
            (0, None, hour, "less than one I/O a second"),
            (0, Some(0), hour, "less than one I/O a second"),
        ] {
            assert_eq!(ceiling(iops, requests).rate(delay_us), expected);
        }
    }
}
