// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Hints about a new injection: the reasons why it does nothing, or less than was asked for.

use super::{
    hung::long_hold,
    reach::{named, reached},
};
use crate::{
    error::note,
    interface::{
        Name, Settings, Value, attribute,
        attributes::ENABLED,
        ceiling::{self, Ceiling, Effect, Frozen},
        commits,
        ending::Ending,
        existing::all,
        operation::{is_flush_alone, kinds},
        snapshot::Snapshot,
        units::{at_most, show_microseconds},
        values::Values,
    },
    system::{
        Roots,
        abilities::impossible_on_all,
        attached::{attached_names, reached_blocks},
        block::Block,
        disk::requests,
        mounted::mounted_on,
    },
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
        let mut told = low_ceilings(roots, name, settings);
        told.extend(impossible(roots, settings).or_else(|| left_out_commits(roots, settings)));
        told.extend(long_hold(roots, settings));
        told.extend(broken_file_systems(roots, settings));
        for hint in told {
            note(&hint);
        }
    }
}

/// A sentence if no disk that the injection reaches can have its operations.
fn impossible(roots: &Roots, settings: &Settings) -> Option<String> {
    let operations = settings.text(Name::Op)?;
    let why = impossible_on_all(roots, &reached(roots, settings), operations)?;
    Some(format!("this injection reaches nothing: {why}"))
}

/// A sentence if the injection leaves out the commits of a file system on one of its disks.
fn left_out_commits(roots: &Roots, settings: &Settings) -> Option<String> {
    commits::left_out(roots, settings.text(Name::Op)?, &blocks(roots, settings))
}

/// The devices whose I/O the injection can reach.
fn blocks(roots: &Roots, settings: &Settings) -> Vec<Block> {
    let devices = Values(settings.values.clone()).devices();
    reached_blocks(roots, devices.as_deref())
}

/// A sentence about each mounted file system whose I/O fails. Each bears discards that fail; and a
/// read only if it is of a file's data.
fn broken_file_systems(roots: &Roots, settings: &Settings) -> Vec<String> {
    let fails = settings
        .text(Name::Error)
        .is_some_and(|error| !error.is_empty());
    let chooses = [Name::Probability, Name::Every].into_iter().any(|name| {
        let usual = attribute(name).default();
        settings
            .number(name)
            .is_some_and(|number| usual != Value::Number(number))
    });
    let operations = settings.text(Name::Op).unwrap_or_default();
    let kinds: Vec<&str> = kinds(operations).collect();
    // None stands for all but flushes.
    let are_among =
        |those: &[&str]| !kinds.is_empty() && kinds.iter().all(|kind| those.contains(kind));
    if !fails || chooses || are_among(&["discard", "secure_erase"]) {
        return Vec::new();
    }
    let is_of_reads = are_among(&["read", "discard", "secure_erase"]);
    let is_of_flushes = is_flush_alone(operations);
    let reached = blocks(roots, settings);
    let mounted = mounted_on(roots, |block| {
        reached.iter().any(|reached| reached.overlaps(block))
    });
    let mounted = mounted.into_iter();
    // Where each commit is a write, only an fsync gets the error of a flush.
    let mounted = mounted.filter(|mounted| !is_of_flushes || !commits::are_writes(mounted));
    let sentences = mounted.map(|mounted| {
        let then = match (mounted.kind.as_str(), is_of_reads) {
            ("xfs", false) => "likely shuts down",
            ("xfs", true) => "may shut down",
            ("ext3" | "ext4", false) => "likely becomes read-only",
            ("ext3" | "ext4", true) => "may become read-only",
            (_, false) => "likely becomes read-only or shuts down",
            (_, true) => "may become read-only or shut down",
        };
        let after = match is_of_reads {
            true => "if such a read is of metadata",
            false => "after such errors",
        };
        let point = mounted.point.display();
        format!(
            "{after}, the {} at {point} on {} {then}; when the injection is over, umount {point} \
             and mount it again, after fsck if it asks for that",
            mounted.kind, mounted.disk
        )
    });
    sentences.collect()
}

