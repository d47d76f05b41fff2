// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The names by which people call devices: those of nodes, of `lsblk`, of fstab, of udev, of
//! volumes, and of files on them.

use super::{
    Roots,
    block::{Block, is_number},
    files::names,
    kernel_name,
    mapper::mapper_named,
    meant::guess,
    place::{self, Place},
    source::of_dev,
};
use crate::error::{Exit, failure, refused};
use anyhow::Result;
use std::{
    collections::BTreeSet, fs, io, ops::RangeInclusive, os::unix::fs::FileTypeExt, path::Path,
};

/// The numbers that a device can have. File systems without a device have the major number 0.
const LEAST_MAJOR: u64 = 1;
const MOST_MAJOR: u64 = 4_095;
const MOST_MINOR: u64 = 1_048_575;

/// The words before a value as in fstab, with the directories of their links in /dev/disk.
const TAGS: [(&str, &str); 5] = [
    ("UUID", "by-uuid"),
    ("LABEL", "by-label"),
    ("PARTUUID", "by-partuuid"),
    ("PARTLABEL", "by-partlabel"),
    ("ID", "by-id"),
];

/// Directories in /dev/disk whose names no two disks have by accident.
const UNIQUE: [&str; 5] = ["by-id", "by-path", "by-uuid", "by-partuuid", "by-diskseq"];

/// The result of a search for a device.
#[derive(Debug)]
pub(crate) enum Found {
    /// Devices: one, or all of a file system that is on several.
    Blocks(Vec<Block>),
    /// Those of a file on an overlay: of the layer that is written to, and of the other layers.
    Layers(Vec<Block>, Vec<Block>),
    /// A name or number that the kernel can give to a disk, and has not given yet.
    Absent(String),
}

/// The devices that people name so.
///
/// # Errors
///
/// If there is none and there can be none: [`Exit::Usage`] if it can never be a name, else
/// [`Exit::Name`]. The message says what to do next.
pub(crate) fn find(roots: &Roots, device: &Path) -> Result<Found> {
    roots.require_sysfs()?;
    let Some(text) = device.to_str() else {
        return path(roots, device);
    };
    // People copy the lines before a name in the tree of `lsblk`.
    let text = text
        .trim_start_matches(['├', '└', '─', '│', ' '])
        .trim_end();
    let tag = text.split_once('=').and_then(|(tag, value)| {
        let (tag, folder) = TAGS.iter().find(|(known, _)| *known == tag)?;
        Some((tag, folder, value.trim_matches('"')))
    });
    if let Some((tag, folder, value)) = tag {
        let block = tagged(roots, tag, folder, value)?;
        // These name a file system, and the others a device.
        let names_file_system = ["UUID", "LABEL"].contains(tag);
        return Ok(Found::Blocks(match names_file_system {
            true => place::of_file_system(roots, block),
            false => vec![block],
        }));
    }
    if text.contains('/') || [".", ".."].contains(&text) {
        return path(roots, Path::new(text));
    }
    bare(roots, text)
}

/// The device of a name without a slash.
fn bare(roots: &Roots, name: &str) -> Result<Found> {
    if let Some(block) = Block::find_exact(roots, name).or_else(|| mapper_named(roots, name)) {
        return Ok(Found::Blocks(vec![block]));
    }
    if is_number(name) {
        return absent_number(name);
    }
    if let Some(block) = linked(roots, name)? {
        return Ok(Found::Blocks(vec![block]));
    }
    if name.is_empty() || name.contains(|c: char| c.is_control() || ":=*?[]{}".contains(c)) {
        return Err(no_name(roots, name));
    }
    if let Some(kind) = kernel_name::without_scheduler(name) {
        return Err(failure(
            Exit::Name,
            format!(
                "there is no block device {name}, and as {kind} it would have no I/O scheduler; name \
                 it once it is there, or name the disks below it"
            ),
        ));
    }
    if kernel_name::is_possible(name) {
        return Ok(Found::Absent(name.to_owned()));
    }
    Err(not_there(roots, name))
}

/// Checks a number that no device has.
fn absent_number(name: &str) -> Result<Found> {
    let within = |text: &str, range: RangeInclusive<u64>| {
        text.parse().is_ok_and(|number| range.contains(&number))
    };
    match name.split_once(':') {
        Some((major, minor))
            if within(major, LEAST_MAJOR..=MOST_MAJOR) && within(minor, 0..=MOST_MINOR) =>
        {
            Ok(Found::Absent(name.to_owned()))
        }
        _ => Err(failure(
            Exit::Usage,
            format!(
                "no device can have the number {name}; they are from {LEAST_MAJOR}:0 to {MOST_MAJOR}:{MOST_MINOR}"
            ),
        )),
    }
}

