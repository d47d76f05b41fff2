// SPDX-License-Identifier: GPL-2.0-only

//! Every way to end an injection releases all its held completions at once.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    readers::Readers,
    report::Report,
    sys,
};
use anyhow::Result;
use std::{thread::sleep, time::Duration};

/// The number of held completions.
const HELD: u64 = 128;

/// The last of the readers must have its data by then.
const LIMIT_MS: u64 = 10;

/// The length of the lease, from the write on.
const LEASE_MS: u64 = 1_000;

scenario!("recovery_parked_rmdir", rmdir);
fn rmdir(report: &mut Report) -> Result<()> {
    measure(report, 0, |_, injection| {
        injection.take().map_or(Ok(()), Injection::remove)
    })
}

scenario!("recovery_parked_disabled", disabled);
fn disabled(report: &mut Report) -> Result<()> {
    measure(report, 0, |_, injection| set(injection, "enabled", "0"))
}

scenario!("recovery_parked_panic_button", panic_button);
fn panic_button(report: &mut Report) -> Result<()> {
    measure(report, 0, |_, _| {
        sys::write(format!("{}/enabled", sys::IOEM), "0")
    })
}

scenario!("recovery_parked_other_scheduler", other_scheduler);
fn other_scheduler(report: &mut Report) -> Result<()> {
    measure(report, 0, |disk, _| disk.set_scheduler("none"))
}

scenario!("recovery_parked_lease_end", lease_end);
fn lease_end(report: &mut Report) -> Result<()> {
    measure(report, LEASE_MS, |_, injection| {
        set(injection, "duration_ms", &LEASE_MS.to_string())
    })
}

fn set(injection: &Option<Injection>, attribute: &str, value: &str) -> Result<()> {
    injection
        .as_ref()
        .map_or(Ok(()), |injection| injection.set(attribute, value))
}

/// Ends the hold by `recover`, which may take so long.
fn measure(
    report: &mut Report,
    after_ms: u64,
    recover: fn(&Disk, &mut Option<Injection>) -> Result<()>,
) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    let settings = [("op", "read"), ("delay_us", "3600000000")];
    let mut injection = Some(Injection::with_texts("held", &settings)?);
    let readers = Readers::start(&disk.path(), HELD, 1);
    if let Some(injection) = &injection {
        injection.wait_until_held(HELD)?;
        let held = injection.stat("held")?;
        report.figure("held until then", HELD, held, held == HELD);
    }
    sleep(Duration::from_millis(100));
    let start_ns = sys::monotonic_ns() + after_ms * 1_000_000;
    recover(&disk, &mut injection)?;
    let reads = readers.finish()?;
    let early = reads.iter().filter(|read| read.end_ns < start_ns).count();
    report.figure("completed before", 0, early, early == 0);
    let last_ns = reads.iter().map(|read| read.end_ns).max();
    let last_ns = last_ns.map_or(u64::MAX, |last_ns| last_ns.saturating_sub(start_ns));
    report.time(
        &format!("last of {} read after", reads.len()),
        format!("< {LIMIT_MS} ms"),
        format!("{:.3} ms", last_ns as f64 / 1e6),
        last_ns < LIMIT_MS * 1_000_000,
    );
    Ok(())
}
