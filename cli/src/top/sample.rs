// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Looks at injections and disks, and tells what grew between two looks.

use crate::{
    interface::{
        Name, Value,
        snapshot::{Snapshot, State},
        stats::{self, Stats},
    },
    show::{columns::printable, describe::Described, status::Sample},
    system::{Roots, traffic::Traffic},
};
use anyhow::Result;
use std::{collections::BTreeMap, time::Duration};

/// The injections and disks at one time.
pub(super) struct Look {
    pub(super) sample: Sample,
    /// The I/O so far of each disk on ioem.
    pub(super) traffic: BTreeMap<String, Traffic>,
    /// The sentence about the switch of all injections, if that is off.
    pub(super) all_off: Option<String>,
}

impl Look {
    /// Looks, and changes nothing.
    ///
    /// # Errors
    ///
    /// If there is no interface.
    pub(super) fn take(roots: &Roots) -> Result<Self> {
        let sample = Sample::take(roots, &[])?;
        let disks = sample.devices.iter().map(|(disk, _)| disk);
        let traffic = disks.filter_map(|disk| Some((disk.clone(), Traffic::read(roots, disk)?)));
        Ok(Self {
            traffic: traffic.collect(),
            all_off: (!sample.enabled).then(|| roots.all_off()),
            sample,
        })
    }

    /// The injections, with their growth since another look.
    pub(super) fn injections(&self, before: Option<&Self>) -> Vec<Injection> {
        let injections = self.sample.injections.iter();
        let shown = injections.map(|seen| Injection::new(seen, self.growth(seen, before)));
        shown.collect()
    }

    fn growth(&self, seen: &Snapshot, before: Option<&Self>) -> Option<Growth> {
        let before = before?;
        let mut others = before.sample.injections.iter();
        let then = others.find(|other| other.name == seen.name)?;
        Some(Growth {
            stats: seen.stats.since(&then.stats)?,
            time: self.since(before)?,
        })
    }

    /// The time since another look, unless there is none.
    fn since(&self, before: &Self) -> Option<Duration> {
        let time = self.sample.time.duration_since(before.sample.time);
        Some(time).filter(|time| !time.is_zero())
    }

    /// The disks on ioem, with their I/O since another look.
    pub(super) fn disks(&self, before: Option<&Self>) -> Vec<Disk> {
        let disks = self.sample.devices.iter().map(|(name, queues)| {
            let then = before.and_then(|before| Some((before, before.traffic.get(name)?)));
            let grown = then.and_then(|(before, then)| {
                let grown = self.traffic.get(name)?.since(*then);
                Some((grown, self.since(before)?.as_secs_f64()))
            });
            Disk {
                name: printable(name),
                held: stats::held(&queues.items),
                reads: grown.map(|(grown, seconds)| grown.reads as f64 / seconds),
                writes: grown.map(|(grown, seconds)| grown.writes as f64 / seconds),
                mean_us: grown.and_then(|(grown, _)| grown.mean_us()),
            }
        });
        disks.collect()
    }
}

/// The numbers of an injection that grew in a time.
pub(super) struct Growth {
    pub(super) stats: Stats,
    pub(super) time: Duration,
}

impl Growth {
    /// A number of them in each second.
    pub(super) fn rate(&self, number: impl Fn(&Stats) -> u64) -> f64 {
        number(&self.stats) as f64 / self.time.as_secs_f64()
    }
}

/// An injection.
pub(super) struct Injection {
    /// Its name as it is.
    pub(super) name: String,
    pub(super) state: State,
    /// Its own switch.
    pub(super) is_enabled: bool,
    /// The time that is left of its lease.
    pub(super) left_ms: Option<u64>,
    /// The disks that it names.
    pub(super) disks: Option<String>,
    /// Its effect in words.
    pub(super) words: String,
    pub(super) problems: Vec<String>,
    pub(super) stats: Stats,
    pub(super) growth: Option<Growth>,
}

impl Injection {
    fn new(seen: &Snapshot, growth: Option<Growth>) -> Self {
        Self {
            name: seen.name.clone(),
            state: seen.state,
            is_enabled: seen.values.get(Name::Enabled) != Some(&Value::Number(0)),
            left_ms: seen.ends_in_ms(),
            disks: seen.values.devices(),
            words: Described::seen(seen).words_in_full(),
            problems: seen.problems.clone(),
            stats: seen.stats.clone(),
            growth,
        }
    }
}

/// A disk on ioem.
pub(super) struct Disk {
    pub(super) name: String,
    pub(super) held: u64,
    /// Reads a second.
    pub(super) reads: Option<f64>,
    /// Writes a second.
    pub(super) writes: Option<f64>,
    /// The mean time that its I/O took, if there was any.
    pub(super) mean_us: Option<u64>,
}
