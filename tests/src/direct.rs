// SPDX-License-Identifier: GPL-2.0-only

//! Single I/Os past the page cache, whose error a test wants to know.

use anyhow::{Context, Result};
use rustix::fs::OFlags;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

/// The bytes of a block.
pub(crate) const BLOCK: usize = 4_096;

/// A block of memory that a disk can read from and write to without a copy.
#[repr(align(4096))]
struct Block([u8; BLOCK]);

/// Bytes that a disk can read from and write to without a copy.
struct Aligned {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Aligned {
    fn new(length: usize) -> Self {
        let memory = vec![0; length + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        Self {
            memory,
            start,
            length,
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..][..self.length]
    }
}

/// A device, past the page cache.
pub(crate) struct Direct {
    file: File,
    block: Box<Block>,
}

/// The number of the error, or 0.
fn errno(result: io::Result<()>) -> Result<i32> {
    match result {
        Ok(()) => Ok(0),
        Err(error) => error.raw_os_error().context("not an error of the kernel"),
    }
}

impl Direct {
    pub(crate) fn open(path: &str) -> Result<Self> {
        Self::open_with(path, OFlags::DIRECT)
    }

    /// The same, where each write is on the medium when it ends.
    pub(crate) fn open_synchronous(path: &str) -> Result<Self> {
        Self::open_with(path, OFlags::DIRECT | OFlags::DSYNC)
    }

    fn open_with(path: &str, flags: OFlags) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits() as i32)
            .open(path)
            .with_context(|| format!("opening {path}"))?;
        let block = Box::new(Block([0; BLOCK]));
        Ok(Self { file, block })
    }

    /// Reads a block, and returns the number of the error, or 0.
    pub(crate) fn read(&mut self, place: usize) -> Result<i32> {
        let at = (place * BLOCK) as u64;
        errno(self.file.read_exact_at(&mut self.block.0, at))
    }

    /// Writes a block of this byte, and returns the number of the error, or 0.
    pub(crate) fn write(&mut self, place: usize, byte: u8) -> Result<i32> {
        self.block.0.fill(byte);
        let at = (place * BLOCK) as u64;
        errno(self.file.write_all_at(&self.block.0, at))
    }

    /// Writes bytes from a place on at once, and returns the number of the error, or 0.
    pub(crate) fn write_at(&self, place: usize, bytes: &[u8]) -> Result<i32> {
        let mut aligned = Aligned::new(bytes.len());
        aligned.bytes().copy_from_slice(bytes);
        errno(self.file.write_all_at(aligned.bytes(), place as u64))
    }

    /// Reads so many bytes from a place on at once.
    pub(crate) fn read_at(&self, place: usize, length: usize) -> Result<Vec<u8>> {
        let mut aligned = Aligned::new(length);
        self.file.read_exact_at(aligned.bytes(), place as u64)?;
        Ok(aligned.bytes().to_vec())
    }

    /// The byte that a block consists of; `None` if it has several.
    pub(crate) fn byte_of(&mut self, place: usize) -> Result<Option<u8>> {
        self.file
            .read_exact_at(&mut self.block.0, (place * BLOCK) as u64)?;
        let first = self.block.0[0];
        let is_all = self.block.0.iter().all(|byte| *byte == first);
        Ok(is_all.then_some(first))
    }
}
