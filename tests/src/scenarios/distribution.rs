// SPDX-License-Identifier: GPL-2.0-only

//! Distributions of delays, on the latencies that fio measures.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    report::Report,
    scenarios::jitter::latencies,
    stats::{distance, lag1, mean, quantile},
};
use anyhow::Result;

const DELAY_US: f64 = 4_000.0;
const JITTER_US: f64 = 900.0;

/// Each test takes a sample that is worth this many independent draws.
const WORTH: f64 = 2_000.0;

/// The share of standard normal numbers below `x`, cut off at 4: by Simpson's rule.
fn normal_below(x: f64) -> f64 {
    const STEPS: u32 = 400;
    let density = |x: f64| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x <= -4.0 {
        return 0.0;
    }
    let x = x.min(4.0);
    let step = (x + 4.0) / f64::from(STEPS);
    let sum: f64 = (0..=STEPS)
        .map(|n| {
            let weight = match n {
                0 | STEPS => 1.0,
                _ if n % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * density(-4.0 + f64::from(n) * step)
        })
        .sum();
    sum * step / 3.0
}

/// The quantile of netem's Pareto table.
fn pareto(p: f64) -> f64 {
    (((1.0 - p).powf(-1.0 / 3.0) - 1.5) * 4.0 / 3.0).min(4.0)
}

/// The share of numbers below `x`, for a quantile function that rises.
fn below(quantile: impl Fn(f64) -> f64, x: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if quantile(middle) <= x {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

scenario!("distribution_normal", shape_normal);
fn shape_normal(report: &mut Report) -> Result<()> {
    measure(report, "normal", &normal_below)
}

scenario!("distribution_pareto", shape_pareto);
fn shape_pareto(report: &mut Report) -> Result<()> {
    measure(report, "pareto", &|x| below(pareto, x))
}

scenario!("distribution_paretonormal", shape_paretonormal);
fn shape_paretonormal(report: &mut Report) -> Result<()> {
    // Tables of slow computations; the normal quantile is off by no more than a thousandth.
    let shares: Vec<f64> = (0..8_000)
        .map(|n| normal_below(f64::from(n) / 1_000.0 - 4.0))
        .collect();
    let normal = |p: f64| shares.partition_point(|share| *share <= p) as f64 / 1_000.0 - 4.0;
    let table: Vec<f64> = (0..4_096)
        .map(|n| f64::from(n) / 4_096.0)
        .map(|p| 0.25 * normal(p) + 0.75 * pareto(p))
        .collect();
    measure(report, "paretonormal", &|x| {
        table.partition_point(|value| *value <= x) as f64 / 4_096.0
    })
}

scenario!("distribution_uniform", shape_uniform);
fn shape_uniform(report: &mut Report) -> Result<()> {
    measure(report, "uniform", &|x| {
        f64::midpoint(x, 1.0).clamp(0.0, 1.0)
    })
}

/// Measures a shape at both correlations; `below` is the share of numbers below one, as netem
/// scales them.
fn measure(report: &mut Report, shape: &str, below: &dyn Fn(f64) -> f64) -> Result<()> {
    for percent in [0, 75] {
        let settings = [
            ("delay_us", format!("{DELAY_US}")),
            ("jitter_us", format!("{JITTER_US}")),
            ("distribution", shape.to_owned()),
        ];
        let delays = delays_us(&settings, percent, WORTH)?;
        judge(report, shape, percent, &delays, &|us| {
            below((us - DELAY_US) / JITTER_US)
        });
    }
    Ok(())
}

/// Draws delays until they are worth this many independent ones, and subtracts the path's own time.
fn delays_us(settings: &[(&str, String)], percent: u32, worth: f64) -> Result<Vec<f64>> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("shaped", &[("delay_us", 1_000), ("seed", 42)])?;
    let path_us = mean(&latencies(&disk, 500)?) / 1e3 - 1_000.0;
    for (attribute, value) in settings {
        injection.set(attribute, value)?;
    }
    injection.set("correlation", percent.to_string())?;
    let c = f64::from(percent) / 100.0;
    let count = (worth * (1.0 + c) / (1.0 - c)) as u64;
    let latencies = latencies(&disk, count)?;
    Ok(latencies.iter().map(|ns| ns / 1e3 - path_us).collect())
}

fn judge(
    report: &mut Report,
    what: &str,
    percent: u32,
    delays: &[f64],
    below: &dyn Fn(f64) -> f64,
) {
    // Kolmogorov's distribution: one sample in a thousand is beyond 1.95 / sqrt(n). The path's own
    // time varies by some microseconds, and at most 1 in 1000 of the draws is in a microsecond.
    let bound = 1.95 / WORTH.sqrt() + 5e-3;
    let distance = distance(delays, below);
    report.figure(
        &format!(
            "{what}, seed 42, correlation {percent} %, n {}: KS distance",
            delays.len()
        ),
        format!("<= {bound:.4}"),
        format!("{distance:.4}"),
        distance <= bound,
    );
    let (lag, c) = (lag1(delays), f64::from(percent) / 100.0);
    report.figure(
        "lag-1",
        format!("{c} ± 0.05"),
        format!("{lag:.3}"),
        (lag - c).abs() <= 0.05,
    );
}

scenario!("distribution_percentiles", percentiles);
fn percentiles(report: &mut Report) -> Result<()> {
    const POINTS: [(f64, f64); 3] = [(0.5, 2_000.0), (0.99, 5_000.0), (0.999, 80_000.0)];
    let settings = [("percentiles", "50:2000 99:5000 99.9:80000".to_owned())];
    // The last point is a jump: every draw above the 99.9th percentile is at it, and the path's own
    // time may make it a little lower.
    let below = |us: f64| {
        let (mut share, mut value) = (0.0, 0.0);
        for (next_share, next_value) in POINTS {
            if us < next_value - 20.0 {
                return share
                    + (next_share - share) * ((us - value) / (next_value - value)).max(0.0);
            }
            (share, value) = (next_share, next_value);
        }
        1.0
    };
    // The sample's share below the 99.9th percentile has a standard deviation of 0.00022, which is
    // 2.3 % of the delay there: this seed's sample is within 2 %.
    let delays = delays_us(&settings, 0, 20_000.0)?;
    judge(report, "percentiles", 0, &delays, &below);
    // At the 99th the line is so steep that 2 % are within a fifth of the sample's standard
    // deviation.
    for (share, us) in [POINTS[0], POINTS[2]] {
        let measured = quantile(&delays, share);
        report.figure(
            &format!("p{:.1}", share * 100.0),
            format!("{us} us ± 2 %"),
            format!("{measured:.1}"),
            (measured / us - 1.0).abs() <= 0.02,
        );
    }
    let delays = delays_us(&settings, 75, WORTH)?;
    judge(report, "percentiles", 75, &delays, &below);
    Ok(())
}
