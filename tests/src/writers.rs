// SPDX-License-Identifier: GPL-2.0-only

//! Loads that write to files and wait for the disk each time, and know the times of that.

use crate::sys;
use anyhow::{Context, Result, anyhow};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

const BLOCK: usize = 4_096;

/// Tasks that write, each to a file of its own.
pub(crate) struct Writers {
    threads: Vec<JoinHandle<Result<Vec<u64>>>>,
    stop: Arc<AtomicBool>,
}

/// The blocks that were written: for each file, when each call of fsync ended.
pub(crate) struct Written(Vec<Vec<u64>>);

impl Writers {
    /// Starts so many writers to files in this directory.
    pub(crate) fn start(directory: &str, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|number| {
            let (path, stop) = (path(directory, number), Arc::clone(&stop));
            thread::spawn(move || write(&path, number, &stop))
        });
        Self {
            threads: threads.collect(),
            stop,
        }
    }

    /// Ends the load, and returns when the last block of each writer is on the disk.
    pub(crate) fn stop(self) -> Result<Written> {
        self.stop.store(true, Relaxed);
        let written = self.threads.into_iter().map(|thread| {
            let written = thread.join().map_err(|_| anyhow!("a writer panicked"))?;
            written.context("a writer")
        });
        Ok(Written(written.collect::<Result<_>>()?))
    }
}

impl Written {
    /// When each call of fsync ended.
    pub(crate) fn ends_ns(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flatten().copied()
    }

    /// When the last of all writers went on after this time: each of them by the end of its next
    /// call of fsync. None if one never did.
    pub(crate) fn first_after_ns(&self, time_ns: u64) -> Option<u64> {
        let next = self.0.iter().map(|ends_ns| {
            let mut after = ends_ns.iter().filter(|end_ns| **end_ns >= time_ns);
            after.next().copied()
        });
        next.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// How many blocks are as they were written, and how many were.
    pub(crate) fn verify(&self, directory: &str) -> Result<(usize, usize)> {
        let (mut right, mut all) = (0, 0);
        for (number, ends_ns) in self.0.iter().enumerate() {
            let file = File::open(path(directory, number))?;
            let mut found = [0; BLOCK];
            for place in 0..ends_ns.len() {
                let read = file.read_exact_at(&mut found, (place * BLOCK) as u64);
                right += usize::from(read.is_ok() && found == block(number, place));
                all += 1;
            }
        }
        Ok((right, all))
    }
}

fn path(directory: &str, number: usize) -> PathBuf {
    Path::new(directory).join(format!("file{number}"))
}

/// The content of a block: its words are different ones in each block of each file.
fn block(number: usize, place: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (word, bytes) in block.chunks_exact_mut(8).enumerate() {
        let content = (number << 48 | place << 16 | word) as u64;
        bytes.copy_from_slice(&content.to_le_bytes());
    }
    block
}

fn write(path: &Path, number: usize, stop: &AtomicBool) -> Result<Vec<u64>> {
    let file = File::create(path)?;
    let mut ends_ns = Vec::new();
    while !stop.load(Relaxed) {
        let place = ends_ns.len();
        file.write_all_at(&block(number, place), (place * BLOCK) as u64)?;
        file.sync_all()?;
        ends_ns.push(sys::monotonic_ns());
    }
    Ok(ends_ns)
}
