// SPDX-License-Identifier: GPL-2.0-only

//! Seeds: the same sequence of delays each time, on any disk and in any boot.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    trace::{Trace, waits},
};
use anyhow::{Result, ensure};

/// The number of compared delays.
const COUNT: usize = 50;

/// The step to which delays are rounded: a delay is never early, and less than this late.
const ROUND_US: u64 = 100;

/// Delays are drawn from this many roundings.
const STEPS: u64 = 40;

/// The first delays of a new disk, one after another.
fn sequence(seed: u64) -> Result<Vec<u64>> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let half_us = ROUND_US * STEPS / 2;
    let settings = [
        ("delay_us", half_us),
        ("jitter_us", half_us),
        ("seed", seed),
    ];
    let _injection = Injection::new("seeded", &settings)?;
    let trace = Trace::start(disk.device()?)?;
    let options = ["--iodepth=1", "--size=8g", "--number_ios=100"];
    Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?.finish()?;
    let waits = waits(&trace.stop()?);
    ensure!(waits.len() >= COUNT, "only {} I/Os", waits.len());
    Ok(waits[..COUNT].iter().map(|wait| wait / 1_000).collect())
}

/// Whether both are the same, except for the path's own time.
fn is_same(one: &[u64], other: &[u64]) -> bool {
    one.iter()
        .zip(other)
        .all(|(one, other)| one.abs_diff(*other) < ROUND_US)
}

/// The delays that the driver draws for a seed, by SplitMix64 as its documentation says.
fn expected(seed: u64) -> Vec<u64> {
    let half_ns = u128::from(ROUND_US * STEPS / 2 * 1_000);
    let mut counter = seed;
    (0..COUNT)
        .map(|_| {
            let mut z = counter;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let offset = (u128::from(z) * (2 * half_ns + 1)) >> 64;
            offset as u64 / 1_000
        })
        .collect()
}

scenario!("seed_repeats", repeats);
fn repeats(report: &mut Report) -> Result<()> {
    const SEED: u64 = 20_261_124;
    let (one, two, other) = (sequence(SEED)?, sequence(SEED)?, sequence(SEED + 1)?);
    report.figure(
        &format!("seed {SEED}, {COUNT} delays on two disks"),
        format!("the same within {ROUND_US} us"),
        if is_same(&one, &two) { "so" } else { "not so" },
        is_same(&one, &two),
    );
    // The expected delays depend on nothing of this boot.
    let expected = expected(SEED);
    report.figure(
        "compared with the sequence worked out beforehand, the same in any boot",
        format!("{:?}...", &expected[..4]),
        format!("{:?}...", &one[..4]),
        is_same(&one, &expected),
    );
    report.figure(
        "another seed",
        "another sequence",
        if is_same(&one, &other) {
            "the same"
        } else {
            "another"
        },
        !is_same(&one, &other),
    );
    Ok(())
}
