// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The devices that people name, as an injection's files `device` and `sectors` have them.

use crate::{
    error::{Exit, failure, note},
    interface::{Name, Settings, Value, values::Values},
    system::{
        Roots,
        block::{Block, Extent},
        stack::{Part, joined},
        target::{Resolved, resolve_all},
    },
};
use anyhow::Result;
use chaos_policy::policy::{device::MOST_DEVICES, sectors::MOST_RANGES};
use std::collections::BTreeMap;

/// Puts the driver's names of the devices into the settings, and the sectors that are meant.
///
/// # Errors
///
/// If a device is not there and can never be, or the driver has no words for the devices.
pub(super) fn put(roots: &Roots, settings: &mut Settings) -> Result<()> {
    let Some(devices) = settings.text(Name::Device).map(str::to_owned) else {
        return Ok(());
    };
    let mut meant = Meant::default();
    for resolved in resolve_all(roots, &devices)? {
        meant.add(resolved);
    }
    let names = meant.names();
    if names.len() > MOST_DEVICES {
        return Err(failure(
            Exit::Usage,
            format!(
                "{devices} is on {} devices, and an injection can name {MOST_DEVICES}: {}; make \
                 several injections, with some of these each",
                names.len(),
                names.join(",")
            ),
        ));
    }
    match settings.text(Name::Sectors).filter(|text| !text.is_empty()) {
        Some(sectors) => meant.check_sectors(roots, sectors)?,
        None => {
            if let Some(sectors) = meant.sectors(roots)? {
                settings.set(Name::Sectors, Value::Text(sectors));
            }
        }
    }
    settings.set(Name::Device, Value::Text(names.join(" ")));
    Ok(())
}

/// Puts the sectors that an injection has into a change of its devices: the user's own sectors
/// stay, and those of the former devices end.
///
/// # Errors
///
/// If the change has other sectors for the devices that stay, and these are sectors themselves.
pub(super) fn put_former_sectors(asked: &mut Settings, former: &Values) -> Result<()> {
    let former = former.text(Name::Sectors).unwrap_or_default();
    // Only this program writes the disk of a range.
    let are_of_devices = former.contains(':');
    match (asked.text(Name::Device), asked.text(Name::Sectors)) {
        (Some(_), None) if are_of_devices => {
            asked.set(Name::Sectors, Value::Text(String::new()));
        }
        (Some(_), None) if !former.is_empty() => {
            asked.set(Name::Sectors, Value::Text(former.to_owned()));
        }
        (None, Some(_)) if are_of_devices => {
            return Err(failure(
                Exit::Usage,
                format!(
                    "the devices of this injection are the sectors {former}, and --sectors would be \
                     others; name the disk with --device, too"
                ),
            ));
        }
        _ => {}
    }
    Ok(())
}

/// Everything that a text of `--device` means.
#[derive(Default)]
struct Meant {
    /// The parts of disks, those of a device together.
    parts: Vec<Part>,
    /// Names of disks that are not there yet.
    absent: Vec<String>,
}

impl Meant {
    fn add(&mut self, resolved: Resolved) {
        match resolved {
            Resolved::There(target) => {
                for sentence in &target.notes {
                    note(sentence);
                }
                self.parts.extend(target.parts);
            }
            Resolved::Absent(name) => {
                note(&format!(
                    "there is no device {name} yet; the injection reaches it once it is there and \
                     on ioem"
                ));
                self.absent.push(name);
            }
        }
    }

    /// The driver's names of all devices, each once.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let all = self.parts.iter().map(|part| &part.device);
        for name in all.chain(&self.absent) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// The text of `sectors` if only some sectors of a device are meant.
    fn sectors(&self, roots: &Roots) -> Result<Option<String>> {
        let Some(narrowed) = self.parts.iter().find(|part| part.extents.is_some()) else {
            return Ok(None);
        };
        if let Some(absent) = self.absent.first() {
            return Err(failure(
                Exit::Usage,
                format!(
                    "{absent} is not there yet, and only some sectors of {} are meant; make an \
                     injection for each",
                    narrowed.device
                ),
            ));
        }
        let mut ranges: BTreeMap<&str, Vec<Extent>> = BTreeMap::new();
        for part in &self.parts {
            // A range of one disk leaves no other I/O of any disk, so that each needs its own.
            let disk = ranges.entry(&part.disk).or_default();
            disk.extend(extents(roots, part));
        }
        let words: Vec<String> = ranges
            .into_iter()
            .flat_map(|(disk, extents)| {
                let extents = joined(extents).into_iter();
                extents.map(move |extent| format!("{disk}:{}+{}", extent.start, extent.length))
            })
            .collect();
        if words.len() > MOST_RANGES {
            note(&format!(
                "these are {} ranges of sectors, and an injection can have {MOST_RANGES}; so it \
                 reaches all of {}",
                words.len(),
                self.names().join(", ")
            ));
            return Ok(None);
        }
        Ok(Some(words.join(" ")))
    }

    /// Checks ranges that the user gave, which count from the beginning of each disk.
    fn check_sectors(&self, roots: &Roots, sectors: &str) -> Result<()> {
        if let Some(part) = self.parts.iter().find(|part| part.extents.is_some()) {
            let own = part.extents.iter().flatten();
            let own: Vec<String> = own.map(shown).collect();
            return Err(failure(
                Exit::Usage,
                format!(
                    "the device itself is the sectors {} of {}, and --sectors would be others; leave \
                     --sectors out, or say --device {} --sectors with a part of these",
                    own.join(","),
                    part.disk,
                    part.disk
                ),
            ));
        }
        let asked: Vec<Extent> = sectors.split(' ').filter_map(plain).collect();
        // A range of one disk is the user's own affair.
        if asked.len() < sectors.split(' ').count() {
            return Ok(());
        }
        for part in &self.parts {
            let own = extents(roots, part);
            if own
                .iter()
                .any(|own| asked.iter().any(|asked| own.common(asked).is_some()))
            {
                continue;
            }
            let own: Vec<String> = own.iter().map(shown).collect();
            let (device, disk) = (&part.device, &part.disk);
            return Err(failure(
                Exit::Usage,
                format!(
                    "no I/O to {device} is in these --sectors, which count from the beginning of \
                     {disk}: {device} is the sectors {}",
                    own.join(",")
                ),
            ));
        }
        Ok(())
    }
}

/// The sectors of its disk that a part is.
fn extents(roots: &Roots, part: &Part) -> Vec<Extent> {
    let everything = Extent {
        start: 0,
        length: u64::MAX,
    };
    part.extents.clone().unwrap_or_else(|| {
        let block = Block::named(roots, &part.device);
        let partition = block.filter(Block::is_partition);
        let extent = partition.and_then(|block| block.extent(roots));
        vec![extent.unwrap_or(everything)]
    })
}

/// A range as people write it.
fn shown(extent: &Extent) -> String {
    format!("{}+{}", extent.start, extent.length)
}

/// A range without a disk before it.
fn plain(word: &str) -> Option<Extent> {
    let (start, length) = word.split_once('+')?;
    Some(Extent {
        start: start.parse().ok()?,
        length: length.parse().ok()?,
    })
}
