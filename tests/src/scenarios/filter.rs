// SPDX-License-Identifier: GPL-2.0-only

//! Filters: a load that matches and one that does not run at once on one disk. Every I/O of the
//! first completes late, and none of the second.

use super::flush::skip_flushes;
use crate::{
    disk::{Disk, Kind},
    fio::Fio,
    injection::Injection,
    process::{Cgroup, PidNamespace},
    report::Report,
    sys,
};
use anyhow::Result;

/// The delay of matching I/O.
pub(super) const DELAY_US: u64 = 20_000;

/// The first half of the disk is for the load that matches, the second for the other.
struct Loads<'a> {
    kind: Kind,
    /// The commands that start the loads.
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

/// The number of I/Os of each load.
const COUNT: usize = 200;

/// Sectors of a disk with memory.
const DISK_SECTORS: u64 = 256 << 11;

/// The number of times as long as the delay, and the number of times well below it.
fn delayed_and_not(times_ns: &[u64]) -> (usize, usize) {
    let long = times_ns.iter().filter(|ns| **ns >= DELAY_US * 1_000);
    let short = times_ns.iter().filter(|ns| **ns < DELAY_US * 500);
    (long.count(), short.count())
}

/// Notes the number of delayed I/Os of the load that matches: at least `least`.
pub(super) fn all_delayed(report: &mut Report, what: &str, times_ns: &[u64], least: usize) {
    let (delayed, _) = delayed_and_not(times_ns);
    report.figure(
        &format!("{what}: delayed of matching I/O"),
        format!("all, of >= {least}"),
        format!("{delayed} of {}", times_ns.len()),
        delayed == times_ns.len() && delayed >= least,
    );
}

/// Notes the number of I/Os of the other load that were not delayed: at least `least`.
pub(super) fn none_delayed(report: &mut Report, what: &str, times_ns: &[u64], least: usize) {
    let (_, not) = delayed_and_not(times_ns);
    report.figure(
        &format!("{what}: not delayed of the others"),
        format!("all, of >= {least}"),
        format!("{not} of {}", times_ns.len()),
        not == times_ns.len() && not >= least,
    );
}

/// Notes both, for two loads.
fn judge(report: &mut Report, what: &str, matching: &[u64], other: &[u64]) {
    all_delayed(report, what, matching, COUNT);
    none_delayed(report, what, other, COUNT);
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
    let [matching, other] = run_on(&disk, loads)?;
    judge(report, what, &matching, &other);
    let matched = injection.stat("matched")?;
    report.figure(
        &format!("{what}: stats' matched"),
        matching.len(),
        matched,
        matched == matching.len() as u64,
    );
    Ok(())
}

/// The latencies of each load's I/Os.
fn run_on(disk: &Disk, loads: &Loads<'_>) -> Result<[Vec<u64>; 2]> {
    let number = format!("--number_ios={COUNT}");
    let [one, two] = [0, 1].map(|place| {
        let before: Vec<&str> = loads.before[place].iter().map(String::as_str).collect();
        // Not the first block, where other programs read partition tables and the like.
        let offset = ["--offset=1m", "--offset=128m"][place];
        // Each kind of submitter once.
        let engine = ["--ioengine=libaio", "--ioengine=io_uring"][place];
        let common = ["--direct=1", "--iodepth=8", "--size=120m", "--randseed=1"];
        let all = [
            &common[..],
            &[offset, engine, &number],
            loads.options[place],
        ]
        .concat();
        Fio::start_logged(&before, &disk.path(), &all)
    });
    Ok([one?.finish()?.latencies_ns(), two?.finish()?.latencies_ns()])
}

scenario!("filter_operation", operation);
fn operation(report: &mut Report) -> Result<()> {
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
    if skip_flushes(report)? {
        return Ok(());
    }
    run(report, "write fua", &fua, &[("op", "write fua")])
}

