// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The tables of the device mapper: the sectors of other devices that a device's sectors are.

use super::{
    block::{Extent, is_number},
    tool::{is_there, tool},
};
use std::collections::BTreeMap;

/// The program that shows them.
const DMSETUP: &str = "dmsetup";

/// The tables of all devices of the device mapper, by their names; `None` for one that is not
/// understood.
#[derive(Debug, Default)]
pub(crate) struct Tables(BTreeMap<String, Option<Vec<Line>>>);

impl Tables {
    /// Asks `dmsetup`; `None` if it is not there, or not permitted to look.
    pub(crate) fn read() -> Option<Self> {
        let output = tool(DMSETUP).arg("table").output().ok()?;
        let is_read = output.status.success();
        is_read.then(|| Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads lines such as `vg-lv: 0 8192 linear 8:1 2048`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut tables = BTreeMap::new();
        for (name, rest) in text.lines().filter_map(|line| line.split_once(": ")) {
            let table = tables.entry(name.to_owned());
            let table: &mut Option<Vec<Line>> = table.or_insert_with(|| Some(Vec::new()));
            if rest.trim().is_empty() {
                continue;
            }
            match (table.as_mut(), Line::parse(rest)) {
                (Some(lines), Some(line)) => lines.push(line),
                _ => *table = None,
            }
        }
        Self(tables)
    }

    /// The lines of a device's table, if there is one, and each line is understood.
    pub(crate) fn of(&self, name: &str) -> Option<&[Line]> {
        self.0.get(name)?.as_deref()
    }
}

/// The sentence about devices whose sectors no table tells.
pub(crate) fn untold(devices: &str) -> String {
    match is_there(DMSETUP) {
        true => format!("`dmsetup table` does not tell the sectors of {devices}"),
        false => format!("dmsetup is not there, and nothing else tells the sectors of {devices}"),
    }
}

/// A line of a table: a target, and the sectors of the device that it serves.
#[derive(Debug)]
pub(crate) struct Line {
    sectors: Extent,
    target: String,
    arguments: Vec<String>,
}

/// Sectors of a device below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Below {
    /// The number of the device.
    pub(crate) number: String,
    /// The sectors, if they are known exactly; else they may be any.
    pub(crate) extent: Option<Extent>,
}

