// SPDX-License-Identifier: GPL-2.0-only

//! Compiles `core`, the crate of `driver/kernel` and the driver into one object.

use crate::{Work, machine::Machine, target::Target, words};
use anyhow::{Context, Result, ensure};
use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::{Path, PathBuf},
};

/// The first minor version of rustc 1 that has all that the build needs.
const OLDEST: u32 = 85;

/// A compiler with its sources.
pub(crate) struct Rustc<'a> {
    machine: &'a dyn Machine,
    program: String,
    /// As it describes itself.
    version: String,
    /// The folder of the library's sources.
    library: PathBuf,
}

impl<'a> Rustc<'a> {
    /// Finds a compiler and its sources.
    pub(crate) fn find(machine: &'a dyn Machine, program: &str) -> Result<Self> {
        let version = machine.run(&words(&[program, "-vV"])).with_context(|| {
            format!(
                "there is no {program}: install rustc 1.{OLDEST} or later with its sources (Debian \
                 13: apt-get install rustc rust-src; Debian 12: rustc-web rust-web-src)"
            )
        })?;
        let minor =
            minor_version(&version).with_context(|| format!("this is no rustc: {version}"))?;
        ensure!(
            minor >= OLDEST,
            "{program} is rustc 1.{minor}, and the module takes 1.{OLDEST} or later (Debian 12: \
             apt-get install rustc-web rust-web-src): put a later one first in PATH, or set RUSTC"
        );
        let sysroot = machine.run(&words(&[program, "--print", "sysroot"]))?;
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
        ensure!(
            machine.outside(&library).join("core/src/lib.rs").exists(),
            "there are no sources of rustc's library in {}: install them (Debian 13: apt-get \
             install rust-src; Debian 12: rust-web-src; rustup: rustup component add rust-src)",
            library.display()
        );
        Ok(Self {
            machine,
            program: program.to_owned(),
            version,
            library,
        })
    }

    /// The beginning of a command: a compiler that accepts the options that the kernel's own build
    /// uses, too.
    pub(crate) fn command(&self) -> Vec<String> {
        words(&["env", "RUSTC_BOOTSTRAP=1", &self.program])
    }

    /// Runs a command that [`command`](Self::command) begins, and returns what it prints.
    pub(crate) fn run(&self, command: &[String]) -> Result<String> {
        self.machine.run(command)
    }

    /// The option for code without tables of jumps, which had another name before.
    pub(crate) fn without_jump_tables(&self) -> Result<String> {
        let mut help = self.command();
        help.extend(words(&["-C", "help"]));
        let is_stable = self.run(&help)?.contains("jump-tables");
        let option = if is_stable {
            "-Cjump-tables=n"
        } else {
            "-Zno-jump-tables"
        };
        Ok(option.to_owned())
    }

    fn edition_of_core(&self) -> Result<String> {
        let manifest = self.library.join("core/Cargo.toml");
        let text = fs::read_to_string(self.machine.outside(&manifest))?;
        let edition = text
            .lines()
            .find_map(|line| line.strip_prefix("edition = \"")?.strip_suffix('"'));
        Ok(edition.context("core has no edition")?.to_owned())
    }
}

/// The y of "rustc 1.y.z".
fn minor_version(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("rustc 1.")?;
    rest.split('.').next()?.parse().ok()
}

/// Compiles the module's Rust; the path of the object.
pub(crate) fn compile(work: &Work<'_>, rustc: &Rustc<'_>, newest: &[String]) -> Result<PathBuf> {
    let target = Target::new(work, rustc)?;
    let core = compile_core(work, rustc, &target)?;
    let compiler = Compiler {
        work,
        rustc,
        target: &target,
        core: &core,
    };
    compiler.macros()?;
    let mut cfgs: Vec<String> = newest
        .iter()
        .map(|name| format!("--cfg=newest=\"{name}\""))
        .collect();
    cfgs.push("--cfg=own_kernel_crate".to_owned());
    cfgs.extend(
        work.config
            .set()
            .iter()
            .map(|name| format!("--cfg=CONFIG_{name}")),
    );
    work.write("cfgs", (cfgs.join("\n") + "\n").as_bytes())?;
    compiler.kernel()?;
    compiler.driver()
}