scenario!("filter_place_and_size", place_and_size);
fn place_and_size(report: &mut Report) -> Result<()> {
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

scenario!("filter_sectors_of_disks", sectors_of_disks);
fn sectors_of_disks(report: &mut Report) -> Result<()> {
    let loads = Loads::default();
    let disks = [(); 3].map(|()| Disk::on_ioem(&loads.kind));
    let [one, two, three] = disks;
    let (one, two, three) = (one?, two?, three?);
    let half = DISK_SECTORS / 2;
    let number = sys::read(two.attribute("dev"))?;
    let sectors = format!("{}:0+{half} {number}:{half}+{half}", one.name());
    let injection = Injection::with_texts("filter", &[("sectors", &sectors)])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let [matching, other] = run_on(&one, &loads)?;
    judge(report, "the first half of a disk", &matching, &other);
    let [other, matching] = run_on(&two, &loads)?;
    judge(report, "the second half of another", &matching, &other);
    let all = run_on(&three, &loads)?.concat();
    none_delayed(report, "a disk of which no range is", &all, 2 * COUNT);
    let matched = injection.stat("matched")?;
    report.figure(
        "matched on all disks",
        2 * COUNT,
        matched,
        matched == 2 * COUNT as u64,
    );
    Ok(())
}

/// Runs a load on each of the two devices at once.
fn run_on_devices(devices: [&str; 2]) -> Result<[Vec<u64>; 2]> {
    let number = format!("--number_ios={COUNT}");
    let options = [
        "--direct=1",
        "--iodepth=8",
        "--ioengine=libaio",
        "--size=100m",
        &number,
    ];
    let options = [READ, &options].concat();
    let [one, two] = devices.map(|device| Fio::start_logged(&[], device, &options));
    Ok([one?.finish()?.latencies_ns(), two?.finish()?.latencies_ns()])
}

scenario!("filter_device", device);
fn device(report: &mut Report) -> Result<()> {
    let kind = Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    };
    // The filter names a disk that does not exist yet.
    sys::load_module()?;
    let name = Disk::next_name()?;
    let injection = Injection::with_texts("filter", &[("device", &format!("{name}p1"))])?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let disk = Disk::on_ioem(&kind)?;
    let (first, second) = (format!("{}p1", disk.path()), format!("{}p2", disk.path()));
    let [matching, other] = run_on_devices([&first, &second])?;
    let what = "partition 1, named before it is there";
    judge(report, what, &matching, &other);

    let number = sys::read(format!("/sys/class/block/{name}p2/dev"))?;
    injection.set("device", &number)?;
    let [other, matching] = run_on_devices([&first, &second])?;
    let what = format!("partition 2 as {number}");
    judge(report, &what, &matching, &other);

    // The filter is of whole disks, so the injection holds requests.
    injection.set("device", &name)?;
    let all = run_on_devices([&first, &second])?.concat();
    let what = "the disk itself, through its partitions";
    all_delayed(report, what, &all, 2 * COUNT);

    injection.set("device", "nothing nothing1 8:1")?;
    let all = run_on_devices([&first, &second])?.concat();
    none_delayed(report, "other devices", &all, 2 * COUNT);
    // A request for the partition's place through the disk does not match the partition.
    injection.set("device", format!("{name}p1"))?;
    let counts = sys::read(format!("/sys/class/block/{name}p1/stat"))?;
    let all = run_on_devices([&disk.path(), &second])?.concat();
    if sys::read(format!("/sys/class/block/{name}p1/stat"))? != counts {
        report.skip("this kernel takes an I/O through the disk for one of the partition there");
        return Ok(());
    }
    let what = "the disk, where its partition is meant";
    none_delayed(report, what, &all, 2 * COUNT);
    Ok(())
}

scenario!("filter_device_number", device_number);
/// The number of a partition is of one disk, even if disks share its major number.
fn device_number(report: &mut Report) -> Result<()> {
    let kind = Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    };
    let (one, two) = (Disk::on_ioem(&kind)?, Disk::on_ioem(&kind)?);
    let number = sys::read(format!("/sys/class/block/{}p2/dev", two.name()))?;
    let settings = [("device", &*number), ("hold", "request")];
    let injection = Injection::with_texts("filter", &settings)?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let paths = [&one, &two].map(|disk| format!("{}p2", disk.path()));
    let [other, matching] = run_on_devices([&paths[0], &paths[1]])?;
    judge(report, &format!("{number} alone"), &matching, &other);
    let ceiling = injection.get("ceiling")?;
    report.figure(
        &format!("disks in the ceiling of {number}"),
        two.name(),
        &ceiling,
        ceiling.lines().count() == 1 && ceiling.starts_with(&format!("{} ", two.name())),
    );
    let by_disk = injection.get("stats")?.matches(".matched ").count();
    report.figure("counts by disk, if several", 0, by_disk, by_disk == 0);
    Ok(())
}

scenario!("filter_cgroup", cgroup);
fn cgroup(report: &mut Report) -> Result<()> {
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

scenario!("filter_pid_namespace", pid_namespace);
fn pid_namespace(report: &mut Report) -> Result<()> {
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

/// The number of delayed I/Os of one load.
fn affected(settings: &[(&str, &str)], count: usize) -> Result<(usize, usize, u64)> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::with_texts("filter", settings)?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let number = format!("--number_ios={count}");
    // One at a time: fio asks for the end of several only together.
    let options = ["--direct=1", "--ioengine=psync", "--size=8g", &number];
    let load = Fio::start_logged(&[], &disk.path(), &[READ, &options].concat())?;
    let times_ns = load.finish()?.latencies_ns();
    let (delayed, _) = delayed_and_not(&times_ns);
    Ok((delayed, times_ns.len(), injection.stat("active")?))
}

scenario!("filter_chance_and_count", chance_and_count);
fn chance_and_count(report: &mut Report) -> Result<()> {
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

scenario!(
    "filter_every_begins_with_the_last",
    every_begins_with_the_last
);
fn every_begins_with_the_last(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let injection = Injection::new("filter", &[("every", 4), ("delay_us", DELAY_US)])?;
    let options = [
        "--direct=1",
        "--ioengine=psync",
        "--size=8g",
        "--number_ios=12",
    ];
    let load = Fio::start_logged(&[], &disk.path(), &[READ, &options].concat())?;
    let times_ns = load.finish()?.latencies_ns();
    let delayed: Vec<usize> = (1..)
        .zip(&times_ns)
        .filter(|(_, ns)| **ns >= DELAY_US * 1_000)
        .map(|(number, _)| number)
        .collect();
    report.figure(
        "every 4th of 12 reads, one at a time",
        "4, 8 and 12",
        format!("{delayed:?}"),
        delayed == [4, 8, 12],
    );
    drop(injection);
    Ok(())
}
