// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The way down from a device through every layer, to the disks that have a scheduler.

use super::{
    Roots,
    block::{Block, Extent},
    disk::active_scheduler,
    files::{names, try_read},
    lower::without_link,
    mapper::mapper_name,
    table::{self, Line, Tables},
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

/// No machine has more layers. Against a circle in sysfs, which only a mistake can make.
const MOST_LAYERS: usize = 32;

/// A part of a disk that has a scheduler.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// The driver's name for it: that of a disk or a partition.
    pub(crate) device: String,
    /// The disk.
    pub(crate) disk: String,
    /// The disk's number, as it was when the name was looked up.
    pub(crate) diskseq: Option<u64>,
    /// The sectors of the disk, if they are not all of the device: in order, none twice.
    pub(crate) extents: Option<Vec<Extent>>,
}

/// The devices below others, layer by layer.
#[derive(Debug, Default)]
pub(crate) struct Below {
    /// The parts of disks with a scheduler.
    pub(crate) parts: Vec<Part>,
    /// Devices without a scheduler of which kchaos knows nothing below.
    pub(crate) dead_ends: BTreeSet<String>,
    /// All devices that were met.
    pub(crate) met: BTreeSet<String>,
    /// Devices of the device mapper whose tables were not read, or not understood.
    pub(crate) unread: BTreeSet<String>,
}

impl Below {
    /// Adds a part, and keeps one for each device.
    fn add(&mut self, new: Part) {
        let Some(known) = self.parts.iter_mut().find(|part| part.device == new.device) else {
            self.parts.push(new);
            return;
        };
        known.extents = match (known.extents.take(), new.extents) {
            (Some(mut all), Some(more)) => {
                all.extend(more);
                Some(joined(all))
            }
            _ => None,
        };
    }
}

/// The layers of a machine's block devices.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    roots: &'a Roots,
    tables: OnceCell<Option<Tables>>,
}

impl<'a> Stack<'a> {
    pub(crate) fn new(roots: &'a Roots) -> Self {
        Self {
            roots,
            tables: OnceCell::new(),
        }
    }

    /// Goes down from these devices.
    pub(crate) fn below(&self, blocks: &[Block]) -> Below {
        let mut below = Below::default();
        for block in blocks {
            self.descend(block, None, 0, &mut below);
        }
        // A partition adds nothing to its whole disk.
        let disks: Vec<String> = below
            .parts
            .iter()
            .filter(|part| part.device == part.disk && part.extents.is_none())
            .map(|part| part.disk.clone())
            .collect();
        below
            .parts
            .retain(|part| part.device == part.disk || !disks.contains(&part.disk));
        below
    }

    /// Goes down from sectors of a device, or from all.
    fn descend(&self, block: &Block, wanted: Option<Vec<Extent>>, layer: usize, below: &mut Below) {
        below.met.insert(block.name.clone());
        if active_scheduler(self.roots, &block.disk).is_some() {
            below.add(self.part(block, wanted));
            return;
        }
        below.met.insert(block.disk.clone());
        let wanted = self.on_disk(block, wanted);
        let next = self.next(&block.disk, wanted.as_deref(), below);
        if next.is_empty() || layer == MOST_LAYERS {
            below.dead_ends.insert(block.name.clone());
            return;
        }
        for (block, wanted) in next {
            self.descend(&block, wanted, layer + 1, below);
        }
    }

    /// Sectors of a device, as a part of its disk.
    fn part(&self, block: &Block, wanted: Option<Vec<Extent>>) -> Part {
        let all = block.extent(self.roots).map(|extent| vec![extent]);
        let extents = wanted.and_then(|wanted| self.on_disk(block, Some(wanted)));
        Part {
            device: block.name.clone(),
            disk: block.disk.clone(),
            diskseq: block.diskseq,
            extents: extents.filter(|extents| Some(extents) != all.as_ref()),
        }
    }

