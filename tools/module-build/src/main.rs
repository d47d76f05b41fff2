// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

use clap::Parser;
use module_build::{Build, machine::Here};
use std::{io::Write, path::PathBuf, process::ExitCode};

/// Builds driver/chaos_driver.ko for a kernel without Rust
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder of the kernel's headers
    #[arg(long)]
    headers: PathBuf,
    /// The kernel's type information: /sys/kernel/btf/vmlinux, vmlinux or vmlinuz
    #[arg(long)]
    btf: PathBuf,
    /// The compiler
    #[arg(long, default_value = "rustc")]
    rustc: String,
    /// Variables for the kernel's make, such as CROSS_COMPILE=aarch64-linux-gnu-
    variables: Vec<String>,
}

fn main() -> ExitCode {
    let Arguments {
        headers,
        btf,
        rustc,
        variables,
    } = Arguments::parse();
    let build = std::env::current_dir().map(|top| Build {
        top,
        headers,
        btf,
        rustc,
        variables,
    });
    let result = build
        .map_err(|error| vec![error.into()])
        .and_then(|build| build.run(&Here, &Here));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(errors) => {
            for error in &errors {
                // If this fails, no message can reach anybody.
                let _ = writeln!(std::io::stderr(), "module-build: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
