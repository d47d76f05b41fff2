// SPDX-License-Identifier: GPL-2.0-only

//! Runs the driver's own code on this machine under a checker, which its plain tests (`cargo test`)
//! go without.
//!
//! Any stable Rust will do, but for Miri, which is a part of nightly ones: `rustup component add
//! --toolchain nightly miri rust-src`. Numbers of histories: `PROPTEST_CASES`.

use crate::command::{command, host, run, variable};
use anyhow::Result;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Checker {
    /// Random histories, and each access to memory looked at (AddressSanitizer).
    Address,
    /// What hardware queues share, in all orders of their steps.
    Loom,
    /// Fewer random histories, and the rules of references and pointers looked at.
    Miri,
}

pub(crate) fn check(checker: Checker) -> Result<()> {
    run(&mut tests(checker, &host()?))
}

/// Flags of its own need a folder of their own, or everything would be built anew each time. A
/// target that is named keeps build scripts and macros from being compiled with the flags.
fn tests(checker: Checker, host: &str) -> Command {
    let package = ["--quiet", "--package", "chaos-model"];
    let mut cargo = command(&["cargo"]);
    match checker {
        Checker::Address => cargo
            .arg("test")
            .args(package)
            .args(["--target", host, "--target-dir", "target/model-address"])
            // The sanitizer is in every compiler, but only some admit to it. What is lost and never
            // ended shows as a leak.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", "-Zsanitizer=address")
            .env("ASAN_OPTIONS", "detect_leaks=1"),
        Checker::Loom => cargo
            .arg("test")
            .args(package)
            .args(["--target", host, "--target-dir", "target/model-loom"])
            .arg("--release")
            .env("RUSTFLAGS", "--cfg loom"),
        // A release build leaves out debugging assertions, proptest's above all, which would take
        // fifteen times as long; `cargo test` has them. proptest looks for a file of regressions,
        // which isolation would forbid.
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
