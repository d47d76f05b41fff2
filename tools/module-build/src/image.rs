// SPDX-License-Identifier: GPL-2.0-only

//! Takes the kernel out of its compressed image, which has the type information that some
//! distributions' headers lack.

use crate::{Work, words};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The beginnings of compressed files, the programs that unpack them, and their packages in Debian.
const FORMATS: [(&[u8], &str, &str); 5] = [
    (b"\xfd7zXZ\0", "xz", "xz-utils"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd"),
    (b"\x1f\x8b\x08", "gzip", "gzip"),
    (b"\x02\x21\x4c\x18", "lz4", "lz4"),
    (b"BZh", "bzip2", "bzip2"),
];

/// The output of the command that unpacks, if its program is not there.
const MISSING: &str = "missing";

const ELF: &[u8] = b"\x7fELF";
const BTF: [&[u8]; 2] = [b"\x9f\xeb", b"\xeb\x9f"];

impl Work<'_> {
    /// A file with type information that needs no unpacking, in this process's paths.
    pub(crate) fn type_information(&self, btf: &Path) -> Result<PathBuf> {
        let given = self.machine.outside(btf);
        let mut begin = [0; 4];
        let read = File::open(&given).and_then(|mut file| file.read_exact(&mut begin));
        read.with_context(|| {
            format!(
                "there is no type information of a kernel in {}: set BTF to a file that has it, \
                 such as /sys/kernel/btf/vmlinux, or the kernel's vmlinux or vmlinuz, or to \
                 'headers' (driver/kernels.md)",
                given.display()
            )
        })?;
        if begin == ELF || BTF.iter().any(|btf| begin.starts_with(btf)) {
            return Ok(given);
        }
        self.unpack(btf)
    }

    fn unpack(&self, image: &Path) -> Result<PathBuf> {
        // As the kernel's `scripts/extract-vmlinux`: any place may be the beginning.
        let script = "command -v \"$3\" >/dev/null || exec echo missing; \
                      tail -c \"+$1\" \"$2\" | \"$3\" -dc >\"$4\" 2>\"$4.error\" || :";
        let content = fs::read(self.machine.outside(image))?;
        let vmlinux = self.folder.join("vmlinux");
        let outside = self.machine.outside(&vmlinux);
        let mut missing = Vec::new();
        for (magic, program, package) in FORMATS {
            for place in places(&content, magic) {
                let number = (place + 1).to_string();
                let (image, vmlinux) = (image.display().to_string(), vmlinux.display().to_string());
                let command = [
                    "sh", "-c", script, "unpack", &number, &image, program, &vmlinux,
                ];
                if self.run(&words(&command))?.trim() == MISSING {
                    missing.push((program, package));
                    break;
                }
                let mut begin = [0; 4];
                let read = File::open(&outside).and_then(|mut file| file.read_exact(&mut begin));
                if read.is_ok() && begin == ELF {
                    return Ok(outside);
                }
            }
        }
        let image = image.display();
        if let Some((program, package)) = missing.first() {
            bail!(
                "{image} may be packed by {program}, which is not here: install it, with Debian by \
                 'sudo apt install {package}'"
            );
        }
        bail!(
            "{image} is no image of a kernel: set BTF to a file that has its types \
             (driver/kernels.md)"
        );
    }
}

/// The places of a text.
fn places<'a>(content: &'a [u8], magic: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let windows = content.windows(magic.len()).enumerate();
    windows.filter_map(move |(place, window)| (window == magic).then_some(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_places_are_found() {
        assert_eq!(places(b"xBZhBZhB", b"BZh").collect::<Vec<_>>(), [1, 4]);
        assert_eq!(places(b"", b"BZh").count(), 0);
    }
}
