// SPDX-License-Identifier: GPL-2.0-only

//! Limits: as many I/Os as asked, and never more in a window, counted from issues in the block
//! trace.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
    trace::{Step, Trace, issued_by_window},
};
use anyhow::Result;
use std::{thread::sleep, time::Duration};

struct Case {
    hw_queues: u32,
    period_us: u64,
    quota: u64,
    jobs: u32,
    depth: u32,
    seconds: u64,
    /// Allowed difference in per cent.
    percent: f64,
}

/// README's example: 15 I/Os in each millisecond.
const EXAMPLE: Case = Case {
    hw_queues: 1,
    period_us: 1_000,
    quota: 15,
    jobs: 16,
    depth: 256,
    seconds: 5,
    percent: 0.5,
};

const TWO_QUEUES: Case = Case {
    hw_queues: 2,
    ..EXAMPLE
};

/// Windows so short that one task fills them.
const OF_20_US: Case = Case {
    hw_queues: 1,
    period_us: 20,
    quota: 1,
    jobs: 1,
    depth: 64,
    seconds: 2,
    percent: 1.0,
};

const OF_100_US: Case = Case {
    period_us: 100,
    quota: 2,
    ..OF_20_US
};

const OF_10_MS: Case = Case {
    period_us: 10_000,
    quota: 150,
    jobs: 4,
    seconds: 3,
    ..OF_20_US
};

const OF_1_S: Case = Case {
    period_us: 1_000_000,
    quota: 15_000,
    ..OF_10_MS
};

scenario!("limit_example_1_queue", |report| measure(report, &EXAMPLE));
scenario!("limit_example_2_queues", |report| measure(
    report,
    &TWO_QUEUES
));
scenario!("limit_20us", |report| measure(report, &OF_20_US));
scenario!("limit_100us", |report| measure(report, &OF_100_US));
scenario!("limit_10ms", |report| measure(report, &OF_10_MS));
scenario!("limit_1s", |report| measure(report, &OF_1_S));

fn measure(report: &mut Report, case: &Case) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: case.hw_queues,
        ..Kind::default()
    })?;
    let _injection = Injection::new(
        "limit",
        &[("period_us", case.period_us), ("quota", case.quota)],
    )?;
    let jobs = format!("--numjobs={}", case.jobs);
    let depth = format!("--iodepth={}", case.depth);
    // The load shares the guest's time with the measured scheduler: with short windows, fio uses
    // its cheapest options.
    let cheap = [
        "--ioengine=io_uring",
        "--fixedbufs",
        "--registerfiles",
        "--gtod_reduce=1",
        "--norandommap",
    ];
    let cheap = if case.period_us < 1_000 {
        &cheap[..]
    } else {
        &[]
    };
    let load = Fio::start(
        &disk.path(),
        &[
            RANDOM_READ,
            &["--time_based", "--runtime=60", &jobs, &depth],
            cheap,
        ]
        .concat(),
    )?;
    // By then all jobs have begun, and some job wants every tag.
    sleep(Duration::from_secs(2));
    let trace = Trace::start_steps(disk.device()?, &[Step::Issue])?;
    let start_ns = sys::monotonic_ns();
    sleep(Duration::from_secs(case.seconds + 1));
    let events = trace.stop()?;
    drop(load);

    let period_ns = case.period_us * 1_000;
    let counts = issued_by_window(&events, start_ns, case.seconds * 1_000_000_000, period_ns);
    let asked = 1e6 * case.quota as f64 / case.period_us as f64;
    let measured = counts.iter().sum::<u64>() as f64 / case.seconds as f64;
    let (asked_text, difference) = (
        format!("{asked} ± {} %", case.percent),
        (measured / asked - 1.0) * 100.0,
    );
    // A real-time kernel's timer wakes a thread, which wakes the dispatching one: the shortest
    // windows may be over by then.
    if sys::is_realtime() && case.period_us < 100 {
        report.figure(
            "IOPS",
            format!("at most {asked_text}"),
            format!("{measured:.1}"),
            difference <= case.percent,
        );
    } else {
        report.figure(
            "IOPS",
            asked_text,
            format!("{measured:.1}"),
            difference.abs() <= case.percent,
        );
    }
    // A request takes some microseconds from admission to issue, and more if a task has the
    // processor, so the trace cannot judge short windows.
    if case.period_us < 100 {
        return Ok(());
    }
    let windows = format!("{} windows of {} us", counts.len(), case.period_us);
    if sys::is_realtime() {
        let most = most_ahead(&counts, case.quota);
        report.figure(
            &format!("issued by the end of one of {windows}, beyond all quotas until then"),
            format!("<= {}", case.quota),
            most,
            most <= case.quota as i64,
        );
    } else {
        judge_windows(report, &windows, &counts, case.quota);
    }
    Ok(())
}

