// SPDX-License-Identifier: GPL-2.0-only

//! A kernel that the lab builds itself, with sanitizers.

use crate::{
    cache::Lock,
    kernel::{Kernel, jobs},
    lab::Lab,
    process::Output,
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    path::Path,
};

/// The configuration of such a kernel: the options of all of them, then its own.
pub(crate) fn configuration(top: &Path, own: &str) -> Result<String> {
    let read = |name: &str| {
        let path = top.join(format!("tools/kernels/{name}.config"));
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(read("debug")? + &read(own)?)
}

/// The folder of a kernel's source in the chroot. Each version has one: after an update, another
/// target still uses the older source.
fn source_tree(kernel: &Kernel) -> String {
    format!("/usr/src/chaos-source-{}", kernel.version)
}

impl Lab {
    /// Builds the image and the modules that [`fetch_kernel`](Self::fetch_kernel) would fetch, and
    /// a folder that stands for the headers; that folder refers to the source.
    pub(crate) fn build_kernel(&self, output: &Output, kernel: &Kernel, own: &str) -> Result<()> {
        let chroot = &self.chroot;
        self.check_source(output, kernel)?;
        let tree = source_tree(kernel);
        self.share_source(output, kernel, &tree)?;
        let wanted = configuration(&chroot.top, own)?;
        let config = format!("/usr/src/chaos-config/{own}");
        fs::create_dir_all(chroot.outside("/usr/src/chaos-config"))?;
        fs::write(chroot.outside(&config), &wanted)?;

        let out = kernel.headers();
        fs::create_dir_all(chroot.outside(&out))?;
        let local_version = format!("LOCALVERSION=-{own}");
        let into = format!("O={out}");
        // The configuration and all sub-makes look for these variables in the environment.
        let make = [
            "env",
            "LLVM=1",
            &local_version,
            "make",
            "-s",
            "-C",
            &tree,
            &into,
        ];
        let run = |words: &[&str]| chroot.run(output, &[&make[..], words].concat());
        run(&[&format!("KCONFIG_ALLCONFIG={config}"), "allnoconfig"])?;
        let have = fs::read_to_string(chroot.outside(&out).join(".config"))?;
        check_options(&wanted, &have, &config)?;
        run(&[&jobs(), "bzImage", "modules"])?;

        let folder = kernel.image_folder();
        chroot.run(output, &["rm", "-rf", &folder])?;
        let modules = format!("INSTALL_MOD_PATH={folder}/usr");
        run(&[&modules, "INSTALL_MOD_STRIP=1", "modules_install"])?;
        let image = chroot.read(output, &[&make[..], &["image_name"]].concat())?;
        let image = chroot.outside(&out).join(image.trim());
        fs::copy(image, chroot.outside(&kernel.modules()).join("vmlinuz"))?;
        // Modules do not need the objects that the kernel is linked from.
        let [scripts, tools] = ["scripts", "tools"].map(|folder| format!("{out}/{folder}/*"));
        let find = [
            "find", &out, "-name", "*.o", "-not", "-path", &scripts, "-not", "-path",
        ];
        chroot.run(output, &[&find[..], &[&tools, "-delete"]].concat())
    }

    /// Unpacks the source that kernels of one version share, under a lock: another target may want
    /// it at the same time.
    fn share_source(&self, output: &Output, kernel: &Kernel, tree: &str) -> Result<()> {
        let place = self.chroot.outside(tree);
        let unpacked = place.join(".unpacked");
        let _lock = Lock::wait_alone(&self.chroot.outside(&format!("{tree}.lock")))?;
        if !unpacked.exists() {
            self.unpack_source(output, kernel, tree)?;
            File::create(unpacked)?;
        }
        Ok(())
    }
}

/// Checks that the kernel has all wanted options: kconfig drops an option without a word if one
/// of its dependencies is missing.
fn check_options(wanted: &str, have: &str, config: &str) -> Result<()> {
    let options = wanted.lines().filter(|line| line.starts_with("CONFIG_"));
    for (name, value) in options.filter_map(|line| line.split_once('=')) {
        let is = |line: &str| {
            line.strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        };
        let real = have.lines().find_map(is).unwrap_or("n".to_owned());
        if real != value {
            bail!("{config} has {name}={value}, and the kernel {real}.");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_share_the_source_of_their_version_alone() {
        let tree = |release: &str, version: &str| {
            source_tree(&Kernel {
                release: release.to_owned(),
                version: version.to_owned(),
                series: "7.2".to_owned(),
            })
        };
        let kasan = tree("7.2.12-kasan", "7.2.12-1");
        assert_eq!(kasan, tree("7.2.12-kcsan", "7.2.12-1"));
        for newer in ["7.2.12-2", "7.2.13-1"] {
            assert_ne!(kasan, tree("7.2.12-kasan", newer));
        }
    }

    #[test]
    fn an_option_that_kconfig_drops_is_told() {
        let wanted = "# why\nCONFIG_KASAN=y\nCONFIG_MODULE_SIG=n\nCONFIG_NR_CPUS=8\n";
        let have = "CONFIG_KASAN=y\n# CONFIG_MODULE_SIG is not set\nCONFIG_NR_CPUS=8\n";
        check_options(wanted, have, "kasan").unwrap();
        let have = "CONFIG_KASAN_GENERIC=y\nCONFIG_NR_CPUS=8\n";
        let error = check_options(wanted, have, "kasan")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "kasan has CONFIG_KASAN=y, and the kernel n.");
    }
}
