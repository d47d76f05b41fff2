// SPDX-License-Identifier: GPL-2.0-only

//! Things that others share with I/O whose completion is held, without waiting for it: journals,
//! tags, kernel threads, keys, zones.

use super::{flush::skip_flushes, traps_zoned::skip_zones};
use crate::{
    disk::{Disk, Kind, Mounted},
    fio::{Fio, RANDOM_READ},
    injection::Injection,
    mapped::Mapped,
    process::Cgroup,
    report::Report,
    stats::quantile,
    sys,
};
use anyhow::{Result, ensure};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// The number of times of each measurement.
const TIMES: u32 = 5;

/// The permitted addition to actions that take hardly any time.
const FLOOR_MS: f64 = 5.0;

/// The times that an action takes, from the shortest to the longest, in milliseconds.
fn times_ms(times: u32, mut work: impl FnMut(u32) -> Result<()>) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for number in 0..times {
        let start = Instant::now();
        work(number)?;
        all.push(start.elapsed().as_secs_f64() * 1e3);
    }
    all.sort_by(f64::total_cmp);
    Ok(all)
}

/// The longest time.
fn longest_ms(times: u32, work: impl FnMut(u32) -> Result<()>) -> Result<f64> {
    Ok(times_ms(times, work)?.last().copied().unwrap_or(0.0))
}

/// The median time.
fn median_ms(times: u32, work: impl FnMut(u32) -> Result<()>) -> Result<f64> {
    Ok(quantile(&times_ms(times, work)?, 0.5))
}

/// Does an action once before it is measured: after a start of many processes, the first new one
/// takes 10 ms longer, whatever it does.
fn again(mut work: impl FnMut(u32) -> Result<()>) -> Result<()> {
    work(TIMES)
}

/// Notes the longest time of an action while I/O is held, beside its median alone.
fn judge(report: &mut Report, what: &str, alone_ms: f64, meanwhile_ms: f64) {
    report.figure(
        &format!("{what}, longest, {alone_ms:.3} ms alone"),
        format!("<= 1.2 x + {FLOOR_MS} ms"),
        format!("{meanwhile_ms:.3} ms"),
        meanwhile_ms <= 1.2 * alone_ms + FLOOR_MS,
    );
}

fn held(report: &mut Report, injection: &Injection, asked: u64, of: &str) -> Result<()> {
    let held = injection.stat("held")?;
    report.figure(
        &format!("held, {of}"),
        format!(">= {asked}"),
        held,
        held >= asked,
    );
    Ok(())
}

/// A shell in a cgroup, which runs one script after another.
///
/// A process that enters a cgroup can wait for grace periods of RCU, which take milliseconds: the
/// shell has entered before anything is measured.
struct Shell {
    process: Child,
    scripts: ChildStdin,
    results: BufReader<ChildStdout>,
}

impl Shell {
    fn enter(cgroup: &Cgroup) -> Result<Self> {
        let words = cgroup.enter();
        let mut process = Command::new(&words[0])
            .args(&words[1..])
            .arg("sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let scripts = process.stdin.take().expect("it is a pipe");
        let results = BufReader::new(process.stdout.take().expect("it is a pipe"));
        let mut shell = Self {
            process,
            scripts,
            results,
        };
        shell.run("true")?;
        Ok(shell)
    }

    /// Waits until the script, which says nothing, has ended.
    fn run(&mut self, script: &str) -> Result<()> {
        writeln!(self.scripts, "{script}; echo $?")?;
        let mut result = String::new();
        self.results.read_line(&mut result)?;
        ensure!(result == "0\n", "'{script}' failed: {result}");
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A new file system, in a folder of its own.
struct Mount(Mounted);

impl Mount {
    fn new(device: &str) -> Result<Self> {
        let options = "lazy_itable_init=0,lazy_journal_init=0";
        sys::run(&["mkfs.ext4", "-q", "-E", options, device])?;
        let path = format!("/run/{}", device.rsplit('/').next().unwrap_or_default());
        fs::create_dir_all(&path)?;
        Mounted::new(device, &path).map(Self)
    }

    /// Writes a new file, and waits until it is on the disk.
    fn write(&self, name: &str) -> Result<()> {
        let mut file = File::create(Path::new(self.0.folder()).join(name))?;
        file.write_all(&[1; 4096])?;
        Ok(file.sync_all()?)
    }
}

/// The delay of a held write; an fsync makes several, one after another.
const FLUSH_DELAY_MS: u64 = 5_000;

/// Two file systems whose disk has one flush machinery: the longest time of an fsync of one, alone,
/// and while an fsync of the other runs.
fn flushes(report: &mut Report, kind: &Kind, hold: &str) -> Result<(f64, f64)> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        ..*kind
    })?;
    let (one, two) = (
        Mount::new(&format!("{}p1", disk.path()))?,
        Mount::new(&format!("{}p2", disk.path()))?,
    );
    one.write("first")?;
    two.write("first")?;
    let alone_ms = median_ms(TIMES, |number| one.write(&format!("alone{number}")))?;
    let (device, delay_us) = (
        format!("{}p2", disk.name()),
        (FLUSH_DELAY_MS * 1_000).to_string(),
    );
    let settings = [
        ("device", &*device),
        ("op", "write"),
        ("hold", hold),
        ("delay_us", &delay_us),
    ];
    let _injection = Injection::with_texts("slow", &settings)?;
    let (mut times, mut longest, start) = (0, 0.0f64, Instant::now());
    thread::scope(|scope| -> Result<()> {
        let slow = scope.spawn(|| two.write("slow"));
        while !slow.is_finished() {
            longest = longest.max(longest_ms(1, |_| one.write(&times.to_string()))?);
            times += 1;
            sleep(Duration::from_millis(FLUSH_DELAY_MS / 10));
        }
        slow.join().expect("it does not panic")
    })?;
    let took_ms = start.elapsed().as_millis() as u64;
    report.figure(
        &format!("hold={hold}: fsync of the slow file system, {times} of the other meanwhile"),
        format!(">= {} ms, and some", 2 * FLUSH_DELAY_MS),
        format!("{took_ms} ms"),
        took_ms >= 2 * FLUSH_DELAY_MS && times >= 3,
    );
    Ok((alone_ms, longest))
}

