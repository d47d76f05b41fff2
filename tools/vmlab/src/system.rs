// SPDX-License-Identifier: GPL-2.0-only

//! The disk of a guest that boots a whole system, such as that of a fresh machine.

use crate::{chroot::inner_command, lab::Lab, process};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    path::Path,
};

/// The size of the disk in bytes. Its file has holes where the file system is empty.
const SIZE: u64 = 16 << 30;

/// Makes the file system. Older kernels and programs do not know the newest features of the
/// lab's mke2fs.
const MAKE: [&str; 9] = [
    "mke2fs",
    "-q",
    "-F",
    "-t",
    "ext4",
    "-O",
    "^orphan_file,^metadata_csum_seed",
    "-d",
    "/run/system",
];

impl Lab {
    /// Makes the disk "system" in the folder `work`: a file system with the files of `folder`.
    pub(crate) fn make_system_disk(&self, folder: &Path, work: &Path) -> Result<()> {
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("there is no folder {}", folder.display()))?;
        File::create(work.join("system"))?.set_len(SIZE)?;
        let binds = [(folder.as_path(), "run/system"), (work, "run/lab")];
        self.programs_chroot().enter(&binds, || {
            let words = [&MAKE[..], &["/run/lab/system"]].concat();
            process::finish(&mut inner_command(&words))
        })
    }
}
