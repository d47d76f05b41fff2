// SPDX-License-Identifier: GPL-2.0-only

//! The counts of an injection are equal to those of the block trace.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
    trace::{Event, Step, Trace, waits},
};
use anyhow::{Context, Result};
use std::path::Path;

const MIXED: &[&str] = &[
    "--rw=randrw",
    "--bs=4k",
    "--ioengine=libaio",
    "--direct=1",
    "--randseed=1",
    "--iodepth=8",
    "--size=8g",
];

fn count(events: &[Event], step: Step, letter: u8) -> u64 {
    let of_kind = events
        .iter()
        .filter(|event| event.step == step && event.is(letter));
    of_kind.count() as u64
}

fn same(report: &mut Report, injection: &Injection, key: &str, traced: u64) -> Result<()> {
    let shown = injection.stat(key)?;
    report.figure(key, traced, shown, shown == traced);
    Ok(())
}

/// All I/Os are in the histogram, and 99 of 100 in their step: the guest's processor may be taken
/// from the worker just when an I/O is due, and the I/O then goes a few ten microseconds later.
fn in_step(report: &mut Report, injection: &Injection, step_us: u64, traced: u64) -> Result<()> {
    let text = injection.get("stats")?;
    let steps = text.lines().filter_map(|line| line.split_once(' '));
    let steps = steps.filter_map(|(key, count)| {
        Some((
            key.strip_prefix("added_us_lt_")?,
            count.parse::<u64>().ok()?,
        ))
    });
    let (mut all, mut right) = (0, 0);
    for (end_us, count) in steps {
        all += count;
        if end_us == step_us.to_string() {
            right = count;
        }
    }
    report.figure("added_us_lt_*", traced, all, all == traced);
    let least = traced - traced / 100;
    report.figure(
        &format!("added_us_lt_{step_us}"),
        format!("{least} to {traced}"),
        right,
        (least..=traced).contains(&right),
    );
    Ok(())
}

scenario!("counters_delays", delays);
fn delays(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    // Well inside of the steps that end at 320, 3072 and 30720 us.
    let delays = [("292", 320), ("2830", 3_072), ("28900", 30_720)];
    for (delay_us, step_us) in delays {
        let settings = [("op", "read"), ("delay_us", delay_us)];
        let injection = Injection::with_texts("counted", &settings)?;
        let trace = Trace::start(disk.device()?)?;
        let load = [MIXED, &["--number_ios=1500"]].concat();
        let load = Fio::start_logged(&[], &disk.path(), &load)?.finish()?;
        let events = trace.stop()?;
        // Writes pass by the scheduler.
        let reads = count(&events, Step::Issue, b'R');
        let writes = count(&events, Step::Issue, b'W');
        report.figure(
            &format!("delay of {delay_us} us: traced"),
            "> 500 reads and writes",
            format!("{reads} and {writes}"),
            reads > 500 && writes > 500,
        );
        same(report, &injection, "matched", reads)?;
        let delay_ns: u64 = delay_us.parse::<u64>()? * 1_000;
        let late = load.logged().iter();
        let late = late.filter(|io| io.is_read && io.latency_ns >= delay_ns);
        same(report, &injection, "delayed", late.count() as u64)?;
        in_step(report, &injection, step_us, reads)?;
        for key in ["limited", "held", "released_early", "errors"] {
            same(report, &injection, key, 0)?;
        }
        injection.set("stats", "0")?;
        same(report, &injection, "matched", 0)?;
        same(report, &injection, &format!("added_us_lt_{step_us}"), 0)?;
    }
    Ok(())
}

scenario!("counters_limits", limits);
fn limits(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let settings = [("quota", 10), ("period_us", 200_000)];
    let injection = Injection::new("counted", &settings)?;
    let trace = Trace::start(disk.device()?)?;
    let options = [
        "--iodepth=100",
        "--iodepth_batch=100",
        "--size=8g",
        "--number_ios=100",
    ];
    Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?.finish()?;
    let waits = waits(&trace.stop()?);
    let traced = waits.iter().filter(|wait| **wait > 1_000_000).count() as u64;
    report.figure(
        "traced waits for a limit",
        "80 to 95",
        traced,
        (80..=95).contains(&traced),
    );
    same(report, &injection, "matched", waits.len() as u64)?;
    same(report, &injection, "limited", traced)?;
    same(report, &injection, "delayed", 0)
}

