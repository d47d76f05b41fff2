// SPDX-License-Identifier: GPL-2.0-only

//! The scheduler merges an I/O into a waiting request that it borders on, unless it must ask rules
//! about each I/O.

use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    report::Report,
    sys,
};
use anyhow::Result;

/// Blocks of a stream.
const BLOCKS: u64 = 2_048;
/// How often each scheduler merges one.
const ROUNDS: usize = 3;

scenario!("merge_streams", streams);
fn streams(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        queue_depth: 4,
        completion_ns: 200_000,
        ..Kind::default()
    })?;
    sys::run(&["modprobe", "kyber-iosched"])?;
    let (mut by_kyber, mut by_ioem) = ([0; ROUNDS], [0; ROUNDS]);
    for (kyber, ioem) in by_kyber.iter_mut().zip(&mut by_ioem) {
        disk.set_scheduler("kyber")?;
        *kyber = write_and_verify(report, &disk, "kyber")?;
        disk.set_scheduler("ioem")?;
        *ioem = write_and_verify(report, &disk, "idle")?;
    }
    let [by_kyber, merged] = [by_kyber, by_ioem].map(median);
    // An I/O that comes while no request waits passes the scheduler by, and merges with none. Linux
    // 5.10 takes requests from every scheduler while the disk has no tags for them
    // (`__blk_mq_do_dispatch_sched()`), and merges nothing with these.
    let least = by_kyber.min(BLOCKS * 2 / 5);
    report.figure(
        &format!("idle: blocks merged, by kyber {by_kyber}"),
        format!(">= {least}"),
        merged,
        merged >= least,
    );
    let settings = [("device", disk.name()), ("delay_us", "1"), ("every", "2")];
    let _injection = Injection::with_texts("every", &settings)?;
    let merged = write_and_verify(report, &disk, "every second delayed")?;
    report.figure(
        "every second delayed: blocks merged",
        0,
        merged,
        merged == 0,
    );
    Ok(())
}

fn median(mut counts: [u64; ROUNDS]) -> u64 {
    counts.sort_unstable();
    counts[ROUNDS / 2]
}

/// Writes a stream and reads it again; the number of merged writes.
fn write_and_verify(report: &mut Report, disk: &Disk, when: &str) -> Result<u64> {
    /// The place of the disk's count of merged writes.
    const MERGED_WRITES: usize = 5;
    let before = disk.stat(MERGED_WRITES)?;
    let size = format!("--size={}", BLOCKS * 4_096);
    let options = [
        "--rw=write",
        "--bs=4k",
        "--direct=1",
        "--ioengine=libaio",
        "--iodepth=64",
        "--verify=crc32c",
        "--verify_fatal=1",
        &size,
    ];
    let outcome = Fio::start(&disk.path(), &options)?.finish()?;
    let (ios, errors) = (outcome.total_ios()?, outcome.errors()?);
    report.figure(
        &format!("{when}: written and verified, errors"),
        format!("{}, 0", 2 * BLOCKS),
        format!("{ios}, {errors}"),
        ios == (2 * BLOCKS) as f64 && errors == 0.0,
    );
    Ok(disk.stat(MERGED_WRITES)? - before)
}
