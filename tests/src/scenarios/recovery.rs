// SPDX-License-Identifier: GPL-2.0-only

//! Every way to end an injection releases all its held I/O at once.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
    trace::{Step, Trace},
};
use anyhow::Result;
use std::fs::File;

/// The number of held I/Os.
const HELD: u64 = 256;

/// All must have completed by then, if the kernel need not wait for something first.
const LIMIT_MS: u64 = 10;

const HOUR_US: u64 = 3_600_000_000;

/// Whether the second processor is online.
pub(super) const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";

scenario!("recovery_rmdir", rmdir);
fn rmdir(report: &mut Report) -> Result<()> {
    measure(
        report,
        Kind::default(),
        &[("delay_us", HOUR_US)],
        HELD,
        |_, injection| injection.take().map_or(Ok(()), Injection::remove),
    )
}

scenario!("recovery_disabled", disabled);
fn disabled(report: &mut Report) -> Result<()> {
    measure(
        report,
        Kind::default(),
        &[("delay_us", HOUR_US)],
        HELD,
        |_, injection| set(injection, "enabled", "0"),
    )
}

scenario!("recovery_smaller_delay", smaller_delay);
fn smaller_delay(report: &mut Report) -> Result<()> {
    measure(
        report,
        Kind::default(),
        &[("delay_us", HOUR_US)],
        HELD,
        |_, injection| set(injection, "delay_us", "1000"),
    )
}

scenario!("recovery_panic_button", panic_button);
fn panic_button(report: &mut Report) -> Result<()> {
    measure(
        report,
        Kind::default(),
        &[("delay_us", HOUR_US)],
        HELD,
        |_, _| sys::write(format!("{}/enabled", sys::IOEM), "0"),
    )
}

scenario!("recovery_other_scheduler", other_scheduler);
fn other_scheduler(report: &mut Report) -> Result<()> {
    measure(
        report,
        Kind::default(),
        &[("delay_us", HOUR_US)],
        HELD,
        |disk, _| disk.set_scheduler("none"),
    )
}

scenario!("recovery_disk_removed", disk_removed);
fn disk_removed(report: &mut Report) -> Result<()> {
    measure(
        report,
        Kind::default(),
        &[("delay_us", HOUR_US)],
        HELD,
        |disk, _| disk.remove(),
    )
}

scenario!("recovery_limit", limit_ended);
/// A limit admits one I/O an hour; the others stand in its line.
fn limit_ended(report: &mut Report) -> Result<()> {
    // One may go at once, or none if the disk's own probing has used up the window.
    measure(
        report,
        Kind::default(),
        &[("period_us", HOUR_US), ("quota", 1)],
        HELD - 1,
        |_, injection| injection.take().map_or(Ok(()), Injection::remove),
    )
}

fn set(injection: &Option<Injection>, attribute: &str, value: &str) -> Result<()> {
    injection
        .as_ref()
        .map_or(Ok(()), |injection| injection.set(attribute, value))
}

scenario!("recovery_processor_offline", processor_offline);
/// The last processor of a hardware queue goes offline.
fn processor_offline(report: &mut Report) -> Result<()> {
    const ISOLATED: &str = "/sys/devices/system/cpu/isolated";
    // Linux 6.12 takes an isolated processor for the only one that can serve deadlines. This guest
    // has no other test, so the driver has no part in the refusal.
    if sys::read(ISOLATED)? == "1" {
        if sys::write(ONLINE, "0").is_err() {
            report.skip("this kernel takes no isolated processor offline");
            return Ok(());
        }
        sys::write(ONLINE, "1")?;
    }
    let kind = Kind {
        hw_queues: 2,
        ..Kind::default()
    };
    // The kernel waits for some grace periods first.
    let result = measure_within(report, 100, kind, &[("delay_us", HOUR_US)], HELD, |_, _| {
        sys::write(ONLINE, "0")
    });
    sys::write(ONLINE, "1")?;
    result
}

scenario!("recovery_open_disk_removed", open_disk_removed);
/// A processor goes offline after a disk was removed that a process has open: on Linux 5.10 such a
/// disk keeps its scheduler, and no longer has the set that says which processors it serves.
fn open_disk_removed(report: &mut Report) -> Result<()> {
    const ALL: &str = "/sys/devices/system/cpu/online";
    let before = sys::read(ALL)?;
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    let open = File::open(disk.path())?;
    disk.remove()?;
    sys::write(ONLINE, "0")?;
    let without = sys::read(ALL)?;
    sys::write(ONLINE, "1")?;
    drop(open);
    let after = sys::read(ALL)?;
    report.figure("went offline", "yes", &without, without != before);
    report.figure("online afterwards", &before, &after, after == before);
    Ok(())
}

fn measure(
    report: &mut Report,
    kind: Kind,
    settings: &[(&str, u64)],
    held: u64,
    recover: fn(&Disk, &mut Option<Injection>) -> Result<()>,
) -> Result<()> {
    measure_within(report, LIMIT_MS, kind, settings, held, recover)
}

pub(super) fn measure_within(
    report: &mut Report,
    limit_ms: u64,
    kind: Kind,
    settings: &[(&str, u64)],
    held: u64,
    recover: fn(&Disk, &mut Option<Injection>) -> Result<()>,
) -> Result<()> {
    let disk = Disk::on_ioem(&kind)?;
    // The injection need not hold all of a disk's requests.
    sys::write(disk.attribute("queue/nr_requests"), "512")?;
    let mut injection = Some(Injection::new("held", settings)?);
    let trace = Trace::start(disk.device()?)?;
    let number = format!("--number_ios={HELD}");
    let load = Fio::start(
        &disk.path(),
        &[
            RANDOM_READ,
            &["--iodepth=256", "--size=8g", "--cpus_allowed=1", &number],
        ]
        .concat(),
    )?;
    if let Some(injection) = &injection {
        injection.wait_until_held(held)?;
    }
    let start_ns = sys::monotonic_ns();
    recover(&disk, &mut injection)?;
    load.wait()?;
    let events = trace.stop()?;
    let count = |step| {
        events
            .iter()
            .filter(|event| event.step == step && event.time_ns < start_ns)
            .count()
    };
    let before = (count(Step::Insert) - count(Step::Issue)) as u64;

    let completed: Vec<u64> = events
        .iter()
        .filter(|event| event.step == Step::Complete && event.time_ns >= start_ns)
        .map(|event| event.time_ns)
        .collect();
    report.figure(
        "held until then",
        format!(">= {held}"),
        before,
        before >= held,
    );
    report.figure(
        "completed",
        before,
        completed.len(),
        completed.len() as u64 >= before,
    );
    let last_ns = completed
        .iter()
        .max()
        .map_or(u64::MAX, |last| last - start_ns);
    report.time(
        "last one after",
        format!("< {limit_ms} ms"),
        format!("{:.3} ms", last_ns as f64 / 1e6),
        last_ns < limit_ms * 1_000_000,
    );
    Ok(())
}
