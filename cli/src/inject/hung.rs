// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A hint about I/O that waits for so long that the kernel reports its task as hung.

use super::reach::reached;
use crate::{
    interface::{
        Name, Settings,
        operation::kinds,
        units::{at_most, grouped},
        values::Values,
        ways::{COMPLETION, ways},
    },
    system::{Roots, disk::requests, files::try_read},
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

/// How many I/Os a lane, or an arm, can have at a time: each but the first waits for those before
/// it.
fn line(roots: &Roots, settings: &Settings, lanes: u64) -> u64 {
    /// A held completion leaves the disk its request, so that only memory bounds the held ones. Of
    /// these, a lot of writes from the page cache makes thousands.
    const COMPLETIONS: u64 = 10_000;
    let ways = ways(roots, &Values(settings.values.clone()));
    let ios = match ways.contains(COMPLETION) {
        true => COMPLETIONS,
        false => {
            let disks = reached(roots, settings).into_iter();
            // All hardware queues may share the requests of one.
            let requests = disks.filter_map(|disk| requests(roots, &disk));
            requests.max().unwrap_or(1)
        }
    };
    let times = settings.number(Name::Times).filter(|times| *times > 0);
    times
        .map_or(ios, |times| ios.min(times))
        .div_ceil(lanes)
        .max(1)
}

/// The longest wait of an I/O that an injection holds.
#[derive(Debug, PartialEq, Eq)]
struct Wait {
    /// Its time in microseconds; [`u64::MAX`] if it has no end.
    us: u64,
    /// The number of I/Os before it in its lane.
    others: u64,
    /// Whether the time is a bound that an arm, which goes to the nearest place first, need not
    /// reach.
    is_bound: bool,
}

impl Wait {
    /// One of this time that does not depend on others.
    fn alone(us: u64) -> Self {
        Self {
            us,
            others: 0,
            is_bound: false,
        }
    }

    fn of(roots: &Roots, settings: &Settings) -> Self {
        if settings.freezes() {
            return Self::alone(settings.lease_us().unwrap_or(u64::MAX));
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
        // From one end of a disk to the other, a seek takes less than twice its mean.
        let arm = number(Name::SeekUs)
            .saturating_mul(2)
            .saturating_add(number(Name::TurnUs));
        let lanes = number(Name::Lanes);
        // The delay comes after an arm, which moves for others in the meantime.
        let (turn, after) = match (arm, lanes) {
            (0, 0) => (0, delay),
            (0, _) => (delay, 0),
            (_, _) => (arm, delay),
        };
        let ios = match turn {
            0 => 1,
            _ => line(roots, settings, lanes.max(1)),
        };
        let us = turn
            .saturating_mul(ios)
            .saturating_add(after)
            .saturating_add(debt_us(roots, settings));
        match settings.lease_us().filter(|lease_us| *lease_us <= us) {
            Some(lease_us) => Self::alone(lease_us),
            None => Self {
                us,
                others: ios - 1,
                is_bound: arm > 0,
            },
        }
    }

    /// The rest of a sentence about an I/O that can wait.
    fn words(&self) -> String {
        if self.us == u64::MAX {
            return "as long as the injection lasts".to_owned();
        }
        let (most, place) = match self.is_bound {
            true => ("up to ", "at its arm"),
            false => ("", "in its lane"),
        };
        let behind = match self.others {
            0 => String::new(),
            1 => format!(" behind another one {place}"),
            others => format!(" behind {} others {place}", grouped(others)),
        };
        format!("for {most}{}{behind}", at_most(self.us))
    }
}

/// A sentence if tasks may wait for longer than the kernel takes for normal.
pub(super) fn long_hold(roots: &Roots, settings: &Settings) -> Option<String> {
    /// The kernel's default, for a machine that does not show its own.
    const USUAL_SECONDS: u64 = 120;
    let file = roots.proc.join("sys/kernel/hung_task_timeout_secs");
    let number = |text: String| text.parse::<u64>().ok();
    let seconds = try_read(&file).ok().and_then(number);
    let seconds = seconds.unwrap_or(USUAL_SECONDS);
    let longest = Wait::of(roots, settings);
    // 0 switches the reports off.
    if seconds == 0 || longest.us <= seconds.saturating_mul(1_000_000) {
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
    Some(format!(
        "an I/O can wait {}, and after {seconds} s in uninterruptible sleep the kernel \
         reports a task as hung, {then}; echo 0 > {} switches the reports off",
        longest.words(),
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
                Some("up to 122s"),
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
        let (delay, arm) = (Name::DelayUs, (Name::SeekUs, "500000"));
        let second = (delay, "1000000");
        let lanes = |lanes| (Name::Lanes, lanes);
        for (given, seconds, others, is_bound) in [
            (&[second][..], 1, 0, false),
            (&[second, lanes("1")], 256, 255, false),
            (&[second, lanes("3")], 86, 85, false),
            (&[second, lanes("64")], 4, 3, false),
            (&[second, lanes("64"), (Name::Times, "5")], 1, 0, false),
            // The delay comes once, after the arm.
            (&[arm], 256, 255, true),
            (&[arm, second], 257, 255, true),
            (&[arm, second, lanes("2")], 129, 127, true),
            (&[arm, (delay, "300000000")], 556, 255, true),
            // Requests do not bound held completions, but the injection's own number does.
            (
                &[second, lanes("2"), (Name::Op, "read")],
                5_000,
                4_999,
                false,
            ),
            (&[arm, (Name::Op, "read")], 10_000, 9_999, true),
            (&[second, (Name::Op, "read")], 1, 0, false),
            (&[second, lanes("1"), (Name::Times, "7")], 7, 6, false),
            // The end of the injection comes first.
            (
                &[second, lanes("1"), (Name::DurationMs, "8000")],
                8,
                0,
                false,
            ),
        ] {
            let expected = Wait {
                us: seconds * 1_000_000,
                others,
                is_bound,
            };
            let wait = Wait::of(&machine.roots(), &settings(given));
            assert_eq!(wait, expected, "{given:?}");
        }
        let told = |given| long_hold(&machine.roots(), &settings(given)).unwrap();
        for (given, expected) in [
            (
                &[second, lanes("1")][..],
                "for 256s behind 255 others in its lane",
            ),
            (&[arm], "for up to 256s behind 255 others at its arm"),
            (
                &[(delay, "100000000"), lanes("1"), (Name::Times, "2")],
                "for 200s behind another one in its lane",
            ),
        ] {
            let told = told(given);
            let begin = format!("an I/O can wait {expected}, and after");
            assert!(told.starts_with(&begin), "{told}");
        }
        // A disk whose requests are not known has one at least.
        let one = settings(&[second, lanes("1")]);
        assert_eq!(
            Wait::of(&Machine::new().roots(), &one),
            Wait::alone(1_000_000)
        );
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
            let longest = Wait::of(&machine.roots(), &settings(given));
            assert_eq!(longest.us, seconds * 1_000_000, "{given:?}");
        }
        let told = long_hold(&machine.roots(), &settings(&[bytes("4k")]));
        assert!(told.unwrap().starts_with("an I/O can wait for 320s, and"));
        // Without a disk, its largest request is not known.
        let none = Machine::new();
        let longest = Wait::of(&none.roots(), &settings(&[bytes("4k")]));
        assert_eq!(longest.us, 320_000_000);
    }
}
