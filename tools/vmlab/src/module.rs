// SPDX-License-Identifier: GPL-2.0-only

//! Builds the module for the target's kernel.

use crate::{
    kernel::{Kernel, text_option},
    lab::Lab,
    process::{Failed, Output},
    step::tell,
};
use anyhow::{Context, Result};
use std::{env, fs};

impl Lab {
    /// Builds the module with the kernel's compilers, in the chroot.
    pub(crate) fn build(&self) -> Result<()> {
        let ready = self.prepare()?;
        self.write_layouts(&ready.kernel)?;
        let headers = format!("KBUILD_PATH={}", ready.kernel.headers());
        let lints = format!("CLIPPY={}", env::var("CLIPPY").unwrap_or("0".to_owned()));
        // The layouts are already generated, and the chroot has no cargo.
        let make = [
            "make",
            "-s",
            "-C",
            "/src",
            "module",
            &headers,
            "CARGO=true",
            &lints,
        ];
        let compilers = match self.target.own {
            None => self.target.cross(),
            Some(_) => vec!["LLVM=1".to_owned()],
        };
        let words = make.into_iter().chain(compilers.iter().map(String::as_str));
        self.chroot.run(&Output::Shown, &words.collect::<Vec<_>>())
    }

    /// Generates the layouts, as `make layouts` does.
    pub(crate) fn write_layouts(&self, kernel: &Kernel) -> Result<()> {
        let btf = self.chroot.outside(&kernel.headers()).join("vmlinux");
        for room in ["elevator", "sys"] {
            let room = self.chroot.top.join("driver").join(room);
            let generated = room.join("layouts/generated.rs");
            let written = layouts::update(&btf, &room.join("layouts.contract"), &generated);
            written.map_err(|errors| {
                for error in &errors {
                    tell(&format!("layouts: {error:#}\n"));
                }
                Failed {
                    code: 2,
                    program: "layouts".to_owned(),
                }
            })?;
        }
        Ok(())
    }

    /// The kernel's release, the version of its package, and the rustc that built it.
    pub(crate) fn describe_kernel(&self) -> Result<String> {
        let ready = self.prepare()?;
        let kernel = &ready.kernel;
        let config = self.chroot.outside(&kernel.headers()).join(".config");
        let config = fs::read_to_string(&config)
            .with_context(|| format!("cannot read {}", config.display()))?;
        let rustc = text_option(&config, "CONFIG_RUSTC_VERSION_TEXT");
        let rustc = rustc.map(|rustc| format!("{rustc}\n")).unwrap_or_default();
        Ok(format!("{}\n{}\n{rustc}", kernel.release, kernel.version))
    }
}
