// SPDX-License-Identifier: GPL-2.0-only

//! Runs the driver's own code on this machine under a checker that the plain tests (`cargo test`)
//! do without.
//!
//! Miri needs a nightly Rust (`rustup component add --toolchain nightly miri rust-src`); any stable
//! Rust does for the others. `PROPTEST_CASES` sets the number of histories.

use crate::command::{command, host, run, variable};
use anyhow::Result;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Checker {
    /// Random histories, with each access to memory checked (AddressSanitizer).
    Address,
    /// The state that hardware queues share, in all orders of their steps.
    Loom,
    /// Fewer histories, with the rules of references and pointers checked.
    Miri,
}

pub(crate) fn check(checker: Checker) -> Result<()> {
    run(&mut tests(checker, &host()?))
}

/// Each checker has flags, and so needs a target directory of its own, or cargo would build
/// everything again each time. With a named target, cargo does not compile build scripts and macros
/// with the flags.
fn tests(checker: Checker, host: &str) -> Command {
    let package = ["--quiet", "--package", "chaos-model"];
    let mut cargo = command(&["cargo"]);
    match checker {
        Checker::Address => cargo
            .arg("test")
            .args(package)
            .args(["--target", host, "--target-dir", "target/model-address"])
            // Every compiler has the sanitizer, but stable ones only with RUSTC_BOOTSTRAP. A lost
            // request, or a bio that never ends, shows as a leak.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=address")
            .env("ASAN_OPTIONS", "detect_leaks=1"),
        Checker::Loom => cargo
            .arg("test")
            .args(package)
            .args(["--target", host, "--target-dir", "target/model-loom"])
            .arg("--release")
            .env("RUSTFLAGS", "--cfg loom"),
        // A release build leaves out debug assertions, which `cargo test` has: with proptest's own,
        // this would take fifteen times as long. Isolation would forbid proptest to look for its
        // regressions.
        Checker::Miri => cargo
            .args(["+nightly", "miri", "test"])
            .args(package)
            .args(["--target-dir", "target/model-miri", "--release"])
            .env(
                "PROPTEST_CASES",
                variable("PROPTEST_CASES").unwrap_or("4".to_owned()),
            )
            .env(
                "MIRIFLAGS",
                "-Zmiri-disable-isolation -Zmiri-strict-provenance",
            ),
    };
    cargo
}
