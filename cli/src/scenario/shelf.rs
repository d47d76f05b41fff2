// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The scenarios that come with the program.

use super::source::Source;
use crate::{
    error::{Exit, failure},
    interface::near::{near, or},
};
use anyhow::Result;
use std::path::Path;
use toml::de::DeTable;

/// A name, and the text of the file of that name in `cli/scenarios`.
macro_rules! shelf {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

/// The scenarios, the simple ones first.
const SHELF: [(&str, &str); 14] = shelf! {
    "slow-disk" "spikes" "slow-fsync" "hang-ten-seconds" "brown-out" "throttled-volume" "usb-stick"
    "hard-disk" "garbage-collection" "noisy-neighbour" "errors-one-percent" "flaky-writes"
    "power-loss" "silent-corruption"
};

/// The text of one.
fn text(name: &str) -> Option<&'static str> {
    let found = SHELF.iter().find(|(own, _)| *own == name);
    found.map(|(_, text)| *text)
}

/// A file, or a scenario of this name that comes with the program.
///
/// # Errors
///
/// If there is neither, or the file cannot be read.
pub(super) fn open(path: &Path) -> Result<Source> {
    let name = path.to_string_lossy();
    if path.exists() || name.contains(['/', '.']) {
        return Source::read(path);
    }
    Ok(Source::named(&name, show(&name)?))
}

/// The text of a scenario that comes with the program.
///
/// # Errors
///
/// If there is none of this name.
pub(super) fn show(name: &str) -> Result<&'static str> {
    text(name).ok_or_else(|| {
        let names = SHELF.map(|(name, _)| name);
        let alike: Vec<String> = near(name, &names).into_iter().map(str::to_owned).collect();
        let next = match alike.is_empty() {
            true => "`kchaos scenario list` lists those".to_owned(),
            false => format!("is it {}?", or(&alike)),
        };
        let message =
            format!("no file and no scenario that comes with kchaos is named {name}; {next}");
        failure(Exit::Failure, message)
    })
}

/// A line for each scenario, with its description.
pub(super) fn list() -> String {
    let width = SHELF.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = SHELF.iter().map(|(name, text)| {
        let table = DeTable::parse(text).ok();
        let mut entries = table.iter().flat_map(|table| table.get_ref());
        let about = entries.find(|(key, _)| key.get_ref() == "description");
        let about = about.and_then(|(_, value)| value.get_ref().as_str());
        format!("{name:width$}  {}\n", about.unwrap_or_default())
    });
    lines.collect()
}
