// SPDX-License-Identifier: GPL-2.0-only

//! The packages that a chroot gets.

use crate::cache::checksum;

/// Packages that build the module and the guest's archive.
pub(crate) const TOOLS: [&str; 6] = ["make", "xz-utils", "zstd", "cpio", "kmod", "binutils"];

/// Packages that compile a kernel's source.
pub(crate) const SOURCE_TOOLS: [&str; 8] = [
    "flex",
    "bison",
    "bc",
    "libelf-dev",
    "libssl-dev",
    "rsync",
    "python3",
    "dwarves",
];

/// Packages that make the metadata of the kernel's own crate from its source, and check code with
/// it.
pub(crate) const METADATA_TOOLS: [&str; 3] = ["rustfmt", "rust-clippy", "bindgen"];

/// The packages of rustc and its sources. The first rustc of a suite may be too old; then the suite
/// has a newer one for browsers.
pub(crate) fn rust_packages(suite: &str) -> [&'static str; 2] {
    match suite {
        "bookworm" => ["rustc-web", "rust-web-src"],
        _ => ["rustc", "rust-src"],
    }
}

/// Packages that build a kernel of the lab: Rust with KASAN is for kernels that clang has compiled.
pub(crate) const OWN_TOOLS: [&str; 3] = ["clang", "lld", "llvm"];

/// Packages that have the programs of guests.
pub(crate) const GUEST_PACKAGES: [&str; 17] = [
    "busybox-static",
    "fio",
    "e2fsprogs",
    "xfsprogs",
    "btrfs-progs",
    "f2fs-tools",
    "dmsetup",
    "lvm2",
    "cryptsetup-bin",
    "mdadm",
    "sqlite3",
    "strace",
    "kmod",
    "util-linux",
    "util-linux-extra",
    "systemd",
    "udev",
];

/// The version of the other steps of an installation. Count it up when one of them changes.
const TOOLS_RECIPE: u32 = 3;

/// The checksum of all that decides which packages a chroot gets.
pub(crate) fn tools_checksum() -> u32 {
    let recipe = format!(
        "{TOOLS_RECIPE} {TOOLS:?} {SOURCE_TOOLS:?} {METADATA_TOOLS:?} {OWN_TOOLS:?} \
         {GUEST_PACKAGES:?}"
    );
    checksum(recipe.as_bytes())
}
