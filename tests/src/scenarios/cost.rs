// SPDX-License-Identifier: GPL-2.0-only

//! What an I/O costs: on the icount clock a nanosecond is an instruction, of all that runs.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
};
use anyhow::Result;

const COUNT: u32 = 20_000;

/// Instructions of one read.
fn cost(disk: &Disk) -> Result<f64> {
    let number = format!("--number_ios={COUNT}");
    let options = ["--ioengine=psync", "--size=8g", "--norandommap", &number];
    let options = [RANDOM_READ, &options].concat();
    let outcome = Fio::start(&disk.path(), &options)?.finish()?;
    Ok(1e9 / outcome.read_iops()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Injections that limit but never have to.
fn limits(count: usize, device: &str) -> Result<Vec<Injection>> {
    (0..count)
        .map(|number| {
            let settings = [("device", device), ("quota", "1000000000")];
            Injection::with_texts(&format!("limit{number}"), &settings)
        })
        .collect()
}

pub(crate) fn path_length(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    cost(&disk)?;
    let (mut nothing, mut elsewhere) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        nothing.push(cost(&disk)?);
        let injections = limits(1_000, "sdx")?;
        elsewhere.push(cost(&disk)?);
        drop(injections);
    }
    let (nothing, elsewhere) = (median(nothing), median(elsewhere));
    let with = |count| -> Result<f64> {
        let _injections = limits(count, disk.name())?;
        cost(&disk)?;
        cost(&disk)
    };
    let (one, many) = (with(1)?, with(64)?);
    report.figure(
        "instructions a read, nothing configured and 1000 injections for another disk",
        "within 1 % of each other",
        format!("{nothing:.0} and {elsewhere:.0}"),
        (elsewhere / nothing - 1.0).abs() <= 0.01,
    );
    report.figure(
        "with 1 rule",
        "more than with nothing",
        format!("{one:.0}, {:+.0}", one - nothing),
        one > nothing,
    );
    report.figure(
        "with 64 rules that match",
        "more than with 1",
        format!("{many:.0}, {:+.0} each", (many - nothing) / 64.0),
        many > one,
    );
    Ok(())
}
