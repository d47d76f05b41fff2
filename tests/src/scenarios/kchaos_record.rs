// SPDX-License-Identifier: GPL-2.0-only

//! The verbs `kchaos record` and `kchaos replay` on a real kernel: the cost of a recording, and the
//! distance of a replay from the recorded disk, both by the times that fio measures.

use super::traps::lacks;
use crate::{
    disk::{Disk, Kind},
    fio::{Fio, Logged, RANDOM_READ},
    injection::Injection,
    report::Report,
    scsi::{MODULES, Scsi},
    stats::distance_between,
    sys::{self, wait_until},
};
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command},
};

const PROFILE: &str = "/tmp/profile.toml";

const INSTANCES: &str = "/sys/kernel/tracing/instances";

/// Starts a recording, and returns when the trace has begun.
fn record(device: &str, length: &str) -> Result<Child> {
    let mut command = Command::new("kchaos");
    command.args(["record", device, "--for", length, "--output", PROFILE]);
    let mut child = command.spawn().context("starting kchaos")?;
    let instance = format!("{INSTANCES}/kchaos-{}", child.id());
    let is_on = |file: &str| {
        let text = fs::read_to_string(format!("{instance}/{file}"));
        text.is_ok_and(|text| text == "1\n")
    };
    wait_until("the recording begins", || {
        ensure!(child.try_wait()?.is_none(), "it has ended");
        // The kernel makes an instance that is on; kchaos turns it off, and on again at last.
        Ok(is_on("events/block/block_rq_requeue/enable") && is_on("tracing_on"))
    })?;
    Ok(child)
}

fn instances() -> Result<usize> {
    Ok(fs::read_dir(INSTANCES)?.count())
}

scenario!("kchaos_record_overhead", overhead);
/// Reads a second with a recording and without one.
fn overhead(report: &mut Report) -> Result<()> {
    sys::wait_for_clock();
    for (completion_us, depth) in [(80, 1), (500, 8), (2_000, 32)] {
        let disk = Disk::new(&Kind {
            completion_ns: completion_us * 1_000,
            ..Kind::default()
        })?;
        disk.set_scheduler("none")?;
        let depth_option = format!("--iodepth={depth}");
        let options = ["--size=8g", "--time_based", "--runtime=2", &depth_option];
        let load = || -> Result<f64> {
            let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
            load.finish()?.read_iops()
        };
        load()?;
        let without = load()?;
        let mut child = record(disk.name(), "1h")?;
        let with = load()?;
        sys::run(&["kill", "-INT", &child.id().to_string()])?;
        let code = child.wait()?.code();
        report.figure("exit code", "130", format!("{code:?}"), code == Some(130));
        let cost = (1.0 - with / without) * 100.0;
        report.time(
            &format!(
                "a disk of {completion_us} us at depth {depth}, {without:.0} reads a second: \
                      fewer while it is recorded"
            ),
            "<= 3 %",
            format!("{cost:.2} %"),
            cost <= 3.0,
        );
        let text = sys::read(PROFILE)?;
        let lost = text.lines().any(|line| line == "lost_events = 0");
        report.figure(
            "lost events",
            "none",
            if lost { "none" } else { &text },
            lost,
        );
        let left = instances()?;
        report.figure("instances of tracefs left", 0, left, left == 0);
    }
    Ok(())
}

/// A load, and the latencies of its I/Os by operation and size.
type Latencies = BTreeMap<(bool, u64), Vec<f64>>;

fn load(path: &str, options: &[&str]) -> Result<Latencies> {
    let common = [
        "--ioengine=libaio",
        "--direct=1",
        "--randseed=1",
        "--size=8g",
    ];
    let outcome = Fio::start_logged(&[], path, &[&common, options].concat())?.finish()?;
    let mut latencies = Latencies::new();
    for Logged {
        latency_ns,
        is_read,
        bytes,
        ..
    } in outcome.logged()
    {
        let class = latencies.entry((*is_read, *bytes)).or_default();
        class.push(*latency_ns as f64);
    }
    Ok(latencies)
}

