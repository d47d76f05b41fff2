// SPDX-License-Identifier: GPL-2.0-only

//! How many I/Os of a sequential stream become one request.

use super::{Bench, disk, print};
use crate::{disk::Kind, fio::Fio};
use anyhow::Result;
use serde_json::json;

const BYTES: u64 = 32 << 20;
const BLOCK: u64 = 4_096;

/// Streams: their name, fio's options, and where the disk counts their requests.
const STREAMS: &[(&str, &[&str], usize)] = &[
    ("direct reads", &["--rw=read", "--direct=1"], 0),
    ("direct writes", &["--rw=write", "--direct=1"], 4),
    ("buffered reads", &["--rw=read", "--direct=0"], 0),
    (
        "buffered writes",
        &["--rw=write", "--direct=0", "--end_fsync=1"],
        4,
    ),
];

/// On a disk that takes its time, so that requests wait in the scheduler and others can join them.
pub(super) fn all(bench: &mut Bench) -> Result<()> {
    for (stream, options, place) in STREAMS {
        for scheduler in bench.schedulers() {
            let disk = disk(&Kind {
                queue_depth: 4,
                completion_ns: 1_000_000,
                ..Kind::default()
            })?;
            disk.set_scheduler(scheduler)?;
            let before = disk.stat(*place)?;
            let size = format!("--size={BYTES}");
            let common = [
                "--bs=4k",
                "--ioengine=libaio",
                "--iodepth=64",
                "--invalidate=1",
                &size,
            ];
            Fio::start(&disk.path(), &[&common[..], options].concat())?.finish()?;
            let requests = disk.stat(*place)? - before;
            let each = BYTES as f64 / BLOCK as f64 / requests as f64;
            let cell = json!({"scheduler": scheduler, "stream": stream});
            print(
                "merge",
                cell,
                json!({"requests": requests, "ios_a_request": each}),
            );
        }
    }
    Ok(())
}
