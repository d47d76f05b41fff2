// SPDX-License-Identifier: GPL-2.0-only

//! The speed of two hardware queues beside that of one, with processors that run at the same time.

use super::{
    Bench,
    cost::{load_options, pass},
    cpus::Cpus,
    disk, print,
};
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    sys,
};
use anyhow::Result;
use serde_json::json;
use std::{thread::sleep, time::Duration};

/// The number of measured pairs of ratios.
const PAIRS: u32 = 9;

pub(super) fn all(bench: &mut Bench) -> Result<()> {
    let cpus = Cpus::first(2)?;
    let of_queues = |hw_queues| {
        disk(&Kind {
            hw_queues,
            ..Kind::default()
        })
    };
    let disks = [of_queues(1)?, of_queues(2)?];
    let options = load_options(bench, &cpus, 32);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    for pair in 0..=PAIRS {
        for scheduler in ["none", "ioem-mq"] {
            let mut iops = Vec::new();
            for disk in &disks {
                disk.set_scheduler(scheduler)?;
                let _load = Fio::start(&disk.path(), &options)?;
                iops.push(read_iops(disk)?);
            }
            // The first pair warms up.
            if pair > 0 {
                let cell = json!({"scheduler": scheduler, "pair": pair});
                print("scaling", cell, json!({"one": iops[0], "two": iops[1]}));
            }
        }
    }
    Ok(())
}

/// Reads in one second, once the load has begun.
fn read_iops(disk: &Disk) -> Result<f64> {
    pass(disk, 1_000)?;
    let before = (disk.stat(0)?, sys::monotonic_ns());
    sleep(Duration::from_secs(1));
    let after = (disk.stat(0)?, sys::monotonic_ns());
    Ok((after.0 - before.0) as f64 * 1e9 / (after.1 - before.1) as f64)
}
