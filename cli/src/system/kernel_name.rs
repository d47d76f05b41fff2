// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The kernel's names of block devices, whether or not these are there yet.

/// A scheme of names.
enum Scheme {
    /// So many letters at most, such as `sdb`; a partition adds its number: `sdb1`.
    Letters(usize),
    /// Numbers with this text between them, such as `n` in `nvme0n1`; a partition adds `p` and its
    /// number: `nvme0n1p1`.
    Numbers(&'static [&'static str]),
}

use Scheme::{Letters, Numbers};

/// The beginnings of names of disks that can have a scheduler, with the scheme of the rest. The
/// kernel counts partitions and the namespaces of NVMe from 1.
const DISKS: [(&str, Scheme); 30] = [
    ("sd", Letters(3)),
    ("vd", Letters(2)),
    ("xvd", Letters(2)),
    ("hd", Letters(1)),
    ("dasd", Letters(4)),
    ("ubd", Letters(1)),
    ("nvme", Numbers(&["n"])),
    ("nvme", Numbers(&["c", "n"])),
    ("loop", Numbers(&[])),
    ("dm-", Numbers(&[])),
    ("mmcblk", Numbers(&[])),
    ("mmcblk", Numbers(&["boot"])),
    ("mmcblk", Numbers(&["gp"])),
    ("nbd", Numbers(&[])),
    ("nullb", Numbers(&[])),
    ("sr", Numbers(&[])),
    ("fd", Numbers(&[])),
    ("rbd", Numbers(&[])),
    ("rnbd", Numbers(&[])),
    ("ublkb", Numbers(&[])),
    ("cciss!c", Numbers(&["d"])),
    ("ida!c", Numbers(&["d"])),
    ("rd!c", Numbers(&["d"])),
    ("skd", Numbers(&[])),
    ("scm", Numbers(&[])),
    ("mtdblock", Numbers(&[])),
    ("ubiblock", Numbers(&["_"])),
    ("mspblk", Numbers(&[])),
    ("msblk", Numbers(&[])),
    ("zd", Numbers(&[])),
];

/// The beginnings of names of devices that never have a scheduler, with a word for them.
const WITHOUT_SCHEDULER: [(&str, &str); 6] = [
    ("md", "an array of md"),
    ("bcache", "a device of bcache"),
    ("drbd", "a device of DRBD"),
    ("pmem", "persistent memory"),
    ("zram", "compressed memory"),
    ("ram", "a RAM disk"),
];

/// The beginnings of names of devices that are built on others, with a word for them.
const HIDING: [(&str, &str); 7] = [
    ("zd", "a volume of ZFS"),
    ("nbd", "a disk that a program or another machine serves"),
    ("ublkb", "a disk that a program serves"),
    ("dm-", "a device of the device mapper"),
    ("md", "an array of md"),
    ("bcache", "a device of bcache"),
    ("drbd", "a device of DRBD"),
];

/// The kind of a device with this name, if such devices have others below them.
pub(crate) fn hides_disks(name: &str) -> Option<&'static str> {
    kind(&HIDING, name)
}

/// Whether the kernel can give this name to a disk that can have a scheduler, or to a partition of
/// one.
pub(crate) fn is_possible(name: &str) -> bool {
    DISKS.iter().any(|(start, scheme)| {
        let rest = name.strip_prefix(start);
        rest.is_some_and(|rest| match scheme {
            Letters(most) => is_letters(rest, *most),
            Numbers(between) => is_numbers(rest, between),
        })
    })
}

/// The kind of a device with this name, if the kernel gives it only to devices without a scheduler.
pub(crate) fn without_scheduler(name: &str) -> Option<&'static str> {
    kind(&WITHOUT_SCHEDULER, name)
}

/// The word for the devices whose names begin so.
fn kind(kinds: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let is_it = |start: &str| {
        let rest = name.strip_prefix(start);
        rest.is_some_and(|rest| is_numbers(rest, &[]) || (start == "md" && rest.starts_with('_')))
    };
    let mut kinds = kinds.iter();
    kinds.find(|(start, _)| is_it(start)).map(|(_, kind)| *kind)
}

/// Whether this is some letters, and perhaps the number of a partition.
fn is_letters(text: &str, most: usize) -> bool {
    let partition = text.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = text.len() - partition.len();
    (1..=most).contains(&letters) && (partition.is_empty() || is_from_one(partition))
}

/// Whether this is numbers with these texts between them, and perhaps the number of a partition.
fn is_numbers(text: &str, between: &[&str]) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - digits.len()];
    if !is_number(number) {
        return false;
    }
    match between.split_first() {
        Some((next, rest)) => {
            let after = digits.strip_prefix(next);
            let is_known = |after: &str| *next != "n" || !after.starts_with('0');
            after.is_some_and(|after| is_known(after) && is_numbers(after, rest))
        }
        None => digits.is_empty() || digits.strip_prefix('p').is_some_and(is_from_one),
    }
}

fn is_from_one(text: &str) -> bool {
    is_number(text) && !text.starts_with('0')
}

fn is_number(text: &str) -> bool {
    /// The kernel's numbers of devices have 20 bits.
    const MOST_DIGITS: usize = 7;
    let is_short = text == "0" || !text.starts_with('0');
    is_short
        && (1..=MOST_DIGITS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_kernel_gives() {
        for name in [
            "sda",
            "sdz9",
            "sdaab12",
            "vda1",
            "xvda",
            "hdc",
            "nvme0n1",
            "nvme10n2p3",
            "nvme0c1n1",
            "loop7p1",
            "dm-12",
            "mmcblk0",
            "mmcblk0boot1",
            "mmcblk0p2",
            "nbd15",
            "nullb0",
            "sr0",
            "dasda1",
            "rbd3p1",
            "ublkb0",
            "rnbd1",
            "cciss!c0d0p1",
            "zd16",
        ] {
            assert!(is_possible(name), "{name}");
            assert_eq!(without_scheduler(name), None, "{name}");
        }
        for name in [
            "sd",
            "sdX",
            "sd*",
            "sda1p1",
            "sdabcd",
            "hdaa",
            "vdata",
            "SDA",
            "nvme0",
            "nvme0n",
            "nvme0n1p",
            "nvme-Samsung_S1",
            "nvme0c0n1n1",
            "loop",
            "dm-",
            "dm-x",
            "root",
            "vg-lv",
            "mapper!x",
            "data",
            "wwn-0x5000",
            "",
            "loop12345678",
            "sda 1",
            "sda0",
            "sda01",
            "loop0p0",
            "nvme0n0",
            "nvme0n1p0",
            "sr01",
        ] {
            assert!(!is_possible(name), "{name}");
        }
    }

    #[test]
    fn devices_without_a_scheduler_are_known() {
        for name in [
            "md0", "md127p1", "md_data", "bcache0", "zram1", "ram0", "pmem0",
        ] {
            assert!(without_scheduler(name).is_some(), "{name}");
            assert!(!is_possible(name), "{name}");
        }
        for name in ["md", "mdx", "ramdisk", "zram"] {
            assert_eq!(without_scheduler(name), None, "{name}");
        }
    }
}
