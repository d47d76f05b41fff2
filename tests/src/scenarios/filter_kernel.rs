// SPDX-License-Identifier: GPL-2.0-only

//! Filters, on I/O that the kernel itself submits for a process: writeback, metadata of file
//! systems, swap.

use super::{
    filter::{DELAY_US, all_delayed, none_delayed},
    filter_owner::reads_of,
};
use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    process::Cgroup,
    report::Report,
    sys,
    trace::{Event, Step, Trace, waits},
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    process::{Child, Command},
    thread::sleep,
    time::Duration,
};

/// A delay that is longer than the test's observations.
const LONG_S: u64 = 4;

/// A process of `cgroup` that has made this many pages of `file` dirty, and keeps the file open.
///
/// Each page is too far from the others for their writes to be merged. Closing the device would
/// write the pages in the writer's name.
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

/// The number of writes, of one page each.
const WRITES: usize = 60;

/// Makes the kernel's own threads write pages that have been dirty for so long.
fn write_back_after(centiseconds: u32) -> Result<()> {
    for name in ["dirty_expire_centisecs", "dirty_writeback_centisecs"] {
        sys::write(format!("/proc/sys/vm/{name}"), centiseconds.to_string())?;
    }
    Ok(())
}

/// The number of pages under writeback on all disks.
fn pages_under_writeback() -> Result<u64> {
    // Makes each processor add its count.
    sys::write("/proc/sys/vm/stat_refresh", "1")?;
    let text = sys::read("/proc/vmstat")?;
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("nr_writeback "));
    Ok(number.context("no nr_writeback")?.parse()?)
}

/// Notes that the disk got all of these writes at once.
fn all_issued(report: &mut Report, events: &[Event], what: &str, asked: usize) {
    let issued: Vec<u64> = waits(events);
    let longest_ns = issued.iter().max().copied().unwrap_or(0);
    report.figure(
        &format!("{what}: the disk got, each within"),
        format!("{asked}, 0.1 s"),
        format!("{}, {} us", issued.len(), longest_ns / 1_000),
        issued.len() == asked && longest_ns < 100_000_000,
    );
}

/// The time of an `fsync` of a device whose pages are under writeback.
fn sync_time(path: &str) -> Result<Duration> {
    let file = File::options().write(true).open(path)?;
    let start_ns = sys::monotonic_ns();
    file.sync_all()?;
    Ok(Duration::from_nanos(sys::monotonic_ns() - start_ns))
}

scenario!("filter_cgroup_buffered", cgroup_buffered);
fn cgroup_buffered(report: &mut Report) -> Result<()> {
    let (one, two) = (Cgroup::new("one")?, Cgroup::new("two")?);
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })?;
    let injection = Injection::with_texts("filter", &[("cgroup", one.path()), ("op", "write")])?;
    injection.set("delay_us", (LONG_S * 1_000_000).to_string())?;
    let [first, second] = [1, 2].map(|number| format!("{}p{number}", disk.path()));
    // Writeback begins only after both have written all pages.
    write_back_after(100_000)?;
    let mut writers = vec![dirty(&one, &first, WRITES)?, dirty(&two, &second, WRITES)?];
    sleep(Duration::from_secs(3));
    let trace = Trace::start(disk.device()?)?;
    let start_ns = sys::monotonic_ns();
    write_back_after(10)?;
    sleep(Duration::from_secs(2));
    let events = trace.stop()?;
    let pages = pages_under_writeback()?;
    let others = sync_time(&second)?;
    let matching = sync_time(&first)?;
    let ended_ns = sys::monotonic_ns();
    for writer in &mut writers {
        writer.kill()?;
        writer.wait()?;
    }
    all_issued(report, &events, "buffered writeback", 2 * WRITES);
    report.figure(
        "pages under writeback 2 s later",
        format!("{WRITES} of {}", 2 * WRITES),
        pages,
        pages == WRITES as u64,
    );
    report.figure(
        "fsync of the other cgroup's pages",
        "< 100 ms",
        format!("{} us", others.as_micros()),
        others < Duration::from_millis(100),
    );
    let first_ns = events.iter().map(|event| event.time_ns).min();
    let whole_ns = ended_ns.saturating_sub(first_ns.unwrap_or(start_ns));
    report.figure(
        "fsync of the pages that match, and until then since the first was written",
        format!("{LONG_S} s in all, + 0.5"),
        format!("{} ms, {} ms", matching.as_millis(), whole_ns / 1_000_000),
        (LONG_S * 1_000..LONG_S * 1_000 + 500).contains(&(whole_ns / 1_000_000)),
    );
    Ok(())
}