/// The first hardware queue's line in `held` of the disk's `iosched`: the number of held I/Os, and
/// the times when the first and the last may go.
fn held_by_queue(disk: &Disk) -> Result<[u64; 3]> {
    let text = sys::read(disk.attribute("queue/iosched/held"))?;
    let line = text.lines().next().context("no hardware queue")?;
    let numbers: Vec<u64> = line
        .split_whitespace()
        .map(|word| Ok(word.parse()?))
        .collect::<Result<_>>()?;
    Ok([numbers[1], numbers[2], numbers[3]])
}

scenario!("counters_held_and_early", held_and_early);
fn held_and_early(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let other = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("counted", &[("delay_us", 60_000_000)])?;
    let trace = Trace::start(disk.device()?)?;
    let options = ["--iodepth=50", "--size=8g", "--number_ios=50"];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(50)?;
    same(report, &injection, "held", 50)?;
    same(report, &injection, &format!("{}.held", disk.name()), 50)?;
    same(report, &injection, &format!("{}.held", other.name()), 0)?;
    let [held, first_us, last_us] = held_by_queue(&disk)?;
    report.figure("iosched/held", 50, held, held == 50);
    report.figure(
        "the first and the last may go in",
        "57 to 60 s, in this order",
        format!("{first_us} and {last_us} us"),
        57_000_000 <= first_us && first_us <= last_us && last_us <= 60_000_000,
    );
    disk.set_scheduler("none")?;
    load.finish()?;
    let issued = count(&trace.stop()?, Step::Issue, b'R');
    report.figure("issued", 50, issued, issued == 50);
    // The disk has left the scheduler, and the counts stay.
    same(report, &injection, "matched", 50)?;
    same(report, &injection, "released_early", 50)?;
    same(report, &injection, "held", 0)
}

scenario!("counters_list", list);
/// The list of held I/O in debugfs, as it is described.
fn list(report: &mut Report) -> Result<()> {
    const DEBUG: &str = "/sys/kernel/debug";
    if !Path::new(DEBUG).join("block").exists() {
        sys::run(&["mount", "-t", "debugfs", "debugfs", DEBUG])?;
    }
    let disk = Disk::on_ioem(&Kind::default())?;
    let held = [
        ("delay_us", "60000000"),
        ("op", "read"),
        ("hold", "request"),
    ];
    let held = Injection::with_texts("by-request", &held)?;
    let parked = [("delay_us", "60000000"), ("op", "write")];
    let parked = Injection::with_texts("by-completion", &parked)?;
    let start = |way| {
        let options = ["--offset=8k", "--size=4k", "--number_ios=1"];
        Fio::start(
            &disk.path(),
            &[&[way][..], &RANDOM_READ[1..], &options].concat(),
        )
    };
    let loads = [start("--rw=read")?, start("--rw=write")?];
    held.wait_until_held(1)?;
    parked.wait_until_held(1)?;
    let sched = format!("{DEBUG}/block/{}", disk.name());
    for file in ["sched/held", "hctx0/sched/held"] {
        let text = sys::read(format!("{sched}/{file}"))?;
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        let names = "hardware queue 0: held op sector bytes due_us injections";
        report.figure(
            &format!("{file}: its header"),
            names,
            header,
            header == names,
        );
        for (first, last) in [
            ("request read 16 4096 ", " by-request"),
            ("completion write 16 4096 ", " by-completion"),
        ] {
            let line = lines.next().unwrap_or_default();
            let due = line
                .strip_prefix(first)
                .and_then(|rest| rest.strip_suffix(last));
            let due: Option<u64> = due.and_then(|due| due.parse().ok());
            report.figure(
                &format!("{file}: a line"),
                format!("{first}(below 60000000){last}"),
                line,
                due.is_some_and(|due| due < 60_000_000),
            );
        }
    }
    held.remove()?;
    parked.remove()?;
    loads
        .into_iter()
        .try_for_each(|load| load.finish().map(drop))
}
