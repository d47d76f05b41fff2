// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Hints about a new injection: the reasons why it does nothing, or less than was asked for.

use super::reach::{named, reached};
use crate::{
    error::note,
    interface::{
        Name, Settings,
        attributes::ENABLED,
        ceiling::{self, Ceiling},
        units::{at_most, show_microseconds},
    },
    system::{
        Roots, abilities::impossible_on_all, attached::attached_names, disk::requests,
        files::try_read,
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
        told.extend(impossible(roots, settings));
        told.extend(long_hold(roots, settings));
        for hint in told {
            note(&hint);
        }
    }
}

/// The time in microseconds after which the injection ends by itself.
fn lease_us(settings: &Settings) -> Option<u64> {
    let lease_ms = settings.number(Name::DurationMs);
    let lease_ms = lease_ms.filter(|lease_ms| *lease_ms > 0)?;
    Some(lease_ms.saturating_mul(1_000))
}

/// A sentence if no disk that the injection reaches can have its operations.
fn impossible(roots: &Roots, settings: &Settings) -> Option<String> {
    let operations = settings.text(Name::Op)?;
    let why = impossible_on_all(roots, &reached(roots, settings), operations)?;
    Some(format!("this injection reaches nothing: {why}"))
}

/// The longest time in microseconds for which the injection can hold an I/O; [`u64::MAX`] if it
/// has no end.
fn longest_us(settings: &Settings) -> u64 {
    if settings.freezes() {
        return lease_us(settings).unwrap_or(u64::MAX);
    }
    let number = |name| settings.number(name).unwrap_or(0);
    let jitter = match settings.text(Name::Distribution) {
        // The driver cuts off the tails of the others there.
        Some(shape) if shape != "uniform" => number(Name::JitterUs).saturating_mul(4),
        _ => number(Name::JitterUs),
    };
    let points = settings.text(Name::Percentiles).unwrap_or_default();
    let points = points.split([' ', ',']).filter_map(|point| {
        let (_, time) = point.split_once(':')?;
        time.parse::<u64>().ok()
    });
    let delay = number(Name::DelayUs).saturating_add(jitter);
    let delay = delay.max(points.max().unwrap_or(0));
    let window = match number(Name::Quota).max(number(Name::BytesQuota)) {
        0 => 0,
        _ => settings.number(Name::PeriodUs).unwrap_or(1_000_000),
    };
    let longest = delay.saturating_add(window);
    lease_us(settings).map_or(longest, |lease_us| longest.min(lease_us))
}

/// A sentence if tasks may wait for longer than the kernel takes for normal.
fn long_hold(roots: &Roots, settings: &Settings) -> Option<String> {
    /// The kernel's default, for a machine that does not show its own.
    const USUAL_SECONDS: u64 = 120;
    let file = roots.proc.join("sys/kernel/hung_task_timeout_secs");
    let number = |text: String| text.parse::<u64>().ok();
    let seconds = try_read(&file).ok().and_then(number);
    let seconds = seconds.unwrap_or(USUAL_SECONDS);
    let longest = longest_us(settings);
    // 0 switches the reports off.
    if seconds == 0 || longest <= seconds.saturating_mul(1_000_000) {
        return None;
    }
    let panics = try_read(&roots.proc.join("sys/kernel/hung_task_panic"));
    let panics = panics
        .ok()
        .and_then(number)
        .is_some_and(|panics| panics > 0);
    let then = if panics {
        "and this kernel then panics (hung_task_panic)"
    } else {
        "which stays alive"
    };
    let longest = match longest {
        u64::MAX => "as long as the injection lasts".to_owned(),
        longest => format!("for {}", at_most(longest)),
    };
    Some(format!(
        "an I/O can wait {longest}, and after {seconds} s in uninterruptible sleep the kernel \
         reports a task as hung, {then}; echo 0 > {} switches the reports off",
        file.display()
    ))
}