    /// The sectors of the disk that sectors of its partition are.
    fn on_disk(&self, block: &Block, wanted: Option<Vec<Extent>>) -> Option<Vec<Extent>> {
        if !block.is_partition() {
            return wanted.map(joined);
        }
        let all = block.extent(self.roots)?;
        let wanted = wanted.unwrap_or_else(|| {
            vec![Extent {
                start: 0,
                length: all.length,
            }]
        });
        let moved = wanted.into_iter().map(|extent| Extent {
            start: extent.start.saturating_add(all.start),
            ..extent
        });
        Some(joined(moved.collect()))
    }

    /// The devices just below a disk, with their sectors if these are known.
    fn next(
        &self,
        disk: &str,
        wanted: Option<&[Extent]>,
        below: &mut Below,
    ) -> Vec<(Block, Option<Vec<Extent>>)> {
        let find = |name: &String| Block::named(self.roots, name);
        let paths = paths(self.roots, disk);
        if !paths.is_empty() {
            let wanted = wanted.map(<[Extent]>::to_vec);
            let blocks = paths.iter().filter_map(find);
            return blocks.map(|block| (block, wanted.clone())).collect();
        }
        if let Some(name) = mapper_name(self.roots, disk) {
            if let Some(next) = self.mapped(disk, &name, wanted) {
                return next;
            }
            below.unread.insert(name);
        }
        let slaves = names(&self.roots.disk(disk).join("slaves"));
        let all = slaves.iter().filter_map(find);
        all.map(|block| {
            let wanted = wanted.and_then(|wanted| self.mirrored(disk, &block, wanted));
            (block, wanted)
        })
        .collect()
    }

    /// The devices below one of the device mapper, by its table; `None` if the table does not tell
    /// all of them.
    fn mapped(
        &self,
        disk: &str,
        name: &str,
        wanted: Option<&[Extent]>,
    ) -> Option<Vec<(Block, Option<Vec<Extent>>)>> {
        let tables = self.tables.get_or_init(Tables::read).as_ref()?;
        let all = [Extent {
            start: 0,
            length: u64::MAX,
        }];
        let lines = tables.of(name)?;
        let mut found: BTreeMap<Block, Option<Vec<Extent>>> = BTreeMap::new();
        for below in below_lines(lines, wanted.unwrap_or(&all))? {
            let block = Block::numbered(self.roots, &below.number)?;
            let extents = found.entry(block).or_insert_with(|| Some(Vec::new()));
            match (extents.as_mut(), below.extent) {
                (Some(extents), Some(extent)) => extents.push(extent),
                _ => *extents = None,
            }
        }
        // The kernel links every device of the table, also one with an option's name before it.
        let told: Vec<String> = below_lines(lines, &all)?
            .into_iter()
            .map(|below| below.number)
            .collect();
        let links = names(&self.roots.disk(disk).join("slaves"));
        let mut links = links
            .iter()
            .filter_map(|name| Block::named(self.roots, name));
        let is_told = |block: Block| {
            let mut told = told.iter();
            told.any(|number| Block::numbered(self.roots, number).as_ref() == Some(&block))
        };
        if !links.all(is_told) {
            return None;
        }
        Some(found.into_iter().collect())
    }

    /// The same sectors on a leg of a mirror of md.
    fn mirrored(&self, disk: &str, leg: &Block, wanted: &[Extent]) -> Option<Vec<Extent>> {
        let md = self.roots.disk(disk).join("md");
        let level = try_read(&md.join("level")).ok()?;
        let offset = md.join(format!("dev-{}", leg.name)).join("offset");
        let offset: u64 = try_read(&offset).ok()?.parse().ok()?;
        let moved = wanted.iter().map(|extent| Extent {
            start: extent.start.saturating_add(offset),
            ..*extent
        });
        (level == "raid1").then(|| moved.collect())
    }

