// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Whether an injection was at work for as long as its command ran: a test that ran without the
//! injection must not look as if it had passed.
//!
//! The witness looks now and then, and so does not notice a switch that was off for a shorter time
//! than the pause between two looks.

use super::{
    lease,
    owned::Owned,
    reach::{named, reached},
};
use crate::{
    interface::{Name, Settings, attributes::ENABLED, stats::Stats, units},
    system::{Roots, attached::attached_names},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A condition of an injection's work.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Need {
    /// Nobody has removed the injection.
    There,
    /// The injection is on.
    Enabled,
    /// All injections are on.
    AllEnabled,
    /// A disk is on ioem.
    Attached(String),
}

/// A condition that held when the injection was made, and the times at which the witness saw that
/// it did not, from the beginning of the injection on.
#[derive(Debug)]
struct Watched {
    need: Need,
    missing_since: Option<Duration>,
    gap: Option<(Duration, Duration)>,
}

/// Sees what an injection does.
#[derive(Debug)]
pub(crate) struct Witness {
    roots: Roots,
    owned: Arc<Owned>,
    /// The devices that the injection names, as the driver takes them.
    devices: Option<String>,
    begun: Instant,
    seen: Mutex<Seen>,
}

/// The observations so far.
#[derive(Debug, Default)]
struct Seen {
    watched: Vec<Watched>,
    acted: bool,
    stats: Stats,
}

impl Witness {
    /// A witness of an injection that has just been made.
    pub(crate) fn new(roots: &Roots, owned: &Arc<Owned>, settings: &Settings) -> Self {
        let devices = settings.text(Name::Device).map(str::to_owned);
        let witness = Self {
            roots: roots.clone(),
            owned: Arc::clone(owned),
            devices,
            begun: Instant::now(),
            seen: Mutex::default(),
        };
        let attached = attached_names(roots);
        let mut disks = reached(roots, settings);
        disks.retain(|disk| attached.contains(disk));
        let mut needs = vec![Need::There, Need::Enabled, Need::AllEnabled];
        needs.retain(|need| *need != Need::Enabled || settings.enabled);
        needs.extend(disks.into_iter().map(Need::Attached));
        let watched = needs
            .into_iter()
            .filter(|need| witness.is_met(need, &attached))
            .map(|need| Watched {
                need,
                missing_since: None,
                gap: None,
            });
        let watched = watched.collect();
        witness.with(|seen| seen.watched = watched);
        witness.look();
        witness
    }

    fn with<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        // Each look leaves the observations whole, so that a look that broke off does no harm.
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the injection.
    pub(crate) fn look(&self) {
        let now = self.begun.elapsed();
        let attached = attached_names(&self.roots);
        let stats = self.owned.read("stats");
        let acts = self.acts(&attached);
        self.with(|seen| {
            for watched in &mut seen.watched {
                if !self.is_met(&watched.need, &attached) {
                    watched.missing_since.get_or_insert(now);
                } else if let Some(since) = watched.missing_since.take() {
                    watched.gap.get_or_insert((since, now));
                }
            }
            seen.acted |= acts;
            if let Ok(text) = stats {
                seen.stats = Stats::parse(&text);
            }
        });
    }

    /// A condition whose file cannot be read counts as met.
    fn is_met(&self, need: &Need, attached: &[String]) -> bool {
        match need {
            Need::There => self.owned.is_there(),
            Need::Enabled => self.owned.read(ENABLED).map_or(true, |text| text != "0"),
            Need::AllEnabled => self.roots.enabled().unwrap_or(true),
            Need::Attached(disk) => attached.contains(disk),
        }
    }

    /// Whether the injection can reach I/O now.
    fn acts(&self, attached: &[String]) -> bool {
        let reached = match &self.devices {
            Some(devices) => named(&self.roots, devices),
            None => attached.iter().cloned().collect::<BTreeSet<_>>(),
        };
        let switches = [Need::There, Need::Enabled, Need::AllEnabled];
        switches.iter().all(|need| self.is_met(need, attached))
            && reached.iter().any(|disk| attached.contains(disk))
    }

    /// Whether the injection could reach I/O at any look.
    pub(crate) fn acted(&self) -> bool {
        self.with(|seen| seen.acted)
    }

    /// The injection's numbers at the last look at which it was there.
    pub(crate) fn stats(&self) -> Stats {
        self.with(|seen| seen.stats.clone())
    }

    /// The rest of a sentence about the injection, if it was not at work all the time in which
    /// `who` ran; `lapsed` if its lease was not renewed in time. This program asks before it ends
    /// the injection.
    pub(crate) fn end(&self, lapsed: bool, who: &str) -> Option<String> {
        self.look();
        let ended =
            |why: String| format!("had ended before {who} did: part of it ran without; {why}");
        let missing = |need: Option<&Need>| {
            self.with(|seen| {
                let mut watched = seen.watched.iter();
                let found = watched.find_map(|watched| {
                    let is_meant = need.is_none_or(|need| watched.need == *need);
                    let since = watched.missing_since.filter(|_| is_meant)?;
                    Some((watched.need.clone(), since))
                });
                found.map(|(need, since)| {
                    let why = match need {
                        Need::There => "somebody removed it".to_owned(),
                        Need::Enabled => "it was switched off".to_owned(),
                        Need::AllEnabled => "all injections were switched off".to_owned(),
                        Need::Attached(disk) => format!("{disk} was taken off ioem"),
                    };
                    ended(format!("{why} about {} after it began", rough(since)))
                })
            })
        };
        if let Some(sentence) = missing(Some(&Need::There)) {
            return Some(sentence);
        }
        if lapsed {
            return Some(ended(format!(
                "kchaos was stopped, or had no processor, for longer than the lease of {} ms",
                lease::LENGTH_MS
            )));
        }
        missing(None).or_else(|| self.gap(who))
    }

    /// The same about the first time in which a condition did not hold, and then held again.
    fn gap(&self, who: &str) -> Option<String> {
        let gap = |watched: &Watched| {
            let what = match &watched.need {
                Need::There => return None,
                Need::Enabled => "it was off".to_owned(),
                Need::AllEnabled => "all injections were off".to_owned(),
                Need::Attached(disk) => format!("{disk} was not on ioem"),
            };
            let (from, to) = watched.gap?;
            let (from, to) = (rough(from), rough(to));
            Some(format!(
                "did nothing for part of the time in which {who} ran: {what} \
                 from about {from} to {to} after it began"
            ))
        };
        self.with(|seen| seen.watched.iter().find_map(gap))
    }
}

/// A time in tenths of a second.
fn rough(time: Duration) -> String {
    let tenths = u64::try_from(time.as_millis() / 100).unwrap_or(u64::MAX);
    units::show_microseconds(tenths.saturating_mul(100_000))
}
