// SPDX-License-Identifier: GPL-2.0-only

//! A kernel's source, and the metadata of its own crate `kernel` that the lab makes from it.

use crate::{
    kernel::{Kernel, jobs, text_option},
    lab::Lab,
    process::Output,
};
use anyhow::{Result, ensure};
use std::fs;

impl Lab {
    /// Makes the files that Debian's headers lack: the headers say CONFIG_RUST=y, and ship neither
    /// `rust/` nor `scripts/target.json`.
    pub(crate) fn regenerate_metadata(&self, output: &Output, kernel: &Kernel) -> Result<()> {
        let chroot = &self.chroot;
        let tree = format!("/usr/src/chaos-{}", kernel.release);
        let headers = kernel.headers();
        let config = fs::read_to_string(chroot.outside(&headers).join(".config"))?;
        self.check_source(output, kernel)?;
        self.check_rustc(output, kernel, &config)?;
        let compiler = text_option(&config, "CONFIG_CC_VERSION_TEXT").unwrap_or_default();
        let compiler = compiler.split(' ').next().unwrap_or_default();
        self.unpack_source(output, kernel, &tree)?;
        fs::write(chroot.outside(&tree).join(".config"), &config)?;
        let make = |words: &[&str]| {
            let compiler = format!("CC={compiler}");
            let mut all = vec!["make", "-C", &tree, &compiler];
            let cross = self.target.cross();
            all.extend(cross.iter().map(String::as_str));
            all.extend(words);
            chroot.run(output, &all)
        };
        make(&["olddefconfig"])?;
        let local_version = format!("LOCALVERSION={}", kernel.local_version());
        make(&[&jobs(), &local_version, "modules_prepare"])?;
        // For some architectures, the kernel uses a target that rustc knows by name.
        let target = format!("{tree}/scripts/target.json");
        if chroot.outside(&target).exists() {
            chroot.run(
                output,
                &["cp", "-a", &target, &format!("{headers}/scripts/")],
            )?;
        }
        let rust = format!("{headers}/rust");
        chroot.run(output, &["rm", "-rf", &rust])?;
        chroot.run(output, &["cp", "-a", &format!("{tree}/rust"), &rust])?;
        chroot.run(output, &["rm", "-rf", &tree])
    }

    /// Unpacks the kernel's source into a new folder of the chroot.
    pub(crate) fn unpack_source(&self, output: &Output, kernel: &Kernel, tree: &str) -> Result<()> {
        let source = format!("/usr/src/linux-source-{}.tar.xz", kernel.series);
        self.chroot.run(output, &["rm", "-rf", tree])?;
        fs::create_dir_all(self.chroot.outside(tree))?;
        self.chroot.run(
            output,
            &["tar", "xf", &source, "-C", tree, "--strip-components=1"],
        )
    }

    /// Checks that the source has the kernel's own version.
    pub(crate) fn check_source(&self, output: &Output, kernel: &Kernel) -> Result<()> {
        let package = format!("linux-source-{}", kernel.series);
        let query = ["dpkg-query", "-W", "-f", "${Version}", &package];
        ensure!(
            self.chroot.read(output, &query)? == kernel.version,
            "{package} in {} is not of version {}, as the kernel is: try again when the suite has \
             caught up.",
            self.target.suite,
            kernel.version
        );
        Ok(())
    }

    fn check_rustc(&self, output: &Output, kernel: &Kernel, config: &str) -> Result<()> {
        let asked = text_option(config, "CONFIG_RUSTC_VERSION_TEXT").unwrap_or_default();
        let have = self.chroot.read(output, &["rustc", "--version"])?;
        ensure!(
            asked == have.trim(),
            "the kernel {} was built by '{asked}' and {} has '{}': wait for the suite to catch up, \
             or take another target.",
            kernel.release,
            self.target.suite,
            have.trim()
        );
        Ok(())
    }
}
