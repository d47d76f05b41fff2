// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tells which of the options that were given do nothing as long as others are not given too.

use crate::settings::Settings;

/// Certainty, in the file's smallest step.
const ALWAYS: u64 = 1_000_000;

/// A sentence for each.
pub(crate) fn idle(settings: &Settings) -> Vec<String> {
    let is_set = |name| settings.number(name).is_some_and(|number| number > 0);
    let percentiles = settings.text("percentiles").is_some();
    let varies = is_set("jitter_us") || percentiles;
    let probability = settings.number("probability").unwrap_or(ALWAYS);
    let draws = varies || (1..ALWAYS).contains(&probability);
    let works = is_set("delay_us") || varies || is_set("quota");
    let sentences = [
        (
            !works,
            "this injection does nothing: it has neither a delay nor a limit",
        ),
        (probability == 0, "--probability 0 lets all I/O go as usual"),
        (
            is_set("correlation") && !varies,
            "--correlation does nothing without --jitter or --percentiles",
        ),
        (
            settings.text("distribution").is_some() && !is_set("jitter_us"),
            "--distribution does nothing without --jitter",
        ),
        (
            is_set("seed") && !draws,
            "--seed does nothing without --jitter, --percentiles or --probability",
        ),
        (
            settings.number("period_us").is_some() && !is_set("quota"),
            "--period does nothing without --quota",
        ),
    ];
    sentences
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, sentence)| sentence.to_owned())
        .collect()
}
