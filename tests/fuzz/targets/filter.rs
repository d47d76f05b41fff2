// SPDX-License-Identifier: GPL-2.0-only

//! Asks filters of any text about I/O of any kind, and compares their answers with the texts
//! themselves.
//!
//! The input is 32 bytes that describe the I/O, then lines: the disk's name, devices, operations,
//! and sectors.

#![no_main]

use chaos_fuzz as _;
use chaos_policy::policy::{
    attributes::Attribute,
    device::Disk,
    io::Io,
    operations::{Conditions, OPERATIONS},
    settings::{Owner, Settings},
};
use libfuzzer_sys::fuzz_target;

struct Any {
    operation: u32,
    /// The bits of [`CONDITIONS`].
    conditions: u8,
    first_sector: u64,
    bytes: u32,
    partition: u8,
    device: u32,
}

const CONDITIONS: [(&str, Conditions); 3] = [
    ("sync", Conditions::SYNC),
    ("fua", Conditions::FUA),
    ("meta", Conditions::META),
];

impl Any {
    fn has(&self, place: usize) -> bool {
        self.conditions & (1 << place) != 0
    }

    /// Whether it is a flush, which only its name means, and which has no place.
    fn is_flush(&self) -> bool {
        OPERATIONS.get(self.operation as usize) == Some(&"flush")
    }
}

impl Io for Any {
    fn operation(&self) -> u32 {
        self.operation
    }
    fn conditions(&self) -> Conditions {
        let all = CONDITIONS.iter().enumerate();
        all.filter(|(place, _)| self.has(*place))
            .fold(Conditions::NONE, |all, (_, (_, one))| all.and(*one))
    }
    fn first_sector(&self) -> u64 {
        self.first_sector
    }
    fn bytes(&self) -> u32 {
        self.bytes
    }
    fn partition(&self) -> u8 {
        self.partition
    }
    fn device(&self) -> u32 {
        self.device
    }
    fn pid_namespace(&self) -> u64 {
        0
    }
}

/// Whether one word of `device` is about an I/O of this disk.
fn is_of_device(word: &str, disk: &Disk<'_>, io: &Any) -> bool {
    if let Some((major, minor)) = word.split_once(':') {
        let (major, minor): (u32, u32) = (major.parse().unwrap(), minor.parse().unwrap());
        let is_disk = (major, minor) == (disk.major, disk.first_minor);
        let is_own = major == disk.major
            && minor > disk.first_minor
            && minor - disk.first_minor < disk.minors;
        let is_partition = is_own && minor - disk.first_minor == u32::from(io.partition);
        let is_extended = !is_own && major == 259 && io.device == (major << 20) | minor;
        return is_disk || is_partition || is_extended;
    }
    let name = std::str::from_utf8(disk.name).unwrap();
    let p = if name.ends_with(|last: char| last.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    word == name || (io.partition > 0 && word == format!("{name}{p}{}", io.partition))
}

fn is_of_operation(text: &str, io: &Any) -> bool {
    let has = |name: &str| text.split(' ').any(|word| word == name);
    let operations = OPERATIONS.iter().enumerate();
    let mut named = operations.filter(|(_, name)| has(name)).peekable();
    let operation = match named.peek() {
        None => !io.is_flush(),
        Some(_) => named.any(|(place, _)| place == io.operation as usize),
    };
    let mut conditions = CONDITIONS.iter().enumerate();
    operation && conditions.all(|(place, (name, _))| !has(name) || io.has(place))
}

fn is_of_sectors(text: &str, disk: &Disk<'_>, io: &Any) -> bool {
    let first = u128::from(io.first_sector);
    let end = first + u128::from(io.bytes.div_ceil(512).max(1));
    // The last number of all is never a sector.
    let end = end.min(u128::from(u64::MAX));
    text.is_empty()
        || !io.is_flush()
            && text.split(' ').any(|word| {
                let (device, word) = word.rsplit_once(':').unwrap_or(("", word));
                let number = format!("{}:{}", disk.major, disk.first_minor);
                if !device.is_empty() && device.as_bytes() != disk.name && device != number {
                    return false;
                }
                let (start, length) = word.split_once('+').unwrap();
                let start: u128 = start.parse().unwrap();
                let length: u128 = length.parse().unwrap();
                first < start + length && start < end
            })
}

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<32>() else {
        return;
    };
    let word = |at: usize| u32::from_le_bytes(*head[at..].first_chunk().unwrap());
    let io = Any {
        operation: word(0) % 32,
        conditions: head[4],
        partition: head[5],
        first_sector: u64::from_le_bytes(*head[8..].first_chunk().unwrap()) >> (head[6] % 64),
        bytes: word(16) >> (head[7] % 32),
        device: word(20),
    };
    let mut lines = rest.split(|&byte| byte == b'\n');
    let name = lines.next().unwrap_or_default();
    // A name with a colon might be a number of another disk, and no driver gives such names.
    let sound = |byte: &u8| byte.is_ascii_graphic() && !b"/:".contains(byte);
    if name.is_empty() || name.len() > 31 || !name.iter().all(sound) {
        return;
    }
    let disk = Disk {
        name,
        major: word(24) % 4_096,
        first_minor: word(28) % 1_048_576,
        minors: u32::from(head[6]),
    };
    let mut settings = Settings::new();
    for attribute in [Attribute::Device, Attribute::Op, Attribute::Sectors] {
        let text = lines.next().unwrap_or_default();
        if settings.set(attribute, text).is_err() {
            return;
        }
    }
    let shown = |attribute| settings.show(attribute).to_string();
    let devices = shown(Attribute::Device);
    let mut words = devices.split(' ');
    let expected = (devices.is_empty() || words.any(|word| is_of_device(word, &disk, &io)))
        && is_of_operation(&shown(Attribute::Op), &io)
        && is_of_sectors(&shown(Attribute::Sectors), &disk, &io);
    let found = settings
        .filter(&disk, Owner::default())
        .is_some_and(|filter| filter.matches(&io, || false));
    assert_eq!(found, expected, "of {devices:?}");
});