    /// All disks that a device's data need: its own, and those of every device below it, also below
    /// the files of loop devices.
    pub(crate) fn needs(&self, block: &Block) -> Needs {
        let mut needs = Needs::default();
        let mut next = vec![block.clone()];
        while let Some(block) = next.pop() {
            let disk = block.disk.clone();
            needs.blocks.insert(block);
            if !needs.disks.insert(disk.clone()) {
                continue;
            }
            let mut links = names(&self.roots.disk(&disk).join("slaves"));
            links.extend(paths(self.roots, &disk));
            let is_linked = !links.is_empty();
            for name in links {
                match Block::named(self.roots, &name) {
                    Some(block) => next.push(block),
                    None => needs
                        .unknown
                        .push(format!("{disk}, whose device {name} sysfs does not have")),
                }
            }
            match without_link(self.roots, &disk) {
                Ok(blocks) => next.extend(blocks),
                Err(why) if !is_linked => needs.unknown.push(why),
                Err(_) => {}
            }
        }
        needs
    }
}

/// The sectors below those of a table's lines.
fn below_lines(lines: &[Line], wanted: &[Extent]) -> Option<Vec<table::Below>> {
    let pairs = lines
        .iter()
        .flat_map(|line| wanted.iter().map(move |extent| (line, extent)));
    let below: Option<Vec<_>> = pairs.map(|(line, extent)| line.below(extent)).collect();
    Some(below?.into_iter().flatten().collect())
}

/// The disks that a device's data need.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// The device itself and all below it: disks, and partitions of disks.
    pub(crate) blocks: BTreeSet<Block>,
    /// The names of their disks.
    pub(crate) disks: BTreeSet<String>,
    /// Devices with disks below them that kchaos does not find: each with the reason.
    pub(crate) unknown: Vec<String>,
}

/// The disks by which a multipath namespace of NVMe is reached.
fn paths(roots: &Roots, disk: &str) -> Vec<String> {
    let paths = names(&roots.disk(disk).join("multipath"));
    if !paths.is_empty() {
        return paths;
    }
    // Older kernels have no such directory. There, the names alone tell.
    let mut paths = names(&roots.sysfs.join("block"));
    paths.retain(|path| head(path).as_deref() == Some(disk));
    paths
}

/// The multipath namespace that a disk such as `nvme0c1n2` is a path of.
pub(crate) fn head(path: &str) -> Option<String> {
    let (subsystem, rest) = path.strip_prefix("nvme")?.split_once('c')?;
    let (controller, namespace) = rest.split_once('n')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_path = [subsystem, controller, namespace].into_iter().all(digits);
    is_path.then(|| format!("nvme{subsystem}n{namespace}"))
}

/// The same sectors, in order, with those joined that touch or overlap.
pub(crate) fn joined(mut extents: Vec<Extent>) -> Vec<Extent> {
    extents.sort();
    let mut all: Vec<Extent> = Vec::new();
    for extent in extents {
        match all.last_mut() {
            Some(last) if extent.start <= last.end() => {
                last.length = last.end().max(extent.end()) - last.start;
            }
            _ => all.push(extent),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extents_that_touch_are_one() {
        let extents = |pairs: &[(u64, u64)]| {
            let extents = pairs
                .iter()
                .map(|&(start, length)| Extent { start, length });
            extents.collect::<Vec<_>>()
        };
        for (given, expected) in [
            (&[(8, 8), (0, 8)][..], &[(0, 16)][..]),
            (&[(0, 8), (9, 1), (2, 2)], &[(0, 8), (9, 1)]),
            (&[(0, u64::MAX), (5, 5)], &[(0, u64::MAX)]),
            (&[], &[]),
        ] {
            assert_eq!(joined(extents(given)), extents(expected), "{given:?}");
        }
    }

    #[test]
    fn a_path_of_nvme_is_known_by_its_name() {
        assert_eq!(head("nvme0c1n2").as_deref(), Some("nvme0n2"));
        for name in ["nvme0n1", "nvme0c1", "nvmec1n1", "sda", "nvme0c1n1p1"] {
            assert_eq!(head(name), None, "{name}");
        }
    }
}
