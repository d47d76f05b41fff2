// SPDX-License-Identifier: GPL-2.0-only

//! Held completions own no tags of the disk, and take memory instead, up to a bound.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    report::Report,
    sys,
    trace::{Step, Trace},
};
use anyhow::{Context, Result};
use std::{path::Path, thread::sleep, time::Duration};

const MEMORY: &str = "/sys/kernel/config/ioem/memory_kib";

/// The number of taken tags of the disk's first hardware queue, from the block layer's debugfs.
fn taken(disk: &Disk) -> Result<u64> {
    const DEBUG: &str = "/sys/kernel/debug";
    if !Path::new(DEBUG).join("block").exists() {
        sys::run(&["mount", "-t", "debugfs", "debugfs", DEBUG])?;
    }
    let text = sys::read(format!("{DEBUG}/block/{}/hctx0/sched_tags", disk.name()))?;
    let busy = text.lines().find_map(|line| line.strip_prefix("busy="));
    Ok(busy.context("no number of tags")?.parse()?)
}

fn owned(report: &mut Report, disk: &Disk, asked: u64) -> Result<()> {
    let taken = taken(disk)?;
    report.figure("tags taken", asked, taken, taken == asked);
    Ok(())
}

fn counted(report: &mut Report, injection: &Injection, key: &str, asked: u64) -> Result<()> {
    let shown = injection.stat(key)?;
    report.figure(key, asked, shown, shown == asked);
    Ok(())
}

/// Reads a second, one at a time, of the second half of the disk.
fn single_reads(disk: &Disk) -> Result<f64> {
    let options = ["--iodepth=1", "--offset=8g", "--size=7g", "--time_based"];
    let load = [RANDOM_READ, &options, &["--runtime=2"]].concat();
    Fio::start(&disk.path(), &load)?.finish()?.read_iops()
}

