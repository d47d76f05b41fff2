// SPDX-License-Identifier: GPL-2.0-only

//! Types from a kernel's headers are those of its type information, and so is the module.

use crate::{
    checks::{Checks, Transcript, ensure},
    command::{lab, text_of},
    test::build_module,
};
use anyhow::{Context, Result};
use std::fs;

/// Two targets of one kernel: the second takes the types from the headers.
pub(crate) const PAIR: [&str; 2] = ["bullseye", "bullseye-headers"];

/// The files that a build makes of the types, and the module.
struct Built {
    bindings: String,
    constants: String,
    module: Vec<u8>,
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
        module: fs::read(module)?,
    })
}

pub(crate) fn compare(checks: &mut Checks) {
    let builds = PAIR.map(|target| {
        let name = format!("the module builds for {target}, to be compared");
        checks.check(&name, |transcript| build(transcript, target))
    });
    let [Some(by_information), Some(by_headers)] = builds else {
        return;
    };
    checks.check(
        "types from the headers are those of the type information",
        |transcript| {
            let lines = by_information.bindings.lines();
            for (line, other) in lines.zip(by_headers.bindings.lines()) {
                if line != other {
                    transcript.say(&format!("{line} / {other}"));
                }
            }
            ensure(
                by_information.bindings == by_headers.bindings,
                "bindings.rs is another",
            )?;
            ensure(
                by_information.constants == by_headers.constants,
                "constants.rs is another",
            )?;
            ensure(
                by_information.module == by_headers.module,
                "the module is another",
            )
        },
    );
}
