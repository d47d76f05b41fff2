// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks and partitions that an injection affects.
//!
//! A disk's name means all I/O of the disk, a partition's name only I/O that comes through the
//! partition.

use super::{
    io::Io,
    parse::{number, words, ParseError},
};
use core::fmt;

/// Bytes of a disk's name in the kernel (`DISK_NAME_LEN`), with the NUL at its end; a partition's
/// number follows it.
const MOST_BYTES: usize = 40;

/// The most devices.
pub const MOST_DEVICES: usize = 8;

/// The major number of partitions and disks that have no numbers of their own (`BLOCK_EXT_MAJOR`).
const EXTENDED_MAJOR: u32 = 259;

/// Bits of a minor number in the kernel's number of a device (`MINORBITS`).
const MINOR_BITS: u32 = 20;

/// Devices; no device means any.
///
/// # Invariants
///
/// The first `count` names are as [`Device::parse`] makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Devices {
    devices: [Device; MOST_DEVICES],
    /// The number (the kernel's `dev_t`) of the disk that has each device, as far as
    /// [`Devices::find_disks`] has found one, else 0.
    disks: [u32; MOST_DEVICES],
    count: usize,
}

/// A disk or a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Device {
    Name { bytes: [u8; MOST_BYTES], length: u8 },
    Number { major: u32, minor: u32 },
}

impl Device {
    /// A name as in sysfs, or `major:minor`.
    pub(super) fn parse(word: &[u8]) -> Result<Self, ParseError> {
        if let Some(colon) = word.iter().position(|&byte| byte == b':') {
            // The widths of the kernel's device numbers.
            return Ok(Self::Number {
                major: number(&word[..colon], 0, (1 << 12) - 1)?,
                minor: number(&word[colon.saturating_add(1)..], 0, (1 << MINOR_BITS) - 1)?,
            });
        }
        // No driver has a comma in a name, but people may take it for a separator.
        let sound = |&byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b',');
        let is_directory = word == b"." || word == b"..";
        if word.is_empty() || word.len() >= MOST_BYTES || is_directory || !word.iter().all(sound) {
            return Err(ParseError::Invalid);
        }
        let mut bytes = [0; MOST_BYTES];
        bytes[..word.len()].copy_from_slice(word);
        Ok(Self::Name {
            bytes,
            // It is below `MOST_BYTES`.
            length: word.len() as u8,
        })
    }

    /// Whether this is the disk itself, and no partition.
    pub(super) fn is(&self, disk: &Disk<'_>) -> bool {
        match self {
            Self::Name { bytes, length } => bytes[..usize::from(*length)] == *disk.name,
            Self::Number { major, minor } => (*major, *minor) == (disk.major, disk.first_minor),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { bytes, length } => {
                f.write_str(core::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or(""))
            }
            Self::Number { major, minor } => write!(f, "{major}:{minor}"),
        }
    }
}

impl Devices {
    /// Any device.
    pub const ANY: Self = Self {
        devices: [Device::Number { major: 0, minor: 0 }; MOST_DEVICES],
        disks: [0; MOST_DEVICES],
        count: 0,
    };

    /// Reads words such as `sda nvme0n1p2 8:1`.
    ///
    /// # Errors
    ///
    /// [`ParseError::OutOfRange`] for too many devices and for numbers that no device can have,
    /// [`ParseError::Invalid`] for words that are no names.
    // Not inlined, as it takes much of the stack.
    #[inline(never)]
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut new = Self::ANY;
        for word in words(text) {
            let device = Device::parse(word)?;
            let slot = new.devices.get_mut(new.count);
            *slot.ok_or(ParseError::OutOfRange)? = device;
            new.count = new.count.saturating_add(1);
        }
        Ok(new)
    }

    /// Looks for the disks of those devices whose numbers do not tell it: a partition of any disk
    /// may have an extended number. `disk_of` takes the number of a device, and returns that of the
    /// disk that has it.
    // The host has no disks to look for.
    #[allow(dead_code)]
    pub fn find_disks(&mut self, disk_of: impl Fn(u32) -> Option<u32>) {
        for (device, disk) in self.devices[..self.count].iter().zip(&mut self.disks) {
            if let Device::Number {
                major: EXTENDED_MAJOR,
                minor,
            } = *device
            {
                *disk = disk_of(joined(EXTENDED_MAJOR, minor)).unwrap_or(0);
            }
        }
    }

    /// The part of a disk that these devices are; `None` if none of them can be in the disk.
    pub fn on(&self, disk: &Disk<'_>) -> Option<Part> {
        if self.count == 0 {
            return Some(Part::ALL);
        }
        let mut part = Part::NOTHING;
        for (device, found) in self.devices[..self.count].iter().zip(self.disks) {
            match device {
                Device::Name { bytes, length } => {
                    part.add(disk.partition_named(&bytes[..usize::from(*length)]));
                }
                Device::Number { major, minor } => {
                    if found == 0 || found == disk.number() {
                        part.add_number(disk, *major, *minor);
                    }
                }
            }
        }
        (part != Part::NOTHING).then_some(part)
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, device) in self.devices[..self.count].iter().enumerate() {
            let space = if number > 0 { " " } else { "" };
            write!(f, "{space}{device}")?;
        }
        Ok(())
    }
}

