// SPDX-License-Identifier: GPL-2.0-only

//! A kernel that the lab builds itself, with sanitizers.

use crate::{
    cache::Lock,
    kernel::{Kernel, jobs},
    lab::Lab,
    process::Output,
    target::KernelCrate,
};
use anyhow::{Context, Result, bail};
use std::{
    collections::HashSet,
    fs::{self, File},
    path::Path,
};

/// The configuration of such a kernel: the options of all of them, those for the crate, then the
/// kernel's own.
pub(crate) fn configuration(top: &Path, own: &str, kernel_crate: KernelCrate) -> Result<String> {
    let files: &[&str] = match kernel_crate {
        KernelCrate::Kernel => &["debug", "rust", own],
        KernelCrate::Own | KernelCrate::OwnByHeaders => &["debug", own],
    };
    let mut options = String::new();
    for name in files {
        let path = top.join(format!("tools/kernels/{name}.config"));
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        // Nobody builds a kernel again for another comment.
        for line in text.lines().filter(|line| line.starts_with("CONFIG_")) {
            options += line;
            options.push('\n');
        }
    }
    Ok(options)
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
        let wanted = configuration(&chroot.top, own, self.target.kernel_crate)?;
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
        let known = known_options(&chroot.outside(&tree))?;
        check_options(&wanted, &have, &known, &config)?;
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

/// The options that the source of a kernel describes, which are different in each version.
fn known_options(tree: &Path) -> Result<HashSet<String>> {
    let mut known = HashSet::new();
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with("Kconfig") {
                let text = fs::read(entry.path())?;
                known.extend(options_of(&String::from_utf8_lossy(&text)));
            }
        }
    }
    Ok(known)
}

/// The options that a file of kconfig describes.
fn options_of(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_option = matches!(words.next(), Some("config" | "menuconfig"));
        is_option.then(|| words.next().map(str::to_owned)).flatten()
    })
}

/// Checks that the kernel has all wanted options that its version knows: kconfig drops an option
/// without a word if one of its dependencies is missing.
fn check_options(wanted: &str, have: &str, known: &HashSet<String>, config: &str) -> Result<()> {
    let options = wanted.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
        known.contains(name).then_some((name, value))
    });
    for (name, value) in options {
        let is = |line: &str| {
            let rest = line.strip_prefix("CONFIG_")?.strip_prefix(name)?;
            rest.strip_prefix('=').map(str::to_owned)
        };
        let real = have.lines().find_map(is).unwrap_or("n".to_owned());
        // Another option may want a module to be in the kernel itself.
        let suffices = real == value || (value, &*real) == ("m", "y");
        if !suffices {
            bail!("{config} has CONFIG_{name}={value}, and the kernel {real}.");
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
    fn a_configuration_has_the_options_of_its_crate_and_no_comments() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("tools/kernels");
        fs::create_dir_all(&folder).unwrap();
        for name in ["debug", "rust", "kasan"] {
            let text = format!(
                "# {name}

CONFIG_{name}=y
"
            );
            fs::write(folder.join(format!("{name}.config")), text).unwrap();
        }
        let of = |kernel_crate| configuration(top.path(), "kasan", kernel_crate).unwrap();
        let with = "CONFIG_debug=y
CONFIG_rust=y
CONFIG_kasan=y
";
        assert_eq!(of(KernelCrate::Kernel), with);
        assert_eq!(
            of(KernelCrate::Own),
            with.replace(
                "CONFIG_rust=y
",
                ""
            )
        );
    }

    #[test]
    fn an_option_that_kconfig_drops_is_told() {
        let wanted = "# why\nCONFIG_KASAN=y\nCONFIG_MODULE_SIG=n\nCONFIG_NR_CPUS=8\nCONFIG_MD=m\n";
        let known = ["KASAN", "MODULE_SIG", "NR_CPUS", "MD"]
            .map(str::to_owned)
            .into();
        let have =
            "CONFIG_KASAN=y\n# CONFIG_MODULE_SIG is not set\nCONFIG_NR_CPUS=8\nCONFIG_MD=y\n";
        check_options(wanted, have, &known, "kasan").unwrap();
        let have = "CONFIG_KASAN_GENERIC=y\nCONFIG_NR_CPUS=8\n";
        let check = |known| check_options(wanted, have, known, "kasan");
        let error = check(&known).unwrap_err().to_string();
        assert_eq!(error, "kasan has CONFIG_KASAN=y, and the kernel n.");
        check(&HashSet::new()).unwrap();
    }

    #[test]
    fn options_are_found_where_kconfig_describes_them() {
        let text = "menuconfig MD\n\tbool \"x\"\nconfig BLK_DEV_MD\n\tdepends on MD\n# config A\n";
        let options: Vec<String> = options_of(text).collect();
        assert_eq!(options, ["MD", "BLK_DEV_MD"]);
    }
}
