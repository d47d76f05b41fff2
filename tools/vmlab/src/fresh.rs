// SPDX-License-Identifier: GPL-2.0-only

//! A chroot as a fresh machine: a suite's own packages, the kernel's among them, and nothing of the
//! lab's. Users' commands can be tried there.

use crate::{
    chroot::{Chroot, run_here},
    lab::Lab,
    process::{self, Output},
};
use anyhow::{Context, Result, ensure};
use std::{
    ffi::OsString,
    fs,
    path::{Path, absolute},
};

/// The folder of the certificates that an administrator adds to a machine.
const CERTIFICATES: &str = "/usr/local/share/ca-certificates";

impl Lab {
    /// Runs a command in the chroot at `folder`; makes the chroot unless it is there.
    pub(crate) fn run_fresh(&self, folder: &Path, words: &[OsString]) -> Result<()> {
        let chroot = Chroot {
            root: absolute(folder)?,
            top: self.chroot.top.clone(),
        };
        if !chroot.is_ready() {
            self.make_fresh(&chroot)?;
        }
        chroot.run(&Output::Shown, words)
    }

    fn make_fresh(&self, chroot: &Chroot) -> Result<()> {
        ensure!(
            self.target.own.is_none() && !self.target.is_foreign(),
            "a fresh machine has this machine's architecture, and a kernel of its suite."
        );
        // The locks of the cache end here: this chroot is outside.
        let kernel = self.prepare()?.kernel;
        let parent = chroot.root.parent().context("the chroot has no parent")?;
        fs::create_dir_all(parent)?;
        let (base, suite) = (self.target.base_suite(), &self.target.suite);
        let image = format!("linux-image-{}", kernel.release);
        let text = format!("making a fresh machine of {suite} with {}", kernel.release);
        self.step(&text, |output| {
            // The standard system of Debian's installer has xz and systemd. A machine that runs its
            // kernel does not need xz, as the kernel's types are in /sys.
            let packages = [&image, "xz-utils", "systemd-sysv", "udev"];
            chroot.make(output, base, suite, &packages)?;
            trust(output, chroot)
        })
    }
}

/// The network of this machine may have an authority of its own, and cargo asks for certificates.
fn trust(output: &Output, chroot: &Chroot) -> Result<()> {
    if !Path::new(CERTIFICATES).is_dir() {
        return Ok(());
    }
    let mut copy = process::command(&["cp", "-RL", "-T", CERTIFICATES]);
    copy.arg(chroot.outside(CERTIFICATES));
    run_here(output, copy)?;
    chroot.run(output, &["update-ca-certificates"])
}
