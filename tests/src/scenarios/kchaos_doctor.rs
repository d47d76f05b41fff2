// SPDX-License-Identifier: GPL-2.0-only

//! The verbs `kchaos doctor` and `kchaos gc` on a real kernel: a machine with all in order has no
//! problem, and leftovers of a program that was killed are found and cleared.

use crate::{
    disk::{Disk, Kind},
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

/// The exit code of `kchaos doctor`, and the kinds of the problems that it tells.
fn doctor() -> Result<(i32, Vec<String>)> {
    let output = Command::new("kchaos").args(["doctor", "--json"]).output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let problems = report["problems"].as_array().context("no problems")?;
    let kinds = problems
        .iter()
        .filter_map(|problem| problem["kind"].as_str());
    let code = output.status.code().context("kchaos was killed")?;
    Ok((code, kinds.map(str::to_owned).collect()))
}

/// Judges what the program finds now.
fn judge(report: &mut Report, when: &str, expected: &[&str]) -> Result<()> {
    let (code, kinds) = doctor()?;
    let is_right = kinds == expected && code == i32::from(!expected.is_empty());
    let told = |kinds: String| {
        if kinds.is_empty() {
            "none".to_owned()
        } else {
            kinds
        }
    };
    let (expected, kinds) = (told(expected.join(" ")), told(kinds.join(" ")));
    report.figure(&format!("problems {when}"), expected, kinds, is_right);
    Ok(())
}

/// Where `make install` puts the module.
fn installed() -> Result<PathBuf> {
    let release = sys::read("/proc/sys/kernel/osrelease")?;
    let folder = Path::new("/lib/modules")
        .join(release.trim())
        .join("updates");
    fs::create_dir_all(&folder)?;
    Ok(folder.join("chaos_driver.ko"))
}

scenario!("kchaos_doctor", finds);
fn finds(report: &mut Report) -> Result<()> {
    let disk = Disk::new(&Kind::default())?;
    let name = disk.name();
    if Path::new(sys::IOEM).exists() {
        sys::run(&["rmmod", "chaos_driver"])?;
    }
    judge(report, "without a module", &["module-missing"])?;
    let module = installed()?;
    fs::copy(sys::MODULE, &module)?;
    judge(report, "with an installed module", &["module-not-loaded"])?;
    sys::load_module()?;
    judge(report, "with a loaded module", &[])?;
    let note = fs::read("/sys/module/chaos_driver/notes/.note.gnu.build-id")?;
    let mut bytes = fs::read(&module)?;
    let at = bytes.windows(note.len()).position(|part| part == note);
    let at = at.context("the module's file has not the note of the loaded one")?;
    bytes[at + note.len() - 1] ^= 1;
    fs::write(&module, bytes)?;
    judge(report, "with another build of it", &["module-stale"])?;
    fs::remove_file(&module)?;

    let inject = format!("kchaos inject ioem delay --delay 1ms --device {name} --name x");
    let mut words: Vec<&str> = inject.split(' ').collect();
    words.extend(["--", "sleep", "10"]);
    let mut killed = Command::new(words[0]).args(&words[1..]).spawn()?;
    let directory = Path::new(sys::IOEM).join("x");
    sys::wait_until("the injection is at work", || {
        Ok(fs::read_to_string(directory.join("enabled")).is_ok_and(|text| text == "1\n"))
    })?;
    judge(report, "with an injection", &[])?;
    killed.kill()?;
    killed.wait()?;
    sleep(Duration::from_secs(2));
    judge(
        report,
        "after SIGKILL, when the lease is over",
        &["left", "left-record", "left-disk"],
    )?;
    let ended = sys::run(&["kchaos", "gc"])?;
    report.figure("gc ends", "x", ended.trim(), ended == "x\n");
    judge(report, "after gc", &[])?;
    let scheduler = sys::read(disk.attribute("queue/scheduler"))?;
    let is_back = !scheduler.contains("[ioem");
    report.figure("the disk is given back", true, is_back, is_back);
    Ok(())
}
