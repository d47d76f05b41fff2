// SPDX-License-Identifier: GPL-2.0-only

//! The line of kchaos about the I/O that a command's injection hit, beside the block layer's own
//! counts, and the problems of an injection that reaches nothing.

use crate::{
    disk::{Disk, Kind},
    report::Report,
    sys,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    fs::File,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// The result of `kchaos inject ioem ... --name h -- sh -c SCRIPT`.
struct Told {
    code: Option<i32>,
    /// The line about hits, without its beginning.
    line: String,
    /// The reads and writes that the disk completed meanwhile.
    completed: u64,
}

fn completed(disk: &Disk) -> Result<u64> {
    Ok(disk.stat(0)? + disk.stat(4)?)
}

/// Runs a script of dd during an injection.
fn inject(disk: &Disk, options: &str, script: &str) -> Result<Told> {
    let before = completed(disk)?;
    let output = Command::new("kchaos")
        .args(["inject", "ioem"])
        .args(options.split_whitespace())
        .args(["--name", "h", "--", "sh", "-c", script])
        .output()
        .context("starting kchaos")?;
    let said = String::from_utf8(output.stderr)?;
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("kchaos: h: "));
    Ok(Told {
        code: output.status.code(),
        line: line
            .with_context(|| format!("no line about hits: {said}"))?
            .to_owned(),
        completed: completed(disk)? - before,
    })
}

/// The milliseconds behind these words.
fn milliseconds_after(line: &str, words: &str) -> Option<f64> {
    let (_, rest) = line.split_once(words)?;
    let (number, _) = rest.split_once("ms")?;
    number.parse().ok()
}

scenario!("kchaos_hits_counted", counted);
fn counted(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let (name, path) = (disk.name(), disk.path());
    let device = format!("delay --delay 10ms --device {name}");
    let read = format!("dd if={path} of=/dev/null bs=4k count=200 iflag=direct");
    let told = inject(&disk, &device, &read)?;
    let asked = format!("200 of 200 I/Os on {name} delayed, ");
    let right = told.line.starts_with(&asked) && told.completed == 200;
    let line = told.line.clone();
    report.figure(
        "200 reads under a delay",
        format!("{asked}as diskstats"),
        format!("{line} (diskstats {})", told.completed),
        right,
    );
    for (words, most) in [("p50 at most ", 16.4), ("p99 at most ", 16.4)] {
        let time = milliseconds_after(&told.line, words).unwrap_or(0.0);
        let good = (10.0..=most).contains(&time);
        report.time(&format!("{words}(ms)"), format!("10 to {most}"), time, good);
    }
    // Half of it matches; the other half is counted, too.
    let both = format!("{read}; dd if=/dev/zero of={path} bs=4k count=100 oflag=direct");
    let told = inject(&disk, &format!("{device} --op write --expect-hits"), &both)?;
    let asked = format!("100 of 300 I/Os on {name} delayed, ");
    report.figure(
        "100 writes of 300 I/Os",
        &asked,
        &told.line,
        told.line.starts_with(&asked) && (told.completed, told.code) == (300, Some(0)),
    );
    // An I/O of a limit is a request, as the disk gets it.
    let kib: u64 = sys::read(disk.attribute("queue/max_sectors_kb"))?.parse()?;
    let requests = 20 * 1024_u64.div_ceil(kib);
    let large = format!("dd if={path} of=/dev/null bs=1M count=20 iflag=direct");
    let limit = format!("limit --quota 40 --period 100ms --device {name}");
    let told = inject(&disk, &limit, &large)?;
    let asked = format!("of {requests} I/Os on {name} had to wait for the limit");
    report.figure(
        "20 reads of 1 MiB under a limit",
        &asked,
        format!("{} (diskstats {})", told.line, told.completed),
        told.line.contains(&asked) && told.completed == requests,
    );
    Ok(())
}

