// SPDX-License-Identifier: GPL-2.0-only

//! Two kchaos at once, and kchaos killed at any moment: no failure of one because of the other, no
//! lost scheduler, and nothing left behind.

use crate::{
    disk::{Disk, Kind},
    random::Random,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

/// Where kchaos keeps the schedulers of disks.
const STATE: &str = "/run/kchaos";

/// The verbs; `DISK` stands for the disk's name.
const VERBS: [&str; 10] = [
    "inject ioem delay --delay 1ms --device DISK",
    "inject ioem delay --delay 2ms --device DISK --name x --replace",
    "recover x",
    "recover --all",
    "attach DISK",
    "detach DISK",
    "change x --delay 3ms",
    "list --json",
    "status x --json",
    "wait x --gone --timeout 5ms",
];

/// How often each pair runs, in each of its two orders.
const TIMES: usize = 2;

/// A disk on kyber.
fn disk_on_kyber() -> Result<Disk> {
    sys::load_module()?;
    sys::run(&["modprobe", "kyber-iosched"])?;
    let disk = Disk::new(&Kind::default())?;
    disk.set_scheduler("kyber")?;
    Ok(disk)
}

fn start(disk: &Disk, verb: &str) -> Result<Child> {
    let words = verb.split(' ').map(|word| match word {
        "DISK" => disk.name(),
        word => word,
    });
    Command::new("kchaos")
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting kchaos")
}

/// Runs kchaos to its end.
fn kchaos(disk: &Disk, verb: &str) -> Result<Output> {
    Ok(start(disk, verb)?.wait_with_output()?)
}

/// Whether a verb failed for what its user asked: the injection x may be gone by the other verb,
/// and the time to wait over.
fn is_users(verb: &str, other: &str, code: Option<i32>) -> bool {
    let is_about_x = ["recover x", "change x", "status x"]
        .iter()
        .any(|about| verb.starts_with(about));
    match code {
        Some(5) => is_about_x && other.starts_with("recover"),
        Some(124) => verb.starts_with("wait"),
        _ => false,
    }
}

/// Whether kchaos knows the scheduler of a disk on ioem, which was kyber.
fn is_known(disk: &Disk) -> Result<bool> {
    let schedulers = sys::read(disk.attribute("queue/scheduler"))?;
    let saved = fs::read_to_string(Path::new(STATE).join(disk.name())).unwrap_or_default();
    let is_back = schedulers.contains("[kyber]");
    Ok(is_back || (schedulers.contains("[ioem]") && saved.starts_with("kyber")))
}

/// The directories of injections.
fn injections() -> Result<Vec<PathBuf>> {
    let mut injections = Vec::new();
    for entry in fs::read_dir(sys::IOEM)? {
        let path = entry?.path();
        injections.extend(path.is_dir().then_some(path));
    }
    Ok(injections)
}

/// The injections and records that are there, and the disk if it is on ioem.
fn left_behind(disk: &Disk) -> Result<Vec<String>> {
    let injections = injections()?.into_iter();
    let mut left: Vec<String> = injections.map(|path| path.display().to_string()).collect();
    for folder in [STATE.to_owned(), format!("{STATE}/for")] {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            left.extend(path.is_file().then(|| path.display().to_string()));
        }
    }
    let schedulers = sys::read(disk.attribute("queue/scheduler"))?;
    left.extend((!schedulers.contains("[kyber]")).then_some(schedulers));
    Ok(left)
}

/// The findings of all rounds.
#[derive(Default)]
struct Findings {
    rounds: usize,
    failures: Vec<String>,
    lost: Vec<String>,
    left: Vec<String>,
}

impl Findings {
    /// Notes the state after a round, and the state after the disk was given back.
    fn look(&mut self, disk: &Disk, what: &str) -> Result<()> {
        if !is_known(disk)? {
            self.lost.push(what.to_owned());
        }
        for verb in ["recover --all", "detach DISK"] {
            self.note(what, verb, &kchaos(disk, verb)?);
        }
        let left = left_behind(disk)?;
        if !left.is_empty() {
            self.left.push(format!("{what}: {}", left.join(" ")));
            disk.set_scheduler("kyber")?;
        }
        self.rounds += 1;
        Ok(())
    }

