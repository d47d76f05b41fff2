// SPDX-License-Identifier: GPL-2.0-only

//! The part of a guest in which systemd and udev run, as on a user's machine: their files, from the
//! packages of the chroot.

use crate::{archive::Archive, cache::checksum, lab::Lab, libraries::Libraries, process::Output};
use anyhow::{Result, ensure};
use std::{
    fs::{self, File},
    io::{BufWriter, Read},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// The version of this recipe. Count it up when a change of this file changes the archive.
const RECIPE: u32 = 1;

/// The packages whose files the guest has.
const PACKAGES: [&str; 2] = ["systemd", "udev"];

/// Files and folders that the guest does without: some are large, and others need a bus, a network
/// or a terminal, or take long.
const WITHOUT: &str = "/usr/share /usr/lib/udev/hwdb.d /usr/lib/systemd/catalog \
    /usr/lib/systemd/user /usr/lib/systemd/user-generators /usr/lib/systemd/system-generators \
    networkd network-generator logind hostnamed timedated localed getty sysinstall firstboot \
    random-seed journal-catalog-update ldconfig machine-id-commit binfmt ask-password homed \
    factory-reset sysext confext bsod ssh-";

/// Libraries that systemd and udev only load when they use them.
const LOADED: [&str; 3] = ["libkmod.so.2", "libmount.so.1", "libblkid.so.1"];

/// Files that installing a system would write.
const FILES: [(&str, &str); 4] = [
    ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
    ("etc/group", "root:x:0:\n"),
    ("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    (
        "etc/systemd/system/lab.service",
        "[Unit]\nDescription=The command of this guest\nAfter=multi-user.target\n\n\
         [Service]\nExecStart=/init command\nKillMode=none\n",
    ),
];

/// Links: the unit of the command, and programs by the paths by which systemd and the kernel start
/// them.
const LINKS: [(&str, &str); 6] = [
    (
        "etc/systemd/system/multi-user.target.wants/lab.service",
        "../lab.service",
    ),
    ("usr/bin/mount", "/bin/busybox"),
    ("usr/bin/umount", "/bin/busybox"),
    ("sbin/modprobe", "/bin/kmod"),
    ("sbin/depmod", "/bin/kmod"),
    ("usr/sbin/modprobe", "/bin/kmod"),
];

impl Lab {
    /// The archive for the versions of the packages; packs it unless it is there.
    pub(crate) fn need_systemd(&self) -> Result<PathBuf> {
        ensure!(
            !self.target.is_foreign(),
            "guests with systemd are of this machine's architecture."
        );
        let query = [&["dpkg-query", "-W", "-f", "${Version} "], &PACKAGES[..]].concat();
        let versions = self.chroot.read(&Output::Shown, &query)?;
        let content = format!("{RECIPE} {versions}{WITHOUT}{LOADED:?}{FILES:?}{LINKS:?}");
        let sum = checksum(content.as_bytes());
        let path = self.state().join(format!("base-systemd-{sum}.cpio"));
        if !path.exists() {
            self.step("packing systemd for the guest", |output| {
                self.make_systemd(output, &path)
            })?;
        }
        Ok(path)
    }

    fn make_systemd(&self, output: &Output, path: &Path) -> Result<()> {
        let new = NamedTempFile::with_prefix_in("base-new.", self.state())?;
        let mut archive = Archive::new(BufWriter::new(new.as_file()));
        let list = [&["dpkg-query", "-L"], &PACKAGES[..]].concat();
        let listed = self.chroot.read(output, &list)?;
        let mut programs = Vec::new();
        for inside in listed.lines().filter(|path| is_wanted(path)) {
            let source = self.chroot.outside(inside);
            let place = Path::new(inside.trim_start_matches('/'));
            let kind = fs::symlink_metadata(&source)?.file_type();
            if kind.is_dir() {
                archive.folder(place)?;
            } else if kind.is_symlink() {
                archive.link(place, &fs::read_link(&source)?.to_string_lossy())?;
            } else {
                archive.file(place, &source)?;
                if is_program(&source)? {
                    programs.push(source);
                }
            }
        }
        let mut libraries = Libraries::new(self, output);
        libraries.add_of(&programs)?;
        libraries.add(&LOADED)?;
        libraries.write(&mut archive)?;
        for (place, text) in FILES {
            archive.text(Path::new(place), 0o644, text.as_bytes())?;
        }
        for (place, to) in LINKS {
            archive.link(Path::new(place), to)?;
        }
        archive.finish()?;
        new.persist(path)?;
        Ok(())
    }
}

/// Whether a guest has this file or folder of a package.
fn is_wanted(path: &str) -> bool {
    path.starts_with("/usr/") && !WITHOUT.split_whitespace().any(|part| path.contains(part))
}

fn is_program(path: &Path) -> Result<bool> {
    let mut start = [0; 4];
    let length = File::open(path)?.read(&mut start)?;
    Ok(start[..length] == *b"\x7fELF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_does_without_what_takes_long() {
        for path in [
            "/usr/lib/systemd/systemd",
            "/usr/lib/udev/rules.d/60-block.rules",
            "/usr/lib/systemd/system/sys-kernel-config.mount",
        ] {
            assert!(is_wanted(path), "{path}");
        }
        for path in [
            "/.",
            "/etc/systemd/logind.conf",
            "/usr/share/doc/udev/copyright",
            "/usr/lib/udev/hwdb.d/20-OUI.hwdb",
            "/usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service",
        ] {
            assert!(!is_wanted(path), "{path}");
        }
    }
}
