// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A hint about I/O that waits for so long that the kernel reports its task as hung.

use super::reach::reached;
use crate::{
    interface::{Name, Settings, operation::kinds, units::at_most},
    system::{Roots, disk::requests_of_all_queues, files::try_read},
};

/// The largest request of a disk that does not tell it, in KiB, as many disks have it.
const USUAL_KIB: u64 = 1_280;

/// The bytes of an I/O without data to a limit.
const SECTOR: u64 = 512;

/// The bytes of the largest I/O that the injection can affect, to a limit.
fn largest_io(roots: &Roots, settings: &Settings) -> u64 {
    let mut kinds = kinds(settings.text(Name::Op).unwrap_or_default()).peekable();
    let has_data = |kind| ["read", "write", "zone_append"].contains(&kind);
    if kinds.peek().is_some() && !kinds.any(has_data) {
        return SECTOR;
    }
    let disks = reached(roots, settings).into_iter().map(|disk| {
        let file = roots.disk(&disk).join("queue/max_sectors_kb");
        let text = try_read(&file).unwrap_or_default();
        text.parse::<u64>().unwrap_or(USUAL_KIB)
    });
    let bytes = disks.max().unwrap_or(USUAL_KIB).saturating_mul(1_024);
    let most = settings.number(Name::MaxBytes).filter(|most| *most > 0);
    most.map_or(bytes, |most| bytes.min(most))
}

/// The longest time in microseconds for which a limit closes after an I/O: until windows have made
/// up for all of that I/O.
fn debt_us(roots: &Roots, settings: &Settings) -> u64 {
    let number = |name| settings.number(name).filter(|number| *number > 0);
    let (ios, bytes) = (number(Name::Quota), number(Name::BytesQuota));
    if ios.or(bytes).is_none() {
        return 0;
    }
    let largest = largest_io(roots, settings);
    let size = number(Name::IosOfBytes);
    let cost = size.map_or(1, |size| largest.div_ceil(size));
    let ios = ios.map_or(0, |quota| cost.div_ceil(quota));
    let bytes = bytes.map_or(0, |quota| largest.div_ceil(quota));
    let period_us = settings.number(Name::PeriodUs).unwrap_or(1_000_000);
    ios.max(bytes).saturating_mul(period_us)
}

/// How many I/Os the last one of a full disk lets pass in its lane, itself among them.
fn turns(roots: &Roots, settings: &Settings) -> u64 {
    let Some(lanes) = settings.number(Name::Lanes).filter(|lanes| *lanes > 0) else {
        return 1;
    };
    let disks = reached(roots, settings).into_iter();
    let requests = disks.filter_map(|disk| requests_of_all_queues(roots, &disk));
    requests.max().unwrap_or(1).div_ceil(lanes)
}

/// The longest time in microseconds for which the injection can hold an I/O; [`u64::MAX`] if it
/// has no end.
fn longest_us(roots: &Roots, settings: &Settings) -> u64 {
    if settings.freezes() {
        return settings.lease_us().unwrap_or(u64::MAX);
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
    // From one end of a disk to the other, a seek takes less than twice its mean.
    let arm = number(Name::SeekUs)
        .saturating_mul(2)
        .saturating_add(number(Name::TurnUs));
    let delay = delay.max(points.max().unwrap_or(0)).saturating_add(arm);
    let longest = delay
        .saturating_mul(turns(roots, settings))
        .saturating_add(debt_us(roots, settings));
    settings
        .lease_us()
        .map_or(longest, |lease_us| longest.min(lease_us))
}

/// A sentence if tasks may wait for longer than the kernel takes for normal.
pub(super) fn long_hold(roots: &Roots, settings: &Settings) -> Option<String> {
    /// The kernel's default, for a machine that does not show its own.
    const USUAL_SECONDS: u64 = 120;
    let file = roots.proc.join("sys/kernel/hung_task_timeout_secs");
    let number = |text: String| text.parse::<u64>().ok();
    let seconds = try_read(&file).ok().and_then(number);
    let seconds = seconds.unwrap_or(USUAL_SECONDS);
    let longest = longest_us(roots, settings);
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

#[cfg(test)]
mod tests {
    use super::{
        super::machine::{Machine, settings},
        *,
    };

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
            (
                &[(Name::SeekUs, "60000000"), (Name::TurnUs, "2000000")],
                Some("122s"),
            ),
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

    #[test]
    fn the_line_before_a_lane_counts() {
        let machine = Machine::new();
        machine.write("sys/block/sda/queue/scheduler", "[ioem]\n");
        machine.write("sys/block/sda/queue/nr_requests", "256\n");
        for queue in ["0", "1"] {
            machine.write(&format!("sys/block/sda/mq/{queue}/nr_tags"), "256\n");
        }
        let delay = (Name::DelayUs, "1000000");
        for (lanes, seconds) in [("1", 512), ("3", 171), ("64", 8)] {
            let lanes = (Name::Lanes, lanes);
            let longest = longest_us(&machine.roots(), &settings(&[delay, lanes]));
            assert_eq!(longest, seconds * 1_000_000, "{lanes:?}");
        }
        let one = settings(&[delay, (Name::Lanes, "1")]);
        let told = long_hold(&machine.roots(), &one).unwrap();
        assert!(told.starts_with("an I/O can wait for 512s, and"), "{told}");
        // A disk whose requests are not known has one at least.
        assert_eq!(longest_us(&Machine::new().roots(), &one), 1_000_000);
    }

    #[test]
    fn the_time_in_which_a_limit_makes_up_for_a_large_io_counts() {
        let machine = Machine::new();
        for (disk, largest) in [("sda", "1280"), ("sdb", "64")] {
            machine.write(&format!("sys/block/{disk}/queue/scheduler"), "[ioem]\n");
            let file = format!("sys/block/{disk}/queue/max_sectors_kb");
            machine.write(&file, &format!("{largest}\n"));
        }
        let bytes = |quota| (Name::BytesQuota, quota);
        let ios = |quota| (Name::Quota, quota);
        let size = (Name::IosOfBytes, "4k");
        let minute = (Name::PeriodUs, "60000000");
        for (given, seconds) in [
            (&[bytes("4k")][..], 320),
            (&[bytes("512k"), minute], 180),
            (&[bytes("2m"), minute], 60),
            (&[bytes("4k"), (Name::Op, "sync")], 320),
            (&[bytes("4k"), (Name::Op, "discard,read")], 320),
            (&[bytes("4k"), (Name::Op, "discard,sync")], 1),
            (&[bytes("4k"), (Name::MaxBytes, "6k")], 2),
            (&[bytes("4k"), (Name::DelayUs, "5000000")], 325),
            (&[bytes("4k"), (Name::DurationMs, "8000")], 8),
            (&[ios("1"), size], 320),
            (&[ios("2"), size, bytes("4m")], 160),
            (&[ios("2"), size, bytes("4k")], 320),
            (&[ios("2")], 1),
            (&[size], 0),
        ] {
            let longest = longest_us(&machine.roots(), &settings(given));
            assert_eq!(longest, seconds * 1_000_000, "{given:?}");
        }
        let told = long_hold(&machine.roots(), &settings(&[bytes("4k")]));
        assert!(told.unwrap().starts_with("an I/O can wait for 320s, and"));
        // Without a disk, its largest request is not known.
        let none = Machine::new();
        let longest = longest_us(&none.roots(), &settings(&[bytes("4k")]));
        assert_eq!(longest, 320_000_000);
    }
}
