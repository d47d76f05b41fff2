// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Shows injections and attached devices, as a table and as JSON, for `kchaos list`.

use super::{
    SCHEMA,
    columns::{printable, table, wrapped},
    describe::Described,
};
use crate::{
    error::unless_closed,
    interface::{existing::all, snapshot::Snapshot},
    system::{
        IOEM, NONE, Roots,
        attached::{Attached, attached},
    },
};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::io::Write;

fn injection_json(injection: &Snapshot) -> Value {
    let mut object = Map::new();
    object.insert("name".to_owned(), json!(injection.name));
    object.insert("state".to_owned(), json!(injection.state.word()));
    for (attribute, value) in &injection.values.0 {
        object.insert(attribute.file().to_owned(), attribute.json(value));
    }
    object.insert("holds".to_owned(), json!(injection.ways));
    object.insert("problems".to_owned(), json!(injection.problems));
    Value::Object(object)
}

/// Prints all injections, and all devices that are on ioem.
///
/// # Errors
///
/// If there is no interface, or it cannot be read; without sysfs, after the injections.
pub(crate) fn list(roots: &Roots, json: bool, out: &mut dyn Write) -> Result<()> {
    let version = roots.version()?;
    let enabled = roots.enabled()?;
    let mut injections = Vec::new();
    for name in all(roots)? {
        injections.extend(Snapshot::read(roots, &name, enabled)?);
    }
    let devices = attached(roots);
    let has_sysfs = roots.require_sysfs();
    if json {
        let object = json!({
            "schema": SCHEMA,
            "version": version,
            "enabled": u8::from(enabled),
            "injections": injections.iter().map(injection_json).collect::<Vec<_>>(),
            "devices": devices.iter().map(device_json).collect::<Vec<_>>(),
        });
        unless_closed(writeln!(out, "{object:#}"))?;
        return has_sysfs;
    }
    let mut lines = Vec::new();
    if injections.is_empty() {
        lines.push("no injections".to_owned());
    } else {
        let rows = injections.iter().map(|injection| {
            [
                printable(&injection.name),
                injection.state.word().to_owned(),
                Described::seen(injection).words(),
            ]
        });
        lines.extend(table(["INJECTION", "STATE", "EFFECT"], rows));
        let problems: Vec<String> = injections.iter().flat_map(problem_lines).collect();
        if !problems.is_empty() {
            lines.push(String::new());
            lines.extend(problems);
        }
    }
    if has_sysfs.is_ok() {
        lines.push(String::new());
    }
    if devices.is_empty() {
        lines.extend(has_sysfs.is_ok().then(|| "no device uses ioem".to_owned()));
    } else {
        let rows = devices
            .iter()
            .map(|device| [device.name.clone(), IOEM.to_owned(), after_detach(device)]);
        lines.extend(table(["DEVICE", "SCHEDULER", "AFTER DETACH"], rows));
    }
    if !enabled {
        lines.extend([String::new(), roots.all_off()]);
    }
    unless_closed(writeln!(out, "{}", lines.join("\n")))?;
    has_sysfs
}

/// The problems of an injection, in lines of a table's width.
fn problem_lines(injection: &Snapshot) -> Vec<String> {
    let name = printable(&injection.name);
    let problems = injection.problems.iter();
    problems
        .flat_map(|problem| wrapped(&format!("{name}: {problem}")))
        .collect()
}

/// The state that a device gets back.
fn after_detach(device: &Attached) -> String {
    match &device.remembered {
        None => NONE.to_owned(),
        Some(saved) => match saved.requests {
            None => saved.shown().to_owned(),
            Some(requests) => format!("{}, nr_requests {requests}", saved.shown()),
        },
    }
}

fn device_json(device: &Attached) -> Value {
    let remembered = device.remembered.as_ref();
    json!({
        "name": device.name,
        "scheduler": IOEM,
        "remembered": remembered.map(|saved| &saved.scheduler),
        "remembered_nr_requests": remembered.and_then(|saved| saved.requests),
        "auto": remembered.is_some_and(|saved| saved.auto),
    })
}
