// SPDX-License-Identifier: GPL-2.0-only

//! Builds the programs that go into a guest, without libraries of this machine.

use crate::{
    checks::Transcript,
    command::{cache, command, host, text_of},
};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Programs have no libraries of this machine with these flags of rustc.
const STATIC: &str = "-C target-feature=+crt-static";

const ARM64: &str = "aarch64-unknown-linux-gnu";
const ARM64_LINKER: &str = "aarch64-linux-gnu-gcc";

/// Builds `kchaos` and `chaos-tests` for this machine's architecture; their folder.
pub(crate) fn build(transcript: &mut Transcript) -> Result<PathBuf> {
    build_for(&host()?, transcript)
}

/// The same for an architecture as Debian calls it: this machine's, or arm64.
pub(crate) fn build_for_debian(architecture: &str, transcript: &mut Transcript) -> Result<PathBuf> {
    if architecture != "arm64" {
        return build(transcript);
    }
    let libraries = text_of(&mut command(&[
        "rustc",
        "--print",
        "target-libdir",
        "--target",
        ARM64,
    ]))?;
    let has_linker = command(&[ARM64_LINKER, "--version"]).output().is_ok();
    if !has_linker || !Path::new(libraries.trim_end()).exists() {
        // As the lab's own sentences, the table of kernels shows it.
        bail!(
            "lab: for programs for arm64 do 'apt-get install gcc-aarch64-linux-gnu \
             libc6-dev-arm64-cross' and 'rustup target add {ARM64}'."
        );
    }
    build_for(ARM64, transcript)
}

fn build_for(target: &str, transcript: &mut Transcript) -> Result<PathBuf> {
    // A folder of its own, since other flags would have everything built anew each time.
    let folder = Path::new("target/guest");
    let mut cargo = command(&["cargo", "build", "--quiet", "--release", "--target", target]);
    cargo
        .arg("--target-dir")
        .arg(folder)
        .args(["--package", "kchaos", "--package", "chaos-tests"])
        .env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            ARM64_LINKER,
        )
        .env("RUSTFLAGS", STATIC);
    transcript.run(&mut cargo)?;
    Ok(folder.join(target).join("release"))
}

/// Builds the file system exerciser; the program. It is of this very version, so that a seed means
/// the same operations, and in the lab's cache, as it is the same for all checkouts.
pub(crate) fn build_fsx(transcript: &mut Transcript) -> Result<PathBuf> {
    let version = "0.3.2";
    let folder = cache()?.join(format!("fsx-{version}"));
    let program = folder.join("bin/fsx");
    if program.exists() {
        return Ok(program);
    }
    let mut cargo = command(&[
        "cargo",
        "install",
        "--quiet",
        "--locked",
        "--target",
        &host()?,
    ]);
    cargo
        .args(["--target-dir", "target/fsx", "--root"])
        .arg(folder)
        .args(["fsx", "--version", version])
        .env("RUSTFLAGS", STATIC);
    transcript.run(&mut cargo)?;
    Ok(program)
}
