// SPDX-License-Identifier: GPL-2.0-only

//! Profiles: the effect on an I/O follows from the step in which the I/O arrives.

use crate::{
    direct::Direct,
    disk::{Disk, Kind},
    injection::Injection,
    readers::{Read, Readers},
    report::Report,
    sys,
};
use anyhow::Result;
use std::{thread::sleep, time::Duration};

/// The time that the disk takes for a read, so that reads do not fill the trace of a second.
const SERVICE_NS: u64 = 50_000;

/// So near to the border of a step, either step counts.
const BORDER_NS: u64 = 100_000;

/// So much longer than its delay a read may take.
const SLACK_NS: u64 = 500_000;

/// Reads without a pause.
const MANY: (u64, Duration) = (50, Duration::ZERO);

/// Reads with pauses: where I/O waits until a step ends, the next read would begin at that border,
/// and the one after the next step's begin at that one.
const FEW: (u64, Duration) = (1, Duration::from_micros(3_300));

/// A step: its milliseconds, and its strength in per cent.
type Step = (u64, u64);

/// A disk with an injection that has this profile, and the time of the first step.
struct Profiled {
    disk: Disk,
    injection: Injection,
    start_ns: u64,
    steps: Vec<Step>,
    is_once: bool,
}

impl Profiled {
    fn new(settings: &[(&str, &str)], steps: &[Step], is_once: bool) -> Result<Self> {
        let disk = Disk::on_ioem(&Kind {
            completion_ns: SERVICE_NS,
            ..Kind::default()
        })?;
        sys::wait_for_clock();
        let injection = Injection::with_texts("profiled", settings)?;
        let words = steps
            .iter()
            .map(|(ms, scale)| format!("{}:{scale}", ms * 1_000));
        let mut words: Vec<String> = words.collect();
        if is_once {
            words.push("once".to_owned());
        }
        injection.set("profile", words.join(" "))?;
        // The write itself takes some microseconds, far less than a border.
        let start_ns = sys::monotonic_ns();
        Ok(Self {
            disk,
            injection,
            start_ns,
            steps: steps.to_vec(),
            is_once,
        })
    }

    fn whole_ns(&self) -> u64 {
        self.steps.iter().map(|(ms, _)| ms * 1_000_000).sum()
    }

    /// The strength at a time, and when the step ends; `None` near a border.
    fn strength_at(&self, time_ns: u64) -> Option<(u64, u64)> {
        let elapsed_ns = time_ns - self.start_ns;
        let whole_ns = self.whole_ns();
        if self.is_once && elapsed_ns >= whole_ns {
            return Some((self.steps.last()?.1, u64::MAX));
        }
        let mut begin_ns = time_ns - elapsed_ns % whole_ns;
        for (ms, scale) in &self.steps {
            let end_ns = begin_ns + ms * 1_000_000;
            if time_ns < end_ns {
                let is_inside = time_ns >= begin_ns + BORDER_NS && time_ns + BORDER_NS < end_ns;
                return is_inside.then_some((*scale, end_ns));
            }
            begin_ns = end_ns;
        }
        None
    }

    /// Reads so many blocks one after another, and again after a pause, for so many of its rounds.
    /// Returns each read that did not begin near a border, with the strength at its begin and the
    /// end of that step.
    fn read(&self, rounds: u64, load: (u64, Duration)) -> Result<Vec<(Read, u64, u64)>> {
        let end_ns = self.start_ns + rounds * self.whole_ns();
        let (count, pause) = load;
        let mut reads = Vec::new();
        let mut place = 0;
        while sys::monotonic_ns() < end_ns {
            let readers = Readers::start_from(&self.disk.path(), place * 8, 1, count);
            reads.extend(readers.finish()?);
            place += count;
            sleep(pause);
        }
        let placed = reads.into_iter().filter_map(|read| {
            let (scale, end_ns) = self.strength_at(read.start_ns)?;
            Some((read, scale, end_ns))
        });
        Ok(placed.collect())
    }

    /// Notes how many reads took another time than `expected_ns` says, by the strength at a read's
    /// begin and the time until its step ends.
    fn compare(
        &self,
        report: &mut Report,
        what: &str,
        load: (u64, Duration),
        expected_ns: impl Fn(u64, u64) -> u64,
    ) -> Result<()> {
        let rounds = if self.is_once { 2 } else { 12 };
        let reads = self.read(rounds, load)?;
        let strengths: Vec<u64> = self.steps.iter().map(|(_, scale)| *scale).collect();
        for strength in strengths {
            let of_step = reads.iter().filter(|(_, scale, _)| *scale == strength);
            let (mut early, mut late, mut all) = (0, 0, 0);
            for (read, scale, end_ns) in of_step {
                let expected_ns = expected_ns(*scale, end_ns.saturating_sub(read.start_ns));
                early += usize::from(read.latency_ns() < expected_ns);
                late += usize::from(read.latency_ns() > expected_ns + SERVICE_NS + SLACK_NS);
                all += 1;
            }
            report.figure(
                &format!("{what}: reads in steps of {strength} %, and early ones"),
                ">= 5, 0",
                format!("{all}, {early}"),
                all >= 5 && early == 0,
            );
            // Now and then a task of the guest waits for a processor. A step that ended late would
            // have some reads too late in each round.
            let most = all / 1_000;
            report.time("late ones", format!("<= {most}"), late, late <= most);
        }
        let held = self.injection.stat("held")?;
        report.figure("held", 0, held, held == 0);
        Ok(())
    }
}

