// SPDX-License-Identifier: GPL-2.0-only

//! Delays: never early, and hardly late, from insertion to issue in the block trace.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    trace::{Trace, waits},
};
use anyhow::Result;

scenario!("delay_100us", delay_100us);
fn delay_100us(report: &mut Report) -> Result<()> {
    measure(report, 100, 5_000)
}

scenario!("delay_1ms", delay_1ms);
fn delay_1ms(report: &mut Report) -> Result<()> {
    measure(report, 1_000, 2_000)
}

scenario!("delay_10ms", delay_10ms);
fn delay_10ms(report: &mut Report) -> Result<()> {
    measure(report, 10_000, 500)
}

scenario!("delay_1s", delay_1s);
fn delay_1s(report: &mut Report) -> Result<()> {
    measure(report, 1_000_000, 10)
}

fn measure(report: &mut Report, delay_us: u64, count: u64) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let number = format!("--number_ios={count}");
    let options = [RANDOM_READ, &["--iodepth=1", "--size=8g", &number]].concat();
    // Warms caches up, so that the first measured I/O is like the others.
    Fio::start(&disk.path(), &options)?.finish()?;
    let _injection = Injection::new("delay", &[("delay_us", delay_us)])?;
    let trace = Trace::start(disk.device()?)?;
    let outcome = Fio::start(&disk.path(), &options)?.finish()?;
    let waits = waits(&trace.stop()?);

    let asked_ns = delay_us * 1_000;
    report.figure(
        "I/Os",
        format!(">= {count}"),
        waits.len(),
        waits.len() as u64 >= count,
    );
    let early = waits.iter().filter(|wait| **wait < asked_ns).count();
    report.figure("early", 0, early, early == 0);
    let mean_us = waits.iter().sum::<u64>() as f64 / waits.len().max(1) as f64 / 1e3;
    let over_us = mean_us - delay_us as f64;
    report.figure(
        "mean delay",
        format!("{delay_us} us + <= 15"),
        format!("{mean_us:.2} us"),
        over_us <= 15.0,
    );
    if delay_us == 1_000 {
        let iops = outcome.read_iops()?;
        report.figure("IOPS", ">= 970", format!("{iops:.1}"), iops >= 970.0);
    }
    Ok(())
}