scenario!("untouched_flush", flush);
fn flush(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    let [fua, flushed] = [(true, false), (false, true)].map(|(cache, flushed)| Kind {
        cache,
        flushed,
        ..Kind::default()
    });
    for (what, kind) in [("FUA", fua), ("no FUA", flushed)] {
        let (alone_ms, meanwhile_ms) = flushes(report, &kind, "auto")?;
        let what = format!("fsync on another partition of a disk with {what}");
        judge(report, &what, alone_ms, meanwhile_ms);
    }
    Ok(())
}

scenario!("untouched_flush_of_requests", flush_of_requests);
/// Others wait for held requests, as they wait for a slow disk.
fn flush_of_requests(report: &mut Report) -> Result<()> {
    if skip_flushes(report)? {
        return Ok(());
    }
    let kind = Kind {
        cache: true,
        ..Kind::default()
    };
    let (_, meanwhile_ms) = flushes(report, &kind, "request")?;
    report.figure(
        "hold=request: fsync on another partition",
        ">= 3000 ms",
        format!("{meanwhile_ms:.0} ms"),
        meanwhile_ms >= 3_000.0,
    );
    Ok(())
}

scenario!("untouched_groups", groups);
/// Processes whose I/O is not known before they submit it.
fn groups(report: &mut Report) -> Result<()> {
    const READS: u32 = 40;
    let disk = Disk::on_ioem(&Kind::default())?;
    let settings = [("sectors", "0+2097152"), ("delay_us", "100000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    let read = |number: u32| {
        let (from, place) = (
            format!("if={}", disk.path()),
            format!("skip={}", 262_144 + number * 7),
        );
        let words = ["dd", &from, "of=/dev/null", "bs=4k", "count=1", &place];
        sys::run(&[&words[..], &["iflag=direct"]].concat()).map(drop)
    };
    let alone_ms = median_ms(READS, read)?;
    let options = [
        "--numjobs=70",
        "--iodepth=4",
        "--size=1g",
        "--time_based",
        "--runtime=60",
    ];
    let load = Fio::start(&disk.path(), &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(280)?;
    held(report, &injection, 280, "70 processes' reads of a place")?;
    let meanwhile_ms = longest_ms(READS, read)?;
    injection.remove()?;
    drop(load);
    let what = format!("{READS} reads elsewhere, by a process each");
    judge(report, &what, alone_ms, meanwhile_ms);
    Ok(())
}

scenario!("untouched_kworker", kworker);
/// A kernel thread that writes for all processes.
fn kworker(report: &mut Report) -> Result<()> {
    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        partitions: true,
        ..Kind::default()
    })?;
    let mount = Mount::new(&format!("{}p2", disk.path()))?;
    let path = mount.0.folder();
    let (mut shell, mut files) = (Shell::enter(&other)?, 0);
    let mut write = |_| {
        files += 1;
        shell.run(&format!(
            "dd if=/dev/zero of={path}/{files} bs=64k count=16 2>/dev/null && sync -f {path}"
        ))
    };
    let settings = [("cgroup", slow.path()), ("delay_us", "100000000")];
    let injection = Injection::with_texts("slow", &settings)?;
    longest_ms(1, &mut write)?;
    let alone_ms = median_ms(TIMES, &mut write)?;
    let words = slow.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let options = [
        "--numjobs=150",
        "--iodepth=1",
        "--size=100m",
        "--time_based",
        "--runtime=60",
    ];
    let first = format!("{}p1", disk.path());
    let load = Fio::start_by(&words, &first, &[RANDOM_READ, &options].concat())?;
    injection.wait_until_held(150)?;
    // By then all have begun.
    sleep(Duration::from_secs(1));
    held(report, &injection, 150, "150 processes of a cgroup")?;
    again(&mut write)?;
    let meanwhile_ms = longest_ms(TIMES, &mut write)?;
    injection.remove()?;
    drop(load);
    let what = "1 MB and syncfs of another cgroup";
    judge(report, what, alone_ms, meanwhile_ms);
    Ok(())
}

