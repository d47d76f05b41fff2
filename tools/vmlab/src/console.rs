// SPDX-License-Identifier: GPL-2.0-only

//! The output of a guest: files that QEMU fills, and that the lab reads while they grow.

use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

/// Copies a file that grows to `out`.
#[derive(Debug)]
pub(crate) struct Follower<W> {
    file: File,
    /// `None` once the reader has gone.
    out: Option<W>,
}

impl<W: Write> Follower<W> {
    pub(crate) fn open(path: &Path, out: W) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            file,
            out: Some(out),
        })
    }

    /// Copies the bytes that the file has gained since the last copy.
    pub(crate) fn copy(&mut self) -> io::Result<()> {
        let mut part = [0; 64 * 1024];
        loop {
            let length = self.file.read(&mut part)?;
            if length == 0 {
                return Ok(());
            }
            let written = self.out.as_mut().map(|out| {
                out.write_all(&part[..length])?;
                out.flush()
            });
            // Without a reader, the guest still runs to its end.
            if written.is_some_and(|written| written.is_err()) {
                self.out = None;
            }
        }
    }
}

/// The text of a file that a guest has written; bytes that are not UTF-8 are replaced.
pub(crate) fn text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_copied_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let mut guest = File::create(&path).unwrap();
        let mut seen = Vec::new();
        let mut follower = Follower::open(&path, &mut seen).unwrap();
        follower.copy().unwrap();
        guest.write_all(b"one\ntw").unwrap();
        follower.copy().unwrap();
        guest.write_all(b"o\n").unwrap();
        follower.copy().unwrap();
        follower.copy().unwrap();
        assert_eq!(seen, b"one\ntwo\n");
    }

    #[test]
    fn a_reader_that_goes_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        fs::write(&path, "one\n").unwrap();
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(reader);
        let mut follower = Follower::open(&path, writer).unwrap();
        follower.copy().unwrap();
        assert!(follower.out.is_none());
    }
}
