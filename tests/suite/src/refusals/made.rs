// SPDX-License-Identifier: GPL-2.0-only

//! Headers of a made kernel, as far as `make` looks at them before it compiles, and what it says
//! when something is missing in them.

use super::{edit_configuration, leave_out, refuses};
use crate::{
    checks::{Checks, Transcript},
    command::{command, text_of},
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// For these headers nothing is missing but type information. They go with this.
pub(crate) struct Headers(TempDir);

impl Headers {
    pub(crate) fn new() -> Result<Self> {
        let rustc = text_of(&mut command(&["rustc", "--version"]))?;
        let made = Self(TempDir::with_prefix("headers.")?);
        let folder = made.path();
        fs::create_dir_all(folder.join("include/config"))?;
        fs::create_dir(folder.join("rust"))?;
        fs::write(folder.join("Makefile"), "$(error something is compiled)\n")?;
        fs::write(folder.join("include/config/kernel.release"), "7.9.1-made\n")?;
        fs::write(folder.join("rust/libkernel.rmeta"), "")?;
        fs::write(
            folder.join("include/config/auto.conf"),
            format!(
                "CONFIG_RUST=y\nCONFIG_CONFIGFS_FS=m\nCONFIG_DEBUG_INFO_BTF=y\n\
                 CONFIG_RUSTC_VERSION_TEXT=\"{}\"\n",
                rustc.trim_end()
            ),
        )?;
        Ok(made)
    }

    fn without_file(file: &str) -> Result<Self> {
        let made = Self::new()?;
        fs::remove_file(made.path().join(file))?;
        Ok(made)
    }

    fn without_option(option: &str) -> Result<Self> {
        let made = Self::new()?;
        leave_out(made.path(), option)?;
        Ok(made)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The choice of the kernel's own crate.
const KERNELS: &str = "KERNEL_CRATE=kernel";

/// An option that a kernel needs, what it stands for, and the name of its check.
const OPTIONS: [(&str, &str, &str); 3] = [
    ("CONFIG_RUST", "Rust", "a kernel without Rust is told"),
    (
        "CONFIG_CONFIGFS_FS",
        "configfs",
        "a kernel without configfs is told",
    ),
    (
        "CONFIG_DEBUG_INFO_BTF",
        "type information",
        "a kernel without BTF is told",
    ),
];

pub(crate) fn refusals(checks: &mut Checks) {
    checks.check(
        "a kernel with all that is needed is not refused",
        |transcript| not_refused(transcript, &Headers::new()?),
    );
    checks.check(
        "nor one that writes its configuration without quotes",
        |transcript| {
            let headers = Headers::new()?;
            edit_configuration(headers.path(), |line| Some(line.replace('"', "")))?;
            not_refused(transcript, &headers)
        },
    );
    checks.check("no headers are told", |transcript| {
        let none = TempDir::new()?.path().join("none");
        let sentence = format!(
            "check-kernel: there are no kernel headers in {}: *.",
            none.display()
        );
        refuses(transcript, &sentence, &none, &[])
    });
    checks.check("headers of no configuration are told", |transcript| {
        let headers = Headers::without_file("include/config/auto.conf")?;
        let sentence = "check-kernel: the kernel in * is not configured *.";
        refuses(transcript, sentence, headers.path(), &[])
    });
    for (option, meaning, name) in OPTIONS {
        checks.check(name, |transcript| {
            let headers = Headers::without_option(option)?;
            let sentence = format!(
                "check-kernel: the kernel 7.9.1-made was built without {meaning} ({option})*."
            );
            refuses(transcript, &sentence, headers.path(), &[KERNELS])
        });
    }
    checks.check("headers without Rust's metadata are told", |transcript| {
        let headers = Headers::without_file("rust/libkernel.rmeta")?;
        let sentence = "check-kernel: the headers in * lack Rust's metadata *.";
        refuses(transcript, sentence, headers.path(), &[KERNELS])
    });
    checks.check("a crate that there is not is told", |transcript| {
        let sentence = "check-kernel: KERNEL_CRATE is 'kernel' or 'own', and not 'other'.";
        let words = ["KERNEL_CRATE=other"];
        refuses(transcript, sentence, Headers::new()?.path(), &words)
    });
    checks.check("types from the headers are for one crate", |transcript| {
        let sentence = "check-kernel: BTF=headers is only for KERNEL_CRATE=own.";
        let words = [KERNELS, "BTF=headers"];
        refuses(transcript, sentence, Headers::new()?.path(), &words)?;
        let headers = Headers::without_option("CONFIG_DEBUG_INFO_BTF")?;
        let mut check = command(&["tools/check-kernel"]);
        transcript.run(check.arg(headers.path()).env("BTF", "headers"))
    });
    checks.check("another rustc than the kernel's is told", other_rustc);
    checks.check("no rustc is told", |transcript| {
        let sentence = "check-kernel: there is no /none: install '*', *.";
        refuses(
            transcript,
            sentence,
            Headers::new()?.path(),
            &[KERNELS, "RUSTC=/none"],
        )
    });
    checks.check(
        "headers without type information are told",
        no_type_information,
    );
}

fn not_refused(transcript: &mut Transcript, headers: &Headers) -> Result<()> {
    transcript.run(command(&["tools/check-kernel"]).arg(headers.path()))
}

fn other_rustc(transcript: &mut Transcript) -> Result<()> {
    let headers = Headers::new()?;
    let option = "CONFIG_RUSTC_VERSION_TEXT=";
    edit_configuration(headers.path(), |line| {
        Some(if line.starts_with(option) {
            format!("{option}\"rustc 1.99.0 (of the kernel)\"")
        } else {
            line.to_owned()
        })
    })?;
    let sentence = "check-kernel: the kernel was built with 'rustc 1.99.0 (of the kernel)' and \
                    rustc here is 'rustc *': *RUSTC to it, or *.";
    refuses(transcript, sentence, headers.path(), &[KERNELS])
}

/// The running kernel's layouts are not another kernel's, whatever /sys offers.
fn no_type_information(transcript: &mut Transcript) -> Result<()> {
    let headers = Headers::new()?;
    let vmlinux: PathBuf = headers.path().join("vmlinux");
    let sentence = format!(
        "layouts: there is no type information of a kernel in {}; install the headers *",
        vmlinux.display()
    );
    refuses(transcript, &sentence, headers.path(), &[])
}
