// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

use clap::Parser;
use std::{io::Write, path::PathBuf, process::ExitCode};

/// Generates Rust for private structures of the kernel from its own type information (BTF)
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The kernel's BTF, such as /sys/kernel/btf/vmlinux, or a vmlinux that has it
    #[arg(long)]
    btf: PathBuf,
    /// The structures and functions that the driver uses, as it expects them
    #[arg(long)]
    contract: PathBuf,
    /// The file to generate; it is left alone if it would not change
    #[arg(long)]
    output: PathBuf,
}

fn main() -> ExitCode {
    let Arguments {
        btf,
        contract,
        output,
    } = Arguments::parse();
    match layouts::update(&btf, &contract, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(errors) => {
            for error in &errors {
                // If this fails, no message can reach anybody.
                let _ = writeln!(std::io::stderr(), "layouts: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
