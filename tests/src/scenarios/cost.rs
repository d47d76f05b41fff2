// SPDX-License-Identifier: GPL-2.0-only

//! What an I/O costs: on the icount clock a nanosecond is an instruction, of all that runs.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::Result;

const COUNT: u32 = 8_000;

/// Instructions of one read, without fio's own, as a rate in whole milliseconds would be known to a hundred only.
fn cost(disk: &Disk) -> Result<f64> {
    let number = format!("--number_ios={COUNT}");
    let options = ["--ioengine=psync", "--size=8g", "--norandommap", &number];
    let options = [RANDOM_READ, &options].concat();
    let outcome = Fio::start(&disk.path(), &options)?.finish()?;
    outcome.read_mean_ns()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Injections for the disk, which limit but never have to.
fn limits(count: usize, settings: &[(&str, &str)]) -> Result<Vec<Injection>> {
    let settings = [&[("quota", "1000000000")], settings].concat();
    (0..count)
        .map(|number| Injection::with_texts(&format!("limit{number}"), &settings))
        .collect()
}

pub(crate) fn path_length(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    cost(&disk)?;
    let costs = || (0..3).map(|_| cost(&disk)).collect::<Result<Vec<_>>>();
    let nothing = costs()?;
    let injections = limits(1_000, &[("device", "sdx")])?;
    let elsewhere = costs()?;
    drop(injections);
    let (nothing, elsewhere) = (median(nothing), median(elsewhere));
    report.figure(
        "instructions a read, nothing configured and 1000 injections for another disk",
        "within 1 % of each other",
        format!("{nothing:.0} and {elsewhere:.0}"),
        (elsewhere / nothing - 1.0).abs() <= 0.01,
    );
    let device = ("device", disk.name());
    let more_with = |count, settings: &[(&str, &str)]| -> Result<f64> {
        let _injections = limits(count, &[&[device], settings].concat())?;
        cost(&disk)?;
        Ok(median(costs()?) - nothing)
    };
    // 158 were measured on a real-time kernel, where interrupts are threads: what else runs differs more from run to run.
    let most_of_limit = if sys::is_realtime() { 175.0 } else { 150.0 };
    for (what, count, settings, most) in [
        ("a limit that never binds", 1, &[][..], most_of_limit),
        ("64 of them", 64, &[], 4_000.0),
        ("64 whose filter fails", 64, &[("op", "write")], 1_920.0),
    ] {
        let more = more_with(count, settings)?;
        report.figure(
            &format!("instructions more with {what}"),
            format!("<= {most:.0}"),
            format!("{more:.0}"),
            more <= most,
        );
    }
    Ok(())
}
