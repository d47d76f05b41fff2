// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The setting `sectors`: ranges of every disk, and ranges of one disk alone.

use super::{
    device::{Device, Disk, MOST_DEVICES},
    parse::{words, ParseError},
    sectors::{Range, Sectors, MOST_RANGES},
};
use core::fmt;

/// Ranges of sectors, some of which are of one disk alone; no range means all sectors.
///
/// # Invariants
///
/// The first `count` ranges are as [`Range::parse`] makes them. No two of them overlap, unless they
/// are of two different devices. A `disks` entry of theirs is the place of one of `devices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    ranges: [Range; MOST_RANGES],
    /// The disk of each range, by its place in `devices`, or [`EVERY_DISK`].
    disks: [u8; MOST_RANGES],
    count: usize,
    devices: [Option<Device>; MOST_DEVICES],
}

/// Stands for every disk in [`Extents`].
const EVERY_DISK: u8 = u8::MAX;

impl Extents {
    /// All sectors of every disk.
    pub const ALL: Self = Self {
        // INVARIANT: There is no range.
        ranges: [Range::NONE; MOST_RANGES],
        disks: [EVERY_DISK; MOST_RANGES],
        count: 0,
        devices: [None; MOST_DEVICES],
    };

    /// Reads words such as `2048+8 sda:0+16 8:16:0+16`: a start and a length, perhaps behind a disk
    /// and a colon.
    ///
    /// # Errors
    ///
    /// [`ParseError::OutOfRange`] for too many ranges or disks, and for empty and endless ranges,
    /// [`ParseError::Invalid`] for ranges of one disk that overlap and for other words.
    // Not inlined, as it takes much of the stack.
    #[inline(never)]
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::ALL;
        for word in words(text) {
            // A device's number has a colon, too.
            let colon = word.iter().rposition(|&byte| byte == b':');
            let (device, range) = match colon {
                Some(colon) => {
                    let device = Device::parse(&word[..colon])?;
                    (Some(device), &word[colon.saturating_add(1)..])
                }
                None => (None, word),
            };
            new.add(device, Range::parse(range)?)?;
        }
        Ok(new)
    }

    fn add(&mut self, device: Option<Device>, range: Range) -> Result<(), ParseError> {
        let overlaps = |(other, of): (&Range, Option<Device>)| {
            let may_be_one_disk = device.is_none() || of.is_none() || device == of;
            may_be_one_disk && other.touches(range)
        };
        if self.all().any(overlaps) {
            return Err(ParseError::Invalid);
        }
        if self.count >= MOST_RANGES {
            return Err(ParseError::OutOfRange);
        }
        // INVARIANT: No range of its disk touches it, and `place_of` has the device's place.
        self.disks[self.count] = device.map_or(Ok(EVERY_DISK), |device| self.place_of(device))?;
        self.ranges[self.count] = range;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The place of a device, which this adds if it is new.
    fn place_of(&mut self, device: Device) -> Result<u8, ParseError> {
        let mut places = (0..).zip(&mut self.devices);
        let found = places.find(|(_, place)| place.is_none_or(|other| other == device));
        let (number, place) = found.ok_or(ParseError::OutOfRange)?;
        *place = Some(device);
        Ok(number)
    }

    /// All ranges, with the device of each that is of one disk alone.
    fn all(&self) -> impl Iterator<Item = (&Range, Option<Device>)> {
        let ranges = self.ranges.iter().zip(&self.disks).take(self.count);
        ranges.map(|(range, &disk)| {
            (
                range,
                self.devices.get(usize::from(disk)).copied().flatten(),
            )
        })
    }

    /// The ranges of one disk; `None` if there are ranges, and none of them is of this disk.
    pub fn on(&self, disk: &Disk<'_>) -> Option<Sectors> {
        let mut sectors = Sectors::ALL;
        for (range, device) in self.all() {
            if device.is_none_or(|device| device.is(disk)) {
                sectors.add(*range);
            }
        }
        (self.count == 0 || !sectors.are_all()).then_some(sectors)
    }
}

impl fmt::Display for Extents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (range, device)) in self.all().enumerate() {
            if number > 0 {
                f.write_str(" ")?;
            }
            if let Some(device) = device {
                write!(f, "{device}:")?;
            }
            write!(f, "{range}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{
        format,
        string::{String, ToString},
        vec::Vec,
    };

