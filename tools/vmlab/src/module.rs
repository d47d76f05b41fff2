// SPDX-License-Identifier: GPL-2.0-only

//! Builds the module for the target's kernel.

use crate::{
    chroot::{Chroot, inner_command},
    kernel::{Kernel, text_option},
    lab::Lab,
    prepare::Ready,
    process::{Failed, Output},
    step::tell,
    target::KernelCrate,
};
use anyhow::{Context, Result};
use module_build::{
    Build, Types,
    machine::{self, Machine},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

impl Machine for Chroot {
    fn run(&self, words: &[String]) -> Result<String> {
        self.enter(&[], || machine::run(&mut inner_command(words)))
    }

    fn outside(&self, path: &Path) -> PathBuf {
        match path.strip_prefix("/src") {
            Ok(inside) => self.top.join(inside),
            Err(_) => self.root.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }
}

/// Tells users why a program has failed.
fn failed(program: &str, errors: &[anyhow::Error]) -> anyhow::Error {
    for error in errors {
        tell(&format!("{program}: {error:#}\n"));
    }
    anyhow::Error::new(Failed {
        code: 2,
        program: program.to_owned(),
    })
}

impl Lab {
    /// Builds the module with the kernel's compilers, in the chroot.
    pub(crate) fn build(&self) -> Result<()> {
        let ready = self.prepare()?;
        match self.target.kernel_crate {
            KernelCrate::Kernel => self.build_with_kernels_crate(&ready),
            KernelCrate::Own => {
                let types = Types::Btf(self.type_information(&ready.kernel).into());
                self.build_with_own_crate(&ready.kernel, types)
            }
            KernelCrate::OwnByHeaders => {
                let source = Some(ready.kernel.source().into());
                self.build_with_own_crate(&ready.kernel, Types::Headers { source })
            }
        }
    }

    /// The file in the chroot that has the kernel's type information.
    fn type_information(&self, kernel: &Kernel) -> String {
        let in_headers = format!("{}/vmlinux", kernel.headers());
        if self.chroot.outside(&in_headers).exists() {
            return in_headers;
        }
        self.image(kernel)
    }

    fn build_with_own_crate(&self, kernel: &Kernel, types: Types) -> Result<()> {
        let build = Build {
            top: "/src".into(),
            headers: kernel.headers().into(),
            types,
            rustc: "rustc".to_owned(),
            variables: self.target.cross(),
        };
        let built = build.run(&self.chroot, &self.programs_chroot());
        built.map_err(|errors| failed("module-build", &errors))
    }

    fn build_with_kernels_crate(&self, ready: &Ready) -> Result<()> {
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
            "KERNEL_CRATE=kernel",
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
            written.map_err(|errors| failed("layouts", &errors))?;
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
