// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The steps of a profile, as people write them and as the file has them.

use crate::interface::{
    units,
    words::{check_count, words},
};
use chaos_policy::policy::{
    attributes::MAX_TIME_US,
    profile::{LEAST_STEP_US, MOST_SCALE, MOST_STEPS, ONCE},
};

/// How many decimals the per cents of a strength have.
const PLACES: u32 = 2;

/// The file's text for steps as people write them.
pub(super) fn read(text: &str) -> Result<String, String> {
    let mut steps: Vec<&str> = words(text).collect();
    let is_once = steps.last() == Some(&ONCE);
    if is_once {
        steps.pop();
    }
    if steps.is_empty() {
        return Err("it has to have a step, such as 5ms:100".to_owned());
    }
    check_count(steps.len(), MOST_STEPS, "steps")?;
    let mut in_file = steps.into_iter().map(step).collect::<Result<Vec<_>, _>>()?;
    if is_once {
        in_file.push(ONCE.to_owned());
    }
    Ok(in_file.join(" "))
}

/// One step: a time, and per cents.
fn step(word: &str) -> Result<String, String> {
    let (time, scale) = word.split_once(':').ok_or_else(|| {
        format!("\"{word}\" is no step; one is TIME:STRENGTH, such as 5ms:100 or 45ms:0")
    })?;
    let about = |message| format!("in {word}, {message}");
    let time = match units::number(time) {
        Ok(number) => number,
        Err(_) => u128::from(units::microseconds(time).map_err(about)?),
    };
    let scale = units::percent(scale, PLACES).map_err(about)?;
    if !(u128::from(LEAST_STEP_US)..=u128::from(MAX_TIME_US)).contains(&time) {
        return Err(about("the time has to be from 1ms to 1h".to_owned()));
    }
    let scale = u64::try_from(scale).unwrap_or(u64::MAX);
    if scale > u64::from(MOST_SCALE) * 10_u64.pow(PLACES) {
        let most = units::grouped(MOST_SCALE.into());
        return Err(about(format!("the strength has to be from 0 to {most}%")));
    }
    Ok(format!("{time}:{}", units::show_percent(scale, PLACES)))
}
