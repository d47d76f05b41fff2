// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The devices that people name, as an injection's files `device` and `sectors` have them.

use super::consent::Reason;
use crate::{
    error::{Exit, failure, note},
    interface::{
        Form, Name, Settings, Value,
        values::{Values, disks_of},
    },
    system::{
        Roots,
        beside::{Beside, Other, listed, named},
        block::{Block, Extent},
        stack::{Part, joined},
        target::{Resolved, resolve, resolve_all},
    },
};
use anyhow::Result;
use chaos_policy::policy::{device::MOST_DEVICES, sectors::MOST_RANGES};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Puts the driver's names of the devices into the settings, and the sectors that are meant.
/// Without `force`, returns the reasons for which it is wanted: the I/O of others would be hit,
/// because the sectors of a volume cannot be told.
///
/// # Errors
///
/// If a device is not there and can never be, or the driver has no words for the devices.
pub(super) fn put(roots: &Roots, settings: &mut Settings, force: bool) -> Result<Vec<Reason>> {
    if let Some(sectors) = settings.text(Name::Sectors) {
        let sectors = with_disks(roots, sectors)?;
        settings.set(Name::Sectors, Value::Text(sectors));
    }
    let mut reasons = Vec::new();
    let Some(devices) = settings.text(Name::Device).map(str::to_owned) else {
        return Ok(reasons);
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
    if !force {
        reasons.extend(meant.same());
    }
    match settings.text(Name::Sectors).filter(|text| !text.is_empty()) {
        Some(sectors) => meant.check_sectors(roots, sectors)?,
        None => match meant.sectors(roots)? {
            Meaning::All => {}
            Meaning::Sectors(sectors) => settings.set(Name::Sectors, Value::Text(sectors)),
            Meaning::TooMany(why) => match meant.too_many(&why).filter(|_| !force) {
                Some(reason) => reasons.push(reason),
                None => note(&format!("{why}; so it reaches all of {}", names.join(", "))),
            },
        },
    }
    settings.set(Name::Device, Value::Text(names.join(" ")));
    Ok(reasons)
}

/// Puts the disks before the ranges of sectors into settings that name no device: they are named,
/// and the injection affects no other.
pub(super) fn put_disks_of_sectors(settings: &mut Settings) {
    let sectors = settings.text(Name::Sectors).filter(|text| !text.is_empty());
    let Some(disks) = sectors.and_then(disks_of) else {
        return;
    };
    if settings.text(Name::Device).is_none() {
        let disks = disks.into_iter().collect::<Vec<_>>().join(",");
        settings.set(Name::Device, Value::Text(disks));
    }
}

/// Puts the sectors that an injection has into a change of its devices: the user's own sectors
/// stay, and those of the former devices end.
///
/// # Errors
///
/// If the change has other sectors for the devices that stay, and these are sectors themselves.
pub(super) fn put_former_sectors(asked: &mut Settings, former: &Values) -> Result<()> {
    let former = former.text(Name::Sectors).unwrap_or_default();
    let are_of_devices = former.contains(':');
    let have_disks = |sectors: &str| sectors.split(' ').all(|word| word.contains(':'));
    match (asked.text(Name::Device), asked.text(Name::Sectors)) {
        (Some(_), None) if are_of_devices => {
            asked.set(Name::Sectors, Value::Text(String::new()));
        }
        (Some(_), None) if !former.is_empty() => {
            asked.set(Name::Sectors, Value::Text(former.to_owned()));
        }
        (None, Some(sectors)) if are_of_devices && !have_disks(sectors) => {
            return Err(failure(
                Exit::Usage,
                format!(
                    "the devices of this injection are the sectors {former}, and --sectors would be \
                     others; write the disk before each range, such as sdb:0+2048, or name it with \
                     --device, too"
                ),
            ));
        }
        _ => {}
    }
    Ok(())
}

/// Refuses a change by which an injection of sectors would hit all of their disk: a user may have
/// typed the sectors, and the injection does not tell.
///
/// # Errors
///
/// [`Exit::Usage`]; the message tells how to keep the sectors, and how to be rid of them.
pub(super) fn check_former_sectors(resolved: &Settings, former: &Values) -> Result<()> {
    let sectors = former.text(Name::Sectors).unwrap_or_default();
    let devices = resolved.text(Name::Device).unwrap_or_default();
    let narrows = resolved
        .text(Name::Sectors)
        .is_some_and(|text| !text.is_empty());
    let mut ranges = sectors.split(' ').filter_map(|range| range.split_once(':'));
    let whole = ranges.find(|(disk, _)| devices.split(' ').any(|device| device == *disk));
    match whole {
        Some((disk, _)) if !narrows => Err(failure(
            Exit::Usage,
            format!(
                "this injection hits the sectors {sectors} only, and would hit all of {disk}; add \
                 --sectors with ranges of each disk, such as {}, or make it anew for all: kchaos \
                 inject ... --replace",
                sectors.replace(' ', ",")
            ),
        )),
        _ => Ok(()),
    }
}

/// The sectors that are meant.
enum Meaning {
    /// All sectors of the devices.
    All,
    /// These, as a text of `sectors`.
    Sectors(String),
    /// More ranges than an injection can have: the sentence about it.
    TooMany(String),
}

/// Everything that a text of `--device` means.
#[derive(Default)]
struct Meant {
    /// The parts of disks, those of a device together.
    parts: Vec<Part>,
    /// Names of disks that are not there yet.
    absent: Vec<String>,
    /// Everything else on the disks of each device.
    beside: Vec<Beside>,
    /// All devices from the names down to the disks.
    met: BTreeSet<String>,
    /// Devices of the device mapper whose sectors are not known.
    unread: BTreeSet<String>,
}

impl Meant {
    fn add(&mut self, resolved: Resolved) {
        match resolved {
            Resolved::There(target) => {
                for sentence in &target.notes {
                    note(sentence);
                }
                self.parts.extend(target.parts);
                self.beside.push(target.beside);
                self.met.extend(target.met);
                self.unread.extend(target.unread);
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

    /// The sectors of the devices that are meant.
    fn sectors(&self, roots: &Roots) -> Result<Meaning> {
        let Some(narrowed) = self.parts.iter().find(|part| part.extents.is_some()) else {
            return Ok(Meaning::All);
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
            return Ok(Meaning::TooMany(format!(
                "these are {} ranges of sectors, and an injection can have {MOST_RANGES}",
                words.len()
            )));
        }
        Ok(Meaning::Sectors(words.join(" ")))
    }

    /// The reason if the I/O of others is hit because the devices have too many ranges.
    fn too_many(&self, why: &str) -> Option<Reason> {
        let others = self.others(|beside| beside.same.iter().chain(&beside.same_device));
        (!others.is_empty()).then(|| self.too_much(why, &others))
    }

    /// The reason if the I/O of others is hit because it cannot be told from that of the devices:
    /// their sectors are not known, as those of a thin volume, or others have them too.
    fn same(&self) -> Option<Reason> {
        let others = self.others(|beside| beside.same.iter());
        if others.is_empty() {
            return None;
        }
        let unread: Vec<String> = self.unread.iter().cloned().collect();
        let why = match unread.as_slice() {
            [] => "nothing tells the sectors that are the device's alone".to_owned(),
            unread => format!(
                "`dmsetup table` does not tell the sectors of {}",
                listed(unread)
            ),
        };
        Some(self.too_much(&why, &others))
    }

    /// Other things on the disks, as far as no device that is named is one of them.
    fn others<'a, L: Iterator<Item = &'a Other>>(
        &'a self,
        list: impl Fn(&'a Beside) -> L,
    ) -> Vec<&'a Other> {
        let others = self.beside.iter().flat_map(list);
        others
            .filter(|other| !self.met.contains(&other.device))
            .collect()
    }

    /// The reason that an injection would hit the I/O of others.
    fn too_much(&self, why: &str, others: &[&Other]) -> Reason {
        let names = self.names();
        let why = format!(
            "{why}; so it would reach all of {}, also the I/O of {}",
            listed(&names),
            named(others.iter().copied())
        );
        let device = names.join(",");
        let instead = format!("if that is what you want, say --device {device}");
        Reason::new(why, &[&instead])
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
        for part in &self.parts {
            let own = match size(roots, &part.device) {
                Some(all) if part.device == part.disk => vec![all],
                _ => extents(roots, part),
            };
            let asked = sectors.split(' ').filter_map(|word| on(word, &part.disk));
            let asked: Vec<Extent> = asked.collect();
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

/// All sectors of a device, if it has any and sysfs tells.
fn size(roots: &Roots, device: &str) -> Option<Extent> {
    let all = Block::named(roots, device)?.extent(roots)?;
    (all.length > 0).then_some(all)
}

/// A range as people write it.
fn shown(extent: &Extent) -> String {
    format!("{}+{}", extent.start, extent.length)
}

/// A range as it is on a disk, unless it is of another one.
fn on(word: &str, disk: &str) -> Option<Extent> {
    let (of, range) = split(word);
    let (start, length) = range.split_once('+')?;
    of.is_none_or(|of| of == disk).then_some(Extent {
        start: start.parse().ok()?,
        length: length.parse().ok()?,
    })
}

/// The disk before a range, and the range.
fn split(word: &str) -> (Option<&str>, &str) {
    let parts = word.rsplit_once(':');
    parts.map_or((None, word), |(disk, range)| (Some(disk), range))
}

/// Ranges with the driver's name for the disk before each.
fn with_disks(roots: &Roots, sectors: &str) -> Result<String> {
    let ranges = sectors.split(' ').map(|word| match split(word) {
        (Some(name), range) => {
            let disk = disk(roots, name)?;
            check_range(roots, &disk, range)?;
            Ok(format!("{disk}:{range}"))
        }
        (None, range) => Ok(range.to_owned()),
    });
    let text = ranges.collect::<Result<Vec<_>>>()?.join(" ");
    if text.is_empty() {
        return Ok(text);
    }
    // Two names can be of one disk.
    let checked = Form::Sectors.parse(&text);
    checked.map_err(|message| failure(Exit::Usage, message))
}

/// Checks that a disk has sectors of a range.
fn check_range(roots: &Roots, disk: &str, range: &str) -> Result<()> {
    match (size(roots, disk), on(range, disk)) {
        (Some(all), Some(asked)) if all.common(&asked).is_none() => Err(failure(
            Exit::Usage,
            format!(
                "{disk} has no sector of {range}; it is the sectors {}",
                shown(&all)
            ),
        )),
        _ => Ok(()),
    }
}

/// The disk that people name before a range.
fn disk(roots: &Roots, name: &str) -> Result<String> {
    let target = match resolve(roots, Path::new(name))? {
        Resolved::There(target) => target,
        Resolved::Absent(name) => return Ok(name),
    };
    match target.parts.as_slice() {
        [part] if part.device == part.disk && part.extents.is_none() => Ok(part.disk.clone()),
        parts => {
            let disks: BTreeSet<&str> = parts.iter().map(|part| &*part.disk).collect();
            let disks: Vec<String> = disks.into_iter().map(str::to_owned).collect();
            Err(failure(
                Exit::Usage,
                format!(
                    "{name} is no disk, and sectors count from the beginning of one; choose sectors \
                     of {}, or all of {name} with --device",
                    listed(&disks)
                ),
            ))
        }
    }
}
