// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The parts of disks that a name of a device, a volume or a file means.

use super::{
    Roots,
    beside::{Beside, listed},
    block::Block,
    disk::Disk,
    mapper::shown,
    names::{self, Found},
    stack::{Below, Part, Stack},
    table::untold,
};
use crate::error::{Exit, failure};
use anyhow::Result;
use std::{collections::BTreeSet, path::Path};

/// A path has no more bytes, and so no more commas.
const MOST_PATH: usize = 4_095;

/// The parts of disks that a name means, each of which has a scheduler.
#[derive(Debug)]
pub(crate) struct Target {
    /// The parts: at least one, and one for each device.
    pub(crate) parts: Vec<Part>,
    /// Sentences for people: the disks that were taken, if the name is none of them, and what else
    /// lives there.
    pub(crate) notes: Vec<String>,
    /// Everything else on its disks, if it is no whole device.
    pub(crate) beside: Beside,
    /// All devices from the name down to the disks.
    pub(crate) met: BTreeSet<String>,
    /// Devices of the device mapper whose sectors are not known, so that all below them counts.
    pub(crate) unread: BTreeSet<String>,
}

impl Target {
    /// The disks with their schedulers, as they are to be attached or detached.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read, or another disk has its name by now.
    pub(crate) fn to_attach(&self, roots: &Roots) -> Result<Vec<Disk>> {
        let disks = self.parts.iter().map(|part| (&*part.disk, part.diskseq));
        let disks: BTreeSet<(&str, Option<u64>)> = disks.collect();
        let disks = disks.into_iter();
        disks
            .map(|(disk, number)| Disk::still(roots, disk, number))
            .collect()
    }
}

/// The result of a search for a target.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// The target.
    There(Target),
    /// A name or number that the kernel can give to a disk, and has not given yet.
    Absent(String),
}

/// Goes down from a name to the disks.
///
/// # Errors
///
/// If there is no such device, or no disk below it has a scheduler.
pub(crate) fn resolve(roots: &Roots, device: &Path) -> Result<Resolved> {
    let (blocks, lower) = match names::find(roots, device)? {
        Found::Blocks(blocks) => (blocks, Vec::new()),
        Found::Layers(blocks, lower) => (blocks, lower),
        Found::Absent(name) => return Ok(Resolved::Absent(name)),
    };
    let stack = Stack::new(roots);
    let below = stack.below(&blocks);
    if below.parts.is_empty() {
        let dead_ends = below.dead_ends.iter().map(|name| Block::named(roots, name));
        let disks = dead_ends.flatten().map(|block| block.disk);
        // The failure says why the first has no scheduler.
        for disk in disks {
            Disk::named(roots, &disk)?;
        }
    }
    let is_plain = |part: &Part| matches!(&blocks[..], [block] if block.name == part.device);
    let (mut notes, beside) = match &below.parts[..] {
        [part] if is_plain(part) => Default::default(),
        _ => {
            let beside = Beside::find(roots, &stack, &blocks, &below);
            (notes(roots, device, &blocks, &below, &beside), beside)
        }
    };
    notes.extend(not_taken(device, &stack.below(&lower), &below));
    Ok(Resolved::There(Target {
        parts: below.parts,
        notes,
        beside,
        met: below.met,
        unread: below.unread,
    }))
}

/// Goes down from a name to the disks, for callers that cannot wait for a disk.
///
/// # Errors
///
/// As [`resolve`], and if the disk is not there yet.
pub(crate) fn there(roots: &Roots, device: &Path) -> Result<Target> {
    match resolve(roots, device)? {
        Resolved::There(target) => Ok(target),
        Resolved::Absent(name) => Err(failure(
            Exit::Name,
            format!("there is no block device {name}; `lsblk` lists all"),
        )),
    }
}

/// Resolves each name in a text of `--device`, which has commas between them.
///
/// # Errors
///
/// As [`resolve`], for the first name that is wrong.
pub(crate) fn resolve_all(roots: &Roots, devices: &str) -> Result<Vec<Resolved>> {
    let names = split(devices)?.into_iter();
    names.map(|name| resolve(roots, Path::new(&name))).collect()
}

/// The names in a text with commas between them. A path can have commas itself: then it is one that
/// is there.
fn split(text: &str) -> Result<Vec<String>> {
    let words: Vec<&str> = text.split(',').collect();
    let mut names = Vec::new();
    let mut first = 0;
    while let Some(word) = words.get(first) {
        let ends = first + 2..=words.len().min(first + MOST_PATH);
        let longer = ends.rev().find_map(|end| {
            let path = words[first..end].join(",");
            let is_there = path.contains('/') && Path::new(&path).exists();
            is_there.then_some((path, end))
        });
        let (name, next) = longer.unwrap_or_else(|| ((*word).to_owned(), first + 1));
        if next > first + 1 && Path::new(word).exists() {
            return Err(failure(
                Exit::Usage,
                format!(
                    "\"{name}\" can be one path or several; name the disk, or go there with cd and \
                     name it ./"
                ),
            ));
        }
        first = next;
        if !name.is_empty() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The sentences about a target that is not one device by itself.
fn notes(
    roots: &Roots,
    device: &Path,
    blocks: &[Block],
    below: &Below,
    beside: &Beside,
) -> Vec<String> {
    let what = match blocks {
        [block] if shown(roots, &block.name) != device.to_string_lossy() => {
            format!("{} ({})", device.display(), shown(roots, &block.name))
        }
        _ => device.display().to_string(),
    };
    let on: Vec<String> = below.parts.iter().map(described).collect();
    let mut notes = vec![format!("{what} is on {}", listed(&on))];
    let dead_ends: Vec<String> = below.dead_ends.iter().cloned().collect();
    if !dead_ends.is_empty() {
        let names = listed(&dead_ends);
        notes.push(format!(
            "it is also on {names}, without an I/O scheduler: nothing is slow there"
        ));
    }
    let unread: Vec<String> = below.unread.iter().cloned().collect();
    if !unread.is_empty() {
        notes.push(format!(
            "{}, so that all below counts",
            untold(&listed(&unread))
        ));
    }
    notes.extend(beside.sentences());
    notes
}

/// The sentence about an overlay whose lower layers are on other disks.
fn not_taken(device: &Path, lower: &Below, taken: &Below) -> Option<String> {
    let is_taken = |part: &&Part| taken.parts.iter().any(|taken| taken.device == part.device);
    let others = lower.parts.iter().filter(|part| !is_taken(part));
    let others: Vec<String> = others.map(|part| part.device.clone()).collect();
    (!others.is_empty()).then(|| {
        format!(
            "{} is on an overlay: its files that nobody has changed are read from {}, which is not \
             taken",
            device.display(),
            listed(&others)
        )
    })
}

/// A part in words.
fn described(part: &Part) -> String {
    let Part { device, disk, .. } = part;
    match part.extents.as_deref() {
        None => device.clone(),
        Some([extent]) => format!(
            "{device} (sectors {}+{} of {disk})",
            extent.start, extent.length
        ),
        Some(extents) => format!("{device} ({} ranges of sectors of {disk})", extents.len()),
    }
}
