// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Showing injections and attached devices, as a table and as JSON.

use crate::{
    attributes::{ATTRIBUTES, Attribute, ENABLED},
    device::{self, Attached},
    disk::IOEM,
    error::{Exit, failure, refused},
    injection,
    interface::{Roots, try_read},
};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::{
    ffi::OsStr,
    io::{self, Write},
};

/// An injection, as its files tell.
struct Injection {
    name: String,
    /// The attributes that the loaded module has.
    values: Vec<(&'static Attribute, u64)>,
}

impl Injection {
    /// `None` if it has ended meanwhile.
    fn read(roots: &Roots, name: &OsStr) -> Result<Option<Self>> {
        let directory = roots.injection(name);
        let mut values = Vec::new();
        for attribute in &ATTRIBUTES {
            let file = directory.join(attribute.name);
            let text = match try_read(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                result => result.map_err(|error| refused("read", &file, &error))?,
            };
            let value = attribute.parse(&text).map_err(|message| {
                failure(
                    Exit::Unavailable,
                    format!("{} says \"{text}\", and {message}", file.display()),
                )
            })?;
            values.push((attribute, value));
        }
        Ok(directory.is_dir().then(|| Self {
            name: name.to_string_lossy().into_owned(),
            values,
        }))
    }

    fn is_enabled(&self) -> bool {
        let off = |(attribute, value): &(&Attribute, u64)| attribute.name == ENABLED && *value == 0;
        !self.values.iter().any(off)
    }

    /// What is not as in a new injection.
    fn settings(&self) -> String {
        let shown: Vec<String> = self
            .values
            .iter()
            .filter(|(attribute, value)| attribute.name != ENABLED && *value != attribute.default)
            .map(|(attribute, value)| {
                let name = attribute.flag_with_unit().unwrap_or(attribute.name);
                format!("{name} {}", attribute.show(*value))
            })
            .collect();
        shown.join(", ")
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(self.name));
        for (attribute, value) in &self.values {
            object.insert(attribute.name.to_owned(), attribute.json(*value));
        }
        Value::Object(object)
    }
}

/// Prints what is injected, and where.
///
/// # Errors
///
/// [`Exit::Unavailable`] if there is no interface.
pub fn list(roots: &Roots, json: bool, out: &mut dyn Write) -> Result<()> {
    let version = roots.version()?;
    let enabled = roots.enabled()?;
    let mut injections = Vec::new();
    for name in injection::all(roots)? {
        injections.extend(Injection::read(roots, &name)?);
    }
    let devices = device::attached(roots);
    if json {
        let object = json!({
            "version": version,
            "enabled": u8::from(enabled),
            "injections": injections.iter().map(Injection::json).collect::<Vec<_>>(),
            "devices": devices.iter().map(device_json).collect::<Vec<_>>(),
        });
        writeln!(out, "{object:#}")?;
        return Ok(());
    }
    if injections.is_empty() {
        writeln!(out, "no injections")?;
    } else {
        let rows = injections.iter().map(|injection| {
            let state = if injection.is_enabled() { "on" } else { "off" };
            [
                injection.name.clone(),
                state.to_owned(),
                injection.settings(),
            ]
        });
        print_table(["INJECTION", "STATE", "SETTINGS"], rows, out)?;
    }
    writeln!(out)?;
    if devices.is_empty() {
        writeln!(out, "no device uses ioem")?;
    } else {
        let rows = devices.iter().map(|device| {
            let after = device.remembered.as_deref().unwrap_or("none");
            [device.name.clone(), IOEM.to_owned(), after.to_owned()]
        });
        print_table(["DEVICE", "SCHEDULER", "AFTER DETACH"], rows, out)?;
    }
    if !enabled {
        let file = roots.ioem().join(ENABLED);
        writeln!(
            out,
            "\nall injections are switched off: {} is 0",
            file.display()
        )?;
    }
    Ok(())
}

fn device_json(device: &Attached) -> Value {
    json!({"name": device.name, "scheduler": IOEM, "remembered": device.remembered})
}

/// Prints rows in columns that are as wide as they need.
fn print_table(
    head: [&str; 3],
    rows: impl Iterator<Item = [String; 3]>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    for [a, b, c] in &table {
        let line = format!("{a:first$}  {b:second$}  {c}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
