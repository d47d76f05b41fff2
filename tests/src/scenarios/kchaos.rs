// SPDX-License-Identifier: GPL-2.0-only

//! The program kchaos on a real kernel: a whole round, and the output of `--dry-run`, pasted into a
//! shell.

use crate::{
    disk::{Disk, Kind},
    fio::{Fio, RANDOM_READ},
    report::Report,
    sys,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// A disk on another scheduler than ioem.
fn disk_on_kyber() -> Result<Disk> {
    sys::run(&["modprobe", "kyber-iosched"])?;
    let disk = Disk::new(&Kind::default())?;
    disk.set_scheduler("kyber")?;
    Ok(disk)
}

/// Runs kchaos; its standard output, without the last newline.
pub(super) fn kchaos(arguments: &str) -> Result<String> {
    let words: Vec<&str> = ["kchaos"]
        .into_iter()
        .chain(arguments.split_whitespace())
        .collect();
    Ok(sys::run(&words)?.trim_end().to_owned())
}

/// The exit code and standard error of kchaos.
pub(super) fn refusal(arguments: &str) -> Result<(i32, String)> {
    let output = Command::new("kchaos")
        .args(arguments.split_whitespace())
        .output()?;
    let code = output.status.code().context("kchaos was killed")?;
    Ok((code, String::from_utf8(output.stderr)?))
}

scenario!("kchaos_whole_round", whole_round);
fn whole_round(report: &mut Report) -> Result<()> {
    let disk = disk_on_kyber()?;
    let name = disk.name();
    if Path::new(sys::IOEM).exists() {
        sys::run(&["rmmod", "chaos_driver"])?;
    }
    for (arguments, message) in [
        ("inject ioem limit --quota 15", "chaos_driver is not loaded"),
        (&*format!("attach {name}"), "modprobe chaos_driver"),
    ] {
        let (code, text) = refusal(arguments)?;
        let verb = arguments.split(' ').next().unwrap_or_default();
        report.figure(
            &format!("exit code of {verb} without a module"),
            3,
            code,
            code == 3 && text.contains(message),
        );
    }
    sys::load_module()?;
    let attached = kchaos(&format!("attach {}", disk.path()))?;
    let asked = format!("{name}: kyber -> ioem");
    report.figure("attach", &asked, &attached, attached == asked);
    let made = kchaos("inject ioem delay --delay 1ms --name slow")?;
    report.figure("inject", "slow", &made, made == "slow");
    let (code, _) = refusal("inject ioem delay --delay 1ms --name slow")?;
    report.figure("exit code for a name that is taken", 5, code, code == 5);
    let iops = Fio::start(
        &disk.path(),
        &[
            RANDOM_READ,
            &["--iodepth=1", "--size=8g", "--number_ios=300"],
        ]
        .concat(),
    )?
    .finish()?
    .read_iops()?;
    report.time(
        "IOPS with it",
        "900 to 1000",
        format!("{iops:.1}"),
        (900.0..=1000.0).contains(&iops),
    );
    let list: Value = serde_json::from_str(&kchaos("list --json")?)?;
    let delay = list.pointer("/injections/0/delay_us");
    let remembered = list.pointer("/devices/0/remembered");
    report.figure(
        "list --json",
        "1000 us and kyber",
        &list,
        delay == Some(&Value::from(1_000)) && remembered == Some(&Value::from("kyber")),
    );
    let ended = kchaos("recover --all")?;
    report.figure("recover --all", "slow", &ended, ended == "slow");
    kchaos(&format!("detach {name}"))?;
    let schedulers = sys::read(disk.attribute("queue/scheduler"))?;
    report.figure(
        "scheduler at the end",
        "[kyber]",
        &schedulers,
        schedulers.contains("[kyber]"),
    );
    Ok(())
}

/// The state that the verbs change: injections with their values, the disk's scheduler, and its
/// saved state.
fn state(disk: &Disk) -> Result<Vec<String>> {
    let mut state = vec![sys::read(disk.attribute("queue/scheduler"))?];
    for root in [sys::IOEM, "/run/kchaos"] {
        let Ok(entries) = fs::read_dir(root) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if !path.is_dir() {
                state.push(format!("{} {}", path.display(), sys::read(&path)?));
                continue;
            }
            for file in fs::read_dir(&path)? {
                let file = file?.path();
                state.push(format!("{} {}", file.display(), sys::read(&file)?));
            }
        }
    }
    state.sort();
    Ok(state)
}

scenario!("kchaos_dry_run_pasted", dry_run_pasted);
fn dry_run_pasted(report: &mut Report) -> Result<()> {
    sys::load_module()?;
    let disk = disk_on_kyber()?;
    let name = disk.name();
    let verbs = [
        format!("attach {name}"),
        "inject ioem limit --period-us 1000 --quota 15".to_owned(),
        "inject ioem delay --delay 10ms --jitter 2ms --correlation 25% --name slow".to_owned(),
        "recover slow".to_owned(),
        "recover --all".to_owned(),
        format!("detach {name}"),
    ];
    let mut real = Vec::new();
    for verb in &verbs {
        kchaos(verb)?;
        real.push(state(&disk)?);
    }
    let mut same = 0;
    for (verb, real) in verbs.iter().zip(&real) {
        let before = state(&disk)?;
        let commands = kchaos(&format!("{verb} --dry-run"))?;
        ensure!(
            state(&disk)? == before,
            "{verb} --dry-run changed something"
        );
        sys::run(&["sh", "-e", "-u", "-c", &commands])?;
        let pasted = state(&disk)?;
        ensure!(
            pasted != before,
            "{verb}: the pasted commands changed nothing:\n{commands}"
        );
        if pasted == *real {
            same += 1;
        } else {
            eprintln!("# {verb}: {pasted:?}, really {real:?}");
        }
    }
    report.figure(
        "verbs whose --dry-run, pasted, does the same",
        verbs.len(),
        same,
        same == verbs.len(),
    );
    Ok(())
}
