// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Block devices as sysfs knows them, by name, by number and by node.

use super::{
    Roots,
    files::{names, try_read},
    saved::diskseq,
};
use rustix::fs::{major, minor};
use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

/// A block device that sysfs knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    /// The name in sysfs.
    pub(crate) name: String,
    /// The disk: the device itself, or the one that it is a partition of.
    pub(crate) disk: String,
    /// The disk's number, by which it is told from another one that gets the name later.
    pub(crate) diskseq: Option<u64>,
}

/// Sectors in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Extent {
    /// The first one.
    pub(crate) start: u64,
    /// The number of them.
    pub(crate) length: u64,
}

impl Extent {
    /// The first sector behind it.
    pub(crate) fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// The sectors that both have.
    pub(crate) fn common(&self, other: &Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let length = self.end().min(other.end()).checked_sub(start)?;
        (length > 0).then_some(Self { start, length })
    }
}

impl Block {
    /// The device that sysfs calls `name`.
    pub(crate) fn named(roots: &Roots, name: &str) -> Option<Self> {
        Self::linked(&roots.sysfs.join("class/block").join(name))
    }

    /// The device with a number such as `8:1`.
    pub(crate) fn numbered(roots: &Roots, number: &str) -> Option<Self> {
        Self::linked(&roots.sysfs.join("dev/block").join(number))
    }

    /// The device with a name or number as the driver shows it.
    pub(crate) fn find_exact(roots: &Roots, text: &str) -> Option<Self> {
        if is_number(text) {
            Self::numbered(roots, text)
        } else if ["", ".", ".."].contains(&text) || text.contains('/') {
            None
        } else {
            Self::named(roots, text)
        }
    }

    /// The device whose node is at a path.
    pub(crate) fn of_node(roots: &Roots, path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let is_node = metadata.file_type().is_block_device();
        is_node.then(|| Self::numbered(roots, &number(metadata.rdev())))?
    }

    /// The devices in the driver's list of names and numbers, as far as they are there.
    pub(crate) fn listed(roots: &Roots, devices: &str) -> Vec<Self> {
        let blocks = devices.split(' ');
        blocks
            .filter_map(|text| Self::find_exact(roots, text))
            .collect()
    }

    fn linked(link: &Path) -> Option<Self> {
        let directory = fs::canonicalize(link).ok()?;
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        // A partition is a directory within its disk's.
        let disk = match directory.parent() {
            Some(disk) if directory.join("partition").exists() => disk,
            _ => &directory,
        };
        Some(Self {
            name: name(&directory)?,
            disk: name(disk)?,
            diskseq: diskseq(disk),
        })
    }

    /// Whether it is a partition.
    pub(crate) fn is_partition(&self) -> bool {
        self.name != self.disk
    }

    /// Whether they have sectors in common: they are the same device, or a disk and a partition of
    /// it.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let is_whole = !self.is_partition() || !other.is_partition();
        self.disk == other.disk && (is_whole || self.name == other.name)
    }

    /// Its sectors on the disk, if sysfs has them.
    pub(crate) fn extent(&self, roots: &Roots) -> Option<Extent> {
        let directory = roots.sysfs.join("class/block").join(&self.name);
        let read = |file: &str| try_read(&directory.join(file)).ok()?.parse().ok();
        Some(Extent {
            start: if self.is_partition() {
                read("start")?
            } else {
                0
            },
            length: read("size")?,
        })
    }

    /// Its number, if sysfs has it.
    pub(crate) fn number(&self, roots: &Roots) -> Option<String> {
        let file = roots.sysfs.join("class/block").join(&self.name).join("dev");
        try_read(&file).ok()
    }

    /// The disk's partitions.
    pub(crate) fn partitions(&self, roots: &Roots) -> Vec<Self> {
        let directory = roots.disk(&self.disk);
        names(&directory)
            .into_iter()
            .filter(|name| directory.join(name).join("partition").exists())
            .map(|name| Self {
                name,
                disk: self.disk.clone(),
                diskseq: self.diskseq,
            })
            .collect()
    }
}

/// Whether `text` is a number such as `8:1`.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':')
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// A device number as sysfs writes it.
pub(crate) fn number(device: u64) -> String {
    format!("{}:{}", major(device), minor(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_two() {
        assert!(is_number("8:16"));
        for text in ["8", "8:", ":1", "a:1", "8:1:2", "sda"] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn a_disk_overlaps_its_partitions_and_no_partition_another() {
        let block = |name: &str, disk: &str| Block {
            name: name.to_owned(),
            disk: disk.to_owned(),
            diskseq: None,
        };
        for (one, other, expected) in [
            (block("sda", "sda"), block("sda", "sda"), true),
            (block("sda", "sda"), block("sda1", "sda"), true),
            (block("sda1", "sda"), block("sda1", "sda"), true),
            (block("sda1", "sda"), block("sda2", "sda"), false),
            (block("sda", "sda"), block("sdb", "sdb"), false),
            (block("sda", "sda"), block("sdb1", "sdb"), false),
        ] {
            assert_eq!(one.overlaps(&other), expected, "{one:?} {other:?}");
            assert_eq!(other.overlaps(&one), expected, "{other:?} {one:?}");
        }
    }

    #[test]
    fn common_sectors_are_within_both() {
        let extent = |start, length| Extent { start, length };
        assert_eq!(extent(0, 8).common(&extent(4, 8)), Some(extent(4, 4)));
        assert_eq!(extent(0, 8).common(&extent(8, 8)), None);
        assert_eq!(extent(9, 1).common(&extent(0, 8)), None);
    }
}