/// The failure for a text that no device can have as its name.
fn no_name(roots: &Roots, text: &str) -> anyhow::Error {
    let next = if text.contains(['*', '?', '[', '{']) {
        let start = text.split(['*', '?', '[', '{']).next().unwrap_or_default();
        let disks = names(&roots.sysfs.join("block"));
        let like: Vec<String> = disks
            .into_iter()
            .filter(|disk| disk.starts_with(start))
            .collect();
        let such = match like.as_slice() {
            [] => String::new(),
            names => format!(": {}", names.join(",")),
        };
        format!("it is a pattern; name each device{such}")
    } else if text.contains('=') {
        let tags: Vec<String> = TAGS.iter().map(|(tag, _)| format!("{tag}=")).collect();
        format!("before = there can be {}", tags.join(", "))
    } else {
        guess(roots, text).unwrap_or_else(|| "name one such as /dev/sda".to_owned())
    };
    failure(
        Exit::Usage,
        format!("no device can be named \"{}\"; {next}", text.escape_debug()),
    )
}

/// The failure for a name that no device has, and that the kernel never gives.
fn not_there(roots: &Roots, name: &str) -> anyhow::Error {
    let next = if let Some(guess) = guess(roots, name) {
        guess
    } else if Path::new(name).exists() {
        format!("the file here is ./{name}; `lsblk` lists devices")
    } else {
        "`lsblk` lists all; the kernel never gives a disk this name".to_owned()
    };
    failure(
        Exit::Name,
        format!("there is no block device {name}; {next}"),
    )
}

/// The device of a link that udev makes in one of the directories of /dev/disk.
fn linked(roots: &Roots, name: &str) -> Result<Option<Block>> {
    let found: BTreeSet<Block> = UNIQUE
        .iter()
        .filter_map(|folder| {
            let link = roots.dev.join("disk").join(folder).join(name);
            Block::of_node(roots, &link)
        })
        .collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), Some(other)) => Err(failure(
            Exit::Name,
            format!(
                "{name} can be {} or {}; name one of these",
                one.name, other.name
            ),
        )),
        (one, _) => Ok(one),
    }
}

/// The device with a tag such as `UUID=...`.
fn tagged(roots: &Roots, tag: &str, folder: &str, value: &str) -> Result<Block> {
    let folder = roots.dev.join("disk").join(folder);
    let lower = value.to_lowercase();
    let upper = value.to_uppercase();
    let mut tries = vec![encoded(value)];
    // Hexadecimal digits can be in capitals.
    if tag.ends_with("UUID") {
        tries.extend([encoded(&lower), encoded(&upper)]);
    }
    let mut links = tries.iter().filter(|_| !value.is_empty());
    if let Some(block) = links.find_map(|link| Block::of_node(roots, &folder.join(link))) {
        return Ok(block);
    }
    let next = if folder.is_dir() {
        format!("`ls {}` lists all", folder.display())
    } else {
        format!(
            "there is no {}, which udev makes; name the disk by its name in `lsblk`",
            folder.display()
        )
    };
    Err(failure(
        Exit::Name,
        format!("there is no block device with {tag}={value}; {next}"),
    ))
}

/// A value as udev writes it in the name of a link.
fn encoded(value: &str) -> String {
    let stays = |c: char| c.is_ascii_alphanumeric() || "#+-.:=@_".contains(c) || !c.is_ascii();
    let encode = |c: char| {
        if stays(c) {
            c.to_string()
        } else {
            format!("\\x{:02x}", u32::from(c))
        }
    };
    value.chars().map(encode).collect()
}

/// The devices of a node, or of a file on them.
fn path(roots: &Roots, path: &Path) -> Result<Found> {
    let shown = path.display();
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return absent(roots, path),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(refused("look at", path, &error));
        }
        Err(error) => {
            return Err(failure(
                Exit::Name,
                format!("there is no device {shown}: {error}; `lsblk` lists all"),
            ));
        }
    };
    let none = |why: String| {
        failure(
            Exit::Name,
            format!("{shown} is no block device and {why}; name a disk such as /dev/sda"),
        )
    };
    if kind.is_char_device() {
        return Err(failure(Exit::Name, character_device(path)));
    }
    if kind.is_block_device() {
        let block = Block::of_node(roots, path);
        return block
            .map(|block| Found::Blocks(vec![block]))
            .ok_or_else(|| {
                failure(
                    Exit::Name,
                    format!("{shown} is a node of no device: sysfs does not have its number"),
                )
            });
    }
    if let Some(block) = volume(roots, path) {
        return Err(failure(
            Exit::Usage,
            format!(
                "{shown} can be a file here or the volume {}; name ./{shown} or /dev/{shown}",
                block.name
            ),
        ));
    }
    if let Some(block) = in_sysfs(roots, path) {
        return Ok(Found::Blocks(vec![block]));
    }
    match place::of_path(roots, path) {
        Place::Blocks(blocks) => match place::lower_layers(roots, path) {
            lower if lower.is_empty() => Ok(Found::Blocks(blocks)),
            lower => Ok(Found::Layers(blocks, lower)),
        },
        Place::NoDisk(why) | Place::Unknown(why) => Err(none(why)),
    }
}

