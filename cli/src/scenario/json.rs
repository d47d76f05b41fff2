// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The report of a scenario as JSON; `cli/schema/report.json` describes it.

use super::report::{Entry, Outcome, Report};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The version of the form.
const SCHEMA: u32 = 1;

/// The report.
pub(super) fn json(report: &Report) -> Value {
    let signal = match report.outcome {
        Outcome::Signal(signal) => json!(signal),
        Outcome::Completed | Outcome::Failed => Value::Null,
    };
    json!({
        "schema": SCHEMA,
        "scenario": report.name,
        "description": report.description,
        "speed": report.speed,
        "began": humantime::format_rfc3339_millis(report.at).to_string(),
        "length_ms": ms(report.length),
        "outcome": report.outcome.word(),
        "signal": signal,
        "injections": report.entries.iter().map(injection).collect::<Vec<_>>(),
    })
}

fn injection(entry: &Entry) -> Value {
    let played = &entry.played;
    let mut object = played.stats.json();
    let settings: Map<String, Value> = played
        .settings
        .values
        .iter()
        .map(|(attribute, value)| (attribute.file().to_owned(), attribute.json(value)))
        .collect();
    let percentiles = [50, 90, 99, 100].map(|per_cent| {
        let time = played.stats.percentile_us(per_cent);
        (format!("p{per_cent}_us"), json!(time))
    });
    object.extend(percentiles);
    for (key, value) in [
        ("step", json!(entry.step)),
        ("round", json!(entry.round)),
        ("name", json!(entry.name)),
        ("injection", json!(played.name)),
        ("from_ms", ms(entry.from)),
        ("until_ms", ms(entry.until)),
        ("settings", Value::Object(settings)),
        ("words", json!(played.words)),
        ("hits", json!(played.stats.hits())),
        ("hits_in_words", json!(played.hits)),
        ("idle", json!(played.idle)),
    ] {
        object.insert(key.to_owned(), value);
    }
    Value::Object(object)
}

fn ms(time: Duration) -> Value {
    json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
