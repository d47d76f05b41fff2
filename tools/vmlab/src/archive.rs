// SPDX-License-Identifier: GPL-2.0-only

//! Archives that the kernel unpacks into the root of a guest: cpio, in its format "newc".

use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// An archive that is written to `out`.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    out: W,
    written: usize,
    entries: u32,
    folders: BTreeSet<PathBuf>,
}

impl<W: Write> Archive<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            written: 0,
            entries: 0,
            folders: BTreeSet::new(),
        }
    }

    /// Adds a folder and its parents, each once.
    pub(crate) fn folder(&mut self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.folders.contains(path) {
            return Ok(());
        }
        self.parent(path)?;
        self.folders.insert(path.to_owned());
        self.entry(path, FOLDER, &[])
    }

    fn parent(&mut self, path: &Path) -> io::Result<()> {
        path.parent().map_or(Ok(()), |parent| self.folder(parent))
    }

    /// Adds a file of this content.
    pub(crate) fn text(&mut self, path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, FILE | mode & 0o777, content)
    }

    /// Adds a copy of a file of this machine.
    pub(crate) fn file(&mut self, path: &Path, source: &Path) -> Result<()> {
        let mut copy = || -> io::Result<()> {
            let mode = fs::metadata(source)?.permissions().mode();
            self.text(path, mode, &fs::read(source)?)
        };
        copy().with_context(|| format!("cannot copy {} for the guest", source.display()))
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &Path, to: &str) -> io::Result<()> {
        self.parent(path)?;
        self.entry(path, LINK, to.as_bytes())
    }

    /// Adds a folder of this machine, with the files below it.
    pub(crate) fn tree(&mut self, path: &Path, source: &Path) -> Result<()> {
        self.folder(path)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            let inside = path.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.tree(&inside, &entry.path())?;
            } else if kind.is_symlink() {
                let to = fs::read_link(entry.path())?;
                self.link(&inside, &to.to_string_lossy())?;
            } else {
                self.file(&inside, &entry.path())?;
            }
        }
        Ok(())
    }

    /// Ends the archive, so that another one may follow in the same file.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry(Path::new("TRAILER!!!"), 0, &[])?;
        self.pad(512)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
        let name = path.as_os_str().as_encoded_bytes();
        let too_large = |_| io::Error::other(format!("{} is larger than 4 GB", path.display()));
        let size = u32::try_from(content.len()).map_err(too_large)?;
        let length = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        self.entries += 1;
        // Inode, mode, user, group, links, time, size, four numbers of devices, length of the
        // name, and a checksum, which is 0 in this format.
        let fields = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0];
        self.put(b"070701")?;
        for field in fields {
            self.put(format!("{field:08x}").as_bytes())?;
        }
        self.put(name)?;
        self.put(&[0])?;
        self.pad(4)?;
        self.put(content)?;
        self.pad(4)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.out.write_all(bytes)
    }

    fn pad(&mut self, unit: usize) -> io::Result<()> {
        let missing = self.written.next_multiple_of(unit) - self.written;
        self.put(&[0; 512][..missing])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpio_unpacks_what_was_packed() {
        let mut archive = Archive::new(Vec::new());
        archive
            .text(Path::new("etc/deep/file"), 0o644, b"all of it")
            .unwrap();
        archive
            .text(Path::new("etc/deep/odd"), 0o755, b"x")
            .unwrap();
        archive.link(Path::new("lib64"), "lib").unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 512, 0);
        // The entries as the kernel's `init/initramfs.c` goes through them.
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        loop {
            let field = |place: usize| {
                let text = std::str::from_utf8(&rest[6 + 8 * place..14 + 8 * place]).unwrap();
                u32::from_str_radix(text, 16).unwrap()
            };
            assert_eq!(&rest[..6], b"070701");
            let (mode, size, length) = (field(1), field(6) as usize, field(11) as usize);
            let name = std::str::from_utf8(&rest[110..109 + length])
                .unwrap()
                .to_owned();
            if name == "TRAILER!!!" {
                break;
            }
            let start = (110 + length).next_multiple_of(4);
            found.push((name, mode, rest[start..start + size].to_vec()));
            rest = &rest[(start + size).next_multiple_of(4)..];
        }
        let entry = |name: &str, mode, content: &[u8]| (name.to_owned(), mode, content.to_vec());
        assert_eq!(
            found,
            [
                entry("etc", 0o40755, b""),
                entry("etc/deep", 0o40755, b""),
                entry("etc/deep/file", 0o100644, b"all of it"),
                entry("etc/deep/odd", 0o100755, b"x"),
                entry("lib64", 0o120777, b"lib"),
            ]
        );
    }
}
