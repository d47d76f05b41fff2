// SPDX-License-Identifier: GPL-2.0-only

//! The cost of an I/O: on the icount clock a nanosecond is an instruction, of any code.

use crate::{bench::cost::Steady, injection::Injection, report::Report, sys};
use anyhow::Result;

/// The instructions of `read_hpet()`, as `bench path` counts them on Linux 6.1.
const READ_HPET: f64 = 25.0;

/// Injections for the disk whose limits never bind.
fn limits(count: usize, settings: &[(&str, &str)]) -> Result<Vec<Injection>> {
    let settings = [&[("quota", "1000000000")], settings].concat();
    (0..count)
        .map(|number| Injection::with_texts(&format!("limit{number}"), &settings))
        .collect()
}

scenario!("cost_path_length", path_length);
fn path_length(report: &mut Report) -> Result<()> {
    let steady = Steady::new()?;
    let nothing = steady.cost()?;
    let injections = limits(1_000, &[("device", "sdx")])?;
    let elsewhere = steady.cost()?;
    drop(injections);
    report.figure(
        "instructions a read, nothing configured and 1000 injections for another disk",
        "within 1 % of each other",
        format!("{nothing:.0} and {elsewhere:.0}"),
        (elsewhere / nothing - 1.0).abs() <= 0.01,
    );
    // Limits read the clock once for each I/O. Kernels that do not trust the emulator's TSC take
    // another clock, and its readings cost more.
    let clock = sys::clock_source()?;
    let read_clock = if clock == "hpet" { READ_HPET } else { 0.0 };
    for (what, count, settings, most) in [
        ("a limit that never binds", 1, &[][..], 150.0),
        ("64 of them", 64, &[], 4_000.0),
        ("64 whose filter fails", 64, &[("op", "write")], 1_920.0),
    ] {
        let device = ("device", steady.disk());
        let injections = limits(count, &[&[device], settings].concat())?;
        let more = steady.cost()? - nothing;
        drop(injections);
        let most = most + if settings.is_empty() { read_clock } else { 0.0 };
        report.figure(
            &format!("instructions more with {what}, clock {clock}"),
            format!("<= {most:.0}"),
            format!("{more:.0}"),
            more <= most,
        );
    }
    // Last, as the driver goes on seeing bios for a while.
    if sys::shows_flushes()? {
        let settings = [("device", "sdx"), ("op", "flush"), ("delay_us", "1")];
        let injection = Injection::with_texts("flushes", &settings)?;
        let more = steady.cost()? - nothing;
        drop(injection);
        report.figure(
            "instructions more with an injection for flushes of another disk",
            "<= 100",
            format!("{more:.0}"),
            more <= 100.0,
        );
    }
    Ok(())
}
