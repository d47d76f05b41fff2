// SPDX-License-Identifier: GPL-2.0-only

//! Builds the module for a kernel without Rust, or with another rustc than the kernel's own.
//!
//! The kernel's crates are not used: `core` from rustc's own sources, the crate of `driver/kernel`
//! and the driver become one object, which the kernel's build links with `driver/kernel/helpers.c`
//! into the module. [`config`] reads the kernel's configuration, [`target`] says how rustc compiles
//! for it, [`bindings`] writes C's structures and constants in Rust, with types from the kernel's
//! [`image`] or its [`headers`], [`rust`] runs rustc, and [`link`] the kernel's build. All commands
//! run on a [`machine`], which may be a chroot; rustc may be on another one, if both have the
//! checkout at the same place.

mod bindings;
mod config;
mod endbr;
mod headers;
mod image;
mod link;
pub mod machine;
mod rust;
mod target;

use anyhow::{Context, Result, ensure};
use config::Config;
use machine::Machine;
use std::path::PathBuf;

/// A build. All paths are as the machine's commands see them.
#[derive(Debug)]
pub struct Build {
    /// The checkout.
    pub top: PathBuf,
    /// The kernel's headers.
    pub headers: PathBuf,
    /// Where the kernel's types come from.
    pub types: Types,
    /// The compiler.
    pub rustc: String,
    /// Variables for the kernel's make, such as `CROSS_COMPILE`.
    pub variables: Vec<String>,
}

/// Where the kernel's types come from.
#[derive(Debug)]
pub enum Types {
    /// A file with type information: BTF, a vmlinux, or a vmlinuz.
    Btf(PathBuf),
    /// The headers, and the folder of the kernel's source if more headers are needed.
    Headers {
        /// The folder.
        source: Option<PathBuf>,
    },
}

impl Build {
    /// Builds `driver/chaos_driver.ko`: the kernel's build runs on one machine, and rustc on
    /// another or the same one.
    ///
    /// # Errors
    ///
    /// One sentence, or several if the kernel differs from what the driver was written for.
    pub fn run(
        &self,
        machine: &dyn Machine,
        rust_machine: &dyn Machine,
    ) -> Result<(), Vec<anyhow::Error>> {
        let one = |error| vec![error];
        let config = Config::read(&machine.outside(&self.headers)).map_err(one)?;
        if matches!(self.types, Types::Btf(_)) {
            config.check_version().map_err(one)?;
        }
        config.check().map_err(one)?;
        let rustc = rust::Rustc::find(rust_machine, &self.rustc).map_err(one)?;
        let work = self.top.join("target/module").join(&config.release);
        std::fs::create_dir_all(machine.outside(&work))
            .with_context(|| format!("cannot make {}", work.display()))
            .map_err(one)?;
        let work = Work {
            build: self,
            machine,
            config: &config,
            folder: work,
        };
        let newest = work.write_bindings()?;
        let object = rust::compile(&work, &rustc, &newest).map_err(one)?;
        work.link(&object, &newest).map_err(one)
    }
}

/// A build that is under way.
pub(crate) struct Work<'a> {
    pub(crate) build: &'a Build,
    pub(crate) machine: &'a dyn Machine,
    pub(crate) config: &'a Config,
    /// The folder of the files that the build makes for this kernel.
    pub(crate) folder: PathBuf,
}

impl Work<'_> {
    /// Runs a command, and returns what it prints. A warning of objtool is a failure: the module
    /// would run without a protection that the kernel has.
    pub(crate) fn run(&self, words: &[String]) -> Result<String> {
        let printed = self.machine.run(words)?;
        ensure!(
            !printed.contains("warning: objtool"),
            "objtool warns of the module's code, which this kernel's protections do not fit; \
             please report this:\n{printed}"
        );
        Ok(printed)
    }
}

/// Texts as words of a command.
pub(crate) fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
