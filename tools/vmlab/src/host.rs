// SPDX-License-Identifier: GPL-2.0-only

//! The needs of the lab on this machine: root, programs, and room on the disk.

use crate::{chroot::run_here, lab::Lab, process::Output};
use anyhow::{Context, Result, ensure};
use rustix::{fs::statvfs, process::geteuid};
use std::{env, fs, process::Command};

/// The room that a chroot with a kernel takes, in GB.
const ROOM: u64 = 6;

/// Programs, and the packages that have them.
const PROGRAMS: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("xz", "xz-utils")];

impl Lab {
    /// Installs missing programs; fails if the machine lacks anything else.
    pub(crate) fn need_host(&self) -> Result<()> {
        ensure!(
            has_program("apt-get"),
            "there is no apt-get here: run this on Debian, Ubuntu or in one of their containers."
        );
        ensure!(
            geteuid().is_root(),
            "chroots need root: run it again as root (sudo -E make ...)."
        );
        let missing = PROGRAMS.iter().filter(|(program, _)| !has_program(program));
        let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
        if !packages.is_empty() {
            let text = format!("installing {} on this machine", packages.join(" "));
            self.step(&text, |output| install_here(output, &packages))?;
        }
        fs::create_dir_all(&self.cache)
            .with_context(|| format!("cannot make the cache {}", self.cache.display()))?;
        let disk = statvfs(&self.cache)?;
        let free = (disk.f_bavail * disk.f_frsize) >> 30;
        ensure!(
            self.chroot.is_ready() || free >= ROOM,
            "{} has {free} GB free and {ROOM} GB are needed: make room or set CHAOS_LAB_CACHE to \
             another disk.",
            self.cache.display()
        );
        Ok(())
    }
}

fn has_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn install_here(output: &Output, packages: &[&str]) -> Result<()> {
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(words);
        run_here(output, command)
    };
    apt(&["update", "-qq"])?;
    apt(&[
        &["install", "-y", "-qq", "--no-install-recommends"][..],
        packages,
    ]
    .concat())
}
