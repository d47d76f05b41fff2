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

/// The sentences about everything else on the disks of `below`: first about the things whose I/O
/// cannot be told apart, then about the others.
pub(super) fn beside(roots: &Roots, stack: &Stack<'_>, below: &Below) -> Vec<String> {
    let mounts = mounts(roots).unwrap_or_default();
    let disks: Vec<&str> = below.parts.iter().map(|part| part.disk.as_str()).collect();
    let (mut same, mut others) = (Vec::new(), Vec::new());
    for block in tops(roots) {
        if below.met.contains(&block.name) {
            continue;
        }
        let parts = stack.below(std::slice::from_ref(&block)).parts;
        let name = || in_words(roots, &mounts, &block);
        if parts.iter().any(|part| overlaps(roots, part, &below.parts)) {
            same.push(name());
        } else if parts.iter().any(|part| disks.contains(&&*part.disk)) {
            others.push(name());
        }
    }
    let mut sentences = Vec::new();
    if !same.is_empty() {
        let names = listed(&few(same));
        sentences.push(format!("its I/O cannot be told there from that of {names}"));
    }
    if !others.is_empty() {
        let names = listed(&few(others));
        sentences.push(format!("beside it on the same disks: {names}"));
    }
    sentences
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
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
