// SPDX-License-Identifier: GPL-2.0-only

//! The chroot whose QEMU runs the guest, and whose other programs stand for those of a suite that
//! is too old.

use crate::{
    chroot::Chroot,
    lab::Lab,
    packages::{GUEST_PACKAGES, rust_packages},
    process::Output,
};
use anyhow::Result;
use std::{fs::File, path::PathBuf};

impl Lab {
    /// The chroot of the emulator, which is the target's own unless its suite is too old.
    pub(crate) fn emulator(&self) -> Chroot {
        Chroot {
            root: self
                .cache
                .join(format!("chroot-{}", self.target.emulator_suite())),
            top: self.chroot.top.clone(),
        }
    }

    /// The file whose presence says that the chroot of another suite has the emulator.
    fn emulator_stamp(&self) -> PathBuf {
        let more = if self.target.has_old_programs() {
            "-programs"
        } else {
            ""
        };
        let name = format!(".ready-{}{more}", self.target.arch.qemu_package);
        self.emulator().outside(&name)
    }

    /// The chroot that has rustc and the guest's programs.
    pub(crate) fn programs_chroot(&self) -> Chroot {
        if self.target.has_old_programs() {
            self.emulator()
        } else {
            self.chroot.clone()
        }
    }

    /// Whether the guest can run.
    pub(crate) fn has_emulator(&self) -> bool {
        self.has_own_emulator() || self.emulator_stamp().exists()
    }

    /// Whether the emulator is of the target's own suite.
    pub(crate) fn has_own_emulator(&self) -> bool {
        self.target.emulator_suite() == self.target.suite
    }

    /// Makes the chroot of the emulator, if it is of another suite.
    pub(crate) fn make_emulator(&self) -> Result<()> {
        if self.has_emulator() {
            return Ok(());
        }
        let (suite, emulator) = (self.target.emulator_suite(), self.emulator());
        self.step(&format!("installing QEMU of {suite}"), |output| {
            if !emulator.is_ready() {
                emulator.make(output, suite, suite, &[])?;
            }
            let mut packages = vec![self.target.arch.qemu_package];
            if self.target.has_old_programs() {
                packages.extend(rust_packages(suite));
                packages.extend(GUEST_PACKAGES);
                packages.push("binutils");
            }
            install(output, &emulator, &packages)
        })?;
        File::create(self.emulator_stamp())?;
        Ok(())
    }
}

fn install(output: &Output, chroot: &Chroot, packages: &[&str]) -> Result<()> {
    chroot.run(output, &["apt-get", "update", "-qq"])?;
    let words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"];
    chroot.run(output, &[&words[..], packages].concat())
}
