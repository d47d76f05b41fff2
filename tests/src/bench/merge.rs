// SPDX-License-Identifier: GPL-2.0-only

//! The number of I/Os of a sequential stream that become one request.

use super::{Bench, disk, print};
use crate::{disk::Kind, fio::Fio};
use anyhow::Result;
use serde_json::json;

const BYTES: u64 = 32 << 20;
const BLOCK: u64 = 4_096;

/// A stream of I/Os that border on each other.
struct Stream {
    name: &'static str,
    /// fio's options.
    options: &'static [&'static str],
    /// The place of the disk's count of requests.
    place: usize,
    /// The number of measurements. Direct streams vary by 4 % from one time to the next.
    rounds: u64,
}

const STREAMS: &[Stream] = &[
    Stream {
        name: "direct reads",
        options: &["--rw=read", "--direct=1"],
        place: 0,
        rounds: 4,
    },
    Stream {
        name: "direct writes",
        options: &["--rw=write", "--direct=1"],
        place: 4,
        rounds: 4,
    },
    Stream {
        name: "buffered reads",
        options: &["--rw=read", "--direct=0"],
        place: 0,
        rounds: 1,
    },
    Stream {
        name: "buffered writes",
        options: &["--rw=write", "--direct=0", "--end_fsync=1"],
        place: 4,
        rounds: 1,
    },
];

/// On a slow disk, so that requests wait in the scheduler and others can join them.
pub(super) fn all(bench: &mut Bench) -> Result<()> {
    for stream in STREAMS {
        let mut schedulers = bench.schedulers();
        // The FIFOs merge nothing.
        schedulers.retain(|scheduler| !scheduler.starts_with("fifo"));
        for scheduler in schedulers {
            let mut requests = 0;
            for _ in 0..stream.rounds {
                requests += stream.requests_with(scheduler)?;
            }
            let each = (stream.rounds * BYTES / BLOCK) as f64 / requests as f64;
            print(
                "merge",
                json!({"scheduler": scheduler, "stream": stream.name}),
                json!({"requests": requests, "ios_a_request": each}),
            );
        }
    }
    Ok(())
}

impl Stream {
    /// The number of requests that a scheduler makes of the stream.
    fn requests_with(&self, scheduler: &str) -> Result<u64> {
        let disk = disk(&Kind {
            queue_depth: 4,
            completion_ns: 1_000_000,
            ..Kind::default()
        })?;
        disk.set_scheduler(scheduler)?;
        let before = disk.stat(self.place)?;
        let size = format!("--size={BYTES}");
        let common = [
            "--bs=4k",
            "--ioengine=libaio",
            "--iodepth=64",
            "--invalidate=1",
            &size,
        ];
        Fio::start(&disk.path(), &[&common[..], self.options].concat())?.finish()?;
        Ok(disk.stat(self.place)? - before)
    }
}