scenario!("untouched_crypt", crypt);
/// One thread writes all data that dm-crypt has encrypted.
fn crypt(report: &mut Report) -> Result<()> {
    const WRITES: u64 = 400;
    let (slow, other) = (Cgroup::new("slow")?, Cgroup::new("other")?);
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let key = format!("{:064x}{:064x}", 7, 8);
    let parameters = format!("aes-xts-plain64 {key} 0 {} 0", disk.path());
    let stacked = Mapped::new(&disk, "crypt", &parameters)?;
    let path = stacked.path()?;
    let mut shell = Shell::enter(&other)?;
    let mut write = |number: u32| {
        let place = 50_000 + number;
        let options = "bs=4k count=1 oflag=direct conv=notrunc 2>/dev/null";
        shell.run(&format!("dd if=/dev/zero of={path} seek={place} {options}"))
    };
    write(TIMES)?;
    let alone_ms = median_ms(TIMES, &mut write)?;
    let settings = [
        ("cgroup", slow.path()),
        ("op", "write"),
        ("delay_us", "600000000"),
    ];
    let injection = Injection::with_texts("slow", &settings)?;
    let words = slow.enter();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let options = [
        "--rw=randwrite",
        "--bs=4k",
        "--ioengine=libaio",
        "--direct=1",
        &format!("--iodepth={WRITES}"),
        "--size=100m",
        "--time_based",
        "--runtime=60",
    ];
    let load = Fio::start_by(&words, &path, &options)?;
    // dm-crypt's plug merges writes that border on each other.
    injection.wait_until_held(WRITES * 9 / 10)?;
    sleep(Duration::from_secs(1));
    let of = format!("{WRITES} writes of a cgroup through dm-crypt");
    held(report, &injection, WRITES * 9 / 10, &of)?;
    again(&mut write)?;
    let meanwhile_ms = longest_ms(TIMES, &mut write)?;
    injection.remove()?;
    // All writes must go before the device does.
    load.stop()?;
    let what = "write of another cgroup through dm-crypt";
    judge(report, what, alone_ms, meanwhile_ms);
    Ok(())
}

scenario!("untouched_zoned", zoned);
/// Writes of a zoned disk go to one zone after another.
fn zoned(report: &mut Report) -> Result<()> {
    const ZONE: u32 = (16 << 20) / 4_096;
    if skip_zones(report)? {
        return Ok(());
    }
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        zoned: true,
        ..Kind::default()
    })?;
    let path = disk.path();
    let write = |place: u32| {
        let (to, place) = (format!("of={path}"), format!("seek={place}"));
        let words = ["dd", "if=/dev/zero", &to, "bs=4k", "count=1", &place];
        sys::run(&[&words[..], &["oflag=direct", "conv=notrunc"]].concat()).map(drop)
    };
    let alone_ms = median_ms(TIMES, |number| write(5 * ZONE + number))?;
    let settings = [
        ("sectors", "0+32768"),
        ("op", "write"),
        ("delay_us", "30000000"),
    ];
    let injection = Injection::with_texts("slow", &settings)?;
    let meanwhile_ms = thread::scope(|scope| {
        let slow = scope.spawn(|| write(0));
        let meanwhile = injection
            .wait_until_held(1)
            .and_then(|()| held(report, &injection, 1, "a write of zone 0"))
            .and_then(|()| longest_ms(TIMES, |number| write(5 * ZONE + TIMES + number)));
        injection.remove()?;
        slow.join().expect("it does not panic")?;
        meanwhile
    })?;
    judge(report, "write of zone 5", alone_ms, meanwhile_ms);
    // Writes of a zone must arrive in their order, whatever delay is drawn for each.
    let settings = [("op", "write"), ("delay_us", "2000"), ("jitter_us", "2000")];
    let _injection = Injection::with_texts("slow", &settings)?;
    let options = [
        "--zonemode=zbd",
        "--rw=write",
        "--bs=4k",
        "--ioengine=libaio",
        "--direct=1",
        "--iodepth=32",
        "--size=64m",
        "--io_size=8m",
    ];
    let outcome = Fio::start(&path, &options)?.finish_with_errors()?;
    report.figure(
        "writes of zones with random delays, errors",
        ">= 2048, 0",
        format!("{}, {}", outcome.total_ios()?, outcome.errors()?),
        outcome.total_ios()? >= 2_048.0 && outcome.errors()? == 0.0,
    );
    Ok(())
}