/// Records a disk that injections make slow, replays its profile on another one, and compares what
/// the same load meets on both.
fn compare(report: &mut Report, injections: &[&[(&str, &str)]], options: &[&str]) -> Result<()> {
    sys::wait_for_clock();
    if lacks(report, &MODULES, &[]) {
        return Ok(());
    }
    let recorded = {
        let below = Disk::on_ioem(&Kind::default())?;
        let injections: Result<Vec<Injection>> = injections
            .iter()
            .enumerate()
            .map(|(place, settings)| Injection::with_texts(&format!("real-{place}"), settings))
            .collect();
        // The tracepoints of a disk do not see the wait in its own scheduler: so the slow one is
        // below the recorded one.
        let disk = Scsi::new(&below)?;
        let mut child = record(&disk.path(), "1h")?;
        let recorded = load(&disk.path(), options)?;
        sys::run(&["kill", "-INT", &child.id().to_string()])?;
        child.wait()?;
        drop(disk);
        drop(injections?);
        recorded
    };
    println!("{}", sys::read(PROFILE)?);
    let disk = Disk::new(&Kind::default())?;
    disk.set_scheduler("none")?;
    println!(
        "{}",
        sys::run(&[
            "kchaos",
            "replay",
            PROFILE,
            "--device",
            disk.name(),
            "--dry-run"
        ])?
    );
    sys::run(&["kchaos", "replay", PROFILE, "--device", disk.name()])?;
    let replayed = load(&disk.path(), options)?;
    sys::run(&["kchaos", "recover", "--all"])?;
    for ((is_read, bytes), recorded) in &recorded {
        let what = if *is_read { "reads" } else { "writes" };
        let replayed = replayed
            .get(&(*is_read, *bytes))
            .context("a class without I/O")?;
        let distance = distance_between(recorded, replayed);
        report.time(
            &format!(
                "{what} of {bytes} bytes, {} recorded and {} replayed: KS distance",
                recorded.len(),
                replayed.len()
            ),
            "<= 0.05",
            format!("{distance:.4}"),
            distance <= 0.05,
        );
    }
    let scheduler = sys::read(disk.attribute("queue/scheduler"))?;
    report.figure(
        "scheduler at the end",
        "[none]",
        &scheduler,
        scheduler.contains("[none]") && !Path::new(sys::IOEM).join("replay-1").exists(),
    );
    Ok(())
}

scenario!("kchaos_record_distribution", distribution);
fn distribution(report: &mut Report) -> Result<()> {
    let slow = [
        ("percentiles", "0:300 50:500 90:900 99:4000 99.9:20000"),
        ("seed", "42"),
    ];
    let options = [
        "--rw=randread",
        "--bs=4k",
        "--iodepth=4",
        "--number_ios=12000",
    ];
    compare(report, &[&slow], &options)
}

scenario!("kchaos_record_mixed", mixed);
/// Reads and writes of two sizes, each with times of its own.
fn mixed(report: &mut Report) -> Result<()> {
    let classes = [
        [
            ("op", "read"),
            ("max_bytes", "4096"),
            ("percentiles", "0:200 70:400 100:900"),
        ],
        [
            ("op", "read"),
            ("min_bytes", "4097"),
            ("percentiles", "0:900 50:1500 95:2500 100:9000"),
        ],
        // As by a cache that is full now and then.
        [
            ("op", "write"),
            ("max_bytes", "4096"),
            ("percentiles", "0:200 80:400 81:2000 100:6000"),
        ],
        [
            ("op", "write"),
            ("min_bytes", "4097"),
            ("percentiles", "0:600 100:3000"),
        ],
    ];
    let classes: Vec<&[(&str, &str)]> = classes.iter().map(<[_; 3]>::as_slice).collect();
    let options = [
        "--rw=randrw",
        "--bssplit=4k/50:64k/50,4k/50:64k/50",
        // Else fio makes blocks smaller beside others.
        "--norandommap",
        "--iodepth=8",
        "--number_ios=32000",
    ];
    compare(report, &classes, &options)
}

scenario!("kchaos_record_lanes", lanes);
/// A disk of four lanes, with 16 reads at a time and pauses between them.
fn lanes(report: &mut Report) -> Result<()> {
    let slow = [
        ("lanes", "4"),
        ("percentiles", "0:1200 50:2400 95:5400 100:12000"),
    ];
    let options = [
        "--rw=randread",
        "--bs=4k",
        "--iodepth=16",
        "--thinktime=20000",
        "--thinktime_blocks=16",
        "--number_ios=12000",
    ];
    compare(report, &[&slow], &options)?;
    let text = sys::read(PROFILE)?;
    let found = text.lines().find(|line| line.starts_with("lanes = "));
    let found = found.unwrap_or_default();
    // kchaos finds the lanes by the times of the reads.
    report.time("lanes", 4, found, found == "lanes = 4");
    Ok(())
}

