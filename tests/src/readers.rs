// SPDX-License-Identifier: GPL-2.0-only

//! Loads that know the times at which each of their reads began and ended, on the clock of traces.

use crate::sys;
use anyhow::{Result, anyhow};
use rustix::fs::OFlags;
use std::{
    fs::OpenOptions,
    os::unix::fs::{FileExt, OpenOptionsExt},
    thread::{self, JoinHandle},
};

/// A block of memory that can be read into without a copy.
#[repr(align(4096))]
struct Block([u8; 4096]);

/// A read of 4 KiB, past the page cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// The first sector of the read.
    pub(crate) sector: u64,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

impl Read {
    pub(crate) fn latency_ns(&self) -> u64 {
        self.end_ns - self.start_ns
    }
}

/// Threads, each of which reads one block after another.
pub(crate) struct Readers(Vec<JoinHandle<Result<Vec<Read>>>>);

impl Readers {
    /// Starts users of a device that read so many blocks each, none twice, from its beginning on.
    pub(crate) fn start(path: &str, users: u64, reads: u64) -> Self {
        Self::start_from(path, 0, users, reads)
    }

    /// The same, from this sector on.
    pub(crate) fn start_from(path: &str, sector: u64, users: u64, reads: u64) -> Self {
        let threads = (0..users).map(|user| {
            let path = path.to_owned();
            thread::spawn(move || read(&path, sector / 8 + user * reads, reads))
        });
        Self(threads.collect())
    }

    /// All reads, once they have ended.
    pub(crate) fn finish(self) -> Result<Vec<Read>> {
        let mut all = Vec::new();
        for thread in self.0 {
            all.extend(thread.join().map_err(|_| anyhow!("a reader panicked"))??);
        }
        Ok(all)
    }
}

fn read(path: &str, first: u64, reads: u64) -> Result<Vec<Read>> {
    let direct = OFlags::DIRECT.bits() as i32;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(direct)
        .open(path)?;
    let mut block = Box::new(Block([0; 4096]));
    (first..first + reads)
        .map(|place| {
            let start_ns = sys::monotonic_ns();
            file.read_exact_at(&mut block.0, place * 4_096)?;
            let end_ns = sys::monotonic_ns();
            Ok(Read {
                sector: place * 8,
                start_ns,
                end_ns,
            })
        })
        .collect()
}
