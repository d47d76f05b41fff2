// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The percentiles of a delay, as people write them and as the file has them.

use super::PERCENTILE_PLACES;
use crate::interface::{
    units,
    words::{check_count, words},
};
use chaos_policy::policy::{attributes::MAX_TIME_US, distribution::MOST_POINTS};

/// The file's text for percentiles as people write them.
pub(super) fn read(text: &str) -> Result<String, String> {
    let points = words(text).map(percentile).collect::<Result<Vec<_>, _>>()?;
    check_count(points.len(), MOST_POINTS, "percentiles")?;
    let percent = |(percent, _): &(u64, u64)| units::show_percent(*percent, PERCENTILE_PLACES);
    let in_words =
        |point: &(u64, u64)| format!("{}:{}", percent(point), units::show_microseconds(point.1));
    let in_file = |point: &(u64, u64)| format!("{}:{}", percent(point), point.1);
    for pair in points.windows(2) {
        let [first, second] = pair else { continue };
        let what = match () {
            () if first.0 >= second.0 => "per cents have to rise",
            () if first.1 > second.1 => "times must not fall",
            () => continue,
        };
        return Err(format!(
            "{what}, but {} comes after {}",
            in_words(second),
            in_words(first)
        ));
    }
    Ok(points.iter().map(in_file).collect::<Vec<_>>().join(" "))
}

/// One point: per cents with their decimals, and microseconds.
fn percentile(word: &str) -> Result<(u64, u64), String> {
    let (percent, time) = word.split_once(':').ok_or_else(|| {
        format!("\"{word}\" is no percentile; one is PERCENT:TIME, such as 99:5ms")
    })?;
    let about = |message| format!("in {word}, {message}");
    let percent = units::percent(percent, PERCENTILE_PLACES).map_err(about)?;
    let hundred = 100 * 10_u128.pow(PERCENTILE_PLACES);
    let time = match units::number(time) {
        Ok(number) => number,
        Err(_) => u128::from(units::microseconds(time).map_err(about)?),
    };
    match (u64::try_from(percent), u64::try_from(time)) {
        (Ok(percent_), Ok(time)) if percent <= hundred && time <= MAX_TIME_US.into() => {
            Ok((percent_, time))
        }
        (Ok(_), _) if percent <= hundred => {
            Err(about("the time has to be from 0s to 1h".to_owned()))
        }
        _ => Err(about("per cents have to be from 0 to 100".to_owned())),
    }
}