/// A sentence for each option that does nothing without others.
pub(super) fn idle(settings: &Settings) -> Vec<String> {
    let is_set = |name| settings.number(name).is_some_and(|number| number > 0);
    let percentiles = settings.text(Name::Percentiles).is_some();
    let varies = is_set(Name::JitterUs) || percentiles;
    let is_limited = is_set(Name::Quota) || is_set(Name::BytesQuota);
    let probability = settings.number(Name::Probability).unwrap_or(ALWAYS);
    let draws = varies || (1..ALWAYS).contains(&probability);
    let sentences = [
        (
            is_set(Name::Correlation) && !varies,
            "--correlation does nothing without --jitter or --percentiles",
        ),
        (
            settings.freezes() && (varies || is_set(Name::DelayUs)),
            "the delay does nothing before --freeze 0",
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
    let delay_us = settings.number(Name::DelayUs);
    let lease_us = lease_us(settings);
    let outlasts = lease_us.is_some_and(|lease_us| delay_us.unwrap_or(0) >= lease_us);
    let until_end = ceiling::until_end(lease_us.is_some());
    let low = ceilings.items.into_iter();
    let low = low.filter(|low| u128::from(low.iops) < asked.unwrap_or(u128::from(LOW)));
    let mut hints: Vec<String> = low
        .map(|ceiling| match outlasts || settings.freezes() {
            true => ceiling.holds(until_end),
            false => low_ceiling(roots, &ceiling, delay_us, asked),
        })
        .collect();
    // The disks that were left out are most likely no better.
    if !hints.is_empty() {
        hints.extend(more);
    }
    hints
}

fn low_ceiling(
    roots: &Roots,
    ceiling: &Ceiling,
    delay_us: Option<u64>,
    asked: Option<u128>,
) -> String {
    let disk = &ceiling.disk;
    let requests = requests(roots, disk).unwrap_or(0);
    let than = asked.map_or(String::new(), |asked| {
        format!(", fewer than the {asked} of the limit")
    });
    let next = if requests < MOST_REQUESTS {
        format!(
            "; kchaos attach --nr-requests {MOST_REQUESTS} {disk} raises it, --hold completion \
             lifts it"
        )
    } else {
        String::new()
    };
    let rate = ceiling.rate(delay_us);
    format!("with this delay, {disk} does at most {rate}{than} (nr_requests {requests}){next}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::attribute;
    use std::fs;

    /// A folder in which files stand for the kernel's.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn roots(&self) -> Roots {
            let path = |path: &str| self.0.path().join(path);
            Roots {
                configfs: path("config"),
                sysfs: path("sys"),
                state: path("state"),
                dev: path("dev"),
                proc: path("proc"),
            }
        }

        fn write(&self, file: &str, text: &str) {
            let file = self.0.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
    }

    fn settings(given: &[(Name, &str)]) -> Settings {
        let given = given.iter().map(|(name, text)| {
            let attribute = attribute(*name);
            (attribute, attribute.parse(text).unwrap())
        });
        Settings::new(given).unwrap()
    }

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
        machine.write("config/ioem/x/ceiling", "sda 60\nsdb 1920\n... 30 more\n");
        let more = "and 30 more disks that the kernel had no room for";
        assert_eq!(told(&[]), [low(""), more.to_owned()]);
        assert!(told(&[(Name::Quota, "60")]).is_empty());
    }

    #[test]
    fn the_ceiling_of_a_delay_that_outlasts_its_lease_is_no_rate() {
        let machine = Machine::new();
        machine.write("config/ioem/x/ceiling", "sda 0\n");
        machine.write("sys/block/sda/queue/nr_requests", "256\n");
        let told = |lease_ms| {
            let given = [(Name::DelayUs, "3600000000"), (Name::DurationMs, lease_ms)];
            low_ceilings(&machine.roots(), "x", &settings(&given)).concat()
        };
        let until = "sda holds such I/O until the lease is over, and once it holds 256 requests, \
                     other I/O waits as well";
        assert_eq!(told("8000"), until);
        assert_eq!(told("3600000"), until);
        let rate = told("0");
        assert!(
            rate.contains("at most one I/O per 14.1s (nr_requests 256); "),
            "{rate}"
        );
        let frozen = |more: &[(Name, &str)]| {
            let given = [&[(Name::Freeze, "1")], more].concat();
            low_ceilings(&machine.roots(), "x", &settings(&given)).concat()
        };
        assert_eq!(frozen(&[(Name::DurationMs, "8000")]), until);
        let end = until.replace("the lease is over", "the injection ends");
        assert_eq!(frozen(&[]), end);
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

    #[test]
    fn a_hold_that_the_kernel_takes_for_a_hang_is_told() {
        let machine = Machine::new();
        let told = |given: &[(Name, &str)]| long_hold(&machine.roots(), &settings(given));
        let delay = (Name::DelayUs, "3600000000");
        for (given, longest) in [
            (&[delay][..], Some("1h")),
            (&[delay, (Name::DurationMs, "8000")], None),
            (&[delay, (Name::DurationMs, "130000")], Some("130s")),
            (&[(Name::DelayUs, "120000000")], None),
            (
                &[(Name::DelayUs, "119000000"), (Name::JitterUs, "2000000")],
                Some("121s"),
            ),
            (
                &[(Name::JitterUs, "31000000"), (Name::Distribution, "normal")],
                Some("124s"),
            ),
            (&[(Name::Percentiles, "50:5ms,99:200s")], Some("200s")),
            (
                &[(Name::Quota, "1"), (Name::PeriodUs, "180000000")],
                Some("3m"),
            ),
            (&[(Name::PeriodUs, "180000000")], None),
            (&[(Name::Freeze, "1"), (Name::DurationMs, "8000")], None),
            (
                &[(Name::Freeze, "1"), (Name::DurationMs, "130000")],
                Some("130s"),
            ),
        ] {
            let sentence = told(given);
            let begin = |longest| format!("an I/O can wait for {longest}, and after 120 s in");
            let starts = |longest| {
                sentence
                    .as_ref()
                    .is_some_and(|it| it.starts_with(&begin(longest)))
            };
            assert!(
                longest.map_or(sentence.is_none(), starts),
                "{given:?}: {sentence:?}"
            );
        }
        let endless = told(&[(Name::Freeze, "1")]).unwrap();
        let expected = "an I/O can wait as long as the injection lasts, and after 120 s in";
        assert!(endless.starts_with(expected), "{endless}");
        let file = "proc/sys/kernel/hung_task_timeout_secs";
        machine.write(file, "30\n");
        machine.write("proc/sys/kernel/hung_task_panic", "1\n");
        let sentence = told(&[(Name::DelayUs, "31000000")]).unwrap();
        assert!(
            sentence.contains("after 30 s ") && sentence.contains("then panics"),
            "{sentence}"
        );
        machine.write(file, "0\n");
        assert_eq!(told(&[delay]), None);
    }
}
