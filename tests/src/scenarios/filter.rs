// SPDX-License-Identifier: GPL-2.0-only

//! Filters: a load that matches and one that does not, at once on one disk, and every I/O of the first is delayed and none of
//! the second.

use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    process::{Cgroup, PidNamespace},
    report::Report,
    sys,
    trace::{Trace, Wait, waits_by_sector},
};
use anyhow::Result;
use std::{
    fs,
    process::{Child, Command},
    thread::sleep,
    time::Duration,
};

/// The delay of what matches.
const DELAY_US: u64 = 20_000;

/// The first half of the disk is of the load that matches, the second of the other.
struct Loads<'a> {
    kind: Kind,
    /// By which commands the loads are started.
    before: [Vec<String>; 2],
    /// fio's options for each.
    options: [&'a [&'a str]; 2],
}

impl Default for Loads<'_> {
    fn default() -> Self {
        Self {
            kind: Kind {
                memory: true,
                ..Kind::default()
            },
            before: [Vec::new(), Vec::new()],
            options: [READ, READ],
        }
    }
}

const READ: &[&str] = &["--rw=randread", "--bs=4k"];
const WRITE: &[&str] = &["--rw=randwrite", "--bs=4k"];
const READ_64K: &[&str] = &["--rw=randread", "--bs=64k"];

/// How many I/Os each load makes.
const COUNT: usize = 200;

/// Sectors of a disk with memory.
const DISK_SECTORS: u64 = 256 << 11;

/// Splits waits by the half of the disk.
fn halves(waits: &[Wait]) -> [Vec<u64>; 2] {
    let half = |second: bool| {
        let of_half = waits
            .iter()
            .filter(|wait| (wait.sector >= DISK_SECTORS / 2) == second);
        of_half.map(|wait| wait.wait_ns).collect()
    };
    [half(false), half(true)]
}

/// How many of the waits were as long as the delay, and how many were well below.
fn delayed_and_not(waits: &[u64]) -> (usize, usize) {
    let long = waits.iter().filter(|wait| **wait >= DELAY_US * 1_000);
    let short = waits.iter().filter(|wait| **wait < DELAY_US * 500);
    (long.count(), short.count())
}

/// Notes how many of what matches was delayed, and how many of the other were not.
fn judge(report: &mut Report, what: &str, matching: &[u64], other: &[u64], least: usize) {
    let (delayed, _) = delayed_and_not(matching);
    report.figure(
        &format!("{what}: delayed of what matches"),
        format!("all, of >= {least}"),
        format!("{delayed} of {}", matching.len()),
        delayed == matching.len() && delayed >= least,
    );
    let (_, not) = delayed_and_not(other);
    report.figure(
        &format!("{what}: not delayed of the others"),
        format!("all, of >= {least}"),
        format!("{not} of {}", other.len()),
        not == other.len() && not >= least,
    );
}

/// Runs both loads at once with an injection of these settings.
fn run(
    report: &mut Report,
    what: &str,
    loads: &Loads<'_>,
    settings: &[(&str, &str)],
) -> Result<()> {
    let disk = Disk::on_ioem(&loads.kind)?;
    let injection = Injection::with_texts("filter", settings)?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let waits = run_on(&disk, loads)?;
    let [matching, other] = halves(&waits);
    judge(report, what, &matching, &other, COUNT);
    let matched = injection.stat("matched")?;
    report.figure(
        &format!("{what}: stats' matched"),
        matching.len(),
        matched,
        matched == matching.len() as u64,
    );
    Ok(())
}

fn run_on(disk: &Disk, loads: &Loads<'_>) -> Result<Vec<Wait>> {
    let trace = Trace::start(disk.device()?)?;
    let number = format!("--number_ios={COUNT}");
    let mut running = Vec::new();
    for (place, options) in loads.options.iter().enumerate() {
        let before: Vec<&str> = loads.before[place].iter().map(String::as_str).collect();
        // Not the first block: partition tables and the like are read there.
        let offset = ["--offset=1m", "--offset=128m"][place];
        // One of each kind of submitter.
        let engine = ["--ioengine=libaio", "--ioengine=io_uring"][place];
        let common = ["--direct=1", "--iodepth=8", "--size=120m", "--randseed=1"];
        let all = [&common[..], &[offset, engine, &number], options].concat();
        running.push(Fio::start_by(&before, &disk.path(), &all)?);
    }
    for fio in running {
        fio.finish()?;
    }
    Ok(waits_by_sector(&trace.stop()?))
}