/// A sentence for each option that does nothing without others.
pub(super) fn idle(settings: &Settings) -> Vec<String> {
    let is_set = |name| settings.number(name).is_some_and(|number| number > 0);
    let percentiles = settings.text(Name::Percentiles).is_some();
    let varies = is_set(Name::JitterUs) || percentiles;
    let is_limited = is_set(Name::Quota) || is_set(Name::BytesQuota);
    let probability = settings.number(Name::Probability).unwrap_or(ALWAYS);
    let damages = matches!(
        settings.ending(),
        Some(Ending::Torn(_) | Ending::Corrupted(_))
    );
    let has_arm = is_set(Name::SeekUs) || is_set(Name::TurnUs);
    let draws = varies || damages || (1..ALWAYS).contains(&probability);
    let delays = varies || has_arm || is_set(Name::DelayUs);
    let sentences = [
        (
            is_set(Name::Correlation) && !varies,
            "--correlation does nothing without --jitter or --percentiles",
        ),
        (
            is_set(Name::Lanes) && !delays,
            "--lanes does nothing without --delay, --jitter, --percentiles, --seek or --turn",
        ),
        (
            settings.freezes() && delays,
            "the delay does nothing before --freeze 0",
        ),
        (
            settings.text(Name::Distribution).is_some() && !is_set(Name::JitterUs),
            "--distribution does nothing without --jitter",
        ),
        (
            is_set(Name::Seed) && !draws,
            "--seed does nothing without --jitter, --percentiles, --probability, --torn or \
             --corrupt",
        ),
        (
            settings.number(Name::Seed) == Some(0) && draws,
            "--seed 0 draws other numbers each time; for the same ones, choose 1 or more",
        ),
        (
            settings.number(Name::PeriodUs).is_some() && !is_limited,
            "--period does nothing without --quota or --bytes-quota",
        ),
        (
            (is_set(Name::Burst) || is_set(Name::IosOfBytes)) && !is_set(Name::Quota),
            "--burst and --ios-of-bytes do nothing without --quota or --iops",
        ),
        (
            is_set(Name::BytesBurst) && !is_set(Name::BytesQuota),
            "--bytes-burst does nothing without --bytes-quota or --bandwidth",
        ),
    ];
    let sentences = sentences.into_iter().filter(|(is_so, _)| *is_so);
    let sentences = sentences.map(|(_, sentence)| sentence.to_owned());
    sentences.chain(cut_off(settings)).collect()
}

/// A sentence if a jitter that is drawn evenly reaches below zero.
fn cut_off(settings: &Settings) -> Option<String> {
    let is_even = settings
        .text(Name::Distribution)
        .is_none_or(|shape| shape == "uniform");
    let delay = settings.number(Name::DelayUs).unwrap_or(0);
    let jitter = settings.number(Name::JitterUs).unwrap_or(0);
    (is_even && delay > 0 && jitter > delay).then(|| {
        // The part above zero, of the length delay + jitter out of 2 * jitter, has half its length
        // as its mean.
        let above = u128::from(delay) + u128::from(jitter);
        let mean = above * above / (4 * u128::from(jitter));
        format!(
            "--jitter is more than --delay, and a draw below zero counts as zero, so that the mean \
             is {} and not {}",
            at_most(u64::try_from(mean).unwrap_or(u64::MAX)),
            show_microseconds(delay)
        )
    })
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
    let low = low.filter(|low| u128::from(low.iops) < asked.unwrap_or(u128::from(LOW)));
    let mut low: Vec<Ceiling> = low.collect();
    let values = Values(settings.values.clone());
    let frozen: Vec<&mut Ceiling> = low.iter_mut().filter(|low| low.iops == 0).collect();
    if !frozen.is_empty() {
        let others = others(roots);
        for ceiling in frozen {
            ceiling.frozen = Frozen::of(roots, (name, &values), &ceiling.disk, &others);
        }
    }
    let low = low.iter();
    let mut hints: Vec<String> = low
        .map(
            |ceiling| match ceiling.effect(&values, settings.lease_us()) {
                Effect::Holds(sentence) => sentence,
                Effect::Rate(rate) => {
                    let lanes = values.number(Name::Lanes);
                    low_ceiling(roots, (&ceiling.disk, lanes), &rate, asked)
                }
            },
        )
        .collect();
    // The disks that were left out are most likely no better.
    if !hints.is_empty() {
        hints.extend(more);
    }
    hints
}

/// All injections, as far as they can be read.
fn others(roots: &Roots) -> Vec<Snapshot> {
    let names = all(roots).unwrap_or_default();
    let read = |name| Snapshot::read(roots, name, true).ok().flatten();
    names.iter().filter_map(|name| read(name)).collect()
}

