// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Showing injections and attached devices, as a table and as JSON.

use crate::{
    attributes::{ATTRIBUTES, Attribute, ENABLED, Value as Setting},
    describe::Described,
    device::{self, Attached},
    disk::{IOEM, NONE},
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
    values: Vec<(&'static Attribute, Setting)>,
    /// Whether it may do anything: its lease may be over, or its number of times.
    active: bool,
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
            let value = attribute.parse_file(&text).map_err(|message| {
                failure(
                    Exit::Unavailable,
                    format!("{} says \"{text}\", and {message}", file.display()),
                )
            })?;
            values.push((attribute, value));
        }
        let stats = try_read(&directory.join("stats")).unwrap_or_default();
        Ok(directory.is_dir().then(|| Self {
            name: name.to_string_lossy().into_owned(),
            values,
            active: !stats.lines().any(|line| line == "active 0"),
        }))
    }

    fn is_enabled(&self) -> bool {
        let off = |(attribute, value): &(&Attribute, Setting)| {
            attribute.name == ENABLED && *value == Setting::Number(0)
        };
        !self.values.iter().any(off)
    }

    fn state(&self) -> &'static str {
        match (self.is_enabled(), self.active) {
            (false, _) => "off",
            (true, true) => "on",
            (true, false) => "over",
        }
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(self.name));
        for (attribute, value) in &self.values {
            object.insert(attribute.name.to_owned(), attribute.json(value));
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
            [
                injection.name.clone(),
                injection.state().to_owned(),
                Described(&injection.values).words(),
            ]
        });
        print_table(["INJECTION", "STATE", "WHAT IT DOES"], rows, out)?;
    }
    writeln!(out)?;
    if devices.is_empty() {
        writeln!(out, "no device uses ioem")?;
    } else {
        let rows = devices.iter().map(|device| {
            let after = device.remembered.as_ref();
            let after = after.map_or_else(|| NONE.to_owned(), ToString::to_string);
            [device.name.clone(), IOEM.to_owned(), after]
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
    let remembered = device.remembered.as_ref();
    json!({
        "name": device.name,
        "scheduler": IOEM,
        "remembered": remembered.map(|memory| &memory.scheduler),
        "remembered_nr_requests": remembered.and_then(|memory| memory.requests),
    })
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
