// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Ceilings: a disk can have only so many requests at a time, so that a delay that holds requests
//! allows only so many I/Os a second.

use super::{attributes::Name, listed::Listed, units::at_most, values::Values};
use crate::system::{
    Roots,
    disk::{queues, requests},
    files::try_read,
};
use std::ffi::OsStr;

/// The most I/Os a second of a disk that an injection delays by holding requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ceiling {
    pub(crate) disk: String,
    /// It is 0 only if a freeze holds I/O that the injection delays, its own or another one's.
    pub(crate) iops: u64,
    /// How many requests each hardware queue can have at a time, if that is known.
    pub(crate) requests: Option<u64>,
    /// The number of hardware queues, which may share those requests.
    pub(crate) queues: u64,
    /// The freeze of other injections, if it is known.
    pub(crate) frozen: Option<Frozen>,
}

/// The freeze of a disk by other injections, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frozen {
    /// The injections: `a and b`.
    pub(crate) by: String,
    /// The end of the freeze: `a ends`.
    pub(crate) until: String,
    /// The number of I/Os that they affect at most, if it has an end.
    pub(crate) times: Option<u64>,
}

impl Default for Frozen {
    /// By an injection that has ended in the meantime, or that cannot be read.
    fn default() -> Self {
        Self {
            by: "another injection".to_owned(),
            until: "that one ends".to_owned(),
            times: None,
        }
    }
}

/// The effect of an injection on a disk whose requests it delays.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The disk does at most so much: `60 I/Os a second`.
    Rate(String),
    /// A sentence: the disk holds I/O until something ends.
    Holds(String),
}

impl Ceiling {
    /// The effect of an injection with these values that ends after a time, or not by itself.
    pub(crate) fn effect(&self, values: &Values, lease_us: Option<u64>) -> Effect {
        let disk = &self.disk;
        let delay_us = values.number(Name::DelayUs).unwrap_or(0);
        let outlasts = lease_us.is_some_and(|lease_us| delay_us >= lease_us);
        if self.iops == 0 && !values.freezes() {
            let frozen = self.frozen.clone().unwrap_or_default();
            let holds = self.holds(&frozen.until, frozen.times);
            Effect::Holds(format!("{disk} is frozen by {}: it {holds}", frozen.by))
        } else if outlasts || values.freezes() {
            let holds = self.holds("the injection ends", values.number(Name::Times));
            Effect::Holds(format!("{disk} {holds}"))
        } else {
            Effect::Rate(self.rate(values))
        }
    }

    /// The most that the disk does. The driver rounds it up.
    fn rate(&self, values: &Values) -> String {
        /// A second, in microseconds.
        const SECOND: u64 = 1_000_000;
        let delays_all = [Name::Probability, Name::Every]
            .iter()
            .all(|name| values.number(*name).is_none());
        let delay_us = values.number(Name::DelayUs).filter(|_| delays_all);
        let lanes = values.number(Name::Lanes).unwrap_or(u64::MAX);
        // At most: queues that share their requests have fewer.
        let requests = self.known_requests();
        let requests = requests.map(|requests| requests.saturating_mul(self.queues));
        let at_a_time = requests.map(|requests| requests.min(lanes));
        let each_us = delay_us.zip(at_a_time);
        let each_us = each_us.map_or(0, |(delay_us, at_a_time)| delay_us / at_a_time);
        match self.iops {
            1 if each_us > SECOND => format!("one I/O per {}", at_most(each_us)),
            1 => "1 I/O a second".to_owned(),
            iops => format!("{iops} I/Os a second"),
        }
    }

    fn known_requests(&self) -> Option<u64> {
        self.requests.filter(|requests| *requests > 0)
    }

    /// The effect of a hold until the end that these words name, of so many I/Os or of all.
    fn holds(&self, until: &str, times: Option<u64>) -> String {
        let requests = self.known_requests();
        match (times, requests) {
            (Some(1), Some(2..)) => {
                format!("holds one such I/O until {until}, and other I/O goes on")
            }
            (Some(times), Some(requests)) if times < requests => {
                format!("holds up to {times} such I/Os until {until}, and other I/O goes on")
            }
            _ => {
                let requests = requests.map_or("all its".to_owned(), |number| number.to_string());
                // Other I/O of that queue waits, whether it shares these requests or not.
                let of = match self.queues {
                    1 => "",
                    _ => " of a hardware queue",
                };
                format!(
                    "holds such I/O until {until}, and once it holds {requests} requests{of}, \
                     other I/O waits as well"
                )
            }
        }
    }
}

