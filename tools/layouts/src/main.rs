// SPDX-License-Identifier: GPL-2.0-only

//! The command line: reads the contract and the kernel, writes the generated file.

use anyhow::{Context, Result};
use clap::Parser;
use layouts::{Contract, Kernel, generate};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
    match run(&Arguments::parse()) {
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

fn run(arguments: &Arguments) -> Result<(), Vec<anyhow::Error>> {
    let contract = contract(&arguments.contract).map_err(|error| vec![error])?;
    let kernel = kernel(&arguments.btf).map_err(|error| vec![error])?;
    let text = generate(&contract, &kernel).map_err(|mut differences| {
        differences.push(anyhow::anyhow!(
            "this version of the driver does not support this kernel ({})",
            arguments.btf.display()
        ));
        differences
    })?;
    write(&arguments.output, &text).map_err(|error| vec![error])
}

fn contract(path: &Path) -> Result<Contract> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the contract {}", path.display()))?;
    Contract::parse(&text).with_context(|| path.display().to_string())
}

fn kernel(path: &Path) -> Result<Kernel> {
    Kernel::open(path).with_context(|| {
        format!(
            "there is no type information of a kernel in {}; install the headers of a kernel with \
             CONFIG_DEBUG_INFO_BTF, or set BTF to a file that has it",
            path.display()
        )
    })
}

/// Writes all of the file or nothing. If it has this content already, the file keeps its time, so
/// make rebuilds nothing that depends on it.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let write = || -> Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
