// SPDX-License-Identifier: GPL-2.0-only

//! Two processes write anything at all into the driver's files, while a disk is under load.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    memory,
    process::Cgroup,
    raw,
    report::Report,
    sys,
};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The seed of the random choices.
const SEED: u64 = 1;

/// The number of operations of each process, once to warm up and once in earnest.
const WARM_UP: u64 = 1_500;
const OPERATIONS: u64 = 10_000;

/// The processes.
const LETTERS: [&str; 2] = ["a", "b"];

/// A process that takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// Other messages that the kernel may log on a slow machine.
const OF_CLOCKS: [&str; 4] = [
    "clocksource",
    "hrtimer: interrupt took",
    "perf: interrupt took",
    "hogged CPU",
];

scenario!("raw_writes", writes);
fn writes(report: &mut Report) -> Result<()> {
    let _cgroup = Cgroup::new("raw")?;
    let disk = Disk::on_ioem(&Kind {
        hw_queues: 2,
        ..Kind::default()
    })?;
    round(report, &disk, SEED, WARM_UP)?;
    let log = log()?.len();
    rounds(report, &disk)?;
    let new: Vec<String> = self::log()?.split_off(log);
    report.figure(
        "lines in the kernel's log",
        "none",
        new.join(", "),
        new.is_empty(),
    );
    check_disk(report, &disk)?;
    drop(disk);
    let unloaded = sys::run(&["rmmod", "chaos_driver"]);
    let result = unloaded
        .as_ref()
        .map_or_else(ToString::to_string, |_| "done".to_owned());
    report.figure("rmmod", "done", result, unloaded.is_ok());
    Ok(())
}

/// The kernel's messages, except those about this machine.
fn log() -> Result<Vec<String>> {
    let text = sys::run(&["dmesg"])?;
    let lines = text
        .lines()
        .filter(|line| !OF_CLOCKS.iter().any(|clock| line.contains(clock)));
    Ok(lines.map(str::to_owned).collect())
}

/// As many rounds as it takes to tell the driver's objects from the kernel's own, which come and
/// go: the driver would lose an object in each of them.
fn rounds(report: &mut Report, disk: &Disk) -> Result<()> {
    const MOST_ROUNDS: u64 = 3;
    /// A round writes each file of an injection with success more often than that.
    const MOST: u64 = 50;
    let mut growths = Vec::new();
    let mut grown = true;
    for number in 1..=MOST_ROUNDS {
        let before = memory::slabs()?;
        round(report, disk, SEED + 1_000 * number, OPERATIONS)?;
        if let Some(lost) = memory::lost()? {
            let none = lost.is_empty();
            report.figure("memory that kmemleak finds lost", "none", &lost, none);
            return Ok(());
        }
        let (name, growth) = settled_growth(&before, MOST)?;
        growths.push(format!("{growth} ({name})"));
        grown = growth >= MOST;
        if !grown {
            break;
        }
    }
    report.figure(
        "growth of the worst slab cache, by round",
        format!("one < {MOST}"),
        growths.join(", "),
        !grown,
    );
    Ok(())
}

/// The growth of the cache that has grown most, once it is below `most`, or stays above it: the
/// kernel frees some objects later.
fn settled_growth(before: &memory::Slabs, most: u64) -> Result<(String, u64)> {
    for _ in 0..10 {
        let growth = memory::worst_growth(before, &memory::slabs()?)?;
        if growth.1 < most {
            return Ok(growth);
        }
        sleep(Duration::from_secs(1));
    }
    memory::worst_growth(before, &memory::slabs()?)
}

/// Runs a load and all processes, and checks and removes the directories that they have left.
fn round(report: &mut Report, disk: &Disk, seed: u64, operations: u64) -> Result<()> {
    let options = [
        "--rw=randrw",
        "--numjobs=2",
        "--iodepth=32",
        "--size=1g",
        "--time_based",
        "--runtime=100000",
        // Leaves processor time to the processes.
        "--rate_iops=1000",
    ];
    let stat = || sys::read(disk.attribute("stat"));
    let before = stat()?;
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    // Waits for the load's first I/O: the kernel has read the disk before, for its partitions.
    while stat()? == before {
        sleep(Duration::from_millis(10));
    }
    let children: Vec<Child> = LETTERS
        .iter()
        .zip(seed..)
        .map(|(letter, seed)| start(seed, operations, letter, disk.name()))
        .collect::<Result<_>>()?;
    let start = Instant::now();
    for (mut child, seed) in children.into_iter().zip(seed..) {
        while child.try_wait()?.is_none() {
            if start.elapsed() > PATIENCE {
                child.kill()?;
                bail!("a process is stuck; seed {seed}");
            }
            sleep(Duration::from_millis(50));
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        report.figure(
            &format!("at most {operations} operations, seed {seed}"),
            "nothing that must not be",
            text.trim(),
            output.status.success(),
        );
    }
    let values = write_all_back()?;
    report.figure(
        "values that are left, written back",
        "all accepted",
        values,
        values > 0,
    );
    sys::end_injections()?;
    let outcome = load.stop()?;
    let (ios, errors) = (outcome.total_ios()?, outcome.errors()?);
    report.figure(
        "I/Os meanwhile",
        "some, no error",
        format!("{ios}, error {errors}"),
        ios > 0.0 && errors == 0.0,
    );
    Ok(())
}

fn start(seed: u64, operations: u64, letter: &str, disk: &str) -> Result<Child> {
    Command::new(env::current_exe()?)
        .args([
            raw::WORD,
            &seed.to_string(),
            &operations.to_string(),
            letter,
            disk,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting a process")
}

/// Writes every value that a file shows back to that file; the number of values.
fn write_all_back() -> Result<u64> {
    let mut values = 0;
    for directory in fs::read_dir(sys::IOEM)?.flatten() {
        for file in fs::read_dir(directory.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if !["stats", "ceiling"]
                .iter()
                .any(|name| file.file_name() == *name)
            {
                raw::write_back(&file.path())
                    .with_context(|| format!("{}", file.path().display()))?;
                values += 1;
            }
        }
    }
    Ok(values)
}

fn check_disk(report: &mut Report, disk: &Disk) -> Result<()> {
    const READS: f64 = 5_000.0;
    let options = ["--iodepth=64", "--size=1g", "--number_ios=5000"];
    let outcome = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?.finish()?;
    let (ios, errors) = (outcome.total_ios()?, outcome.errors()?);
    report.figure(
        "reads after it all",
        READS,
        ios,
        ios >= READS && errors == 0.0,
    );
    let held = sys::read(disk.attribute("queue/iosched/held"))?;
    let none = held.lines().all(|line| line.split(' ').nth(1) == Some("0"));
    report.figure(
        "held then, by hardware queue",
        "none",
        held.replace('\n', ", "),
        none && !held.is_empty(),
    );
    Ok(())
}