/// Each disk that the injection delays by holding requests. A held completion leaves the disk its
/// request, and so has no ceiling; the delay of an arm (`seek_us`, `turn_us`) has no known mean.
pub(crate) fn read(roots: &Roots, name: &OsStr) -> Listed<Ceiling> {
    let text = try_read(&roots.injection(name).join("ceiling")).unwrap_or_default();
    let mut ceilings = parse(&text);
    for ceiling in &mut ceilings.items {
        ceiling.requests = requests(roots, &ceiling.disk);
        ceiling.queues = queues(roots, &ceiling.disk);
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
            queues: 1,
            frozen: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{Value, attribute};

    fn ceiling(iops: u64, requests: Option<u64>) -> Ceiling {
        Ceiling {
            disk: "sda".to_owned(),
            iops,
            requests,
            queues: 1,
            frozen: None,
        }
    }

    fn values(numbers: &[(Name, u64)]) -> Values {
        let numbers = numbers.iter();
        let values = numbers.map(|(name, number)| (attribute(*name), Value::Number(*number)));
        Values(values.collect())
    }

    #[test]
    fn a_rate_below_one_a_second_is_told_the_other_way_round() {
        let hour = (Name::DelayUs, 3_600_000_000);
        for (iops, requests, numbers, expected) in [
            (25_600, None, &[hour][..], "25600 I/Os a second"),
            (1, Some(256), &[hour], "one I/O per 14.1s"),
            (1, Some(3_600), &[hour], "1 I/O a second"),
            (1, Some(256), &[hour, (Name::Lanes, 2)], "one I/O per 30m"),
            (1, None, &[hour], "1 I/O a second"),
            (1, Some(0), &[hour], "1 I/O a second"),
            (1, Some(256), &[], "1 I/O a second"),
            // The mean delay is shorter, and the driver alone knows it.
            (1, Some(256), &[hour, (Name::Every, 9)], "1 I/O a second"),
            (
                1,
                Some(256),
                &[hour, (Name::Probability, 5)],
                "1 I/O a second",
            ),
        ] {
            let rate = ceiling(iops, requests).effect(&values(numbers), None);
            assert_eq!(rate, Effect::Rate(expected.to_owned()));
        }
    }

    #[test]
    fn a_freeze_holds_only_as_many_ios_as_it_affects() {
        let told = |times, requests, lease_us| {
            let values = values(&[(Name::Freeze, 1), (Name::Times, times)]);
            match ceiling(0, requests).effect(&values, lease_us) {
                Effect::Holds(sentence) => sentence,
                Effect::Rate(rate) => panic!("{rate}"),
            }
        };
        for (times, requests, lease_us, expected) in [
            (
                1,
                Some(256),
                None,
                "holds one such I/O until the injection ends, and other I/O goes on",
            ),
            (
                5,
                Some(256),
                Some(9),
                "holds up to 5 such I/Os until the injection ends, and other I/O goes on",
            ),
            (
                256,
                Some(256),
                None,
                "holds such I/O until the injection ends, and once it holds 256 requests, other \
                 I/O waits as well",
            ),
            (
                1,
                Some(1),
                None,
                "holds such I/O until the injection ends, and once it holds 1 requests, other \
                 I/O waits as well",
            ),
            (
                5,
                None,
                None,
                "holds such I/O until the injection ends, and once it holds all its requests, \
                 other I/O waits as well",
            ),
        ] {
            assert_eq!(told(times, requests, lease_us), format!("sda {expected}"));
        }
    }

    #[test]
    fn hardware_queues_may_share_their_requests() {
        let told = |iops, numbers: &[(Name, u64)]| {
            let several = Ceiling {
                queues: 4,
                ..ceiling(iops, Some(256))
            };
            several.effect(&values(numbers), None)
        };
        let hour = (Name::DelayUs, 3_600_000_000);
        let rate = Effect::Rate("one I/O per 3.52s".to_owned());
        assert_eq!(told(1, &[hour]), rate);
        // So many may be all that the four have.
        let holds = "sda holds such I/O until the injection ends, and once it holds 256 requests \
                     of a hardware queue, other I/O waits as well";
        let frozen = told(0, &[(Name::Freeze, 1), (Name::Times, 300)]);
        assert_eq!(frozen, Effect::Holds(holds.to_owned()));
    }
}