/// The device whose directory in sysfs this is, as in `for disk in /sys/block/*`.
fn in_sysfs(roots: &Roots, path: &Path) -> Option<Block> {
    let directory = fs::canonicalize(path).ok()?;
    let block = Block::find_exact(roots, directory.file_name()?.to_str()?)?;
    let own = fs::canonicalize(roots.sysfs.join("class/block").join(&block.name)).ok()?;
    (own == directory).then_some(block)
}

fn character_device(path: &Path) -> String {
    let shown = path.display();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits = name.strip_prefix("nvme").unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("{shown} is a controller and no disk; name its namespace, such as {shown}n1")
    } else {
        format!("{shown} is a character device and no disk; `lsblk` lists disks")
    }
}

/// The volume of LVM, or the device below /dev, that a relative path with a slash can also mean.
fn volume(roots: &Roots, path: &Path) -> Option<Block> {
    let text = path.to_str()?;
    let (group, volume) = text.split_once('/')?;
    let is_volume = !group.is_empty() && !volume.is_empty() && !volume.contains('/');
    let is_volume = is_volume && ![".", ".."].contains(&group);
    is_volume.then(|| mapper_named(roots, &mapper_name_of(group, volume)))?
}

/// The name that LVM gives the device of a volume.
fn mapper_name_of(group: &str, volume: &str) -> String {
    let doubled = |text: &str| text.replace('-', "--");
    format!("{}-{}", doubled(group), doubled(volume))
}

/// The device of a path at which there is nothing, by the rules for names below /dev.
fn absent(roots: &Roots, path: &Path) -> Result<Found> {
    let shown = path.display();
    let below = path
        .strip_prefix(&roots.dev)
        .or_else(|_| path.strip_prefix("/dev"))
        .ok();
    let below = below.or_else(|| path.is_relative().then_some(path));
    let name = below.and_then(Path::to_str).unwrap_or_default();
    let is_name = !name.is_empty() && !name.starts_with('.');
    if is_name {
        let volume = volume(roots, Path::new(name));
        let by_udev = || of_dev(roots, &format!("disk/{name}"));
        let found = volume.or_else(|| of_dev(roots, name)).or_else(by_udev);
        if let Some(block) = found {
            return Ok(Found::Blocks(vec![block]));
        }
    }
    if let Ok(target) = fs::read_link(path) {
        return Err(failure(
            Exit::Name,
            format!(
                "{shown} is a link to {}, which is not there; `lsblk` lists all devices",
                target.display()
            ),
        ));
    }
    if path.is_absolute() && is_name {
        let kernel = name.replace('/', "!");
        if kernel_name::is_possible(&kernel) {
            return Ok(Found::Absent(kernel));
        }
        let what = if name.starts_with("mapper/") {
            "device of the device mapper"
        } else {
            "block device"
        };
        let next = guess(roots, &shown.to_string()).unwrap_or_else(|| {
            "`lsblk` lists all; the kernel never gives a disk this name".to_owned()
        });
        return Err(failure(
            Exit::Name,
            format!("there is no {what} {shown}; {next}"),
        ));
    }
    let next = guess(roots, &shown.to_string());
    let next = next.unwrap_or_else(|| "`lsblk` lists devices".to_owned());
    Err(failure(
        Exit::Name,
        format!("there is no device or file {shown}; {next}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_udev_does() {
        assert_eq!(encoded("my disk/1"), r"my\x20disk\x2f1");
        assert_eq!(encoded("0A-b_ü"), "0A-b_ü");
    }

    #[test]
    fn volumes_have_the_names_that_lvm_gives() {
        assert_eq!(mapper_name_of("vg", "lv"), "vg-lv");
        assert_eq!(mapper_name_of("a-b", "c-d"), "a--b-c--d");
    }

    #[test]
    fn numbers_beyond_the_kernels_are_refused() {
        assert!(absent_number("4095:1048575").is_ok());
        for number in ["4096:0", "0:1048576", "99999999999999999999:0"] {
            assert!(absent_number(number).is_err(), "{number}");
        }
    }
}
