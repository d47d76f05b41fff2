// SPDX-License-Identifier: GPL-2.0-only

//! The targets: the kernels of `tools/targets`, and each architecture's names and emulator.

use anyhow::{Context, Result, anyhow, bail};
use std::{env::consts::ARCH, fs, path::Path};

/// An architecture: its names, and the program that emulates it.
#[derive(Debug)]
pub(crate) struct Architecture {
    /// Debian's name.
    pub(crate) debian: &'static str,
    /// Rust's name.
    rust: &'static str,
    /// The kernel's name.
    pub(crate) kernel: &'static str,
    /// The beginning of the names of compilers, and the folder of libraries.
    pub(crate) triple: &'static str,
    /// The emulator, and the options for the machine that it emulates.
    pub(crate) qemu: &'static [&'static str],
    /// The package that has the emulator.
    pub(crate) qemu_package: &'static str,
    /// The console.
    pub(crate) terminal: &'static str,
}

static ARCHITECTURES: [Architecture; 2] = [
    Architecture {
        debian: "amd64",
        rust: "x86_64",
        kernel: "x86_64",
        triple: "x86_64-linux-gnu",
        qemu: &["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"],
        qemu_package: "qemu-system-x86",
        terminal: "ttyS0",
    },
    Architecture {
        debian: "arm64",
        rust: "aarch64",
        kernel: "arm64",
        triple: "aarch64-linux-gnu",
        qemu: &[
            "qemu-system-aarch64",
            "-machine",
            "virt",
            "-cpu",
            "cortex-a76",
        ],
        qemu_package: "qemu-system-arm",
        terminal: "ttyAMA0",
    },
];

/// The crate `kernel` that a target's module is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelCrate {
    /// The kernel's, which takes the kernel's source and its rustc.
    Kernel,
    /// The one of `driver/kernel`.
    Own,
    /// The same, with types from the kernel's headers.
    OwnByHeaders,
}

impl KernelCrate {
    fn parse(word: &str) -> Result<Self> {
        match word {
            "kernel" => Ok(Self::Kernel),
            "own" => Ok(Self::Own),
            "headers" => Ok(Self::OwnByHeaders),
            _ => bail!("a kernel's crate is 'kernel', 'own' or 'headers', and not '{word}'."),
        }
    }
}

/// A line of `tools/targets`.
#[derive(Debug)]
pub(crate) struct Target {
    /// The name that users give.
    pub(crate) name: String,
    /// The suite that has the kernel and the compilers that built it.
    pub(crate) suite: String,
    /// The package that depends on the suite's newest kernel.
    pub(crate) package: String,
    /// The architecture of the kernel.
    pub(crate) arch: &'static Architecture,
    /// The crate that the module is built with.
    pub(crate) kernel_crate: KernelCrate,
    /// The configuration in `tools/kernels` by which the lab builds the kernel itself.
    pub(crate) own: Option<String>,
}

impl Target {
    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, suite, package, arch, kernel_crate, own, _tests] = fields[..] else {
            bail!(
                "tools/targets has a line of {} fields, and not 7: {line}",
                fields.len()
            );
        };
        let known = ARCHITECTURES.iter().find(|known| known.debian == arch);
        Ok(Self {
            name: name.to_owned(),
            suite: suite.to_owned(),
            package: package.to_owned(),
            arch: known
                .with_context(|| format!("the lab knows amd64 and arm64, and not {arch}."))?,
            kernel_crate: KernelCrate::parse(kernel_crate)?,
            own: (own != "-").then(|| own.to_owned()),
        })
    }

    /// The suite that is complete by itself, and that `suite` adds packages to.
    pub(crate) fn base_suite(&self) -> &str {
        match self.suite.as_str() {
            "experimental" => "sid",
            suite => suite.strip_suffix("-backports").unwrap_or(suite),
        }
    }

    /// The suite whose QEMU runs the guest. The QEMU of older suites stops at the start of a second
    /// processor with the icount clock.
    pub(crate) fn emulator_suite(&self) -> &str {
        match self.base_suite() {
            "bullseye" | "bookworm" => "trixie",
            _ => &self.suite,
        }
    }

    /// Whether the suite's rustc and the programs for guests are too old, too: then those of the
    /// emulator's suite serve.
    pub(crate) fn has_old_programs(&self) -> bool {
        self.base_suite() == "bullseye"
    }

    /// Whether the target is of another architecture than this machine and the chroot.
    pub(crate) fn is_foreign(&self) -> bool {
        self.arch.rust != ARCH
    }

    /// Variables that name the compilers of a foreign target to make.
    pub(crate) fn cross(&self) -> Vec<String> {
        if !self.is_foreign() {
            return Vec::new();
        }
        let prefix = format!("CROSS_COMPILE={}-", self.arch.triple);
        vec![format!("ARCH={}", self.arch.kernel), prefix]
    }
}

