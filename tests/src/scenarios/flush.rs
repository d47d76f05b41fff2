// SPDX-License-Identifier: GPL-2.0-only

//! Writes that come with a flush: the block layer inserts them at the head, after the flush, and
//! the driver delays them all the same, once.

use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    report::Report,
    sys,
    trace::{Event, Step, Trace, waits},
};
use anyhow::Result;
use std::collections::HashMap;

/// Notes in the report that this kernel gives writes with a flush or FUA to no scheduler, if so:
/// before Linux 6.5, its own kyber gets none either.
pub(super) fn skip_flushes(report: &mut Report) -> Result<bool> {
    sys::run(&["modprobe", "kyber-iosched"])?;
    let disk = Disk::new(&Kind {
        memory: true,
        cache: true,
        ..Kind::default()
    })?;
    disk.set_scheduler("kyber")?;
    let trace = Trace::start_steps(disk.device()?, &[Step::Insert])?;
    let write = ["--rw=write", "--bs=4k", "--size=4k", "--direct=1"];
    Fio::start(&disk.path(), &[&write[..], &["--sync=1"]].concat())?.finish()?;
    let skips = !trace.stop()?.iter().any(|event| event.is(b'F'));
    if skips {
        report.skip("this kernel gives writes with a flush or FUA to no scheduler");
    }
    Ok(skips)
}

scenario!("flush_delayed_once", delayed_once);
fn delayed_once(report: &mut Report) -> Result<()> {
    // Emulators make a task wait for a processor for some milliseconds; a second delay is longer.
    const DELAY_US: u64 = 10_000;
    if skip_flushes(report)? {
        return Ok(());
    }
    let journal = write_with_fsync(report, DELAY_US)?;
    let twice = waits(&journal)
        .iter()
        .filter(|wait| **wait >= 2 * DELAY_US * 1_000)
        .count();
    report.figure("delayed twice", 0, twice, twice == 0);
    Ok(())
}

scenario!("flush_inserted_once", inserted_once);
/// This test has no figure that is a time.
fn inserted_once(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    write_with_fsync(report, 2_000).map(drop)
}

/// Returns the events of writes that came with a flush or FUA.
fn write_with_fsync(report: &mut Report, delay_us: u64) -> Result<Vec<Event>> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        memory: true,
        cache: true,
        ..Kind::default()
    })?;
    sys::run(&[
        "mkfs.ext4",
        "-q",
        "-E",
        "lazy_itable_init=0,lazy_journal_init=0",
        &disk.path(),
    ])?;
    sys::run(&["mount", "-t", "ext4", &disk.path(), "/mnt"])?;
    let _injection = Injection::new("delay", &[("delay_us", delay_us)])?;
    let trace = Trace::start(disk.device()?)?;
    let outcome = Fio::start(
        "/mnt/file",
        &[
            "--rw=write",
            "--bs=4k",
            "--ioengine=psync",
            "--fsync=1",
            "--size=2m",
            "--numjobs=4",
            "--group_reporting",
            "--filename_format=$jobname.$jobnum",
            "--directory=/mnt",
        ],
    );
    let outcome = outcome?.finish()?;
    let events = trace.stop()?;
    sys::run(&["umount", "/mnt"])?;

    report.figure(
        "fio's errors",
        0,
        outcome.errors()?,
        outcome.errors()? == 0.0,
    );
    let journal: Vec<Event> = events
        .iter()
        .copied()
        .filter(|event| event.is(b'F') && event.is(b'W'))
        .collect();
    let inserted = journal
        .iter()
        .filter(|event| event.step == Step::Insert)
        .count();
    report.figure(
        "writes with flush or FUA",
        ">= 500",
        inserted,
        inserted >= 500,
    );
    let all = waits(&journal);
    let early = all.iter().filter(|wait| **wait < delay_us * 1_000).count();
    report.figure(
        "of them early",
        0,
        early,
        early == 0 && all.len() == inserted,
    );
    let again = inserted_again(&journal);
    report.figure("inserted a second time", 0, again, again == 0);
    Ok(journal)
}

/// The number of requests that were inserted a second time before they completed.
fn inserted_again(events: &[Event]) -> usize {
    let mut open: HashMap<u64, bool> = HashMap::new();
    let mut again = 0;
    for event in events {
        match event.step {
            Step::Insert if open.insert(event.sector, true) == Some(true) => again += 1,
            Step::Complete => {
                open.insert(event.sector, false);
            }
            _ => {}
        }
    }
    again
}