scenario!("profile_duty", duty);
/// A delay of 2 ms for 5 ms of each 50 ms, on and off within 100 us.
fn duty(report: &mut Report) -> Result<()> {
    for hold in ["request", "completion"] {
        let settings = [("hold", hold), ("delay_us", "2000")];
        let profiled = Profiled::new(&settings, &[(5, 100), (45, 0)], false)?;
        profiled.compare(report, hold, MANY, |scale, _| 2_000_000 * scale / 100)?;
    }
    Ok(())
}

scenario!("profile_worse", worse);
/// A delay that gets longer, and stays so.
fn worse(report: &mut Report) -> Result<()> {
    let steps = [(50, 25), (50, 100), (50, 0), (50, 300)];
    let profiled = Profiled::new(&[("delay_us", "1000")], &steps, true)?;
    profiled.compare(report, "once", MANY, |scale, _| 1_000_000 * scale / 100)
}

scenario!("profile_freeze", freeze);
/// A disk that hangs for 10 ms of each 40 ms: frozen I/O goes at the end of the step.
fn freeze(report: &mut Report) -> Result<()> {
    for hold in ["request", "completion"] {
        let settings = [("hold", hold), ("freeze", "1")];
        let profiled = Profiled::new(&settings, &[(10, 100), (30, 0)], false)?;
        profiled.compare(report, hold, FEW, |scale, left_ns| {
            // The border is where the step may end by the time before the write of the profile.
            if scale == 0 {
                0
            } else {
                left_ns.saturating_sub(BORDER_NS)
            }
        })?;
        // I/O that is frozen already goes by a profile that comes later.
        let (disk, injection) = (&profiled.disk, &profiled.injection);
        injection.set("profile", "\n")?;
        let readers = Readers::start(&disk.path(), 1, 1);
        injection.wait_until_held(1)?;
        injection.set("profile", "20000:100 20000:0")?;
        let set_ns = sys::monotonic_ns();
        let read = readers.finish()?[0];
        let after_ms = read.end_ns.saturating_sub(set_ns) as f64 / 1e6;
        report.figure(
            "a frozen read ends after a later profile",
            ">= 19 ms",
            format!("{after_ms:.3} ms"),
            after_ms >= 19.0,
        );
        report.time(
            "and soon",
            "< 21 ms",
            format!("{after_ms:.3} ms"),
            after_ms < 21.0,
        );
    }
    Ok(())
}

scenario!("profile_held", held);
/// Held I/O keeps the delay of the step in which it arrived, also if another injection ends in the
/// next step.
fn held(report: &mut Report) -> Result<()> {
    for hold in ["request", "completion"] {
        let settings = [("hold", hold), ("delay_us", "3000000")];
        let profiled = Profiled::new(&settings, &[(1_000, 100), (1_000, 0)], false)?;
        let settings = [("hold", hold), ("delay_us", "500000")];
        let other = Injection::with_texts("other", &settings)?;
        let readers = Readers::start(&profiled.disk.path(), 1, 1);
        sleep(Duration::from_millis(1_400));
        other.remove()?;
        let taken_ms = readers.finish()?[0].latency_ns() as f64 / 1e6;
        report.figure(
            &format!("{hold}: a read of 3 s, and of half a second more until 1.4 s"),
            ">= 3000 ms",
            format!("{taken_ms:.3} ms"),
            taken_ms >= 3_000.0,
        );
        report.time(
            "late",
            "< 3002 ms",
            format!("{taken_ms:.3} ms"),
            taken_ms < 3_002.0,
        );
    }
    Ok(())
}

scenario!("profile_limit", limit);
/// A limit that admits nothing more for an hour, for 20 ms of each 40 ms: waiting I/O goes at the
/// end of the step.
fn limit(report: &mut Report) -> Result<()> {
    for hold in ["request", "completion"] {
        let settings = [("hold", hold), ("period_us", "3600000000"), ("quota", "1")];
        let profiled = Profiled::new(&settings, &[(20, 100), (20, 0)], false)?;
        // The only I/O of the window.
        let mut device = Direct::open(&profiled.disk.path())?;
        device.read(0)?;
        profiled.compare(report, hold, FEW, |scale, left_ns| {
            if scale == 0 {
                0
            } else {
                left_ns.saturating_sub(BORDER_NS)
            }
        })?;
    }
    Ok(())
}

scenario!("profile_error", error);
/// Reads fail in the steps at work, and in no others.
fn error(report: &mut Report) -> Result<()> {
    let steps = [(10, 100), (10, 0)];
    let profiled = Profiled::new(&[("error", "ENODATA")], &steps, false)?;
    let mut device = Direct::open(&profiled.disk.path())?;
    let (mut wrong, mut all) = (0, 0);
    for place in 0..3_000 {
        let start_ns = sys::monotonic_ns();
        let error = device.read(place)?;
        if let Some((scale, _)) = profiled.strength_at(start_ns) {
            wrong += usize::from((error == 61) != (scale > 0));
            all += 1;
        }
    }
    report.figure(
        "reads with the wrong result, of all",
        "0, of >= 1000",
        format!("{wrong} of {all}"),
        wrong == 0 && all >= 1_000,
    );
    Ok(())
}
