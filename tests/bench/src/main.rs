// SPDX-License-Identifier: GPL-2.0-only

//! Judges the measurements of a benchmark, and writes a table, JSON and plots into a folder.
//!
//! `bench judge PARTS FOLDER GUEST...`: PARTS are the chosen parts, in one word; each GUEST is a
//! file with the output of one boot, a line of JSON for each cell. A figure passes if it passes in
//! every boot; the table shows the median of the boots, and their least and greatest. It has no
//! other parts than the chosen ones.
//!
//! `bench parts PARTS` prints the parts that PARTS chooses, a line each.
//!
//! `bench path GUEST LOG...` prints the instructions of an I/O by function: LOGs are QEMU's, of the
//! boot with the output GUEST.

mod cells;
mod parts;
mod path;
mod plots;
mod rows;
mod table;

use anyhow::{Context, Result, bail};
use cells::Cells;
use parts::Parts;
use serde_json::json;
use std::{fs, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(words: &[String]) -> Result<bool> {
    match words {
        [word, guest, logs @ ..] if word == "path" => {
            let logs: Vec<&Path> = logs.iter().map(Path::new).collect();
            print!("{}", path::table(Path::new(guest), &logs)?);
            Ok(true)
        }
        [word, parts] if word == "parts" => {
            println!("{}", Parts::new(parts)?.chosen().join("\n"));
            Ok(true)
        }
        [word, parts, folder, files @ ..] if word == "judge" => {
            judge(&Parts::new(parts)?, Path::new(folder), files)
        }
        _ => bail!(
            "bench judge PARTS FOLDER GUEST..., bench parts PARTS, or bench path GUEST LOG..."
        ),
    }
}

/// Whether all figures of the chosen parts have passed.
fn judge(parts: &Parts, folder: &Path, files: &[String]) -> Result<bool> {
    fs::create_dir_all(folder)?;
    let mut cells = Cells::default();
    for (boot, file) in files.iter().enumerate() {
        let text = fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
        cells
            .add_boot(boot, &text)
            .with_context(|| format!("in {file}"))?;
    }
    let rows = rows::of(&cells, parts);
    let table = table::markdown(&rows, parts);
    print!("{}", table::text(&rows, parts));
    write(folder, "table.md", &table)?;
    let results = json!({
        "parts": parts.chosen(),
        "rows": rows.iter().map(rows::Row::to_json).collect::<Vec<_>>(),
        "cells": cells.to_json(),
    });
    write(folder, "results.json", &format!("{results:#}\n"))?;
    for (name, plot) in plots::of(&cells, parts) {
        write(folder, &format!("{name}.svg"), &plot)?;
    }
    Ok(rows.iter().all(rows::Row::has_passed))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}
