// SPDX-License-Identifier: GPL-2.0-only

//! The arm of a hard disk: an SSD is as fast as a data sheet says of a disk of 7200 turns a minute.
//!
//! The figures are those of Seagate's data sheet of the Exos X16 (DS2011): 261 MB/s at most, and
//! 170 random reads of 4 KiB a second, 16 at a time. One at a time takes the mean seek and half a
//! turn, by the formula in the specifications of Hitachi's Deskstar disks.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::Result;

const SEEK_US: u64 = 8_500;

const TURN_US: u64 = 8_333;

/// An empty disk with two hardware queues, made a hard disk.
fn hard_disk(hold: &str) -> Result<(Disk, Injection)> {
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    let settings = [
        ("hold", hold),
        ("seek_us", &*SEEK_US.to_string()),
        ("turn_us", &*TURN_US.to_string()),
    ];
    let injection = Injection::with_texts("arm", &settings)?;
    Ok((disk, injection))
}

scenario!("arm_random", random);
fn random(report: &mut Report) -> Result<()> {
    sys::wait_for_clock();
    for hold in ["request", "completion"] {
        let (disk, _injection) = hard_disk(hold)?;
        let mut before = 0.0;
        for depth in [1, 2, 4, 8, 16, 32] {
            let depth_option = format!("--iodepth={depth}");
            let options = ["--number_ios=600", "--size=16g", &depth_option];
            let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
            let iops = load.finish()?.read_iops()?;
            let what = format!("reads a second at depth {depth}, {hold}");
            let asked = match depth {
                1 => Some(1e6 / (SEEK_US + TURN_US / 2) as f64),
                16 => Some(170.0),
                _ => None,
            };
            match asked {
                Some(asked) => report.time(
                    &what,
                    format!("{asked:.0} ± 10 %, as in the data sheet"),
                    format!("{iops:.1}"),
                    (iops / asked - 1.0).abs() <= 0.1,
                ),
                None => report.time(
                    &what,
                    format!(">= {before:.1}, less 5 %, and <= 250"),
                    format!("{iops:.1}"),
                    iops >= before * 0.95 && iops <= 250.0,
                ),
            }
            before = iops;
        }
    }
    Ok(())
}

scenario!("arm_sequential", sequential);
fn sequential(report: &mut Report) -> Result<()> {
    sys::wait_for_clock();
    for hold in ["request", "completion"] {
        let (disk, _injection) = hard_disk(hold)?;
        for (op, depth) in [("read", 1), ("read", 4), ("read", 32), ("write", 8)] {
            let options = [
                "--bs=128k",
                "--ioengine=libaio",
                "--direct=1",
                "--size=400m",
                &format!("--rw={op}"),
                &format!("--iodepth={depth}"),
            ];
            let outcome = Fio::start(&disk.path(), &options)?.finish()?;
            let rate = outcome.number(&format!("/jobs/0/{op}/bw_bytes"))? / 1e6;
            report.time(
                &format!("{op}s of 128 KiB at depth {depth}, {hold}: MB/s"),
                "261 ± 10 %, as in the data sheet",
                format!("{rate:.1}"),
                (rate / 261.0 - 1.0).abs() <= 0.1,
            );
        }
    }
    Ok(())
}