/// All targets, in the order of their file.
#[derive(Debug)]
pub(crate) struct Targets {
    lines: Vec<String>,
}

impl Targets {
    /// Reads the file of the checkout.
    pub(crate) fn read(top: &Path) -> Result<Self> {
        let path = top.join("tools/targets");
        let text = fs::read_to_string(&path);
        Ok(Self::parse(&text.with_context(|| {
            format!("cannot read {}", path.display())
        })?))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            lines: lines.map(str::to_owned).collect(),
        }
    }

    /// The lines as they are in the file.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter_map(|line| line.split_whitespace().next())
    }

    /// Whether a target has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The target of this name; without one, the first.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<Target> {
        let is_meant =
            |line: &&String| name.is_none_or(|name| line.split_whitespace().next() == Some(name));
        match (self.lines.iter().find(is_meant), name) {
            (Some(line), _) => Target::parse(line),
            (None, Some(name)) => Err(anyhow!(
                "there is no target '{name}'; tools/targets has: {}.",
                self.names().collect::<Vec<_>>().join(" ")
            )),
            (None, None) => bail!("tools/targets has no target."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# name suite\ncloud forky linux-image-cloud-amd64 amd64 kernel - all\n\
                        kasan forky linux-image-cloud-amd64 amd64 kernel kasan -\n\
                        old trixie-backports linux-image-arm64 arm64 own - main\n\
                        new experimental linux-image-riscv64 riscv64 own - main\n";

    #[test]
    fn the_first_target_is_the_default() {
        let target = Targets::parse(TEXT).get(None).unwrap();
        assert_eq!((target.name.as_str(), target.own), ("cloud", None));
        let kasan = Targets::parse(TEXT).get(Some("kasan")).unwrap();
        assert_eq!(kasan.own.as_deref(), Some("kasan"));
    }

    #[test]
    fn an_unknown_target_is_told_with_those_there_are() {
        let error = Targets::parse(TEXT)
            .get(Some("cloudy"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "there is no target 'cloudy'; tools/targets has: cloud kasan old new."
        );
    }

    #[test]
    fn an_unknown_architecture_is_told() {
        let error = Targets::parse(TEXT)
            .get(Some("new"))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "the lab knows amd64 and arm64, and not riscv64.");
    }

    #[test]
    fn suites_that_only_add_have_a_base() {
        let old = Targets::parse(TEXT).get(Some("old")).unwrap();
        assert_eq!(old.base_suite(), "trixie");
        assert_eq!(
            Targets::parse(TEXT).get(None).unwrap().base_suite(),
            "forky"
        );
    }

    #[test]
    fn each_target_of_the_checkout_can_be_read() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let targets = Targets::read(&top).unwrap();
        for name in targets.names() {
            let own = targets.get(Some(name)).unwrap().own;
            let config = own.map(|own| top.join(format!("tools/kernels/{own}.config")));
            assert!(config.is_none_or(|path| path.exists()), "{name}");
        }
    }
}
