// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Hints about a new injection: the reasons why it does nothing, or less than was asked for.

use super::reach::named;
use crate::{
    error::note,
    interface::{Name, Settings, attributes::ENABLED, ceiling},
    system::{Roots, attached::attached_names, disk::requests},
};
use std::ffi::OsStr;

/// Certainty, in the file's smallest step.
const ALWAYS: u64 = 1_000_000;

/// A ceiling below this is worth a hint even if no limit was asked for.
const LOW: u64 = 1_000;

/// The most requests that a hardware queue can have.
const MOST_REQUESTS: u64 = 2_048;

/// Prints why a new injection does not work as asked for.
pub(super) fn hints(roots: &Roots, name: &str, settings: &Settings) {
    let attached = attached_names(roots);
    match settings.text(Name::Device) {
        Some(devices) => {
            let named = named(roots, devices).into_iter();
            for disk in named.filter(|disk| !attached.contains(disk)) {
                note(&format!("{disk} is not on ioem yet: kchaos attach {disk}"));
            }
        }
        None if attached.is_empty() => note("no device uses ioem yet: kchaos attach DEVICE"),
        None => {}
    }
    let all_off = matches!(roots.enabled(), Ok(false));
    if all_off {
        note(&roots.all_off());
    }
    if !settings.enabled {
        let file = roots.injection(OsStr::new(name)).join(ENABLED);
        note(&format!(
            "{name} does nothing until it is switched on: echo 1 > {}",
            file.display()
        ));
    } else if !all_off {
        for hint in low_ceilings(roots, name, settings) {
            note(&hint);
        }
    }
}

/// A sentence for each option that does nothing without others.
pub(super) fn idle(settings: &Settings) -> Vec<String> {
    let is_set = |name| settings.number(name).is_some_and(|number| number > 0);
    let percentiles = settings.text(Name::Percentiles).is_some();
    let varies = is_set(Name::JitterUs) || percentiles;
    let probability = settings.number(Name::Probability).unwrap_or(ALWAYS);
    let draws = varies || (1..ALWAYS).contains(&probability);
    let sentences = [
        (
            is_set(Name::Correlation) && !varies,
            "--correlation does nothing without --jitter or --percentiles",
        ),
        (
            settings.text(Name::Distribution).is_some() && !is_set(Name::JitterUs),
            "--distribution does nothing without --jitter",
        ),
        (
            is_set(Name::Seed) && !draws,
            "--seed does nothing without --jitter, --percentiles or --probability",
        ),
        (
            settings.number(Name::PeriodUs).is_some() && !is_set(Name::Quota),
            "--period does nothing without --quota",
        ),
    ];
    sentences
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, sentence)| sentence.to_owned())
        .collect()
}

/// A sentence for each disk on which the delay allows less than was asked for.
fn low_ceilings(roots: &Roots, name: &str, settings: &Settings) -> Vec<String> {
    let asked = settings
        .number(Name::Quota)
        .filter(|quota| *quota > 0)
        .map(|quota| {
            let period_us = settings.number(Name::PeriodUs).unwrap_or(1_000_000);
            u128::from(quota) * 1_000_000 / u128::from(period_us.max(1))
        });
    let ceilings = ceiling::read(roots, OsStr::new(name));
    let more = ceilings.more("disks").map(|more| format!("and {more}"));
    let low = ceilings.items.into_iter();
    let low = low.filter(|(_, iops)| u128::from(*iops) < asked.unwrap_or(u128::from(LOW)));
    let mut hints: Vec<String> = low
        .map(|(disk, iops)| low_ceiling(roots, &disk, iops, asked))
        .collect();
    // The disks that were left out are most likely no better.
    if !hints.is_empty() {
        hints.extend(more);
    }
    hints
}

fn low_ceiling(roots: &Roots, disk: &str, iops: u64, asked: Option<u128>) -> String {
    let requests = requests(roots, disk).unwrap_or(0);
    let than = asked.map_or(String::new(), |asked| {
        format!(", fewer than the {asked} of the limit")
    });
    let next = if requests < MOST_REQUESTS {
        format!(
            "; kchaos attach --nr-requests {MOST_REQUESTS} {disk} raises it, --hold completion lifts it"
        )
    } else {
        String::new()
    };
    format!(
        "with this delay, {disk} does at most {iops} I/Os a second{than} (nr_requests {requests}){next}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::attribute;
    use std::fs;

    #[test]
    fn a_low_ceiling_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |path: &str| folder.path().join(path);
        let roots = Roots {
            configfs: path("config"),
            sysfs: path("sys"),
            state: path("state"),
            dev: path("dev"),
            proc: path("proc"),
        };
        let write = |file: &str, text: &str| {
            fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            fs::write(path(file), text).unwrap();
        };
        write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n");
        write("sys/block/sda/queue/nr_requests", "64\n");
        write("sys/block/sdb/queue/nr_requests", "2048\n");
        let told = |given: &[(Name, &str)]| {
            let given = given.iter().map(|(name, text)| {
                let attribute = attribute(*name);
                (attribute, attribute.parse(text).unwrap())
            });
            low_ceilings(&roots, "x", &Settings::new(given).unwrap())
        };
        let raise = "(nr_requests 64); kchaos attach --nr-requests 2048 sda raises it, \
                     --hold completion lifts it";
        let low = |than: &str| {
            format!("with this delay, sda does at most 60 I/Os a second{than} {raise}")
        };
        assert_eq!(told(&[]), [low("")]);
        let both = told(&[(Name::Quota, "4"), (Name::PeriodUs, "1000")]);
        let than = ", fewer than the 4000 of the limit";
        assert_eq!(both[0], low(than));
        let most = format!(
            "with this delay, sdb does at most 1920 I/Os a second{than} (nr_requests 2048)"
        );
        assert_eq!(both[1..], [most]);
        assert!(told(&[(Name::Quota, "60")]).is_empty());
        write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n... 30 more\n");
        let more = "and 30 more disks that the kernel had no room for";
        assert_eq!(told(&[]), [low(""), more.to_owned()]);
        assert!(told(&[(Name::Quota, "60")]).is_empty());
    }
}
