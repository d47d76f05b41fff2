// SPDX-License-Identifier: GPL-2.0-only

//! The verb `kchaos scenario` on a real kernel: the report about real I/O, and the end by leases
//! after a SIGKILL.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

const FILE: &str = "/tmp/steps.toml";

const JSON: &str = "/tmp/steps.json";

/// A delay that reads are to have, and a limit and a hang that no read is to notice.
const STEPS: &str = "\
name = \"steps\"
device = \"$device\"

[[steps]]
name = \"slow\"
delay = \"5ms\"
for = \"3s\"

[[steps]]
name = \"writes\"
op = \"write\"
for = \"200ms\"
together = [
    { name = \"few\", iops = 10 },
    { name = \"hang\", freeze = true },
]
";

/// Starts the scenario.
fn start(disk: &Disk) -> Result<std::process::Child> {
    fs::write(FILE, STEPS)?;
    let mut command = Command::new("kchaos");
    command.args(["scenario", "run", FILE, "--json", JSON, "--device"]);
    command.arg(disk.name()).spawn().context("starting kchaos")
}

/// Waits until the first step is at work.
fn wait_for_slow() -> Result<()> {
    sys::wait_until("the first step is at work", || {
        let enabled = Path::new(sys::IOEM).join("slow-1/enabled");
        Ok(fs::read_to_string(enabled).is_ok_and(|text| text == "1\n"))
    })
}

fn scheduler(disk: &Disk) -> Result<String> {
    sys::read(disk.attribute("queue/scheduler"))
}

scenario!("kchaos_scenario", reports);
fn reports(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    let disk = Disk::new(&Kind::default())?;
    disk.set_scheduler("none")?;
    let mut child = start(&disk)?;
    wait_for_slow()?;
    let options = [
        RANDOM_READ,
        &["--iodepth=1", "--size=8g", "--number_ios=100"],
    ]
    .concat();
    Fio::start(&disk.path(), &options)?.finish()?;
    let code = child.wait()?.code();
    report.figure("exit code", 0, format!("{code:?}"), code == Some(0));
    let told: Value = serde_json::from_str(&sys::read(JSON)?)?;
    let number = |pointer: &str| told.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let delayed = number("/injections/0/delayed");
    report.figure("delayed by the first step", 100, delayed, delayed == 100);
    let p50 = number("/injections/0/p50_us");
    report.time(
        "p50 of it, at most",
        "5120 to 5632 us",
        p50,
        (5_000..=5_632).contains(&p50),
    );
    let [from, until] = ["from_ms", "until_ms"].map(|key| number(&format!("/injections/0/{key}")));
    report.time(
        "its time",
        "3000 to 3500 ms",
        until - from,
        (3_000..=3_500).contains(&(until - from)),
    );
    let idle = told.pointer("/injections/0/idle");
    report.figure(
        "its idle",
        "null",
        format!("{idle:?}"),
        idle == Some(&Value::Null),
    );
    let hits: u64 = [1, 2]
        .map(|place| number(&format!("/injections/{place}/hits")))
        .iter()
        .sum();
    report.figure("hits of the second step", 0, hits, hits == 0);
    let after = scheduler(&disk)?;
    report.figure(
        "scheduler at the end",
        "[none]",
        &after,
        after.contains("[none]"),
    );
    Ok(())
}

scenario!("kchaos_scenario_killed", leases_end_it);
fn leases_end_it(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    let disk = Disk::new(&Kind::default())?;
    disk.set_scheduler("none")?;
    let mut child = start(&disk)?;
    wait_for_slow()?;
    child.kill()?;
    child.wait()?;
    let during = scheduler(&disk)?;
    report.figure(
        "scheduler after SIGKILL",
        "[ioem]",
        &during,
        during.contains("[ioem]"),
    );
    sys::wait_until("the next kchaos gives the disk back", || {
        sys::run(&["kchaos", "list"])?;
        Ok(scheduler(&disk)?.contains("[none]"))
    })?;
    let left = sys::run(&["kchaos", "recover", "--all"])?;
    report.figure(
        "injections left, all over",
        2,
        left.lines().count(),
        left.lines().count() == 2,
    );
    Ok(())
}