/// The name and the numbers of a disk.
#[derive(Clone, Copy)]
pub struct Disk<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its major number.
    pub major: u32,
    /// Its own minor number.
    pub first_minor: u32,
    /// How many minor numbers it has for itself and its partitions; 0 if these get extended
    /// numbers.
    pub minors: u32,
}

/// A device's number as the kernel writes it in one word (`dev_t`).
const fn joined(major: u32, minor: u32) -> u32 {
    (major << MINOR_BITS) | minor
}

impl Disk<'_> {
    /// Its own number, as the kernel's `dev_t`.
    fn number(&self) -> u32 {
        joined(self.major, self.first_minor)
    }

    /// The number of the partition of this name, which need not exist; 0 is the disk. `None` if the
    /// name is of another disk.
    ///
    /// The names are those of the kernel's `disk_name()`: a `p` precedes the number if the disk's
    /// name ends in a digit.
    fn partition_named(&self, name: &[u8]) -> Option<u8> {
        let rest = name.strip_prefix(self.name)?;
        if rest.is_empty() {
            return Some(0);
        }
        let digits = if self.name.last().is_some_and(u8::is_ascii_digit) {
            rest.strip_prefix(b"p")?
        } else {
            rest
        };
        if digits.first() == Some(&b'0') {
            return None;
        }
        let partition = number(digits, 1, u32::from(u8::MAX)).ok()?;
        u8::try_from(partition).ok()
    }
}

/// A part of one disk: partitions by their numbers, where 0 is the whole disk, and devices by their
/// device numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// A bit for each partition; bit 0 is the whole disk.
    partitions: [u64; 4],
    /// Extended device numbers, which a partition of any disk may have; 0 is an unused place.
    numbers: [u32; MOST_DEVICES],
}

impl Part {
    /// All of the disk.
    pub const ALL: Self = Self {
        partitions: [1, 0, 0, 0],
        numbers: [0; MOST_DEVICES],
    };

    const NOTHING: Self = Self {
        partitions: [0; 4],
        numbers: [0; MOST_DEVICES],
    };

    /// Whether this is all of the disk.
    pub const fn is_all(&self) -> bool {
        self.partitions[0] & 1 != 0
    }

    fn add(&mut self, partition: Option<u8>) {
        if let Some(partition) = partition {
            let (word, bit) = (usize::from(partition >> 6), partition & 63);
            self.partitions[word] |= 1 << bit;
        }
    }

    fn add_number(&mut self, disk: &Disk<'_>, major: u32, minor: u32) {
        let place = minor.checked_sub(disk.first_minor);
        let own = place.filter(|&place| major == disk.major && (place == 0 || place < disk.minors));
        if own.is_some() {
            self.add(own.and_then(|place| u8::try_from(place).ok()));
            return;
        }
        // A partition of any disk may have the number, or get it.
        if major == EXTENDED_MAJOR {
            let free = self.numbers.iter_mut().find(|number| **number == 0);
            // There are as many places as devices.
            if let Some(free) = free {
                *free = joined(major, minor);
            }
        }
    }

    /// The only partition that I/O can come through, if there is only one.
    pub(super) fn sole_partition(&self) -> Option<u8> {
        let count: u32 = self.partitions.iter().map(|word| word.count_ones()).sum();
        if self.is_all() || count != 1 || self.numbers != [0; MOST_DEVICES] {
            return None;
        }
        (1..=u8::MAX)
            .find(|&number| self.partitions[usize::from(number >> 6)] & (1 << (number & 63)) != 0)
    }

    /// Whether the I/O comes through this part.
    #[inline]
    pub fn has(&self, io: &impl Io) -> bool {
        self.is_all() || self.has_partition(io)
    }

