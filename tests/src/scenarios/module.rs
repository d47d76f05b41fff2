// SPDX-License-Identifier: GPL-2.0-only

//! Loading and unloading the module.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    memory::{self, slabs},
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{thread::sleep, time::Duration};

const NAME: &str = "chaos_driver";

fn unload() -> Result<String> {
    sys::run(&["rmmod", NAME])
}

scenario!("module_in_use", in_use);
fn in_use(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let refused = unload().is_err();
    report.figure(
        "rmmod with a disk on ioem",
        "refused",
        yes(refused),
        refused,
    );
    disk.set_scheduler("none")?;
    let injection = Injection::new("one", &[])?;
    let refused = unload().is_err();
    report.figure("rmmod with an injection", "refused", yes(refused), refused);
    injection.remove()?;
    let worked = unload();
    report.figure(
        "rmmod with neither",
        "done",
        if worked.is_ok() { "done" } else { "refused" },
        worked.is_ok(),
    );
    worked.map(drop)
}

fn yes(refused: bool) -> &'static str {
    if refused { "refused" } else { "done" }
}

/// The KiB of vmalloc, which has the code and data of modules.
fn vmalloc_kib() -> Result<u64> {
    let text = sys::read("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmallocUsed:"))
        .context("no VmallocUsed")?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

fn round(disk: &Disk) -> Result<()> {
    sys::load_module()?;
    disk.set_scheduler("ioem")?;
    let one = Injection::new(
        "one",
        &[("delay_us", 10), ("quota", 1_000), ("jitter_us", 5)],
    )?;
    let two = Injection::new("two", &[("quota", 1_000)])?;
    let input = format!("if={}", disk.path());
    sys::run(&[
        "dd",
        &input,
        "of=/dev/null",
        "bs=4k",
        "count=8",
        "iflag=direct",
    ])?;
    one.remove()?;
    two.remove()?;
    disk.set_scheduler("none")?;
    unload().map(drop)
}

scenario!("module_200_rounds", rounds);
fn rounds(report: &mut Report) -> Result<()> {
    const ROUNDS: u64 = 200;
    /// The kernel collects objects that it frees after a grace period (`kfree_rcu`) for 5 seconds
    /// first (`KFREE_DRAIN_JIFFIES`): on a quiet machine these are hundreds.
    const DEFERRED: Duration = Duration::from_secs(12);
    // One disk for all rounds: null_blk itself leaves some names behind with each disk.
    let disk = Disk::new(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    for _ in 0..20 {
        round(&disk)?;
    }
    sleep(DEFERRED);
    let (slabs_before, vmalloc_before) = (slabs()?, vmalloc_kib()?);
    for _ in 0..ROUNDS {
        round(&disk)?;
    }
    sleep(DEFERRED);
    let (slabs_after, vmalloc_after) = (slabs()?, vmalloc_kib()?);
    // If each round lost an object, this many would be lost.
    let (name, growth) = memory::worst_growth(&slabs_before, &slabs_after)?;
    report.figure(
        &format!(
            "objects left by {ROUNDS} rounds of load, use and unload, in the worst slab cache"
        ),
        format!("< {ROUNDS}"),
        format!("{growth} ({name})"),
        growth < ROUNDS,
    );
    let kib = vmalloc_after.saturating_sub(vmalloc_before);
    report.figure(
        "vmalloc left",
        format!("< {} KiB", ROUNDS * 4),
        format!("{kib} KiB"),
        kib < ROUNDS * 4,
    );
    Ok(())
}
