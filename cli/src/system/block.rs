// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Block devices: the search by node, name, number, or a file on them, and the disks below them.

use super::{
    Roots,
    files::names,
    mounts::{mount_of, mounts},
};
use crate::error::{Exit, failure};
use anyhow::Result;
use rustix::fs::{major, minor};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

/// A block device that sysfs knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The name in sysfs.
    pub(crate) name: String,
    /// The disk: the device itself, or the one that it is a partition of.
    pub(crate) disk: String,
}

/// The result of a search for a device.
#[derive(Debug)]
pub(crate) enum Found {
    /// A device.
    Block(Block),
    /// A name that a device could have, but none has.
    Absent(String),
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
        } else {
            Self::named(roots, text)
        }
    }

    fn linked(link: &Path) -> Option<Self> {
        let directory = fs::canonicalize(link).ok()?;
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        // A partition is a directory within its disk's.
        let disk = match directory.parent() {
            Some(disk) if directory.join("partition").exists() => name(disk)?,
            _ => name(&directory)?,
        };
        Some(Self {
            name: name(&directory)?,
            disk,
        })
    }
}

/// The device that people name by its node, a link to it, its name, its number, its mount point, or
/// a file on it.
pub(crate) fn find(roots: &Roots, device: &Path) -> Result<Found> {
    match device.to_str() {
        Some(name) if !name.contains('/') && !["", ".", ".."].contains(&name) => {
            let block = Block::find_exact(roots, name).map(Found::Block);
            return Ok(block.unwrap_or_else(|| Found::Absent(name.to_owned())));
        }
        _ => {}
    }
    let shown = device.display();
    let path = match fs::canonicalize(device) {
        Ok(path) => path,
        Err(error) => {
            return match node_name(roots, device) {
                Some(name) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Absent(name)),
                _ => Err(failure(
                    Exit::Name,
                    format!("there is no device {shown}: {error}; `lsblk` lists all"),
                )),
            };
        }
    };
    let block = of_node(roots, &path).or_else(|| of_file(roots, &path));
    block.map(Found::Block).ok_or_else(|| {
        failure(
            Exit::Name,
            format!(
                "{shown} is no block device, and kchaos finds no block device that it is on; name \
                 a disk such as /dev/sda"
            ),
        )
    })
}

/// Whether `text` is a number such as `8:1`.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':')
        .is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// The name in sysfs of the node with this path: `cciss/c0d0` in /dev is `cciss!c0d0` in sysfs.
fn node_name(roots: &Roots, path: &Path) -> Option<String> {
    let dev = fs::canonicalize(&roots.dev).unwrap_or_else(|_| roots.dev.clone());
    let name = path
        .strip_prefix(&dev)
        .or_else(|_| path.strip_prefix(&roots.dev))
        .ok()?
        .to_str()?;
    (!name.is_empty()).then(|| name.replace('/', "!"))
}

/// The device whose node has this path.
fn of_node(roots: &Roots, path: &Path) -> Option<Block> {
    let metadata = fs::metadata(path).ok()?;
    let is_node = metadata.file_type().is_block_device();
    is_node.then(|| Block::numbered(roots, &number(metadata.rdev())))?
}

/// The device with the file system that a path without links is on.
pub(crate) fn of_file(roots: &Roots, path: &Path) -> Option<Block> {
    let device = fs::metadata(path).ok()?.dev();
    Block::numbered(roots, &number(device)).or_else(|| {
        let mounts = mounts(roots).ok()?;
        let mount = mount_of(&mounts, path)?;
        let of_number = Block::numbered(roots, &mount.number);
        of_number.or_else(|| of_source(roots, &mount.source).into_iter().next())
    })
}

fn number(device: u64) -> String {
    format!("{}:{}", major(device), minor(device))
}

/// The devices in the source of a mount, which is one path, or several with colons between them.
pub(crate) fn of_source(roots: &Roots, source: &OsStr) -> Vec<Block> {
    let paths = source.to_str().unwrap_or_default().split(':');
    paths
        .filter_map(|path| {
            let node = roots.dev.join(path.strip_prefix("/dev/")?);
            of_node(roots, &fs::canonicalize(node).ok()?)
        })
        .collect()
}

/// The devices that a stacked device is made of.
pub(crate) fn below(roots: &Roots, disk: &str) -> Vec<String> {
    names(&roots.disk(disk).join("slaves"))
}

/// The disks that keep the data of `block`: its own, and those of all devices below it.
pub(crate) fn disks(roots: &Roots, block: &Block) -> BTreeSet<String> {
    let mut disks = BTreeSet::new();
    let mut next = vec![block.disk.clone()];
    while let Some(disk) = next.pop() {
        if disks.insert(disk.clone()) {
            let below = below(roots, &disk).into_iter();
            next.extend(below.filter_map(|name| Some(Block::named(roots, &name)?.disk)));
        }
    }
    disks
}

/// The other devices of a btrfs, whose mount names only one of them.
pub(crate) fn btrfs_devices(roots: &Roots, block: &Block) -> Vec<Block> {
    let devices = |file_system| {
        roots
            .sysfs
            .join("fs/btrfs")
            .join(file_system)
            .join("devices")
    };
    names(&roots.sysfs.join("fs/btrfs"))
        .into_iter()
        .map(|file_system| names(&devices(file_system)))
        .filter(|names| names.contains(&block.name))
        .flatten()
        .filter_map(|name| Block::named(roots, &name))
        .collect()
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
}