    fn has_partition(&self, io: &impl Io) -> bool {
        let partition = io.partition();
        let (word, bit) = (usize::from(partition >> 6), partition & 63);
        let has_number = || {
            let device = io.device();
            // 0 is no device, and marks an unused place.
            device != 0 && self.numbers.contains(&device)
        };
        self.partitions[word] & (1 << bit) != 0 || has_number()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::operations::Conditions;
    use super::*;
    use std::string::ToString;

    const SDA: Disk<'_> = Disk {
        name: b"sda",
        major: 8,
        first_minor: 0,
        minors: 16,
    };
    const NVME: Disk<'_> = Disk {
        name: b"nvme0n1",
        major: 259,
        first_minor: 3,
        minors: 0,
    };

    fn on(text: &str, disk: &Disk<'_>) -> Option<Part> {
        Devices::parse(text.as_bytes()).unwrap().on(disk)
    }

    /// As [`on`], where the number 259:10 is another disk's, and 259:11 is `NVME`'s.
    fn on_after_a_look(text: &str, disk: &Disk<'_>) -> Option<Part> {
        let mut devices = Devices::parse(text.as_bytes()).unwrap();
        devices.find_disks(|device| match device {
            0x1030_000a => Some(8 << 20),
            0x1030_000b => Some(NVME.number()),
            _ => None,
        });
        devices.on(disk)
    }

    fn partitions(numbers: &[u8]) -> Option<Part> {
        let mut part = Part::NOTHING;
        numbers.iter().for_each(|number| part.add(Some(*number)));
        Some(part)
    }

    #[test]
    fn names_and_numbers_find_their_disk() {
        assert_eq!(on("", &SDA), Some(Part::ALL));
        assert_eq!(on("sda", &SDA), Some(Part::ALL));
        assert_eq!(on("sda1 sda70", &SDA), partitions(&[1, 70]));
        assert_eq!(on("8:0", &SDA), Some(Part::ALL));
        assert_eq!(on("8:15", &SDA), partitions(&[15]));
        for other in [
            "sdb", "sdaa", "sdaa1", "sdap1", "sda01", "sda256", "sda1x", "8:16", "7:0", "sd",
        ] {
            assert_eq!(on(other, &SDA), None, "{other}");
        }
        assert_eq!(on("nvme0n1", &NVME), Some(Part::ALL));
        assert_eq!(on("nvme0n1p2", &NVME), partitions(&[2]));
        assert_eq!(on("nvme0n12", &NVME), None);
        assert_eq!(on("259:3", &NVME), Some(Part::ALL));
        let extended = on("259:9", &NVME).unwrap();
        assert!(!extended.is_all() && extended.numbers[0] == (259 << 20) | 9);
        // The number of another disk's partition, alone and beside one that may be this disk's.
        assert_eq!(on_after_a_look("259:10", &NVME), None);
        assert_eq!(on_after_a_look("259:10", &SDA), on("259:10", &SDA));
        assert_eq!(on_after_a_look("259:10 259:9", &NVME), on("259:9", &NVME));
        assert_eq!(on_after_a_look("259:10 nvme0n1p2", &NVME), partitions(&[2]));
        // The number of this disk's partition, and numbers that nobody looked for.
        assert_eq!(on_after_a_look("259:11", &NVME), on("259:11", &NVME));
        assert_eq!(on_after_a_look("259:11", &SDA), None);
        assert!(on("259:10", &NVME).is_some() && on("259:10", &SDA).is_some());
        // A partition of a disk with few minor numbers may get an extended number.
        assert!(on("259:9", &SDA).is_some());
    }

    #[test]
    fn what_came_by_no_device_is_of_no_partition() {
        struct Nobodys;
        impl Io for Nobodys {
            fn operation(&self) -> u32 {
                0
            }
            fn conditions(&self) -> Conditions {
                Conditions::NONE
            }
            fn first_sector(&self) -> u64 {
                0
            }
            fn bytes(&self) -> u32 {
                0
            }
            fn partition(&self) -> u8 {
                0
            }
            fn device(&self) -> u32 {
                0
            }
            fn pid_namespace(&self) -> u64 {
                0
            }
        }
        assert!(on("sda", &SDA).unwrap().has(&Nobodys));
        assert!(!on("sda1", &SDA).unwrap().has(&Nobodys));
    }

    #[test]
    fn what_is_read_is_shown() {
        for text in [
            "",
            "sda",
            "nvme0n1p2 8:1",
            "cciss!c0d0p1",
            "a b c d e f g h",
        ] {
            let devices = Devices::parse(text.as_bytes()).unwrap();
            assert_eq!(devices.to_string(), text);
        }
        use ParseError::{Invalid, OutOfRange};
        for (text, error) in [
            ("/dev/sda", Invalid),
            ("..", Invalid),
            (" sda", Invalid),
            ("sda ", Invalid),
            ("sd\ta", Invalid),
            ("sda\n", Invalid),
            ("sda,sdb", Invalid),
            ("8:", Invalid),
            (":1", Invalid),
            ("8:1:2", Invalid),
            ("8:x", Invalid),
            ("a123456789012345678901234567890123456789", Invalid),
            ("4096:0", OutOfRange),
            ("8:1048576", OutOfRange),
            ("-8:1", OutOfRange),
            ("a b c d e f g h i", OutOfRange),
        ] {
            assert_eq!(Devices::parse(text.as_bytes()), Err(error), "{text:?}");
        }
    }
}