scenario!("kchaos_hits_none", none);
fn none(report: &mut Report) -> Result<()> {
    let has_flushes = Disk::can_have("fua")?;
    let without_fua = if has_flushes {
        "has no FUA"
    } else {
        report.skip("null_blk of this kernel has no cache without FUA");
        "has no volatile write cache"
    };
    let flushed = Kind {
        memory: true,
        flushed: has_flushes,
        ..Kind::default()
    };
    let disk = Disk::on_ioem(&flushed)?;
    let other = Disk::on_ioem(&Kind::default())?;
    let (name, path) = (disk.name(), disk.path());
    // The page cache of a device lasts as long as the device is open.
    let _open = File::open(&path)?;
    let cached = format!("dd if={path} of=/dev/null bs=64k count=16");
    sys::run(&["sh", "-c", &cached])?;
    let direct = |path: &str| format!("dd if={path} of=/dev/null bs=4k count=50 iflag=direct");
    // After each write, a flush stands for the FUA that the disk lacks.
    let written = format!(
        "fio --name=w --filename={path} --rw=write --bs=4k --size=200k --direct=1 --sync=1 >/dev/null"
    );
    let elsewhere = format!("while {} had 50; ", other.name());
    let cases = [
        (
            "a cached read",
            "",
            cached.as_str(),
            "nor did any other disk; the page cache",
        ),
        ("another disk", "", &direct(&other.path()), &elsewhere),
        ("fua without FUA", "--op write,fua", &written, without_fua),
        (
            "discard without discards",
            "--op discard",
            &written,
            "cannot discard",
        ),
        (
            "reads among writes",
            "--op read",
            &written,
            "had 100 I/Os (100 writes and flushes) while sh ran",
        ),
        (
            "a flush alone",
            "",
            &format!("dd if=/dev/null of={path} conv=fsync,notrunc"),
            "had 1 flushes without data and nothing else",
        ),
        (
            "too small",
            "--min-bytes 64k",
            &direct(&path),
            "of 64KiB or more",
        ),
        (
            "chance",
            "--every 51",
            &direct(&path),
            "50 I/Os matched, and fewer than the 51 of --every",
        ),
    ];
    let possible = cases
        .into_iter()
        .filter(|(_, _, _, reason)| has_flushes || !reason.contains("flushes"));
    for (what, options, script, reason) in possible {
        let options = format!("delay --delay 10ms --device {name} --expect-hits {options}");
        let told = inject(&disk, &options, script)?;
        let is_told = told.line.starts_with("no I/O was hit: ") && told.line.contains(reason);
        report.figure(
            &format!("{what}: exit code and line"),
            format!("125, {reason}"),
            format!("{:?}, {}", told.code, told.line),
            is_told && told.code == Some(125),
        );
    }
    Ok(())
}

/// The problems of the only injection in `kchaos list --json`.
fn problems() -> Result<String> {
    let list: Value = serde_json::from_str(&sys::run(&["kchaos", "list", "--json"])?)?;
    let problems = list
        .pointer("/injections/0/problems")
        .context("no problems")?;
    Ok(problems.to_string())
}

scenario!("kchaos_hits_problems", problems_told);
fn problems_told(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let name = disk.name().to_owned();
    sys::run(&["mkdir", &format!("{}/h", sys::IOEM)])?;
    for (file, text) in [("device", name.as_str()), ("delay_us", "1000")] {
        sys::write(format!("{}/h/{file}", sys::IOEM), text)?;
    }
    let mut judge = |what: &str, asked: &str| -> Result<()> {
        let told = problems()?;
        report.figure(what, asked, &told, told.contains(asked));
        Ok(())
    };
    judge("on ioem", "[]")?;
    disk.set_scheduler("none")?;
    judge(
        "another scheduler",
        &format!("not on ioem but on none: kchaos attach {name}"),
    )?;
    disk.set_scheduler("ioem")?;
    judge("on ioem again", "[]")?;
    disk.remove()?;
    judge("pulled out", &format!("{name} is not there; "))?;
    sys::run(&["rmdir", &format!("{}/h", sys::IOEM)])?;
    Ok(())
}

scenario!("kchaos_hits_hang", hang);
/// A hang of a few seconds: held I/O goes at the time that status tells.
fn hang(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let output = Command::new("kchaos")
        .args("inject ioem delay --delay 1h --hold request --for 6s --name h --device".split(' '))
        .arg(disk.name())
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr)?;
    let is_told = said.contains("until the injection ends") && !said.contains("--nr-requests");
    report.figure(
        "a delay that outlasts its lease",
        "is told",
        said.trim(),
        is_told,
    );
    let mut load = Command::new("dd")
        .arg(format!("if={}", disk.path()))
        .args("of=/dev/null bs=4k count=1 iflag=direct".split(' '))
        .stderr(Stdio::null())
        .spawn()?;
    sleep(Duration::from_secs(1));
    let status: Value = serde_json::from_str(&sys::run(&["kchaos", "status", "--json"])?)?;
    let asked = Instant::now();
    let queues = status
        .pointer("/devices/0/queues")
        .and_then(Value::as_array);
    let holds = queues
        .into_iter()
        .flatten()
        .find(|queue| queue["held"] == 1);
    let first_us = holds.and_then(|queue| queue["first_us"].as_u64());
    let first_s = first_us.context("nothing is held")? as f64 / 1e6;
    load.wait()?;
    let went_s = asked.elapsed().as_secs_f64();
    report.time(
        "a held I/O goes when status said (s)",
        format!("{first_s:.2} give or take 0.3"),
        format!("{went_s:.2}"),
        (went_s - first_s).abs() < 0.3 && first_s < 6.0,
    );
    sys::run(&["kchaos", "recover", "h"])?;
    Ok(())
}
