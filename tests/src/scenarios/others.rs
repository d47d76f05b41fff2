// SPDX-License-Identifier: GPL-2.0-only

//! Others go on: held I/O does not slow I/O that no injection matches, even if there is more held
//! I/O than there are tags.

use crate::{
    disk::{self, Disk, Kind},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    process::Cgroup,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    thread::{self, sleep},
    time::Duration,
};

scenario!("others_1_queue", one_queue);
fn one_queue(report: &mut Report) -> Result<()> {
    measure(report, 1)
}

scenario!("others_2_queues", two_queues);
fn two_queues(report: &mut Report) -> Result<()> {
    measure(report, 2)
}

/// Reads a second and the 99th percentile of their latency.
fn reads(cgroup: &Cgroup, disk: &Disk) -> Result<(f64, f64)> {
    let before = cgroup.enter();
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let options = ["--iodepth=16", "--size=8g", "--time_based", "--runtime=2"];
    let options = [RANDOM_READ, &options].concat();
    let outcome = Fio::start_by(&before, &disk.path(), &options)?.finish()?;
    Ok((outcome.read_iops()?, outcome.read_p99_ns()?))
}

fn measure(report: &mut Report, hw_queues: u32) -> Result<()> {
    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let disk = Disk::on_ioem(&Kind {
        hw_queues,
        ..Kind::default()
    })?;
    reads(&other, &disk)?;
    // The load passes the scheduler by.
    let (iops_without, _) = reads(&other, &disk)?;
    let settings = [("cgroup", slow.path()), ("delay_us", "10000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let (iops_alone, p99_alone) = reads(&other, &disk)?;
    let before = slow.enter();
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let options = [
        "--iodepth=64",
        "--numjobs=16",
        // Each job waits at the hardware queue of its processor: without this, all may be on one.
        "--cpus_allowed=0,1",
        "--cpus_allowed_policy=split",
        "--size=8g",
        "--time_based",
        "--runtime=60",
    ];
    let load = Fio::start_by(&before, &disk.path(), &[RANDOM_READ, &options].concat())?;
    sleep(Duration::from_secs(3));
    let held = injection.stat("held")?;
    let tags = sys::read(disk.attribute("queue/nr_requests"))?;
    report.figure(
        &format!("held, of {hw_queues} x {tags} tags"),
        "all that are wanted, 1024",
        held,
        held == 1_024,
    );
    let (iops, p99) = reads(&other, &disk)?;
    let held_after = injection.stat("held")?;
    report.figure(
        "held still, after the reads",
        held,
        held_after,
        held_after == held,
    );
    // This ends the hold and the load.
    injection.remove()?;
    drop(load);
    report.figure(
        &format!(
            "{hw_queues} hardware queues: IOPS of the others, {iops_alone:.0} with nothing held \
             ({iops_without:.0} without an injection)"
        ),
        ">= 95 %",
        format!("{iops:.0}, {:.1} %", iops / iops_alone * 100.0),
        iops >= 0.95 * iops_alone,
    );
    report.figure(
        &format!("their p99 latency, {:.1} us alone", p99_alone / 1e3),
        "<= 1.2 x",
        format!("{:.1} us, {:.2} x", p99 / 1e3, p99 / p99_alone),
        p99 <= 1.2 * p99_alone,
    );
    Ok(())
}

scenario!("others_after_a_lease", after_a_lease);
/// A submitter that waits for a tag because of one injection, which holds requests, goes on when
/// that injection ends, however much of others' I/O another injection holds.
fn after_a_lease(report: &mut Report) -> Result<()> {
    const LEASE_MS: u64 = 2_000;
    let disk = Disk::on_ioem(&Kind::default())?;
    let settings = [("op", "write"), ("delay_us", "3600000000")];
    let writes = Injection::with_texts("writes", &settings)?;
    let all = Injection::new("all", &[("delay_us", 3_600_000_000)])?;
    let options = ["--rw=randwrite", "--iodepth=256", "--size=8g"];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    sleep(Duration::from_secs(2));
    all.set("duration_ms", LEASE_MS.to_string())?;
    let start_ns = sys::monotonic_ns();
    let options = ["--iodepth=1", "--size=8g", "--number_ios=100"];
    Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?.finish()?;
    let took_ms = (sys::monotonic_ns() - start_ns) / 1_000_000;
    let held = writes.stat("held")?;
    report.figure(
        "reads of which a lease held the tags, with writes held on",
        format!("{LEASE_MS} to {} ms", LEASE_MS + 500),
        format!("{took_ms} ms"),
        (LEASE_MS..LEASE_MS + 500).contains(&took_ms),
    );
    report.figure("writes still held", 256, held, held == 256);
    writes.remove()?;
    drop(load);
    Ok(())
}

scenario!("others_by_place", by_place);
/// Submitters that do not wait for tags, and I/O of other processes at other places.
fn by_place(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let settings = [("sectors", "0+2097152"), ("delay_us", "10000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let slow = [
        "--ioengine=io_uring",
        "--iodepth=1024",
        "--size=1g",
        "--time_based",
        "--runtime=60",
    ];
    let slow = Fio::start(&disk.path(), &[RANDOM_READ, &slow].concat())?;
    sleep(Duration::from_secs(3));
    let held = injection.stat("held")?;
    report.figure(
        "held of a submitter by io_uring",
        "all 1024",
        held,
        held == 1_024,
    );
    let other = [
        "--iodepth=16",
        "--offset=1g",
        "--size=8g",
        "--number_ios=5000",
    ];
    let other = Fio::start(&disk.path(), &[RANDOM_READ, &other].concat())?;
    let reads = other.finish()?.total_ios()?;
    report.figure(
        "reads elsewhere meanwhile",
        ">= 5000",
        reads,
        reads >= 5_000.0,
    );
    injection.remove()?;
    drop(slow);
    Ok(())
}

scenario!("others_written_back", written_back);
/// Buffered writes. While reads of the disk take long (`wbt_lat_usec`, 2 ms), the block layer lets
/// only a few writes of all writers be on their way: fewer and fewer, in the first seconds.
fn written_back(report: &mut Report) -> Result<()> {
    const PAGES: u64 = 120;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        completion_ns: 4_000_000,
        ..Kind::default()
    })?;
    let (one, two) = (format!("{}p1", disk.name()), format!("{}p2", disk.path()));
    let reads = ["--iodepth=4", "--size=200m", "--time_based", "--runtime=60"];
    let reads = Fio::start(&disk.path(), &[RANDOM_READ, &reads].concat())?;
    written_in(5_000, &two)?;
    let alone = written_in(3_000, &two)?;

    let settings = [("device", &*one), ("op", "write"), ("delay_us", "60000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let writer = thread::spawn(move || write_back(&format!("/dev/{one}"), PAGES));
    sleep(Duration::from_secs(1));
    let held = injection.stat("held")?;
    let meanwhile = written_in(3_000, &two)?;
    // This ends the hold and the load.
    injection.remove()?;
    drop(reads);
    writer.join().expect("it does not panic")?;

    report.figure(
        &format!("held of {PAGES} that are written back to one partition"),
        PAGES,
        held,
        held == PAGES,
    );
    report.figure(
        &format!("written back to another one meanwhile, {alone} alone"),
        ">= 95 %",
        format!(
            "{meanwhile}, {:.1} %",
            meanwhile as f64 / alone as f64 * 100.0
        ),
        meanwhile as f64 >= 0.95 * alone as f64,
    );
    Ok(())
}

/// The number of pages that are written back, few at a time, in this time.
fn written_in(time_ms: u64, path: &str) -> Result<u64> {
    const PAGES: u64 = 16;
    let end_ns = sys::monotonic_ns() + time_ms * 1_000_000;
    let mut written = 0;
    while sys::monotonic_ns() < end_ns {
        write_back(path, PAGES)?;
        written += PAGES;
    }
    Ok(written)
}

/// Writes so many pages, none beside another, and waits until they are on the disk.
fn write_back(path: &str, pages: u64) -> Result<()> {
    let file = File::options().write(true).open(path)?;
    for page in 0..pages {
        file.write_all_at(&[1; 4096], page << 20)?;
    }
    file.sync_all().with_context(|| format!("writing {path}"))
}

scenario!("others_throttling_stays", throttling_stays);
/// A user's setting stays, and so does the block layer's default.
fn throttling_stays(report: &mut Report) -> Result<()> {
    const COST: &str = "/sys/fs/cgroup/io.cost.qos";
    let disk = Disk::new(&Kind::default())?;
    sys::load_module()?;
    let throttling = disk.attribute("queue/wbt_lat_usec");
    let default = sys::read(&throttling)?;
    let number = sys::read(disk.attribute("dev"))?;
    let mut cases = vec![("nothing", &*default)];
    if Path::new(COST).exists() {
        // Newer kernels: io.cost has ended the throttling itself.
        cases.push(("io.cost.qos", "0"));
    }
    cases.push(("5000", "5000"));
    for (set, expected) in cases {
        match set {
            "nothing" => {}
            "io.cost.qos" => sys::write(COST, format!("{number} enable=1"))?,
            latency_us => sys::write(&throttling, latency_us)?,
        }
        let is_ended = set != "io.cost.qos" || sys::read(&throttling)? == expected;
        if !is_ended {
            report.skip("io.cost of this kernel does not end the throttling");
        }
        for scheduler in ["ioem", "none"].into_iter().filter(|_| is_ended) {
            disk.set_scheduler(scheduler)?;
            let found = sys::read(&throttling)?;
            report.figure(
                &format!("wbt_lat_usec on {scheduler}, {set} set"),
                expected,
                &found,
                found == expected,
            );
        }
        if set == "io.cost.qos" {
            sys::write(COST, format!("{number} enable=0"))?;
        }
    }
    Ok(())
}

scenario!("others_in_a_crowd", in_a_crowd);
/// Submitters that submit many I/Os together.
fn in_a_crowd(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let together = ["--numjobs=16", "--iodepth=32", "--iodepth_batch_submit=32"];
    crowd(report, disk.name(), &together, 512)
}

scenario!("others_with_shared_tags", with_shared_tags);
/// Hardware queues that share their tags.
fn with_shared_tags(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    let disk = disk::scsi(&["dev_size_mb=64", "host_max_queue=64"])?;
    let scheduler = format!("/sys/block/{disk}/queue/scheduler");
    sys::write(&scheduler, "ioem")?;
    crowd(report, &disk, &["--numjobs=100", "--ioengine=psync"], 100)?;
    sys::write(&scheduler, "none")?;
    // The kernel takes some time to end killed readers.
    for _ in 0..100 {
        if sys::run(&["rmmod", "scsi_debug"]).is_ok() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// First some readers that want so many I/Os, more than there are tags; then many others.
fn crowd(report: &mut Report, disk: &str, options: &[&str], wanted: u64) -> Result<()> {
    const READERS: u64 = 20;
    const READS: u64 = 100;
    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let path = format!("/dev/{disk}");
    sys::write(format!("/sys/block/{disk}/queue/nr_requests"), "64")?;
    let settings = [("cgroup", slow.path()), ("delay_us", "60000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let start = |cgroup: &Cgroup, options: &[&str]| {
        let before = cgroup.enter();
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        Fio::start_by(&before, &path, &[RANDOM_READ, options].concat())
    };
    let common = [
        "--cpus_allowed=0,1",
        "--cpus_allowed_policy=split",
        // No two reads are neighbours, which older kernels merge.
        "--blockalign=8k",
        "--size=60m",
        "--time_based",
        "--runtime=60",
    ];
    let crowd = start(&slow, &[&common[..], options].concat())?;
    sleep(Duration::from_secs(3));
    let held = injection.stat("held")?;
    report.figure(
        "held, of 64 tags",
        format!("all that are wanted, {wanted}"),
        held,
        held == wanted,
    );
    let start_ns = sys::monotonic_ns();
    let (readers, reads) = (
        format!("--numjobs={READERS}"),
        format!("--number_ios={READS}"),
    );
    let others = [&readers, &reads, "--ioengine=psync", "--size=60m"];
    let outcome = start(&other, &others)?.finish()?;
    let took_ms = (sys::monotonic_ns() - start_ns) / 1_000_000;
    report.figure(
        &format!("{READERS} others read {READS} times each"),
        READERS * READS,
        outcome.total_ios()?,
        outcome.total_ios()? == (READERS * READS) as f64,
    );
    // The injection releases held I/O after a minute.
    report.time(
        "the others took",
        "< 20000 ms",
        format!("{took_ms} ms"),
        took_ms < 20_000,
    );
    injection.remove()?;
    drop(crowd);
    Ok(())
}
