// SPDX-License-Identifier: GPL-2.0-only

//! An injection for as long as a command runs: `kchaos inject ... -- COMMAND`.

use super::lease::{completed_ms, start_reads};
use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    report::Report,
    sys,
    trace::Trace,
};
use anyhow::{Context, Result};
use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

scenario!("command_killed", killed);
fn killed(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind::default())?;
    let mut owner = Command::new("kchaos")
        .args("inject ioem delay --delay 60s --name lease -- sleep 1000".split(' '))
        .stdout(Stdio::null())
        .spawn()
        .context("starting kchaos")?;
    let held = || -> Result<u64> {
        let text = sys::read(format!("{}/lease/stats", sys::IOEM)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("held "));
        Ok(line.map_or(Ok(0), str::parse)?)
    };
    sleep(Duration::from_secs(1));
    let trace = Trace::start(disk.device()?)?;
    let load = start_reads(&disk)?;
    // Longer than the lease, so kchaos must have renewed it by then.
    sleep(Duration::from_secs(4));
    let held_before = held()?;
    report.figure(
        "held while kchaos lives, after 4 s",
        16,
        held_before,
        held_before == 16,
    );
    let kill_ns = sys::monotonic_ns();
    owner.kill()?;
    owner.wait()?;
    load.finish()?;
    let (_, last_ms) = completed_ms(&trace.stop()?, kill_ns)?;
    report.figure(
        "kchaos killed by SIGKILL: last I/O completed after",
        "<= 2000 ms",
        format!("{last_ms:.1}"),
        (0.0..=2_000.0).contains(&last_ms),
    );
    sys::run(&["killall", "sleep"])?;
    Ok(())
}

scenario!("command_ends", ends);
fn ends(report: &mut Report) -> Result<()> {
    let _disk = Disk::on_ioem(&Kind::default())?;
    let status = Command::new("kchaos")
        .args("inject ioem delay --delay 1ms --name lease -- sh -c".split(' '))
        .arg(format!("test -d {}/lease && exit 7", sys::IOEM))
        .stdout(Stdio::null())
        .status()?;
    report.figure(
        "the command's exit code",
        7,
        format!("{:?}", status.code()),
        status.code() == Some(7),
    );
    let gone = !std::path::Path::new(sys::IOEM).join("lease").exists();
    report.figure(
        "injection after the command",
        "gone",
        if gone { "gone" } else { "there" },
        gone,
    );
    Ok(())
}

scenario!("command_anothers_of_its_name", anothers_of_its_name);
/// Another user ends the injection while the command runs, and makes another one of the same name.
fn anothers_of_its_name(report: &mut Report) -> Result<()> {
    let _disk = Disk::on_ioem(&Kind::default())?;
    let mut owner = Command::new("kchaos")
        .args("inject ioem delay --delay 1ms --name lease -- sleep 3".split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting kchaos")?;
    sleep(Duration::from_secs(1));
    let directory = format!("{}/lease", sys::IOEM);
    fs::remove_dir(&directory)?;
    let other = Injection::new("lease", &[("delay_us", 2_000)])?;
    let mut told = String::new();
    if let Some(mut stderr) = owner.stderr.take() {
        stderr.read_to_string(&mut told)?;
    }
    owner.wait()?;
    for (file, expected) in [("duration_ms", "0"), ("delay_us", "2000")] {
        let found = sys::read(format!("{directory}/{file}"))?;
        report.figure(
            &format!("another one of its name: {file}"),
            expected,
            &found,
            found == expected,
        );
    }
    report.figure(
        "that it ended before the command",
        "is told",
        told.trim(),
        told.contains("had ended before sleep did"),
    );
    other.remove()
}