scenario!("tags_none_of_others", none_of_others);
/// Many processes on a slow partition, and one on the other partition that would use all tags.
fn none_of_others(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })?;
    sys::write(disk.attribute("queue/nr_requests"), "64")?;
    let (one, two) = (format!("{}p1", disk.name()), format!("{}p2", disk.path()));
    let settings = [("device", &*one), ("delay_us", "100000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let reads = || {
        let options = [
            "--iodepth=64",
            "--iodepth_batch_submit=64",
            "--iodepth_batch_complete_min=64",
            "--size=100m",
            "--time_based",
            "--runtime=2",
        ];
        let load = Fio::start(&two, &[RANDOM_READ, &options].concat())?;
        let outcome = load.finish()?;
        Ok::<_, anyhow::Error>((outcome.read_iops()?, outcome.read_p99_ns()?))
    };
    reads()?;
    let (iops_alone, p99_alone) = reads()?;
    let options = [
        "--numjobs=12",
        "--iodepth=32",
        "--size=100m",
        "--time_based",
        "--runtime=60",
    ];
    let load = Fio::start(&format!("/dev/{one}"), &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(384)?;
    counted(report, &injection, "held", 384)?;
    owned(report, &disk, 0)?;
    let (iops, p99) = reads()?;
    injection.remove()?;
    drop(load);
    report.figure(
        &format!("IOPS of the others at a depth of all 64 tags, {iops_alone:.0} with none held"),
        ">= 95 %",
        format!("{iops:.0}, {:.1} %", iops / iops_alone * 100.0),
        iops >= 0.95 * iops_alone,
    );
    report.figure(
        &format!(
            "their p99 latency, {:.1} us with none held",
            p99_alone / 1e3
        ),
        "<= 1.2 x + 5 us",
        format!("{:.1} us, {:.2} x", p99 / 1e3, p99 / p99_alone),
        p99 <= 1.2 * p99_alone + 5e3,
    );
    Ok(())
}

scenario!("tags_of_whole_disks", of_whole_disks);
/// A disk whose whole I/O is delayed, in both ways.
fn of_whole_disks(report: &mut Report) -> Result<()> {
    const WANTED: u64 = 300;
    const TAGS: u64 = 64;
    for (hold, held, under_way) in [("completion", WANTED, 0), ("request", TAGS, TAGS)] {
        let disk = Disk::on_ioem(&Kind::default())?;
        sys::write(disk.attribute("queue/nr_requests"), TAGS.to_string())?;
        let settings = [("hold", hold), ("delay_us", "60000000")];
        let injection = Injection::with_texts("slow", &settings)?;
        let options = ["--numjobs=3", "--iodepth=100", "--size=8g"];
        let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
        injection.wait_until_held(held)?;
        sleep(Duration::from_secs(1));
        let now = injection.stat("held")?;
        report.figure(
            &format!("hold={hold}: held of {WANTED} that are wanted, {TAGS} tags"),
            held,
            now,
            now == held,
        );
        owned(report, &disk, under_way)?;
        injection.remove()?;
        drop(load);
    }
    Ok(())
}

scenario!("tags_throughput", throughput);
/// More I/Os in a second than the tags allow for.
fn throughput(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    sys::write(disk.attribute("queue/nr_requests"), "64")?;
    single_reads(&disk)?;
    let without = single_reads(&disk)?;
    let settings = [("sectors", "0+8388608"), ("delay_us", "1000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let alone = single_reads(&disk)?;
    let options = [
        "--ioengine=io_uring",
        "--fixedbufs",
        "--registerfiles",
        "--norandommap",
        "--iodepth=1024",
        "--size=4g",
        "--time_based",
        "--runtime=8",
    ];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(1_000)?;
    let meanwhile = single_reads(&disk)?;
    let iops = load.finish()?.read_iops()?;
    report.figure(
        "delay of 1 s at a depth of 1024 on 64 tags: IOPS",
        ">= 1000",
        format!("{iops:.1}"),
        iops >= 1_000.0,
    );
    report.figure(
        &format!(
            "IOPS of single reads elsewhere, {alone:.0} with none held ({without:.0} without an \
             injection)"
        ),
        ">= 95 %",
        format!("{meanwhile:.0}, {:.1} %", meanwhile / alone * 100.0),
        meanwhile >= 0.95 * alone,
    );
    Ok(())
}

/// The bound of the memory of held completions; the default again when dropped.
struct Memory;

impl Memory {
    fn of_kib(kib: u32) -> Result<Self> {
        sys::write(MEMORY, kib.to_string())?;
        Ok(Self)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = sys::write(MEMORY, "65536");
    }
}

scenario!("tags_memory", memory);
/// Without memory for completions, the driver holds requests; with some memory, both.
fn memory(report: &mut Report) -> Result<()> {
    const READS: u64 = 250;
    sys::load_module()?;
    let default = sys::read(MEMORY)?;
    report.figure("memory_kib", 65_536, &default, default == "65536");
    for kib in [0, 16, 65_536] {
        let memory = Memory::of_kib(kib)?;
        let disk = Disk::on_ioem(&Kind::default())?;
        sys::write(disk.attribute("queue/nr_requests"), "512")?;
        let settings = [("op", "read"), ("delay_us", "60000000")];
        let injection = Injection::with_texts("slow", &settings)?;
        let trace = Trace::start_steps(disk.device()?, &[Step::Insert, Step::Issue])?;
        let (depth, number) = (
            format!("--iodepth={READS}"),
            format!("--number_ios={READS}"),
        );
        let options = [&*depth, &number, "--size=8g"];
        let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
        injection.wait_until_held(READS)?;
        let events = trace.stop()?;
        let count = |step| events.iter().filter(|event| event.step == step).count() as u64;
        let waiting = count(Step::Insert) - count(Step::Issue);
        let (what, good) = match kib {
            0 => ("all", waiting == READS),
            16 => ("some", (1..READS).contains(&waiting)),
            _ => ("none", waiting == 0),
        };
        report.figure(
            &format!("{kib} KiB: requests that are held, of {READS}"),
            what,
            waiting,
            good,
        );
        owned(report, &disk, waiting)?;
        counted(report, &injection, "matched", READS)?;
        counted(report, &injection, "delayed", READS)?;
        counted(report, &injection, "held", READS)?;
        counted(report, &injection, "over_memory", waiting)?;
        counted(report, &injection, "no_memory", 0)?;
        injection.set("enabled", "0")?;
        let reads = load.finish()?.total_ios()?;
        report.figure("reads done", READS, reads, reads == READS as f64);
        counted(report, &injection, "held", 0)?;
        counted(report, &injection, "released_early", READS)?;
        drop(memory);
    }
    Ok(())
}

scenario!("tags_ceiling", ceiling);
/// Two injections that hold requests, and of which one draws delays below zero.
fn ceiling(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    sys::write(disk.attribute("queue/nr_requests"), "64")?;
    let all = Injection::new("all", &[("delay_us", 20_000)])?;
    let drawn = [("jitter_us", "40000"), ("op", "read"), ("hold", "request")];
    let drawn = Injection::with_texts("drawn", &drawn)?;
    let ceiling_of = |injection: &Injection| -> Result<u64> {
        let text = injection.get("ceiling")?;
        let iops = text.strip_prefix(&format!("{} ", disk.name()));
        Ok(iops.context("no ceiling")?.parse()?)
    };
    // Half of the drawn delays are 0, and the mean of the other half is 20 ms.
    for (what, injection, mean_ms) in [("all", &all, 20), ("drawn", &drawn, 20 + 10)] {
        let (expected, found) = (64_000_u64.div_ceil(mean_ms), ceiling_of(injection)?);
        report.figure(
            &format!("ceiling of {what}, 64 tags by {mean_ms} ms"),
            expected,
            found,
            found.abs_diff(expected) <= 1,
        );
    }
    let options = ["--iodepth=256", "--size=8g", "--time_based", "--runtime=4"];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    let (iops, most) = (load.finish()?.read_iops()?, ceiling_of(&drawn)? as f64);
    report.figure(
        "reads a second",
        format!("90 to 101 % of {most}"),
        format!("{iops:.0}"),
        (0.90 * most..=1.01 * most).contains(&iops),
    );
    // A delay of an hour lasts no longer than the lease.
    all.set("delay_us", "3600000000")?;
    drawn.set("enabled", "0")?;
    all.set("duration_ms", "8000")?;
    let found = ceiling_of(&all)?;
    report.figure(
        "ceiling of an hour in a lease of 8 s",
        "8 or 9",
        found,
        (8..=9).contains(&found),
    );
    Ok(())
}
