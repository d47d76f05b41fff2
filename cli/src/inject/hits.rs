// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The I/O that an injection hit while a command ran, in one line; a line about none says why.

use super::{
    command::Ended,
    missed,
    reach::named,
    run::{Run, in_words},
    witness::Witness,
};
use crate::{
    error::{Exit, note},
    interface::{
        Name, Settings,
        ending::Ending,
        stats::NOT_FAILED,
        units::{at_most, grouped},
    },
    system::{Roots, attached::attached_names, block::Block, files::names, traffic::Traffic},
};
use std::collections::{BTreeMap, BTreeSet};

/// The I/O of all devices at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Before(BTreeMap<String, Traffic>);

impl Before {
    /// Looks at all devices.
    pub(crate) fn new(roots: &Roots) -> Self {
        let devices = names(&roots.sysfs.join("class/block")).into_iter();
        let before = devices.filter_map(|device| {
            let traffic = Traffic::read(roots, &device)?;
            Some((device, traffic))
        });
        Self(before.collect())
    }
}

/// The I/O of all devices before a command runs.
#[derive(Debug)]
pub(crate) struct Hits<'a> {
    roots: &'a Roots,
    name: &'a str,
    settings: &'a Settings,
    /// The command, in words.
    who: &'a str,
    /// Whether the injection's cgroup is the command's own.
    own_cgroup: bool,
    before: Before,
}

/// The hits of a command's injection, for the user.
#[derive(Debug)]
pub(crate) struct Outcome {
    name: String,
    words: String,
    hits: u64,
}

impl Outcome {
    /// The hits in words, or why there are none.
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// Tells the user, and returns the exit code: that of the command, unless `expected` hits are
    /// missing.
    pub(crate) fn tell(&self, expected: bool, ended: &Ended) -> u8 {
        // A command that never began had no I/O.
        if ended.was_started || self.hits > 0 {
            note(&format!("{}: {}", self.name, self.words));
        }
        if expected && ended.code == 0 && self.hits == 0 {
            return Exit::NoHits as u8;
        }
        ended.code
    }
}

impl<'a> Hits<'a> {
    /// Looks at all devices. The command `who`, which is about to run, is in the cgroup of this
    /// program, unless the injection's cgroup is the command's own.
    pub(crate) fn new(
        roots: &'a Roots,
        name: &'a str,
        settings: &'a Settings,
        who: &'a str,
        own_cgroup: bool,
    ) -> Self {
        Self {
            own_cgroup,
            ..Self::since(Before::new(roots), roots, name, settings, who)
        }
    }

    /// The same for a look at all devices that was before.
    pub(crate) fn since(
        before: Before,
        roots: &'a Roots,
        name: &'a str,
        settings: &'a Settings,
        who: &'a str,
    ) -> Self {
        Self {
            roots,
            name,
            settings,
            who,
            own_cgroup: false,
            before,
        }
    }

    /// The hits of the injection, by the numbers that the witness saw last. `idle` is the
    /// rest of a sentence about the injection, if it was not at work all the time.
    pub(crate) fn end(&self, witness: &Witness, idle: Option<&str>) -> Outcome {
        let devices = devices(self.roots, self.settings);
        let since = |device: &str| {
            let before = self.before.0.get(device).copied().unwrap_or_default();
            let now = Traffic::read(self.roots, device);
            now.map_or(Traffic::default(), |now| now.since(before))
        };
        let traffic = devices.iter().map(|device| since(device));
        let traffic = traffic.fold(Traffic::default(), Traffic::and);
        let disks: BTreeSet<String> = devices
            .iter()
            .flat_map(|device| named(self.roots, device))
            .collect();
        let flushes = disks.iter().map(|disk| since(disk).flushes);
        let flushes = flushes.fold(0, u64::saturating_add);
        let mut others: Vec<(String, u64)> = names(&self.roots.sysfs.join("block"))
            .into_iter()
            .filter(|disk| !devices.contains(disk))
            .map(|disk| (since(&disk).total(), disk))
            .filter(|(total, _)| *total > 0)
            .map(|(total, disk)| (disk, total))
            .collect();
        others.sort_by_key(|(_, total)| std::cmp::Reverse(*total));
        let run = Run {
            roots: self.roots,
            settings: self.settings,
            who: self.who,
            own_cgroup: self.own_cgroup,
            devices,
            traffic,
            flushes,
            others,
            stats: witness.stats(),
            acted: witness.acted(),
            idle,
        };
        let hits = run.stats.hits();
        let words = if hits > 0 {
            hit(&run)
        } else {
            format!("no I/O was hit: {}", missed::why(&run))
        };
        Outcome {
            name: self.name.to_owned(),
            words,
            hits,
        }
    }
}

/// The devices that the injection reaches, without partitions of disks that it reaches as a whole.
fn devices(roots: &Roots, settings: &Settings) -> Vec<String> {
    let Some(devices) = settings.text(Name::Device) else {
        return attached_names(roots);
    };
    let found = devices.split(' ').map(|text| {
        let block = Block::find_exact(roots, text);
        block.map_or(text.to_owned(), |block| block.name)
    });
    let mut found: Vec<String> = found.collect();
    let all = found.clone();
    found.retain(|name| {
        let disks = named(roots, name);
        !disks.iter().any(|disk| disk != name && all.contains(disk))
    });
    found.dedup();
    found
}

/// `1,204 of 3,310 I/Os on sda delayed, p50 at most 10.3ms, p99 at most 12.9ms`.
fn hit(run: &Run<'_>) -> String {
    let stats = &run.stats;
    let freezes = run.settings.freezes();
    let failed = match run.settings.text(Name::Error) {
        Some(error) => format!("failed with {error}"),
        None => "failed".to_owned(),
    };
    let counts = [
        ("failed", &*failed),
        ("dropped", "lost"),
        ("torn", "torn"),
        ("corrupted", "with flipped bits"),
        ("delayed", if freezes { "hung" } else { "delayed" }),
        ("limited", "had to wait for the limit"),
    ];
    let mut counts = counts
        .into_iter()
        .map(|(key, words)| (stats.get(key), words))
        .filter(|(count, _)| *count > 0);
    let (count, words) = counts.next().unwrap_or_default();
    let all = run.traffic.total().max(stats.get("matched"));
    // Without the block layer's counts of the disk, nobody knows how many there were.
    let of_all = match all {
        1 => " of 1 I/O".to_owned(),
        all if all >= count && run.traffic.total() > 0 => format!(" of {} I/Os", grouped(all)),
        _ => " I/Os".to_owned(),
    };
    let mut parts = vec![format!(
        "{}{of_all} on {} {words}",
        grouped(count),
        in_words(&run.devices)
    )];
    parts.extend(counts.map(|(count, words)| format!("{} {words}", grouped(count))));
    for per_cent in [50, 99] {
        let time = stats.percentile_us(per_cent);
        parts.extend(time.map(|time| format!("p{per_cent} at most {}", at_most(time))));
    }
    let ending = run.settings.ending();
    let missed = ending.map_or("ended as usual all the same", Ending::missed);
    for (key, words) in [
        ("held", "held still at the end"),
        ("released_early", "released before their time"),
        ("no_memory", "not held, as there was no memory"),
        (NOT_FAILED, missed),
    ] {
        // No time ends a hang, so that nothing else is to be expected.
        let is_usual = freezes && key == "released_early";
        let count = if is_usual { 0 } else { stats.get(key) };
        parts.extend((count > 0).then(|| format!("{} {words}", grouped(count))));
    }
    parts.join(", ")
}
