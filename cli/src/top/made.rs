// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Looks that were made up, for tests.

use super::{keys::Key, sample::Look};
use crate::{
    interface::{
        Name, attribute,
        listed::Listed,
        snapshot::Snapshot,
        stats::{Stats, parse_queues},
        values::Values,
    },
    show::status::Sample,
    system::traffic::Traffic,
};
use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

/// The time of the first look.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// An injection: its name, some of its files, and its counts.
pub(super) type Made<'a> = (&'a str, &'a [(Name, &'a str)], &'a str);

/// A look at this time, at injections, and at disks with their files `held` and `stat`.
pub(super) fn look(at_ms: u64, injections: &[Made<'_>], disks: &[(&str, &str, &str)]) -> Look {
    let injections = injections.iter().map(|(name, files, stats)| {
        let values = files.iter().map(|(name, text)| {
            let attribute = attribute(*name);
            (attribute, attribute.parse_file(text).unwrap())
        });
        let (values, stats) = (Values(values.collect()), Stats::parse(stats));
        Snapshot::new((*name).to_owned(), values, stats, Listed::default(), true)
    });
    let devices = disks.iter();
    let devices = devices.map(|(disk, held, _)| ((*disk).to_owned(), parse_queues(held)));
    let traffic = disks.iter();
    let traffic = traffic.map(|(disk, _, stat)| ((*disk).to_owned(), Traffic::parse(stat)));
    Look {
        sample: Sample {
            time: *BEGIN + Duration::from_millis(at_ms),
            enabled: true,
            injections: injections.collect(),
            devices: devices.collect(),
        },
        traffic: traffic.collect(),
        all_off: None,
    }
}

/// The keys for these letters; `\n` is Enter, and `\x1b` Escape.
pub(super) fn keys(typed: &str) -> impl Iterator<Item = Key> {
    typed.chars().map(|letter| match letter {
        '\n' => Key::Enter,
        '\x1b' => Key::Escape,
        _ => Key::Letter(letter),
    })
}