pub(crate) fn operation(report: &mut Report) -> Result<()> {
    let read_write = Loads {
        options: [READ, WRITE],
        ..Loads::default()
    };
    run(report, "read", &read_write, &[("op", "read")])?;
    let write_read = Loads {
        options: [WRITE, READ],
        ..Loads::default()
    };
    run(report, "WRITE sync", &write_read, &[("op", "WRITE sync")])?;
    let discard = Loads {
        kind: Kind {
            memory: true,
            discard: true,
            ..Kind::default()
        },
        options: [&["--rw=randtrim", "--bs=4k"], WRITE],
        ..Loads::default()
    };
    run(
        report,
        "discard",
        &discard,
        &[("op", "discard write_zeroes")],
    )?;
    let fua = Loads {
        kind: Kind {
            memory: true,
            cache: true,
            ..Kind::default()
        },
        options: [&["--rw=randwrite", "--bs=4k", "--sync=dsync"], WRITE],
        ..Loads::default()
    };
    run(report, "write fua", &fua, &[("op", "write fua")])
}

pub(crate) fn place_and_size(report: &mut Report) -> Result<()> {
    let loads = Loads::default();
    let range = format!("0+{}", DISK_SECTORS / 2);
    run(report, "sectors", &loads, &[("sectors", &range)])?;
    let large = Loads {
        options: [READ_64K, READ],
        ..Loads::default()
    };
    run(report, "min_bytes", &large, &[("min_bytes", "65536")])?;
    let small = Loads {
        options: [READ, READ_64K],
        ..Loads::default()
    };
    run(report, "max_bytes", &small, &[("max_bytes", "4096")])?;
    let all = [
        ("op", "read"),
        ("sectors", &range[..]),
        ("min_bytes", "4096"),
        ("max_bytes", "4096"),
    ];
    run(report, "all of these", &loads, &all)
}

/// Runs a load on each of the two devices at once.
fn run_on_devices(disk: &Disk, devices: [&str; 2]) -> Result<[Vec<u64>; 2]> {
    let trace = Trace::start(disk.device()?)?;
    let number = format!("--number_ios={COUNT}");
    let options = [
        "--direct=1",
        "--iodepth=8",
        "--ioengine=libaio",
        "--size=100m",
        &number,
    ];
    let options = [READ, &options].concat();
    let [one, two] = devices.map(|device| Fio::start(device, &options));
    one?.finish()?;
    two?.finish()?;
    Ok(halves(&waits_by_sector(&trace.stop()?)))
}

pub(crate) fn device(report: &mut Report) -> Result<()> {
    let kind = Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    };
    // Named before there is such a disk.
    sys::load_module()?;
    let name = Disk::next_name();
    let injection = Injection::with_texts("filter", &[("device", &format!("{name}p1"))])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let disk = Disk::on_ioem(&kind)?;
    let (first, second) = (format!("{}p1", disk.path()), format!("{}p2", disk.path()));
    let [matching, other] = run_on_devices(&disk, [&first, &second])?;
    judge(
        report,
        "partition 1, named before it is there",
        &matching,
        &other,
        COUNT,
    );

    let number = sys::read(format!("/sys/class/block/{name}p2/dev"))?;
    injection.set("device", &number)?;
    let [other, matching] = run_on_devices(&disk, [&first, &second])?;
    judge(
        report,
        &format!("partition 2 as {number}"),
        &matching,
        &other,
        COUNT,
    );

    injection.set("device", &name)?;
    let [one, two] = run_on_devices(&disk, [&first, &second])?;
    judge(
        report,
        "the disk itself, through its partitions",
        &[one, two].concat(),
        &[],
        0,
    );

    injection.set("device", "nothing nothing1 8:1")?;
    let [one, two] = run_on_devices(&disk, [&first, &second])?;
    judge(report, "other devices", &[], &[one, two].concat(), 0);
    // A request for a partition through the disk is none through the partition.
    injection.set("device", format!("{name}p1"))?;
    let [one, _] = run_on_devices(&disk, [&disk.path(), &second])?;
    judge(
        report,
        "the disk, where its partition is meant",
        &[],
        &one,
        0,
    );
    Ok(())
}

pub(crate) fn cgroup(report: &mut Report) -> Result<()> {
    let (one, two) = (Cgroup::new("one")?, Cgroup::new("two")?);
    let loads = Loads {
        before: [one.enter(), two.enter()],
        ..Loads::default()
    };
    run(report, "cgroup", &loads, &[("cgroup", one.path())])?;
    let below = Cgroup::new("one/below")?;
    let loads = Loads {
        before: [below.enter(), two.enter()],
        ..Loads::default()
    };
    run(report, "cgroup below it", &loads, &[("cgroup", one.path())])
}

