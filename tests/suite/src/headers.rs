// SPDX-License-Identifier: GPL-2.0-only

//! Types from a kernel's headers are those of its type information.

use crate::{
    checks::{Checks, Transcript, ensure},
    command::{lab, text_of},
    test::build_module,
};
use anyhow::{Context, Result, bail};
use std::{fs, path::PathBuf};

/// Two targets of one kernel: the second takes the types from the headers.
pub(crate) const PAIR: [&str; 2] = ["bullseye", "bullseye-headers"];

/// The beginning of the functions in the file of a kernel's types.
const FUNCTIONS: &str = "\nextern \"C\" {\n";

/// The files that a build makes of the types, and the module.
struct Built {
    bindings: String,
    constants: String,
    module: PathBuf,
}

fn build(transcript: &mut Transcript, target: &str) -> Result<Built> {
    let module = build_module(transcript, target)?;
    let kernel = text_of(&mut lab(&["kernel", target]))?;
    let release = kernel.lines().next().context("the lab names no kernel")?;
    let read = |name: &str| {
        let path = format!("target/module/{release}/{name}");
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    };
    Ok(Built {
        bindings: read("bindings.rs")?,
        constants: read("constants.rs")?,
        module,
    })
}

/// Builds both targets, and compares them. The module by the headers, if all is well.
pub(crate) fn compare(checks: &mut Checks) -> Option<PathBuf> {
    let builds = PAIR.map(|target| {
        let name = format!("the module builds for {target}, to be compared");
        checks.check(&name, |transcript| build(transcript, target))
    });
    let [Some(by_information), Some(by_headers)] = builds else {
        return None;
    };
    checks.check(
        "types from the headers are those of the type information",
        |_| {
            have_same_types(&by_information.bindings, &by_headers.bindings)?;
            ensure(
                by_information.constants == by_headers.constants,
                "other constants follow from them",
            )?;
            Ok(by_headers.module)
        },
    )
}

/// The structures are the same, and the functions of the type information. Headers may have more
/// of these: the information of some kernels has no functions of `lib/`.
fn have_same_types(by_information: &str, by_headers: &str) -> Result<()> {
    let parts = |text: &str| -> Result<(Vec<String>, Vec<String>)> {
        let (structures, functions) = text.split_once(FUNCTIONS).context("no functions")?;
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        Ok((lines(structures), lines(functions)))
    };
    let (structures, functions) = parts(by_information)?;
    let (other_structures, other_functions) = parts(by_headers)?;
    let mut pairs = structures.iter().zip(&other_structures);
    if let Some((line, other)) = pairs.find(|(line, other)| line != other) {
        bail!("the headers have \"{other}\" for \"{line}\"");
    }
    ensure(
        structures.len() == other_structures.len(),
        "one file has more structures",
    )?;
    match functions
        .iter()
        .find(|line| !other_functions.contains(line))
    {
        Some(line) => bail!("the headers lack \"{line}\""),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_functions_are_allowed() {
        let text = "a: u32,\nb: u64,\nextern \"C\" {\n    fn f(a: u32);\n}\n";
        assert!(have_same_types(text, text).is_ok());
        let more = text.replace("}\n", "    fn g();\n}\n");
        assert!(have_same_types(text, &more).is_ok());
        assert!(have_same_types(&more, text).is_err());
        for (old, new) in [
            ("a: u32,", "a: u64,"),
            ("b: u64,\n", ""),
            ("f(a: u32)", "f(a: u64)"),
        ] {
            assert!(have_same_types(text, &text.replace(old, new)).is_err());
        }
    }
}
