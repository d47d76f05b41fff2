// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

use anyhow::{Result, ensure};
use clap::Parser;
use module_build::{Build, Types, machine::Here};
use std::{
    env,
    io::Write,
    path::{self, PathBuf},
    process::ExitCode,
};

/// Builds driver/chaos_driver.ko for a kernel without Rust
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder of the kernel's headers
    #[arg(long)]
    headers: PathBuf,
    /// The kernel's type information: /sys/kernel/btf/vmlinux, vmlinux or vmlinuz; or 'headers', to
    /// take the types from the headers
    #[arg(long)]
    btf: PathBuf,
    /// With 'headers': the folder of the kernel's source, for more headers
    #[arg(long)]
    source: Option<PathBuf>,
    /// The compiler
    #[arg(long, default_value = "rustc")]
    rustc: String,
    /// Variables for the kernel's make, such as CROSS_COMPILE=aarch64-linux-gnu-
    variables: Vec<String>,
}

/// Where the types come from. The kernel's build runs in another folder than this program.
fn types(btf: PathBuf, source: Option<PathBuf>) -> Result<Types> {
    if btf.as_os_str() == "headers" {
        let source = source.map(path::absolute).transpose()?;
        return Ok(Types::Headers { source });
    }
    ensure!(
        source.is_none(),
        "SOURCE is for BTF=headers, and BTF is {}: leave SOURCE out, or take BTF=headers",
        btf.display()
    );
    Ok(Types::Btf(btf))
}

fn main() -> ExitCode {
    let Arguments {
        headers,
        btf,
        source,
        rustc,
        variables,
    } = Arguments::parse();
    let build = || -> Result<Build> {
        Ok(Build {
            top: env::current_dir()?,
            headers,
            types: types(btf, source)?,
            rustc,
            variables,
        })
    };
    let result = build()
        .map_err(|error| vec![error])
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