/// Compiles `core` and `compiler_builtins`, unless they are there already; their folder.
fn compile_core(work: &Work<'_>, rustc: &Rustc<'_>, target: &Target) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    (&rustc.version, &target.specification, &target.flags).hash(&mut hasher);
    let name = format!("core-{:016x}", hasher.finish());
    let folder = work.build.top.join("target/module").join(name);
    let outside = work.machine.outside(&folder);
    if outside.join("done").exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&outside)?;
    fs::write(outside.join("target.json"), &target.specification)?;
    // As in the kernel: the functions that the compiler calls are the kernel's, or not needed.
    let builtins = "#![no_core]\n#![feature(no_core, compiler_builtins)]\n\
                    #![compiler_builtins]\n#![no_builtins]\n";
    fs::write(outside.join("compiler_builtins.rs"), builtins)?;
    let compiler = Compiler {
        work,
        rustc,
        target,
        core: &folder,
    };
    let edition = rustc.edition_of_core()?;
    let source = rustc.library.join("core/src/lib.rs").display().to_string();
    let mut command = compiler.command(&folder);
    command.extend(words(&[
        "--crate-type=lib",
        "--crate-name=core",
        "--cap-lints=allow",
    ]));
    command.extend([
        format!("--edition={edition}"),
        "--cfg=no_fp_fmt_parse".to_owned(),
        source,
    ]);
    rustc.run(&command)?;
    let source = folder.join("compiler_builtins.rs").display().to_string();
    let mut command = compiler.command(&folder);
    command.extend(words(&[
        "--crate-type=lib",
        "--crate-name=compiler_builtins",
    ]));
    command.extend(["--edition=2021".to_owned(), "-Awarnings".to_owned(), source]);
    rustc.run(&command)?;
    fs::write(outside.join("done"), "")?;
    Ok(folder)
}

struct Compiler<'a> {
    work: &'a Work<'a>,
    rustc: &'a Rustc<'a>,
    target: &'a Target,
    core: &'a Path,
}

impl Compiler<'_> {
    fn path(&self, name: &str) -> String {
        self.work.folder.join(name).display().to_string()
    }

    fn source(&self, name: &str) -> String {
        let driver = self.work.build.top.join("driver");
        driver.join(name).display().to_string()
    }

    /// The beginning of a command that compiles for the kernel.
    fn command(&self, out: &Path) -> Vec<String> {
        let mut command = self.rustc.command();
        let bootstrap = command.remove(1);
        let out_dir = format!("OUT_DIR={}", self.work.folder.display());
        command.splice(1..1, [bootstrap, out_dir]);
        let core = self.core.display();
        command.push(format!("--target={core}/target.json"));
        command.extend(self.target.flags.iter().cloned());
        command.push(format!("-L{core}"));
        command.push(format!("-L{}", self.work.folder.display()));
        command.push(format!("--out-dir={}", out.display()));
        command
    }

    /// Compiles the attributes, which rustc loads.
    fn macros(&self) -> Result<()> {
        let mut command = self.rustc.command();
        command.extend(words(&[
            "--crate-type=proc-macro",
            "--crate-name=macros",
            "--edition=2021",
        ]));
        command.push("--extern=proc_macro".to_owned());
        command.push(format!("--out-dir={}", self.path("")));
        command.push(self.source("kernel/macros/lib.rs"));
        self.rustc.run(&command).map(drop)
    }

    fn kernel(&self) -> Result<()> {
        let mut command = self.command(&self.work.folder);
        command.extend(words(&[
            "--crate-type=lib",
            "--crate-name=kernel",
            "--edition=2021",
        ]));
        command.push(format!("--extern=macros={}", self.path("libmacros.so")));
        command.push(format!("@{}", self.path("cfgs")));
        command.extend(words(&["-Aunexpected_cfgs", "-Wmissing_docs"]));
        command.push(self.source("kernel/lib.rs"));
        self.shown(&command)
    }

    /// Compiles the driver and all that it uses; the path of the object.
    fn driver(&self) -> Result<PathBuf> {
        let mut command = self.command(&self.work.folder);
        command.extend(words(&[
            "--crate-type=staticlib",
            "--crate-name=chaos_driver",
            "--edition=2021",
            "-Clto=fat",
            "-Zcrate-attr=no_std",
            "-Zcrate-attr=feature(used_with_arg)",
            "--extern=kernel",
        ]));
        command.push(format!("@{}", self.path("cfgs")));
        command.push("-Aunexpected_cfgs".to_owned());
        command.push(self.source("chaos_driver.rs"));
        self.shown(&command)?;
        // The archive has the driver's object, and that of the empty `compiler_builtins`.
        let (archive, object) = (self.path("libchaos_driver.a"), self.path("rust.o"));
        let extract = "object=$(ar t \"$1\" | grep '^chaos_driver' | head -n 1)\n\
                       ar p \"$1\" \"$object\" >\"$2\"";
        self.work.run(&words(&[
            "sh", "-ec", extract, "extract", &archive, &object,
        ]))?;
        Ok(object.into())
    }

    /// Runs a command, and shows its warnings.
    fn shown(&self, command: &[String]) -> Result<()> {
        let printed = self.rustc.run(command)?;
        if !printed.is_empty() {
            use std::io::Write;
            // If this fails, no message can reach anybody.
            let _ = std::io::stderr().write_all(printed.as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            minor_version("rustc 1.85.1 (4eb161250 2025-03-15)\nx"),
            Some(85)
        );
        assert_eq!(minor_version("rustc 1.97.0-nightly\n"), Some(97));
        assert_eq!(minor_version("gcc 14"), None);
    }
}