/// A process of `cgroup` that has made this many pages of `file` dirty, and keeps the file open.
///
/// Each page is too far from the others for their writes to be merged. Closing a device would write in the writer's name.
fn dirty(cgroup: &Cgroup, file: &str, pages: usize) -> Result<Child> {
    let words = cgroup.enter();
    let script = format!(
        "exec 3<>{file}
        for place in $(seq {pages}); do
            dd if=/dev/zero of={file} bs=4k count=1 seek=$((place * 64)) conv=notrunc 2>/dev/null
        done
        sleep 100"
    );
    let child = Command::new(&words[0])
        .args(&words[1..])
        .args(["sh", "-c", &script])
        .spawn()?;
    Ok(child)
}

/// Of one page each.
const WRITES: usize = 60;

/// Has the kernel's own threads write what has been dirty for so long.
fn write_back_after(centiseconds: u32) -> Result<()> {
    for name in ["dirty_expire_centisecs", "dirty_writeback_centisecs"] {
        sys::write(format!("/proc/sys/vm/{name}"), centiseconds.to_string())?;
    }
    Ok(())
}

pub(crate) fn cgroup_buffered(report: &mut Report) -> Result<()> {
    let (one, two) = (Cgroup::new("one")?, Cgroup::new("two")?);
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })?;
    let injection = Injection::with_texts("filter", &[("cgroup", one.path()), ("op", "write")])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    write_back_after(10)?;
    let trace = Trace::start(disk.device()?)?;
    let mut writers = Vec::new();
    for (cgroup, partition) in [(&one, 1), (&two, 2)] {
        writers.push(dirty(
            cgroup,
            &format!("{}p{partition}", disk.path()),
            WRITES,
        )?);
    }
    sleep(Duration::from_secs(4));
    let waits = waits_by_sector(&trace.stop()?);
    for mut writer in writers {
        writer.kill()?;
        writer.wait()?;
    }
    let [matching, other] = halves(&waits);
    judge(report, "buffered writeback", &matching, &other, WRITES);
    Ok(())
}

/// What a cgroup has written goes to the disk after it was removed, and another one gets its name.
pub(crate) fn cgroup_removed(report: &mut Report) -> Result<()> {
    let removed = Cgroup::new("one")?;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let injection =
        Injection::with_texts("filter", &[("cgroup", removed.path()), ("op", "write")])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    // Not before it is told to.
    write_back_after(100_000)?;
    // Keeps the device open, so that nothing is written when the writer goes.
    let open = fs::File::open(disk.path())?;
    let mut writer = dirty(&removed, &disk.path(), WRITES)?;
    sleep(Duration::from_secs(2));
    writer.kill()?;
    writer.wait()?;
    drop(removed);
    let again = Cgroup::new("one")?;
    let trace = Trace::start(disk.device()?)?;
    write_back_after(10)?;
    sleep(Duration::from_secs(2));
    let options = [
        "--direct=1",
        "--size=8m",
        "--offset=128m",
        "--number_ios=100",
    ];
    let words = again.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Fio::start_by(&words, &disk.path(), &[WRITE, &options].concat())?.finish()?;
    let waits = waits_by_sector(&trace.stop()?);
    drop(open);
    let [before, after] = halves(&waits);
    judge(report, "of a removed cgroup", &[], &before, 0);
    judge(report, "of another one of its name", &[], &after, 0);
    report.figure(
        "written by either",
        format!(">= {WRITES} and >= 100"),
        format!("{} and {}", before.len(), after.len()),
        before.len() >= WRITES && after.len() >= 100,
    );
    Ok(())
}

pub(crate) fn pid_namespace(report: &mut Report) -> Result<()> {
    let (one, two) = (PidNamespace::new()?, PidNamespace::new()?);
    let loads = Loads {
        before: [one.enter(), two.enter()],
        ..Loads::default()
    };
    run(
        report,
        "pid_ns",
        &loads,
        &[("pid_ns", &one.pid.to_string())],
    )
}

/// One load, and how many of its I/Os were delayed.
fn affected(settings: &[(&str, &str)], count: usize) -> Result<(usize, usize, u64)> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::with_texts("filter", settings)?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let trace = Trace::start(disk.device()?)?;
    let number = format!("--number_ios={count}");
    let options = [
        "--direct=1",
        "--iodepth=64",
        "--ioengine=libaio",
        "--size=8g",
        &number,
    ];
    Fio::start(&disk.path(), &[READ, &options].concat())?.finish()?;
    let waits = waits_by_sector(&trace.stop()?);
    let waits: Vec<u64> = waits.iter().map(|wait| wait.wait_ns).collect();
    let (delayed, _) = delayed_and_not(&waits);
    Ok((delayed, waits.len(), injection.stat("active")?))
}

