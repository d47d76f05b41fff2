// SPDX-License-Identifier: GPL-2.0-only

//! Reads the contract and the kernel, and writes the generated file.

use crate::{Contract, Kernel, generate};
use anyhow::{Context, Result};
use std::{fs, io::Write, path::Path};

/// Generates the file `output` for the kernel of `btf`; leaves it alone if it would not change.
///
/// Fails with all differences between the contract and the kernel.
pub fn update(btf: &Path, contract: &Path, output: &Path) -> Result<(), Vec<anyhow::Error>> {
    let contract = read_contract(contract).map_err(|error| vec![error])?;
    let kernel = open_kernel(btf).map_err(|error| vec![error])?;
    let text = generate(&contract, &kernel).map_err(|mut differences| {
        differences.push(anyhow::anyhow!(
            "this version of the driver does not support this kernel ({})",
            btf.display()
        ));
        differences
    })?;
    write(output, &text).map_err(|error| vec![error])
}

fn read_contract(path: &Path) -> Result<Contract> {
    let text = fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the contract {}", path.display()))?;
    Contract::parse(&text).with_context(|| path.display().to_string())
}

fn open_kernel(path: &Path) -> Result<Kernel> {
    Kernel::open(path).with_context(|| {
        format!(
            "there is no type information of a kernel in {}; install the headers of a kernel with \
             CONFIG_DEBUG_INFO_BTF, or set BTF to a file that has it",
            path.display()
        )
    })
}

/// Writes all of the file or nothing; nothing if it has this content already, so that nothing is
/// built anew.
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