/// Judges that no window has more than its quota, except for I/Os that come late from an earlier
/// window, in one window of a thousand.
pub(crate) fn judge_windows(report: &mut Report, windows: &str, counts: &[u64], quota: u64) {
    let (fullest, late) = fullest_and_late(counts, quota);
    report.figure(
        &format!("fullest of {windows}"),
        format!("<= {quota}"),
        fullest,
        fullest <= quota,
    );
    if late > 0 {
        let most = counts.len() / 1_000;
        let name = "windows with I/Os that an earlier one had admitted, left out there";
        report.figure(name, format!("<= {most}"), late, late <= most);
    }
}

/// The most I/Os in a window, and the number of other windows with I/Os that an earlier one had
/// admitted.
///
/// The dispatching task takes a window's requests from the scheduler, and then issues them. A
/// preemptible kernel, or an emulator that gives the other processor its turn, may stop the task in
/// between for longer than the window lasts. Then the requests come in a later window. That window
/// has no more than its quota and the I/Os that earlier windows lack, of which one quota counts at
/// most. A limit that let windows share their quotas would do so more often.
fn fullest_and_late(counts: &[u64], quota: u64) -> (u64, usize) {
    let (mut fullest, mut late, mut missing) = (0, 0, 0);
    for (place, count) in counts.iter().copied().enumerate() {
        // The start of the trace may also have stopped the task, in a window that is not counted.
        let before = if place == 0 { quota } else { missing };
        if count > quota && count <= quota + before {
            late += 1;
        } else {
            fullest = fullest.max(count);
        }
        missing = (quota + missing).saturating_sub(count).min(quota);
    }
    (fullest, late)
}

/// The most I/Os by which the first windows together have had more than their quotas.
///
/// In a real-time kernel, the dispatching task may lose its processor or wait for a lock after a
/// whole window was admitted and before it is issued; then it issues two windows' I/Os in one. But
/// these are late and not early: all windows until then together have no more than their quotas,
/// except for I/Os that were late when counting began.
fn most_ahead(counts: &[u64], quota: u64) -> i64 {
    let mut ahead = 0;
    let after_each = counts.iter().map(|count| {
        ahead += *count as i64 - quota as i64;
        ahead
    });
    after_each.max().unwrap_or_default()
}

scenario!("limit_quota_alone", quota_alone);
fn quota_alone(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("limit", &[])?;
    sys::write(injection.path("quota"), "15\n")?;
    let trace = Trace::start_steps(disk.device()?, &[Step::Issue])?;
    let start_ns = sys::monotonic_ns();
    let load = Fio::start(
        &disk.path(),
        &[
            RANDOM_READ,
            &["--time_based", "--runtime=60", "--iodepth=64"],
        ]
        .concat(),
    )?;
    sleep(Duration::from_secs(7));
    let events = trace.stop()?;
    // fio waits for the I/Os that it has submitted, so they must go.
    injection.remove()?;
    drop(load);
    // fio begins within the first second.
    let counts = issued_by_window(
        &events,
        start_ns + 1_000_000_000,
        4_000_000_000,
        1_000_000_000,
    );
    report.figure(
        "I/Os in each second",
        "15",
        format!("{counts:?}"),
        counts.iter().all(|count| *count == 15),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_told_from_what_is_too_much() {
        assert_eq!(fullest_and_late(&[15, 1, 29, 15], 15), (15, 1));
        assert_eq!(fullest_and_late(&[15, 1, 30, 15], 15), (30, 0));
        assert_eq!(fullest_and_late(&[24, 15], 15), (15, 1));
        assert_eq!(fullest_and_late(&[15, 15, 16, 14], 15), (16, 0));
        assert_eq!(fullest_and_late(&[1, 15, 29, 15], 15), (15, 1));
        assert_eq!(fullest_and_late(&[0, 0, 31, 15], 15), (31, 0));
        assert_eq!(fullest_and_late(&[], 15), (0, 0));
    }
}