impl Line {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let start = words.next()?.parse().ok()?;
        let length = words.next()?.parse().ok()?;
        Some(Self {
            sectors: Extent { start, length },
            target: words.next()?.to_owned(),
            arguments: words.map(str::to_owned).collect(),
        })
    }

    /// The sectors of other devices that these sectors of the device are; `None` if the line names
    /// its devices in another way than by their numbers.
    pub(crate) fn below(&self, wanted: &Extent) -> Option<Vec<Below>> {
        let Some(common) = self.sectors.common(wanted) else {
            return Some(Vec::new());
        };
        let within = Extent {
            start: common.start - self.sectors.start,
            ..common
        };
        let exact = match self.target.as_str() {
            // These are for tests, and put faults on top of a linear one.
            "linear" | "flakey" | "dust" | "ebs" => self.shifted(&[0], within),
            // Reads, writes and flushes can have a device each.
            "delay" => self.shifted(&[0, 3, 6], within),
            "crypt" => self.shifted(&[3], within),
            "striped" => self.stripes(within),
            "zero" | "error" => Some(Vec::new()),
            _ => None,
        };
        exact.or_else(|| self.any())
    }

    /// The devices whose arguments begin at these places, with the sector at which each begins.
    fn shifted(&self, places: &[usize], within: Extent) -> Option<Vec<Below>> {
        let there = places.iter().filter(|place| **place < self.arguments.len());
        there
            .map(|place| {
                let offset: u64 = self.arguments.get(place + 1)?.parse().ok()?;
                let extent = Extent {
                    start: offset.checked_add(within.start)?,
                    ..within
                };
                self.device(*place, Some(extent))
            })
            .collect()
    }

    /// The part of each stripe.
    fn stripes(&self, within: Extent) -> Option<Vec<Below>> {
        let argument = |place: usize| self.arguments.get(place)?.parse::<u64>().ok();
        let (count, chunk) = (argument(0)?, argument(1)?);
        if count == 0 || chunk == 0 {
            return None;
        }
        // The number of a stripe's sectors in front of a sector of the whole.
        let before = |sector: u64, stripe: u64| {
            let chunks = sector / chunk;
            let (row, place) = (chunks / count, chunks % count);
            let rest = match place.cmp(&stripe) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => sector % chunk,
                std::cmp::Ordering::Greater => chunk,
            };
            row * chunk + rest
        };
        let mut all = Vec::new();
        for stripe in 0..count {
            let place = 2 + 2 * usize::try_from(stripe).ok()?;
            let first = before(within.start, stripe);
            let length = before(within.end(), stripe) - first;
            let start = argument(place + 1)?.checked_add(first)?;
            if length > 0 {
                all.push(self.device(place, Some(Extent { start, length }))?);
            }
        }
        Some(all)
    }

    /// All devices among the arguments, of which any sector may be meant.
    fn any(&self) -> Option<Vec<Below>> {
        let places = 0..self.arguments.len();
        let devices: Vec<Below> = places
            .filter_map(|place| self.device(place, None))
            .collect();
        let has_path = self.arguments.iter().any(|word| word.starts_with('/'));
        (!devices.is_empty() && !has_path).then_some(devices)
    }

    fn device(&self, place: usize, extent: Option<Extent>) -> Option<Below> {
        let number = self.arguments.get(place).filter(|word| is_number(word))?;
        Some(Below {
            number: number.clone(),
            extent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(line: &str, start: u64, length: u64) -> Vec<(String, Option<(u64, u64)>)> {
        let line = Line::parse(line).unwrap();
        let all = line.below(&Extent { start, length }).unwrap();
        all.into_iter()
            .map(|below| {
                let extent = below.extent.map(|extent| (extent.start, extent.length));
                (below.number, extent)
            })
            .collect()
    }

    #[test]
    fn sectors_are_found_below() {
        let at = |number: &str, start, length| (number.to_owned(), Some((start, length)));
        for (line, start, length, expected) in [
            ("0 100 linear 8:1 2048", 0, 100, vec![at("8:1", 2_048, 100)]),
            ("50 50 linear 8:1 2048", 0, 60, vec![at("8:1", 2_048, 10)]),
            ("50 50 linear 8:1 2048", 0, 50, vec![]),
            (
                "0 100 crypt aes-xts-plain64 :64:logon:x 0 253:0 32768 1 allow_discards",
                8,
                8,
                vec![at("253:0", 32_776, 8)],
            ),
            ("0 100 error", 0, 100, vec![]),
            (
                "0 100 delay 8:1 0 10 8:2 5 20",
                1,
                2,
                vec![at("8:1", 1, 2), at("8:2", 6, 2)],
            ),
        ] {
            assert_eq!(below(line, start, length), expected, "{line}");
        }
        let any = |number: &str| (number.to_owned(), None);
        assert_eq!(
            below("0 100 thin-pool 253:1 253:2 128 0 1 skip", 0, 8),
            [any("253:1"), any("253:2")]
        );
        assert_eq!(below("0 100 thin 253:3 7", 0, 8), [any("253:3")]);
        // A table that is not understood hides no device.
        assert_eq!(below("0 100 linear 8:1", 0, 8), [any("8:1")]);
    }

    /// The kernel shows some lines as they were loaded, with the paths in them.
    #[test]
    fn a_line_that_may_hide_a_device_is_not_understood() {
        for line in [
            "0 100 linear /dev/sda1 2048",
            "0 100 vdo V4 /dev/dm-3 4096 32768",
            "0 100 striped 2 8 8:1 0 /dev/sdb 0",
            "0 100 snapshot 8:1 /dev/sdb P 8",
            "0 100 unheard-of by anybody",
        ] {
            let line = Line::parse(line).unwrap();
            let all = Extent {
                start: 0,
                length: 100,
            };
            assert_eq!(line.below(&all), None, "{line:?}");
        }
    }

    /// Each sector of a striped device, one by one, as the kernel finds it.
    #[test]
    fn stripes_have_the_sectors_that_the_kernel_takes() {
        let line = "0 48 striped 3 4 8:1 100 8:2 200 8:3 300";
        for start in 0..48 {
            for length in 1..=48 - start {
                let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
                for sector in start..start + length {
                    let (chunk, rest) = (sector / 4, sector % 4);
                    let (stripe, row) = (chunk % 3, chunk / 3);
                    let sectors = expected.entry(format!("8:{}", stripe + 1)).or_default();
                    sectors.push((stripe + 1) * 100 + row * 4 + rest);
                }
                let found: BTreeMap<String, Vec<u64>> = below(line, start, length)
                    .into_iter()
                    .map(|(number, extent)| {
                        let (start, length) = extent.unwrap();
                        (number, (start..start + length).collect())
                    })
                    .collect();
                assert_eq!(found, expected, "{start}+{length}");
            }
        }
    }

    #[test]
    fn names_come_before_the_lines() {
        let tables = Tables::parse(
            "vg-lv: 0 8 linear 8:1 0\nvg-lv: 8 8 linear 8:2 0\nold: \n\
             bad: 0 8 linear 8:1 0\nbad: 8 x linear 8:2 0\nbad: 16 8 linear 8:2 0\n",
        );
        assert_eq!(tables.of("vg-lv").unwrap().len(), 2);
        assert!(tables.of("old").unwrap().is_empty());
        for name in ["other", "bad"] {
            assert!(tables.of(name).is_none(), "{name}");
        }
    }
}