scenario!("kchaos_record_partition", partition);
/// Each write to a partition is in the profile, and no I/O of another partition.
fn partition(report: &mut Report) -> Result<()> {
    const WRITES: u64 = 2_000;
    let disk = Disk::new(&Kind {
        memory: true,
        partitions: true,
        cache: true,
        ..Kind::default()
    })?;
    let [one, two] = ["p1", "p2"].map(|part| format!("{}{part}", disk.path()));
    let mut child = record(&two, "1h")?;
    let count = format!("--number_ios={WRITES}");
    let common = [
        "--ioengine=libaio",
        "--direct=1",
        "--bs=4k",
        "--size=64m",
        &count,
    ];
    let reads = Fio::start(&one, &[&common[..], &["--rw=randread"]].concat())?;
    let more = ["--rw=randwrite", "--iodepth=8", "--fsync=100"];
    Fio::start(&two, &[&common[..], &more].concat())?.finish()?;
    reads.finish()?;
    sys::run(&["kill", "-INT", &child.id().to_string()])?;
    child.wait()?;
    let text = sys::read(PROFILE)?;
    let mut classes = BTreeMap::new();
    for class in text.split("[[classes]]").skip(1) {
        let value = |key: &str| class.lines().find_map(|line| line.strip_prefix(key));
        let op = value("op = ").context("a class without op")?;
        classes.insert(op.trim_matches('"'), value("ios = ").unwrap_or_default());
    }
    for (op, expected) in [("write", "2000"), ("read", "none")] {
        let ios = classes.get(op).copied().unwrap_or("none");
        report.figure(&format!("{op}s"), expected, ios, ios == expected);
    }
    let flushes = classes.get("flush").copied().unwrap_or("none");
    report.figure(
        "flushes",
        ">= 19",
        flushes,
        flushes.parse().is_ok_and(|count: u64| count >= 19),
    );
    Ok(())
}

scenario!("kchaos_record_at_work", at_work);
/// A recording that begins while the disk works has each request with its own completion.
fn at_work(report: &mut Report) -> Result<()> {
    let disk = Disk::new(&Kind::default())?;
    disk.set_scheduler("none")?;
    let options = ["--size=1m", "--time_based", "--runtime=60"];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    // The load has begun.
    let reads = || -> Result<u64> {
        let stat = sys::read(disk.attribute("stat"))?;
        let first = stat.split_whitespace().next().unwrap_or_default();
        Ok(first.parse()?)
    };
    let before = reads()?;
    wait_until("the disk works", || Ok(reads()? > before + 100))?;
    let mut child = record(disk.name(), "500ms")?;
    let code = child.wait()?.code();
    report.figure("exit code", "0", format!("{code:?}"), code == Some(0));
    load.stop()?;
    let text = sys::read(PROFILE)?;
    let depth = text
        .lines()
        .find_map(|line| line.strip_prefix("depth_max = "))
        .unwrap_or_default();
    // Where a processor of the guest stands still while it writes an event, kchaos may have looked
    // before the event is there.
    report.time(
        "most reads at a time, of a load of depth 1",
        1,
        depth,
        depth == "1",
    );
    Ok(())
}

scenario!("kchaos_record_killed", killed);
/// The trace of a recording that was killed goes with the next recording.
fn killed(report: &mut Report) -> Result<()> {
    let disk = Disk::new(&Kind::default())?;
    let mut child = record(disk.name(), "1h")?;
    child.kill()?;
    child.wait()?;
    let left = instances()?;
    report.figure("instances after SIGKILL", 1, left, left == 1);
    let mut command = Command::new("kchaos");
    command.args([
        "record",
        disk.name(),
        "--for",
        "100ms",
        "--output",
        "/tmp/none.toml",
    ]);
    let code = command.status()?.code();
    report.figure(
        "exit code without I/O",
        "1",
        format!("{code:?}"),
        code == Some(1),
    );
    let left = instances()?;
    let file = Path::new("/tmp/none.toml").exists();
    report.figure("instances then", 0, left, left == 0);
    report.figure("file then", "none", file, !file);
    Ok(())
}
