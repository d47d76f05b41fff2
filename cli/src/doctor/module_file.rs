// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The file of the module, as modprobe would load it.

use crate::system::Roots;
use std::{
    fs,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// The end of a module that has a signature.
const SIGNATURE: &[u8] = b"~Module signature appended~\n";

/// The entry of a module that says which kernel it was built for.
const VERMAGIC: &[u8] = b"\0vermagic=";

/// An installed module.
pub(super) struct ModuleFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl ModuleFile {
    /// The module that is installed for a kernel. Modules of the kernel itself are not looked
    /// through: there are thousands.
    pub(super) fn installed(roots: &Roots, release: &str) -> Option<Self> {
        let folders = ["updates", "extra", "kernel/drivers/block"];
        let folders = folders.map(|folder| roots.modules.join(release).join(folder));
        let entries = folders.iter().flat_map(WalkDir::new).flatten();
        let is_module = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("chaos_driver.ko"))
        };
        let path = entries
            .map(walkdir::DirEntry::into_path)
            .find(|path| is_module(path))?;
        let bytes = fs::read(&path).ok()?;
        Some(Self { path, bytes })
    }

    /// Whether it is not compressed, so that its content can be read here.
    pub(super) fn is_plain(&self) -> bool {
        self.path.extension().is_some_and(|kind| kind == "ko")
    }

    /// The kernel that it was built for.
    pub(super) fn release(&self) -> Option<String> {
        let mut windows = self.bytes.windows(VERMAGIC.len());
        let at = windows.position(|window| window == VERMAGIC)? + VERMAGIC.len();
        let rest = &self.bytes[at..];
        let end = rest.iter().position(|byte| matches!(byte, b' ' | 0))?;
        String::from_utf8(rest[..end].to_vec()).ok()
    }

    pub(super) fn is_signed(&self) -> bool {
        self.bytes.ends_with(SIGNATURE)
    }
}
