// SPDX-License-Identifier: GPL-2.0-only

//! Jitter and correlation, on the latencies that fio measures.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    stats::{deviation, distance_from_uniform, lag1, mean},
};
use anyhow::Result;

/// The settings: 1000 ± 800 µs.
const DELAY_US: u64 = 1_000;
const JITTER_US: u64 = 800;

/// Each test draws at least so many times. The correlation c of n draws of a DAR(1) sequence, here
/// of uniform numbers, is off by sqrt((1 - c) (1 + 1.8 c) / n) at one standard deviation, which is
/// 0.0085 at most: one sample in two thousand is off by the permitted 0.03.
const LEAST: f64 = 15_000.0;

/// The sample is also worth this many independent draws of its distribution. Its mean and its
/// deviation are then off by 0.84 % and 0.82 % at one standard deviation; 3 % are permitted.
const WORTH: f64 = 3_000.0;

scenario!("jitter_correlation_0", correlation_0);
fn correlation_0(report: &mut Report) -> Result<()> {
    measure(report, 0)
}

scenario!("jitter_correlation_25", correlation_25);
fn correlation_25(report: &mut Report) -> Result<()> {
    measure(report, 25)
}

scenario!("jitter_correlation_50", correlation_50);
fn correlation_50(report: &mut Report) -> Result<()> {
    measure(report, 50)
}

scenario!("jitter_correlation_75", correlation_75);
fn correlation_75(report: &mut Report) -> Result<()> {
    measure(report, 75)
}

scenario!("jitter_correlation_90", correlation_90);
fn correlation_90(report: &mut Report) -> Result<()> {
    measure(report, 90)
}

fn measure(report: &mut Report, percent: u64) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("jitter", &[("delay_us", DELAY_US)])?;
    // The path's own time is the whole latency less a constant delay.
    let path_ns = mean(&latencies(&disk, 2_000)?) - DELAY_US as f64 * 1e3;
    injection.set("correlation", percent.to_string())?;
    injection.set("jitter_us", JITTER_US.to_string())?;
    let correlation = percent as f64 / 100.0;
    // A DAR(1) sample of n is worth n (1 - c) / (1 + c).
    let worth_each = (1.0 - correlation) / (1.0 + correlation);
    let count = LEAST.max(WORTH / worth_each) as u64;
    let delays: Vec<f64> = latencies(&disk, count)?
        .iter()
        .map(|latency| latency - path_ns)
        .collect();

    let (low, high) = (
        (DELAY_US - JITTER_US) as f64 * 1e3,
        (DELAY_US + JITTER_US) as f64 * 1e3,
    );
    // Kolmogorov's distribution: one sample in a thousand is beyond 1.95 / sqrt(n). The path's own
    // time varies by some microseconds around its mean.
    let bound = 1.95 / (count as f64 * worth_each).sqrt() + 5e3 / (high - low);
    let distance = distance_from_uniform(&delays, low, high);
    report.figure(
        &format!(
            "KS distance from uniform on {}..{} us, n {count}",
            low / 1e3,
            high / 1e3
        ),
        format!("<= {bound:.4}"),
        format!("{distance:.4}"),
        distance <= bound,
    );
    let lag = lag1(&delays);
    report.figure(
        "lag-1 autocorrelation",
        format!("{correlation} ± 0.03"),
        format!("{lag:.3}"),
        (lag - correlation).abs() <= 0.03,
    );
    let mean_us = mean(&delays) / 1e3;
    let mean_off = (mean_us / DELAY_US as f64 - 1.0).abs();
    report.figure(
        "mean",
        format!("{DELAY_US} us ± 3 %"),
        format!("{mean_us:.1}"),
        mean_off <= 0.03,
    );
    let expected_us = JITTER_US as f64 / 3f64.sqrt();
    let deviation_us = deviation(&delays) / 1e3;
    report.figure(
        "deviation",
        format!("{expected_us:.1} us ± 3 %"),
        format!("{deviation_us:.1}"),
        (deviation_us / expected_us - 1.0).abs() <= 0.03,
    );
    Ok(())
}

/// The latencies of so many reads in nanoseconds, one after another.
pub(crate) fn latencies(disk: &Disk, count: u64) -> Result<Vec<f64>> {
    let number = format!("--number_ios={count}");
    let options = ["--iodepth=1", "--size=16g", &number];
    let outcome = Fio::start_logged(&[], &disk.path(), &[RANDOM_READ, &options].concat())?;
    let latencies = outcome.finish()?.latencies_ns();
    let latencies = latencies.iter().map(|latency_ns| *latency_ns as f64);
    Ok(latencies.take(count as usize).collect())
}
