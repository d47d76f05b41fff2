// SPDX-License-Identifier: GPL-2.0-only

//! A limit is first come, first served: hardware queues get the same shares, and no I/O waits much
//! longer than its turn.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
};
use anyhow::{Result, ensure};
use std::thread::available_parallelism;

const QUOTA: u64 = 10;
const PERIOD_MS: u64 = 100;
/// The depth of each hardware queue's load.
const DEPTH: u64 = 32;
const SECONDS: u64 = 24;
/// The time at the beginning and at the end in which only some loads run.
const LEFT_OUT_MS: u64 = 2_000;

scenario!("fair_2_queues", two_queues);
fn two_queues(report: &mut Report) -> Result<()> {
    measure(report, 2)
}

scenario!("fair_4_queues", four_queues);
/// This needs a guest with four processors.
fn four_queues(report: &mut Report) -> Result<()> {
    measure(report, 4)
}

fn measure(report: &mut Report, hw_queues: u32) -> Result<()> {
    ensure!(
        available_parallelism()?.get() as u32 >= hw_queues,
        "there are fewer processors than hardware queues"
    );
    for hold in ["request", "completion"] {
        let disk = Disk::on_ioem(&Kind {
            hw_queues,
            ..Kind::default()
        })?;
        let (quota, period_us) = (QUOTA.to_string(), (PERIOD_MS * 1_000).to_string());
        let settings = [
            ("hold", hold),
            ("period_us", &*period_us),
            ("quota", &*quota),
        ];
        let _injection = Injection::with_texts("limit", &settings)?;
        let (depth, runtime) = (format!("--iodepth={DEPTH}"), format!("--runtime={SECONDS}"));
        let loads = (0..hw_queues)
            .map(|cpu| {
                let cpu = format!("--cpus_allowed={cpu}");
                let options = [&*depth, &runtime, &cpu, "--time_based", "--size=8g"];
                Fio::start_logged(&[], &disk.path(), &[RANDOM_READ, &options].concat())
            })
            .collect::<Result<Vec<_>>>()?;
        let within = LEFT_OUT_MS..SECONDS * 1_000 - LEFT_OUT_MS;
        let (mut shares, mut worst_ns) = (Vec::new(), 0);
        for load in loads {
            let outcome = load.finish()?;
            let counted = outcome
                .logged()
                .iter()
                .filter(|io| within.contains(&io.time_ms));
            worst_ns = counted
                .clone()
                .map(|io| io.latency_ns)
                .max()
                .unwrap_or(0)
                .max(worst_ns);
            shares.push(counted.count() as f64);
        }
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let furthest = shares
            .iter()
            .map(|share| (share / mean - 1.0).abs())
            .fold(0.0, f64::max);
        report.figure(
            &format!("hold={hold}: I/Os of each of {hw_queues} hardware queues, {shares:?}"),
            "within 10 % of their mean",
            format!("{:.1} %", furthest * 100.0),
            furthest <= 0.1,
        );
        let seconds = (SECONDS * 1_000 - 2 * LEFT_OUT_MS) as f64 / 1e3;
        let (rate, asked) = (
            mean * shares.len() as f64 / seconds,
            (QUOTA * 1_000 / PERIOD_MS) as f64,
        );
        report.figure(
            &format!("hold={hold}: I/Os a second"),
            format!("{asked} ± 2 %"),
            format!("{rate:.1}"),
            (rate / asked - 1.0).abs() <= 0.02,
        );
        let turn_ms = (u64::from(hw_queues) * DEPTH * PERIOD_MS) as f64 / QUOTA as f64;
        let worst_ms = worst_ns as f64 / 1e6;
        report.figure(
            &format!("hold={hold}: longest wait, one's turn comes after {turn_ms} ms"),
            "<= 1.5 x",
            format!("{worst_ms:.0} ms, {:.2} x", worst_ms / turn_ms),
            worst_ms <= 1.5 * turn_ms,
        );
    }
    Ok(())
}
