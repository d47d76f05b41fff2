// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The volumes, partitions and mounts that live on the same disks as a target.

use super::{
    Roots,
    block::{Block, Extent},
    files::names,
    mapper::shown,
    mounts::{Mount, mounts},
    stack::{Below, Part, Stack, head},
};

/// A sentence names no more.
const MOST: usize = 4;

/// Everything else on the disks of a target.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Things whose I/O cannot be told apart from the target's: they have sectors of it.
    pub(crate) same: Vec<Other>,
    /// Others on the same devices, with sectors of their own.
    pub(crate) same_device: Vec<Other>,
    /// Others on the same disks.
    same_disk: Vec<Other>,
}

/// A volume, partition or disk.
#[derive(Debug)]
pub(crate) struct Other {
    /// Its name in sysfs.
    pub(crate) device: String,
    /// The name that people know, with its mount point.
    pub(crate) words: String,
}

impl Beside {
    /// Looks for everything else on the disks of `below`, which is below the devices `named`. A
    /// device that is built on one of these is not something else: its I/O is theirs.
    pub(super) fn find(roots: &Roots, stack: &Stack<'_>, named: &[Block], below: &Below) -> Self {
        let mounts = mounts(roots).unwrap_or_default();
        let whole = |part: &Part| Part {
            extents: None,
            ..part.clone()
        };
        let devices: Vec<Part> = below.parts.iter().map(whole).collect();
        let disks: Vec<&str> = below.parts.iter().map(|part| part.disk.as_str()).collect();
        let mut beside = Self::default();
        for block in tops(roots) {
            if below.met.contains(&block.name) {
                continue;
            }
            let under = stack.below(std::slice::from_ref(&block));
            if named.iter().any(|named| under.met.contains(&named.name)) {
                continue;
            }
            let parts = under.parts;
            let is_on = |others: &[Part]| parts.iter().any(|part| overlaps(roots, part, others));
            let list = if is_on(&below.parts) {
                &mut beside.same
            } else if is_on(&devices) {
                &mut beside.same_device
            } else if parts.iter().any(|part| disks.contains(&&*part.disk)) {
                &mut beside.same_disk
            } else {
                continue;
            };
            list.push(Other {
                words: in_words(roots, &mounts, &block),
                device: block.name,
            });
        }
        beside
    }

    /// The sentences about it: first about the things whose I/O cannot be told apart, then about
    /// the others.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if !self.same.is_empty() {
            let names = named(&self.same);
            sentences.push(format!("its I/O cannot be told there from that of {names}"));
        }
        let others = self.same_device.iter().chain(&self.same_disk);
        if let names @ [_, ..] = &*others.collect::<Vec<_>>() {
            let names = named(names.iter().copied());
            sentences.push(format!("beside it on the same disks: {names}"));
        }
        sentences
    }
}

/// The names of other things as a sentence lists them.
pub(crate) fn named<'a>(others: impl IntoIterator<Item = &'a Other>) -> String {
    let words = others.into_iter().map(|other| other.words.clone());
    listed(&few(words.collect()))
}

/// The devices on which nothing else is built: volumes, partitions, and disks without partitions.
fn tops(roots: &Roots) -> Vec<Block> {
    let all = names(&roots.sysfs.join("class/block"));
    all.iter()
        .filter_map(|name| Block::named(roots, name))
        .filter(|block| {
            let directory = roots.sysfs.join("class/block").join(&block.name);
            let is_below = !names(&directory.join("holders")).is_empty()
                || (!block.is_partition() && !block.partitions(roots).is_empty());
            !is_below && head(&block.name).is_none()
        })
        .collect()
}

/// A device as people know it, with its mount point.
fn in_words(roots: &Roots, mounts: &[Mount], block: &Block) -> String {
    let name = shown(roots, &block.name);
    let number = block.number(roots);
    match mounts
        .iter()
        .find(|mount| Some(&mount.number) == number.as_ref())
    {
        Some(mount) => format!("{name} ({})", mount.point.display()),
        None => name,
    }
}

/// The first words, and the number of the others.
fn few(mut words: Vec<String>) -> Vec<String> {
    let more = words.len().saturating_sub(MOST);
    words.truncate(MOST);
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words
}

/// Whether a part has sectors of one of the others.
fn overlaps(roots: &Roots, part: &Part, others: &[Part]) -> bool {
    let same_disk = others.iter().filter(|other| other.disk == part.disk);
    let own = sectors(roots, part);
    same_disk.map(|other| sectors(roots, other)).any(|other| {
        own.iter()
            .any(|one| other.iter().any(|two| one.common(two).is_some()))
    })
}

/// The sectors of the disk that a part has.
fn sectors(roots: &Roots, part: &Part) -> Vec<Extent> {
    let all = || {
        let block = Block::named(roots, &part.device)?;
        block.extent(roots)
    };
    let everything = Extent {
        start: 0,
        length: u64::MAX,
    };
    let extents = part.extents.clone();
    extents.unwrap_or_else(|| vec![all().unwrap_or(everything)])
}

/// Words as a sentence lists them.
pub(crate) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
