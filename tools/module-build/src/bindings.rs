// SPDX-License-Identifier: GPL-2.0-only

//! C's structures and constants in Rust, for the crate of `driver/kernel`.

use crate::{Types, Work, words};
use anyhow::{Context, Result, ensure};
use layouts::{Contract, Kernel, OwnBindings, generate_own};
use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

/// The contracts, below `driver`.
const CONTRACTS: [&str; 3] = [
    "elevator/layouts.contract",
    "sys/layouts.contract",
    "kernel/bindings.contract",
];

impl Work<'_> {
    /// Writes `bindings.rs` and `constants.rs`; returns the things in which this kernel is as the
    /// newest ones are.
    pub(crate) fn write_bindings(&self) -> Result<Vec<String>, Vec<anyhow::Error>> {
        let one = |error| vec![error];
        let contract = self.contract().map_err(one)?;
        let exports = self.exports().map_err(one)?;
        let btf = match &self.build.types {
            Types::Btf(path) => self.type_information(path),
            Types::Headers { source } => {
                self.types_of_headers(source.as_deref(), &contract, &exports)
            }
        };
        let btf = btf.map_err(one)?;
        let kernel = Kernel::open(&btf)
            .with_context(|| format!("there is no type information in {}", btf.display()));
        let OwnBindings { text, newest } = generate_own(&contract, &kernel.map_err(one)?, &exports)
            .map_err(|mut differences| {
                differences.push(self.unsupported());
                differences
            })?;
        self.write("bindings.rs", text.as_bytes()).map_err(one)?;
        let constants = self.constants(&newest).map_err(one)?;
        self.write("constants.rs", constants.as_bytes())
            .map_err(one)?;
        Ok(newest)
    }

    /// The sentence after the differences of a kernel.
    fn unsupported(&self) -> anyhow::Error {
        let more = match &self.build.types {
            Types::Headers { source: None } => {
                format!(
                    "; if it lacks a structure{}",
                    self.where_more_headers_are(None)
                )
            }
            _ => String::new(),
        };
        anyhow::anyhow!(
            "this version of the driver does not support the kernel {}{more}",
            self.config.release
        )
    }

    /// Writes a file of the folder, unless it has this content.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.machine.outside(&self.folder.join(name));
        if fs::read(&path).is_ok_and(|old| old == content) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The symbols that the kernel exports to modules.
    fn exports(&self) -> Result<BTreeSet<String>> {
        let path = self.build.headers.join("Module.symvers");
        let text = fs::read_to_string(self.machine.outside(&path)).with_context(|| {
            format!(
                "the headers lack {}, which says what modules may use: install all of them",
                path.display()
            )
        })?;
        let names = text.lines().filter_map(|line| line.split('\t').nth(1));
        Ok(names.map(str::to_owned).collect())
    }

    fn contract(&self) -> Result<Contract> {
        let mut all = Contract::default();
        for name in CONTRACTS {
            let path = self.build.top.join("driver").join(name);
            let text = fs::read_to_string(self.machine.outside(&path))
                .with_context(|| format!("cannot read the contract {}", path.display()))?;
            all.add(Contract::parse(&text).with_context(|| path.display().to_string())?);
        }
        Ok(all)
    }

    /// Compiles `constants.c` by the kernel's own build, and reads the constants from the object.
    fn constants(&self, newest: &[String]) -> Result<String> {
        let folder = self.folder.join("constants");
        self.copy_c("constants.c", "constants")?;
        let kbuild = format!("obj-m := constants.o\n{}", flags_of(newest));
        self.write("constants/Kbuild", kbuild.as_bytes())?;
        self.make(&folder, &["constants.o"])?;
        let object = self.machine.outside(&folder.join("constants.o"));
        parse_constants(&fs::read(&object)?)
            .with_context(|| format!("{} has no constants", object.display()))
    }

    /// Copies a file of `driver/kernel` into a folder for the kernel's build.
    pub(crate) fn copy_c(&self, name: &str, folder: &str) -> Result<()> {
        let path = self.build.top.join("driver/kernel").join(name);
        let content = fs::read(self.machine.outside(&path))?;
        self.write(&format!("{folder}/{name}"), &content)
    }

    /// Runs the kernel's build on a folder.
    pub(crate) fn make(&self, folder: &Path, goals: &[&str]) -> Result<String> {
        let headers = self.build.headers.display().to_string();
        let mut command = words(&["make", "--no-print-directory", "-C", &headers]);
        command.push(format!("M={}", folder.display()));
        command.extend(self.build.variables.iter().cloned());
        command.extend(words(goals));
        self.run(&command)
    }
}

/// The flags by which C learns which things of this kernel are as the newest ones have them.
pub(crate) fn flags_of(newest: &[String]) -> String {
    let names = newest.iter().map(|name| name.replace('.', "_"));
    let flags: String = names.map(|name| format!(" -DNEWEST_{name}")).collect();
    format!("ccflags-y :={flags}\n")
}

/// The lines `->name: type value` of an object, in Rust.
fn parse_constants(object: &[u8]) -> Result<String> {
    let mut text = String::from("// Generated from constants.c; do not edit.\n");
    let mut count = 0;
    for line in object.split(|byte| *byte == b'\n') {
        let Some(line) = line.strip_prefix(b"->") else {
            continue;
        };
        let line = std::str::from_utf8(line)?;
        let (name, value) = line.rsplit_once(' ').context("a constant has no value")?;
        let value: i64 = value.parse().with_context(|| format!("of {line}"))?;
        // C prints an unsigned number above the half as a negative one.
        if name.ends_with("i32") {
            writeln!(text, "pub const {name} = {};", value as i32)?;
        } else {
            writeln!(text, "pub const {name} = {};", value as u32)?;
        }
        count += 1;
    }
    ensure!(count > 0, "no line begins with an arrow");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_found_in_an_object() {
        let object =
            b"\x7fELF\xff\n->PAGE_SIZE: u32 4096\n\n->HIGH: u32 -1\n->LOW: i32 -1\n\0.text";
        assert_eq!(
            parse_constants(object).unwrap(),
            "// Generated from constants.c; do not edit.\n\
             pub const PAGE_SIZE: u32 = 4096;\npub const HIGH: u32 = 4294967295;\n\
             pub const LOW: i32 = -1;\n"
        );
        assert!(parse_constants(b"\n").is_err());
    }

    #[test]
    fn members_and_functions_become_flags() {
        let newest = ["a.b".to_owned(), "c".to_owned()];
        assert_eq!(flags_of(&newest), "ccflags-y := -DNEWEST_a_b -DNEWEST_c\n");
    }
}