    const SDA: Disk<'_> = Disk {
        name: b"sda",
        major: 8,
        first_minor: 0,
        minors: 16,
    };
    const SDB: Disk<'_> = Disk {
        name: b"sdb",
        major: 8,
        first_minor: 16,
        minors: 16,
    };

    fn parse(text: &str) -> Result<Extents, ParseError> {
        Extents::parse(text.as_bytes())
    }

    #[test]
    fn words_are_checked() {
        use ParseError::{Invalid, OutOfRange};
        let many = |words: usize, word: fn(usize) -> String| {
            (0..words).map(word).collect::<Vec<_>>().join(" ")
        };
        let (ranges, disks) = (
            many(17, |n| format!("{n}+1")),
            many(9, |n| format!("d{n}:0+1")),
        );
        for (text, error) in [
            ("0+8 4+8", Invalid),
            ("4+8 0+5", Invalid),
            ("1+1 1+1", Invalid),
            ("sda:0+8 sda:4+8", Invalid),
            ("sda:0+8 4+8", Invalid),
            ("4+8 8:0:0+8", Invalid),
            ("8", Invalid),
            ("+8", Invalid),
            ("8+", Invalid),
            (":0+8", Invalid),
            ("sda:", Invalid),
            ("sda", Invalid),
            ("sda: 0+8", Invalid),
            ("sda:0+8:", Invalid),
            ("0+8:sda", Invalid),
            ("/dev/sda:0+8", Invalid),
            ("8:0:x:0+8", Invalid),
            ("0+8,9+1", Invalid),
            ("0+8\n", Invalid),
            ("0+0", OutOfRange),
            ("sda:-1+8", OutOfRange),
            ("4096:0:0+8", OutOfRange),
            ("18446744073709551615+1", OutOfRange),
            ("18446744073709551616+1", OutOfRange),
            (&ranges, OutOfRange),
            (&disks, OutOfRange),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        let most = many(16, |n| format!("d{}:{n}+1", n % 8));
        for text in [
            "",
            "8+8 0+8",
            "18446744073709551614+1",
            "sda:0+8 sdb:0+8 8:0:0+8 100+1",
            &most,
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_disk_has_its_own_ranges_and_those_of_every_disk() {
        let on = |text, disk| parse(text).unwrap().on(disk);
        let sectors = |text| on(text, &SDA).unwrap();
        let text = "sda:0+8 8:16:16+8 sdb:32+8 64+8";
        assert_eq!(on(text, &SDA), Some(sectors("0+8 64+8")));
        assert_eq!(on(text, &SDB), Some(sectors("16+8 32+8 64+8")));
        assert_eq!(on("sda:0+8", &SDB), None);
        assert_eq!(on("", &SDB), Some(Sectors::ALL));
        // A partition is no disk.
        for other in ["sda1:0+8", "8:1:0+8", "sd:0+8", "sdaa:0+8", "259:0:0+8"] {
            assert_eq!(on(other, &SDA), None, "{other}");
        }
    }

    proptest! {
        /// Each sector is in a range, or not, as the words that are of this disk say.
        #[test]
        fn a_sector_is_in_the_ranges_of_its_disk_alone(
            words in prop::collection::vec((0usize..5, 0u64..40, 1u64..12), 0..12),
            sector in 0u64..60,
        ) {
            let devices = ["", "sda:", "sdb:", "8:16:", "sdb1:"];
            let mut taken = Vec::new();
            let mut text = String::new();
            for (device, start, length) in words {
                let more = format!("{text}{}{}{start}+{length}", if text.is_empty() { "" } else { " " }, devices[device]);
                if parse(&more).is_ok() {
                    text = more;
                    taken.push((device, start..start + length));
                }
            }
            let extents = parse(&text).unwrap();
            prop_assert_eq!(extents.to_string(), text);
            for (disk, own) in [(&SDA, [0, 1, 1]), (&SDB, [0, 2, 3])] {
                let mine = taken.iter().filter(|(device, _)| own.contains(device));
                let expected = taken.is_empty() || mine.clone().any(|(_, range)| range.contains(&sector));
                let sectors = extents.on(disk);
                prop_assert_eq!(sectors.is_some(), taken.is_empty() || mine.count() > 0);
                let has = |sectors: Sectors| sectors.are_all() || sectors.touch(sector, sector + 1);
                prop_assert_eq!(sectors.is_some_and(has), expected);
            }
        }
    }
}
