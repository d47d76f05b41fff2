// SPDX-License-Identifier: GPL-2.0-only

//! Statistics of measured latencies.

/// The mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation.
pub(crate) fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / values.len() as f64)
        .sqrt()
}

/// The autocorrelation at lag 1.
pub(crate) fn lag1(values: &[f64]) -> f64 {
    let mean = mean(values);
    let covariance: f64 = values
        .windows(2)
        .map(|pair| (pair[0] - mean) * (pair[1] - mean))
        .sum();
    let variance: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    covariance / variance
}

/// The value below which this share of the values is.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64) as usize;
    sorted[place.min(sorted.len() - 1)]
}

/// The Kolmogorov-Smirnov distance of `values` from the uniform distribution on `low..high`.
pub(crate) fn distance_from_uniform(values: &[f64], low: f64, high: f64) -> f64 {
    distance(values, &|value| {
        ((value - low) / (high - low)).clamp(0.0, 1.0)
    })
}

/// The Kolmogorov-Smirnov distance of two samples.
pub(crate) fn distance_between(one: &[f64], other: &[f64]) -> f64 {
    let mut sorted = other.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let below = |value: f64| sorted.partition_point(|other| *other <= value) as f64 / count;
    let mut values = one.to_vec();
    values.sort_by(f64::total_cmp);
    let at_most = |value: f64| values.partition_point(|other| *other <= value) as f64;
    let all = values.iter().chain(&sorted);
    all.map(|value| (at_most(*value) / values.len() as f64 - below(*value)).abs())
        .fold(0.0, f64::max)
}

/// The Kolmogorov-Smirnov distance of `values` from a distribution; `below` is its share below a
/// value.
pub(crate) fn distance(values: &[f64], below: &dyn Fn(f64) -> f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    sorted
        .iter()
        .enumerate()
        .map(|(place, value)| {
            let expected = below(*value);
            (expected - place as f64 / count)
                .abs()
                .max((expected - (place + 1) as f64 / count).abs())
        })
        .fold(0.0, f64::max)
}
