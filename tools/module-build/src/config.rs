// SPDX-License-Identifier: GPL-2.0-only

//! A kernel's configuration, and whether a module can be built for it.

use anyhow::{Context, Result, ensure};
use std::{collections::HashMap, fs, path::Path};

/// A kernel's configuration.
#[derive(Debug)]
pub(crate) struct Config {
    /// Its release, such as 6.12.118+deb13-amd64.
    pub(crate) release: String,
    options: HashMap<String, String>,
}

impl Config {
    /// Reads the configuration of headers.
    pub(crate) fn read(headers: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = headers.join(name);
            fs::read_to_string(&path).with_context(|| {
                format!(
                    "the kernel in {} is not configured (no {name}): set KBUILD_PATH to the folder \
                     in which it was built",
                    headers.display()
                )
            })
        };
        // Some distributions' kernels have another release than their source.
        let header = fs::read_to_string(headers.join("include/generated/utsrelease.h"));
        let release = match header.ok().as_deref().and_then(release_in) {
            Some(release) => release.to_owned(),
            None => read("include/config/kernel.release")?.trim().to_owned(),
        };
        Ok(Self::parse(&release, &read("include/config/auto.conf")?))
    }

    fn parse(release: &str, text: &str) -> Self {
        let options = text.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
            Some((name.to_owned(), value.trim_matches('"').to_owned()))
        });
        Self {
            release: release.to_owned(),
            options: options.collect(),
        }
    }

    /// Whether one of these options is set. Some options got other names.
    pub(crate) fn has(&self, names: &[&str]) -> bool {
        let is_set = |name: &&str| matches!(self.value(name), Some("y" | "m"));
        names.iter().any(is_set)
    }

    /// The value of an option.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// The options that are set.
    pub(crate) fn set(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.options.keys().map(String::as_str).collect();
        names.retain(|name| self.has(&[name]));
        names.sort_unstable();
        names
    }

    /// Refuses a kernel that is older than those of the contracts.
    pub(crate) fn check_version(&self) -> Result<()> {
        let release = &self.release;
        let mut numbers = release.split(['.', '-', '+']).map(str::parse::<u32>);
        let version = (numbers.next(), numbers.next());
        let (Some(Ok(major)), Some(Ok(minor))) = version else {
            anyhow::bail!("{release} is not the release of a kernel");
        };
        ensure!(
            (major, minor) >= (5, 10),
            "the kernel {release} is too old: the driver needs Linux 5.10 or later (BTF=headers \
             tells what differs)"
        );
        Ok(())
    }

    /// Refuses a kernel for which the module cannot be built, or in which it could not work.
    pub(crate) fn check(&self) -> Result<()> {
        let release = &self.release;
        let refused = [
            (
                ["CFI_CLANG", "CFI"],
                "checks each indirect call by types that this build does not give to functions",
            ),
            (
                ["RANDSTRUCT_FULL", "RANDSTRUCT_PERFORMANCE"],
                "has structures in an order that only its own compiler knows",
            ),
            (
                ["GCC_PLUGIN_RANDSTRUCT", "RANDSTRUCT"],
                "has structures in an order that only its own compiler knows",
            ),
        ];
        for (options, reason) in refused {
            let set = options.iter().find(|option| self.has(&[option]));
            if let Some(option) = set {
                anyhow::bail!("the kernel {release} was built with CONFIG_{option}: it {reason}");
            }
        }
        ensure!(
            self.has(&["CONFIGFS_FS"]),
            "the kernel {release} was built without configfs (CONFIG_CONFIGFS_FS), where \
             injections are made: take one that has it"
        );
        ensure!(
            self.has(&["MODULES"]),
            "the kernel {release} was built without modules (CONFIG_MODULES): take one that has them"
        );
        ensure!(
            self.has(&["X86_64", "ARM64"]),
            "the kernel {release} is for another machine than x86_64 and arm64"
        );
        Ok(())
    }
}

/// The release that a header of C defines.
fn release_in(header: &str) -> Option<&str> {
    let line = header.lines().find(|line| line.contains("UTS_RELEASE"))?;
    line.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_the_one_of_uname() {
        let header = "#define UTS_RELEASE \"6.1.0-50-amd64\"\n";
        assert_eq!(release_in(header), Some("6.1.0-50-amd64"));
        assert_eq!(release_in("/* */\n"), None);
    }

    const GOOD: &str = "CONFIG_X86_64=y\nCONFIG_CONFIGFS_FS=m\nCONFIG_MODULES=y\n";

    #[test]
    fn values_are_read_with_quotes_and_without() {
        let config = Config::parse(
            "6.1",
            "CONFIG_A=y\nCONFIG_B=\"x y\"\nCONFIG_C=16\n# CONFIG_D\n",
        );
        assert!(config.has(&["X", "A"]) && !config.has(&["B", "D"]));
        assert_eq!(config.value("B"), Some("x y"));
        assert_eq!(config.value("C"), Some("16"));
        assert_eq!(config.set(), ["A"]);
    }

    #[test]
    fn kernels_that_cannot_work_are_refused_with_the_reason() {
        let check = |release: &str, text: &str| {
            let config = Config::parse(release, text);
            config.check_version().and_then(|()| config.check())
        };
        assert!(check("6.12.118+deb13-amd64", GOOD).is_ok());
        assert!(check("5.10.0-46-amd64", GOOD).is_ok());
        for (release, more, reason) in [
            ("5.4.0-1-amd64", "", "is too old"),
            ("4.19.0", "", "is too old"),
            ("x", "", "not the release"),
            ("6.12.1", "CONFIG_CFI_CLANG=y\n", "CONFIG_CFI_CLANG"),
            ("6.18.1", "CONFIG_CFI=y\n", "CONFIG_CFI:"),
            (
                "6.12.1",
                "CONFIG_RANDSTRUCT_FULL=y\n",
                "CONFIG_RANDSTRUCT_FULL",
            ),
            ("5.10.1", "CONFIG_GCC_PLUGIN_RANDSTRUCT=y\n", "RANDSTRUCT"),
        ] {
            let refused = check(release, &(GOOD.to_owned() + more));
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let without = |line| check("6.12.1", &GOOD.replace(line, ""));
        for line in GOOD.lines() {
            assert!(without(line).is_err(), "{line}");
        }
    }
}