pub(crate) fn chance_and_count(report: &mut Report) -> Result<()> {
    const PERCENT: f64 = 10.0;
    let (delayed, all, _) = affected(&[("probability", "10"), ("seed", "7")], 4_000)?;
    let expected = all as f64 * PERCENT / 100.0;
    let bound = 5.0 * (expected * (1.0 - PERCENT / 100.0)).sqrt();
    report.figure(
        &format!("probability of {PERCENT} %, seed 7, delayed of {all}"),
        format!("{expected} ± {bound:.0} (5 deviations)"),
        delayed,
        (delayed as f64 - expected).abs() <= bound && all >= 4_000,
    );
    let (delayed, all, _) = affected(&[("every", "3")], 1_000)?;
    report.figure(
        &format!("every 3rd of {all}"),
        all / 3,
        delayed,
        delayed == all / 3 && all >= 1_000,
    );
    let (delayed, all, active) = affected(&[("times", "5")], 1_000)?;
    report.figure(
        &format!("5 times, of {all}"),
        "5, and not active any more",
        format!("{delayed}, active {active}"),
        delayed == 5 && active == 0 && all >= 1_000,
    );
    Ok(())
}

/// Waits of the load's I/O, by whether it is metadata.
fn metadata_and_data(waits: &[Wait]) -> [Vec<u64>; 2] {
    [true, false].map(|is_meta| {
        let of_kind = waits.iter().filter(|wait| wait.is_meta == is_meta);
        of_kind.map(|wait| wait.wait_ns).collect()
    })
}

pub(crate) fn not_metadata(report: &mut Report) -> Result<()> {
    let cgroup = Cgroup::new("one")?;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    sys::run(&["mkfs.ext4", "-q", &disk.path()])?;
    sys::run(&["mount", "-t", "ext4", &disk.path(), "/mnt"])?;
    let files = "for n in $(seq 40); do mkdir /mnt/$n; echo $n >/mnt/$n/file; done; sync";
    sys::run(&["sh", "-c", files])?;
    let injection = Injection::with_texts("filter", &[("cgroup", cgroup.path()), ("op", "read")])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    sys::write("/proc/sys/vm/drop_caches", "3")?;
    let trace = Trace::start(disk.device()?)?;
    let words = cgroup.enter();
    let mut command = Command::new(&words[0]);
    let status = command
        .args(&words[1..])
        .args(["sh", "-c", "cat /mnt/*/file >/dev/null"])
        .status()?;
    anyhow::ensure!(status.success(), "reading failed");
    let mut events = trace.stop()?;
    // ext4 itself goes on writing: the tables of inodes that mkfs has left to it.
    events.retain(|event| event.is(b'R'));
    let waits = waits_by_sector(&events);
    injection.remove()?;
    sys::run(&["umount", "/mnt"])?;
    let [metadata, data] = metadata_and_data(&waits);
    judge(
        report,
        "a cgroup's reads, of which metadata is exempt",
        &data,
        &metadata,
        5,
    );
    Ok(())
}

pub(crate) fn not_swap(report: &mut Report) -> Result<()> {
    /// Longer than what it takes to copy all that is swapped.
    const LONG_US: u64 = 2_000_000;
    let cgroup = Cgroup::new("one")?;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    sys::run(&["mkswap", &disk.path()])?;
    sys::run(&["swapon", &disk.path()])?;
    let injection = Injection::new("filter", &[("delay_us", LONG_US)])?;
    sys::write(format!("{}/memory.max", cgroup.path()), "12582912")?;
    let trace = Trace::start(disk.device()?)?;
    let words = cgroup.enter();
    // More than the cgroup may have in memory, written and read again.
    let script =
        "dd if=/dev/zero of=/tmp/swapped bs=1M count=24 2>/dev/null; cat /tmp/swapped >/dev/null";
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["sh", "-c", script])
        .status()?;
    let waits = waits_by_sector(&trace.stop()?);
    let matched = injection.stat("matched")?;
    injection.remove()?;
    fs::remove_file("/tmp/swapped")?;
    sys::run(&["swapoff", &disk.path()])?;
    let longest_ns = waits.iter().map(|wait| wait.wait_ns).max().unwrap_or(0);
    report.figure(
        &format!("a delay of {} s, I/Os of swap", LONG_US / 1_000_000),
        ">= 10, none matched",
        format!("{}, {matched} matched", waits.len()),
        waits.len() >= 10 && matched == 0,
    );
    report.figure(
        "their longest wait",
        "< 1 s",
        format!("{} us", longest_ns / 1_000),
        longest_ns < 1_000_000_000,
    );
    Ok(())
}