fn low_ceiling(
    roots: &Roots,
    (disk, lanes): (&str, Option<u64>),
    rate: &str,
    asked: Option<u128>,
) -> String {
    let requests = requests(roots, disk).unwrap_or(0);
    let than = asked.map_or(String::new(), |asked| {
        format!(", fewer than the {asked} of the limit")
    });
    // More requests, or none that are held, would not make more lanes.
    if let Some(lanes) = lanes.filter(|lanes| *lanes > 0 && *lanes <= requests) {
        return format!("with this delay, {disk} does at most {rate}{than} (lanes {lanes})");
    }
    let next = if requests < MOST_REQUESTS {
        format!(
            "; kchaos attach --nr-requests {MOST_REQUESTS} {disk} raises it, --hold completion \
             lifts it"
        )
    } else {
        String::new()
    };
    format!("with this delay, {disk} does at most {rate}{than} (nr_requests {requests}){next}")
}

#[cfg(test)]
mod tests {
    use super::{
        super::machine::{Machine, settings},
        *,
    };

    #[test]
    fn a_low_ceiling_is_told() {
        let machine = Machine::new();
        machine.write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n");
        machine.write("sys/block/sda/queue/nr_requests", "64\n");
        machine.write("sys/block/sdb/queue/nr_requests", "2048\n");
        let told = |given: &[(Name, &str)]| low_ceilings(&machine.roots(), "x", &settings(given));
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
        let lanes = told(&[(Name::Lanes, "2")]);
        assert_eq!(
            lanes,
            ["with this delay, sda does at most 60 I/Os a second (lanes 2)"]
        );
        machine.write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n... 30 more\n");
        let more = "and 30 more disks that the kernel had no room for";
        assert_eq!(told(&[]), [low(""), more.to_owned()]);
        assert!(told(&[(Name::Quota, "60")]).is_empty());
    }

    #[test]
    fn the_ceiling_of_a_delay_that_outlasts_its_lease_is_no_rate() {
        let machine = Machine::new();
        machine.write("config/ioem/x/ceiling", "sda 1\n");
        machine.write("sys/block/sda/queue/nr_requests", "256\n");
        let told = |lease_ms| {
            let given = [(Name::DelayUs, "3600000000"), (Name::DurationMs, lease_ms)];
            low_ceilings(&machine.roots(), "x", &settings(&given)).concat()
        };
        let until = "sda holds such I/O until the injection ends, and once it holds 256 requests, \
                     other I/O waits as well";
        assert_eq!(told("8000"), until);
        assert_eq!(told("3600000"), until);
        let rate = told("0");
        assert!(
            rate.contains("at most one I/O per 14.1s (nr_requests 256); "),
            "{rate}"
        );
        machine.write("config/ioem/x/ceiling", "sda 0\n");
        let frozen = |more: &[(Name, &str)]| {
            let given = [&[(Name::Freeze, "1")], more].concat();
            low_ceilings(&machine.roots(), "x", &settings(&given)).concat()
        };
        assert_eq!(frozen(&[(Name::DurationMs, "8000")]), until);
        assert_eq!(frozen(&[]), until);
    }

    #[test]
    fn a_delay_of_frozen_io_is_told_to_do_nothing() {
        let told = |given: &[(Name, &str)]| idle(&settings(given)).concat();
        let freeze = (Name::Freeze, "1");
        let delays = [
            (Name::DelayUs, "5"),
            (Name::JitterUs, "5"),
            (Name::Percentiles, "50:5ms"),
        ];
        for delay in delays {
            assert_eq!(
                told(&[delay, freeze]),
                "the delay does nothing before --freeze 0"
            );
            assert_eq!(told(&[delay]), "");
        }
        assert_eq!(told(&[freeze]), "");
    }

    #[test]
    fn operations_that_no_disk_has_are_told() {
        let machine = Machine::new();
        for disk in ["sda", "sdb"] {
            machine.write(&format!("sys/block/{disk}/queue/scheduler"), "[ioem]\n");
            machine.write(&format!("sys/block/{disk}/queue/fua"), "0\n");
        }
        let told = |op| impossible(&machine.roots(), &settings(&[(Name::Op, op)]));
        let both = told("write,fua").unwrap();
        let expected = "this injection reaches nothing: sda has no FUA";
        assert!(
            both.starts_with(expected) && both.contains("; sdb has no FUA"),
            "{both}"
        );
        assert_eq!(told("write"), None);
        machine.write("sys/block/sdb/queue/fua", "1\n");
        assert_eq!(told("write,fua"), None);
    }
}