    /// Notes a verb that failed.
    fn note(&mut self, what: &str, verb: &str, output: &Output) {
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            self.failures
                .push(format!("{what}: {verb}: {} {said}", output.status));
        }
    }

    fn report(&self, report: &mut Report, rounds: usize) {
        report.figure("rounds", rounds, self.rounds, self.rounds == rounds);
        for (what, found) in [
            ("failures that are not the user's", &self.failures),
            ("lost schedulers", &self.lost),
            ("rounds that left something behind", &self.left),
        ] {
            let first = found.first().map(|first| format!(" ({first})"));
            let measured = format!("{}{}", found.len(), first.unwrap_or_default());
            report.figure(what, 0, measured, found.is_empty());
        }
    }
}

scenario!("kchaos_pairs", pairs);
fn pairs(report: &mut Report) -> Result<()> {
    let disk = disk_on_kyber()?;
    let mut findings = Findings::default();
    let pairs = VERBS
        .iter()
        .flat_map(|first| VERBS.map(|second| [*first, second]));
    let pairs: Vec<[&str; 2]> = pairs.collect();
    for pair in std::iter::repeat_n(&pairs, TIMES).flatten() {
        let what = pair.join(", ");
        let made = kchaos(
            &disk,
            "inject ioem delay --delay 1ms --device DISK --name x",
        )?;
        findings.note(&what, "the first inject", &made);
        let [first, second] = *pair;
        let both = [start(&disk, first)?, start(&disk, second)?];
        for (child, (verb, other)) in both.into_iter().zip([(first, second), (second, first)]) {
            let output = child.wait_with_output()?;
            if !is_users(verb, other, output.status.code()) {
                findings.note(&what, verb, &output);
            }
        }
        findings.look(&disk, &what)?;
    }
    findings.report(report, pairs.len() * TIMES);
    Ok(())
}

scenario!("kchaos_killed", killed);
/// A lease that ends soon, so that a killed kchaos leaves nothing that lasts.
fn killed(report: &mut Report) -> Result<()> {
    const ROUNDS: usize = 100;
    /// Some of the work of kchaos is done by then, and mostly not all of it.
    const LONGEST: Duration = Duration::from_millis(40);
    let disk = disk_on_kyber()?;
    let mut findings = Findings::default();
    let mut random = Random::new(1);
    let verbs = [
        "inject ioem delay --delay 1ms --device DISK --for 50ms",
        "inject ioem delay --delay 1ms --device DISK --for 50ms --name x --replace",
        "inject ioem delay --delay 1ms --device DISK -- true",
        "attach DISK",
        "detach DISK",
    ];
    for round in 0..ROUNDS {
        let verb = verbs[round % verbs.len()];
        if verb.starts_with("detach") {
            findings.note(verb, "attach", &kchaos(&disk, "attach DISK")?);
        }
        let mut child = start(&disk, verb)?;
        sleep(LONGEST.mul_f64(random.below(1_000) as f64 / 1_000.0));
        child.kill()?;
        child.wait()?;
        if verb.starts_with("inject") {
            // The lease of a command is 1.5 s.
            let lease = if verb.ends_with("true") { 1_600 } else { 60 };
            sleep(Duration::from_millis(lease));
            findings.note(verb, "list", &kchaos(&disk, "list")?);
            let schedulers = sys::read(disk.attribute("queue/scheduler"))?;
            if !schedulers.contains("[kyber]") {
                findings.lost.push(format!("{verb}: {schedulers}"));
            }
            // One that was not made to the end is gone, too.
            let off = injections()?
                .into_iter()
                .find(|path| sys::read(path.join("enabled")).is_ok_and(|text| text == "0"));
            findings
                .left
                .extend(off.map(|path| format!("{verb}: {}", path.display())));
        }
        findings.look(&disk, verb)?;
    }
    findings.report(report, ROUNDS);
    Ok(())
}
