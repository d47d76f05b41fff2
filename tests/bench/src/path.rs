// SPDX-License-Identifier: GPL-2.0-only

//! The instructions of an I/O by function, from QEMU's log of each instruction that it has
//! emulated.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

/// Each I/O enters the block layer by this function, once.
const ENTRY: &str = "blk_mq_submit_bio";
/// Functions with fewer instructions an I/O in every log are summed up in one row.
const LEAST: f64 = 10.0;
/// Addresses below are those of programs.
const KERNEL: u64 = 1 << 63;
const PROGRAMS: &str = "programs";
const REST: &str = "functions with fewer than 10 everywhere";

/// Functions by their first address.
struct Symbols(BTreeMap<u64, String>);

impl Symbols {
    /// Reads the symbols in a guest's output.
    fn read(path: &Path) -> Result<Self> {
        let mut symbols = BTreeMap::new();
        for line in lines(path)? {
            let Ok(cell) = serde_json::from_str::<Value>(&line?) else {
                continue;
            };
            if cell["what"] != "symbol" {
                continue;
            }
            let text = |name| cell[name].as_str().context("a symbol that is none");
            let name = rustc_demangle::demangle(text("name")?);
            let name = format!("{name:#} {}", text("module")?);
            symbols.insert(
                u64::from_str_radix(text("address")?, 16)?,
                name.trim_end().to_owned(),
            );
        }
        if symbols.is_empty() {
            bail!("{} has no symbols", path.display());
        }
        Ok(Self(symbols))
    }

    fn name_of(&self, address: u64) -> &str {
        if address < KERNEL {
            return PROGRAMS;
        }
        let before = self.0.range(..=address).next_back();
        before.map_or("?", |(_, name)| name)
    }

    fn address_of(&self, name: &str) -> Result<u64> {
        let symbol = self.0.iter().find(|(_, other)| *other == name);
        Ok(*symbol.with_context(|| format!("no symbol {name}"))?.0)
    }
}

fn lines(path: &Path) -> Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    Ok(BufReader::new(file).lines())
}

/// The address in a line such as `Trace 0: 0x7f… [cs_base/address/flags/cflags] …`.
fn address_in(line: &str) -> Option<u64> {
    let address = line.strip_prefix("Trace ")?.split('[').nth(1)?;
    u64::from_str_radix(address.split('/').nth(1)?, 16).ok()
}

/// Instructions an I/O by function, of all I/Os that a log has from one entry to another.
fn profile<'a>(symbols: &'a Symbols, log: &Path) -> Result<BTreeMap<&'a str, f64>> {
    let entry = symbols.address_of(ENTRY)?;
    // The instructions behind the last entry belong to an I/O that is not complete.
    let (mut complete, mut since_entry) = (BTreeMap::new(), BTreeMap::new());
    let mut entries = 0u32;
    let mut is_again = false;
    for line in lines(log)? {
        let line = line?;
        let Some(address) = address_in(&line) else {
            // QEMU logs an instruction that it then puts off, and logs it again later.
            is_again |= line.starts_with("Stopped execution");
            continue;
        };
        if std::mem::take(&mut is_again) {
            continue;
        }
        if address == entry {
            if entries > 0 {
                for (name, count) in std::mem::take(&mut since_entry) {
                    *complete.entry(name).or_insert(0u64) += count;
                }
            }
            entries += 1;
        }
        if entries > 0 {
            *since_entry.entry(symbols.name_of(address)).or_insert(0u64) += 1;
        }
    }
    if entries < 2 {
        bail!("{} has no I/O", log.display());
    }
    let ios = f64::from(entries - 1);
    let each = complete.into_iter();
    Ok(each
        .map(|(name, count)| (name, count as f64 / ios))
        .collect())
}

/// A table in Markdown with a column for each log, in the order in which they are given.
pub(crate) fn table(guest: &Path, logs: &[&Path]) -> Result<String> {
    let symbols = Symbols::read(guest)?;
    let profiles: Vec<_> = logs
        .iter()
        .map(|log| profile(&symbols, log))
        .collect::<Result<_>>()?;
    let mut rows: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (column, profile) in profiles.iter().enumerate() {
        for (name, count) in profile {
            rows.entry(name).or_insert_with(|| vec![0.0; logs.len()])[column] = *count;
        }
    }
    let mut rest = vec![0.0; logs.len()];
    rows.retain(|_, counts| {
        let is_shown = counts.iter().any(|count| *count >= LEAST);
        if !is_shown {
            rest.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += *count);
        }
        is_shown
    });
    let mut rows: Vec<(&str, Vec<f64>)> = rows.into_iter().collect();
    rows.sort_by(|one, other| {
        let most = |counts: &[f64]| counts.iter().copied().fold(0.0, f64::max);
        most(&other.1).total_cmp(&most(&one.1))
    });
    rows.push((REST, rest));
    let all = (0..logs.len()).map(|column| rows.iter().map(|(_, counts)| counts[column]).sum());
    rows.insert(0, ("all", all.collect()));
    let mut text = String::from("| instructions an I/O |");
    for log in logs {
        let name = log.file_name().unwrap_or_default().to_string_lossy();
        text += &format!(" {name} |");
    }
    text += &format!("\n|---|{}\n", "--:|".repeat(logs.len()));
    for (name, counts) in rows {
        text += &format!("| {name} |");
        for count in counts {
            text += &format!(" {count:.0} |");
        }
        text += "\n";
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn instructions_from_the_first_entry_to_the_last_are_counted() {
        let folder = std::env::temp_dir().join(format!("path-test-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (guest, log) = (folder.join("guest"), folder.join("log"));
        fs::write(
            &guest,
            concat!(
                r#"{"what":"symbol","address":"ffffffff81000000","name":"blk_mq_submit_bio","module":""}"#,
                "\n",
                r#"{"what":"symbol","address":"ffffffffa0000000","name":"_RNvC3abc3xyz","module":"[abc]"}"#,
            ),
        )
        .unwrap();
        let line =
            |address: &str| format!("Trace 0: 0x7f0 [00000000/{address}/0040c0b3/ff000001] \n");
        let (entry, of_module) = ("ffffffff81000000", "ffffffffa0000010");
        let executed = [
            of_module,
            entry,
            of_module,
            of_module,
            entry,
            "0000000000401000",
            entry,
            of_module,
        ];
        let twice = format!("Stopped execution of TB chain before 0x7f0 [{of_module}]\n");
        let text = executed.map(line).concat() + &twice + &line(of_module);
        fs::write(&log, text + &line(entry)).unwrap();
        let symbols = Symbols::read(&guest).unwrap();
        let profile = profile(&symbols, &log).unwrap();
        let expected = [(ENTRY, 1.0), ("abc::xyz [abc]", 1.0), (PROGRAMS, 1.0 / 3.0)];
        assert_eq!(profile, expected.into_iter().collect());
        fs::remove_dir_all(&folder).unwrap();
    }
}