scenario!("filter_cgroup_removed", cgroup_removed);
/// A cgroup's pages go to the disk after the cgroup was removed and another one got its name. Then
/// the other one reads.
fn cgroup_removed(report: &mut Report) -> Result<()> {
    let removed = Cgroup::new("one")?;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let injection =
        Injection::with_texts("filter", &[("cgroup", removed.path()), ("op", "write")])?;
    injection.set("delay_us", (LONG_S * 1_000_000).to_string())?;
    // Writeback begins only on demand.
    write_back_after(100_000)?;
    // Keeps the device open, so that the end of the writer writes no pages.
    let open = File::open(disk.path())?;
    let mut writer = dirty(&removed, &disk.path(), WRITES)?;
    sleep(Duration::from_secs(2));
    writer.kill()?;
    writer.wait()?;
    drop(removed);
    let again = Cgroup::new("one")?;
    let trace = Trace::start(disk.device()?)?;
    write_back_after(10)?;
    sleep(Duration::from_secs(2));
    let pages = pages_under_writeback()?;
    all_issued(report, &trace.stop()?, "of a removed cgroup", WRITES);
    report.figure(
        "of a removed cgroup: pages under writeback 2 s later",
        0,
        pages,
        pages == 0,
    );
    drop(open);
    injection.set("op", "read")?;
    injection.set("delay_us", DELAY_US.to_string())?;
    let reads = |cgroup: &Cgroup| reads_of(&disk, cgroup);
    all_delayed(report, "the other one of its name", &reads(&again)?, 100);
    Ok(())
}

/// The time from each of the disk's answers to the next request of a process that reads in
/// sequence, for metadata and for data.
fn times_after(events: &[Event]) -> [Vec<u64>; 2] {
    let mut after = [Vec::new(), Vec::new()];
    for (place, served) in events.iter().enumerate() {
        let next = events[place..].iter().find(|e| e.step == Step::Insert);
        if let (Step::Complete, Some(next)) = (served.step, next) {
            after[usize::from(!served.is(b'M'))].push(next.time_ns - served.time_ns);
        }
    }
    after
}

scenario!("filter_not_metadata", not_metadata);
fn not_metadata(report: &mut Report) -> Result<()> {
    let cgroup = Cgroup::new("one")?;
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    // Otherwise ext4 itself would go on to make the tables that mkfs has left to it.
    let options = "lazy_itable_init=0,lazy_journal_init=0";
    sys::run(&["mkfs.ext4", "-q", "-E", options, &disk.path()])?;
    let (mount, path) = (["mount", "-t", "ext4"], disk.path());
    // Nor must ext4 read bitmaps ahead in a task of its own, while the process waits for its read.
    // Kernels before 5.13 do so only if an option asks for it, and do not know this one.
    let alone = ["-o", "no_prefetch_block_bitmaps", &path, "/mnt"];
    if sys::run(&[&mount[..], &alone].concat()).is_err() {
        sys::run(&[&mount[..], &[&*path, "/mnt"]].concat())?;
    }
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
    // ext4 itself writes, too.
    events.retain(|event| event.is(b'R'));
    injection.remove()?;
    sys::run(&["umount", "/mnt"])?;
    let [metadata, data] = times_after(&events);
    let what = "a cgroup's reads, of which metadata is exempt";
    all_delayed(report, what, &data, 5);
    none_delayed(report, what, &metadata, 5);
    Ok(())
}

scenario!("filter_not_swap", not_swap);
fn not_swap(report: &mut Report) -> Result<()> {
    /// Longer than the time of copying all swapped data.
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
    // Writes and reads again more data than the cgroup may have in memory. The kernel does no I/O
    // for pages of zeros.
    let script = "yes | head -c 25165824 >/tmp/swapped; cat /tmp/swapped >/dev/null";
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["sh", "-c", script])
        .status()?;
    let waits = waits(&trace.stop()?);
    let matched = injection.stat("matched")?;
    injection.remove()?;
    fs::remove_file("/tmp/swapped")?;
    sys::run(&["swapoff", &disk.path()])?;
    let longest_ns = waits.iter().max().copied().unwrap_or(0);
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
