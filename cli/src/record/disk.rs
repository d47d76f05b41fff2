// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disk of a recording, or the part of it.

use crate::{
    error::{Exit, failure, note},
    system::{
        Roots,
        beside::listed,
        block::{Block, Extent},
        files::read,
        target,
    },
};
use anyhow::{Context, Result};
use std::path::Path;

/// The most ranges of sectors that a filter of the kernel has room for.
const MOST_EXTENTS: usize = 16;

/// The disk, or the part of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Traced {
    /// The driver's name of the disk or the partition.
    pub(super) name: String,
    /// The disk's number, as traces have it.
    number: u32,
    /// The sectors of the disk, if not all of them count.
    extents: Vec<Extent>,
}

impl Traced {
    /// Looks a name up.
    ///
    /// # Errors
    ///
    /// If there is no such device, or it is on several disks.
    pub(super) fn find(roots: &Roots, device: &Path) -> Result<Self> {
        roots.require_sysfs()?;
        let target = target::there(roots, device)?;
        let [part] = &target.parts[..] else {
            let names: Vec<_> = target
                .parts
                .iter()
                .map(|part| part.device.clone())
                .collect();
            let message = format!(
                "{} is on {}, and a recording is of one disk; name one of these",
                device.display(),
                listed(&names)
            );
            return Err(failure(Exit::Usage, message));
        };
        for sentence in &target.notes {
            note(sentence);
        }
        let extents = match &part.extents {
            Some(extents) => extents.clone(),
            None if part.device == part.disk => Vec::new(),
            None => {
                let block = Block::named(roots, &part.device);
                let extent = block.and_then(|block| block.extent(roots));
                vec![extent.with_context(|| format!("{} has no sectors", part.device))?]
            }
        };
        if extents.len() > MOST_EXTENTS {
            let message = format!(
                "{} is in {} ranges of sectors of {}, and a recording can have {MOST_EXTENTS}; \
                 record {}",
                device.display(),
                extents.len(),
                part.disk,
                part.disk
            );
            return Err(failure(Exit::Usage, message));
        }
        let file = roots.disk(&part.disk).join("dev");
        if !file.exists() {
            let message = format!(
                "the kernel does not tell the number of {}, which traces have; a disk of NVMe with \
                 several paths has such disks below it",
                part.disk
            );
            return Err(failure(Exit::Name, message));
        }
        let text = read(&file)?;
        let number = number(text.trim());
        Ok(Self {
            name: part.device.clone(),
            number: number.with_context(|| format!("no number in {}", file.display()))?,
            extents,
        })
    }

    /// The kernel's filter for its events. A flush has no sectors, and is the whole disk's.
    pub(super) fn filter(&self) -> String {
        let disk = format!("dev == {}", self.number);
        if self.extents.is_empty() {
            return disk;
        }
        let within = self
            .extents
            .iter()
            .map(|extent| format!("(sector >= {} && sector < {})", extent.start, extent.end()));
        let within: Vec<String> = within.collect();
        format!("{disk} && (nr_sector == 0 || {})", within.join(" || "))
    }
}

/// The kernel's own number of a device, from a text such as `8:16`.
fn number(text: &str) -> Option<u32> {
    let (major, minor) = text.split_once(':')?;
    let [major, minor] = [major, minor].map(|part| part.parse::<u32>().ok());
    Some(major? << 20 | minor?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_has_the_disk_and_the_sectors() {
        let mut disk = Traced {
            name: "sda".to_owned(),
            number: number("8:16").unwrap(),
            extents: Vec::new(),
        };
        assert_eq!(disk.filter(), "dev == 8388624");
        disk.extents = [(2_048, 8), (8_192, 16)]
            .map(|(start, length)| Extent { start, length })
            .to_vec();
        assert_eq!(
            disk.filter(),
            "dev == 8388624 && (nr_sector == 0 || (sector >= 2048 && sector < 2056) || (sector >= \
             8192 && sector < 8208))"
        );
        assert_eq!(number("8"), None);
    }
}
