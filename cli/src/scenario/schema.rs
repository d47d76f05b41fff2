// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The JSON Schema of scenarios, which editors use. It is made from the options of the command
//! line, and these from the table of attributes.

use super::{
    options::{Options, attribute_of, is_list, is_switch},
    read::{SCENARIO_KEYS, STEP_KEYS, TOGETHER_KEYS},
    values::REPEATS,
};
use crate::interface::{Kind, units::Unit};
use clap::Arg;
use serde_json::{Map, Value, json};

/// A text with a variable in it, whose value the schema does not know.
const VARIABLE: &str = "\\$";

/// The schema.
pub(super) fn schema() -> Value {
    let options: Map<String, Value> = Options::new()
        .all()
        .filter_map(|arg| Some((arg.get_long()?.to_owned(), option(arg))))
        .collect();
    let level = |keys: &[&str]| {
        let keys = keys.iter().map(|key| ((*key).to_owned(), key_schema(key)));
        let mut properties: Map<String, Value> = keys.collect();
        let options = options.keys().map(|name| {
            let reference = json!({"$ref": format!("#/$defs/options/{name}")});
            (name.clone(), reference)
        });
        properties.extend(options);
        properties
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of kchaos",
        "type": "object",
        "properties": level(&SCENARIO_KEYS),
        "required": ["name", "steps"],
        "additionalProperties": false,
        "$defs": {
            "step": {
                "type": "object",
                "properties": level(&STEP_KEYS),
                "required": ["name"],
                "additionalProperties": false,
            },
            "injection": {
                "type": "object",
                "properties": level(&TOGETHER_KEYS),
                "required": ["name"],
                "additionalProperties": false,
            },
            "options": options,
        },
    })
}

/// The schema of a key that is no option.
fn key_schema(key: &str) -> Value {
    let text = |about: &str| json!({"description": about, "type": "string"});
    let list = |about: &str, of: &str| {
        json!({"description": about, "type": "array", "minItems": 1,
               "items": {"$ref": format!("#/$defs/{of}")}})
    };
    match key {
        "name" => text("Its name, in messages and in the report"),
        "description" => text("Its purpose"),
        "pause" => text("The time after a step; at the top, after each step that has none itself"),
        "repeat" => json!({
            "description": "How often it is taken",
            "anyOf": [
                {"type": "integer", "minimum": REPEATS.start(), "maximum": REPEATS.end()},
                {"type": "string", "pattern": VARIABLE},
            ],
        }),
        "variables" => json!({
            "description": "Values of variables for which the command line has none",
            "type": "object",
            "additionalProperties": {"type": ["string", "number"]},
        }),
        "steps" => list("The steps, in their order", "step"),
        _ => list("Injections that begin together", "injection"),
    }
}

/// The schema of an option.
fn option(arg: &Arg) -> Value {
    let name = arg.get_long().unwrap_or_default();
    let help = arg.get_long_help().or(arg.get_help());
    let about = help.map(ToString::to_string).unwrap_or_default();
    let about = about.split("\n\n").next().unwrap_or_default().to_owned();
    let text = words(arg).map_or_else(
        || json!({"type": "string"}),
        |words| json!({"anyOf": [{"enum": words}, {"type": "string", "pattern": VARIABLE}]}),
    );
    let mut schema = match attribute_of(name).map(|attribute| &attribute.kind) {
        _ if is_switch(name) => json!({"type": ["boolean", "integer", "string"]}),
        Some(Kind::Number { unit, range }) => {
            let is_whole = !matches!(unit, Unit::Percent { .. });
            let own_unit = attribute_of(name).is_some_and(|attribute| attribute.flag() == name);
            match (is_whole, own_unit) {
                (true, true) => json!({"anyOf": [
                    {"type": "integer", "minimum": range.start(), "maximum": range.end()},
                    {"type": "string"},
                ]}),
                (true, false) => json!({"type": "string"}),
                (false, _) => json!({"type": ["number", "string"]}),
            }
        }
        _ if is_list(arg) => {
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
        }
        Some(_) => text,
        None if arg.get_possible_values().is_empty() => json!({"type": ["string", "integer"]}),
        None => text,
    };
    schema["description"] = json!(about);
    schema
}

/// The words that an option can have, if they are fixed.
fn words(arg: &Arg) -> Option<Vec<String>> {
    let values = arg.get_possible_values();
    let words = values.iter().map(|value| value.get_name().to_owned());
    (!values.is_empty()).then(|| words.collect())
}
