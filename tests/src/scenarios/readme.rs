// SPDX-License-Identifier: GPL-2.0-only

//! Types the commands in the README and in pages of the manual, one after another, as a user would.

use crate::{
    disk::{Disk, Kind},
    process::Cgroup,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

const README: &str = include_str!("../../../README.md");
const INTERFACE: &str = include_str!("../../../driver/interface.md");
const FAULTS: &str = include_str!("../../../driver/faults.md");
const SLOW: &str = include_str!("../../../tools/docs/concepts/slow.md");
const DISK_OR_IO: &str = include_str!("../../../tools/docs/concepts/disk-or-io.md");
const TROUBLESHOOTING: &str = include_str!("../../../tools/docs/troubleshooting.md");

/// The indented lines without their comments. Commands that build something or run a guest have run
/// before, and are left out; so are those for systemd, which run in another guest. On fresh
/// machines of Debian 12 and 13, `make test-install` types the commands that install; those of
/// Debian 13, without its packages, serve here.
fn commands(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split("\n\n")
        .filter(|paragraph| !paragraph.starts_with("    tools/lab"))
        .filter(|paragraph| !paragraph.starts_with("    mkdir -p /etc/kchaos"))
        .filter(|paragraph| !paragraph.contains("rust-web-src"))
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|command| !command.is_empty())
        .filter(|command| {
            !["make", "sudo apt"]
                .iter()
                .any(|start| command.starts_with(start))
        })
}

/// The commands of a document, and all that they say.
pub(super) struct Typed {
    pub(super) count: usize,
    pub(super) output: String,
    /// Standard error, with a line for each command that failed.
    pub(super) errors: String,
}

/// Types the commands of a document into one shell.
pub(super) fn type_all(text: &'static str, disk: &Disk, directory: &str) -> Result<Typed> {
    // Older kernels refuse these.
    let shows_flushes = sys::shows_flushes()?;
    let commands: Vec<String> = commands(text)
        .filter(|command| shows_flushes || !command.contains("flush"))
        .map(|command| command.replace("sdX", disk.name()).replace("sudo ", ""))
        .collect();
    let script: Vec<String> = commands
        .iter()
        .map(|command| {
            format!(
                "{command} || echo 'failed: {}' >&2",
                command.replace('\'', "")
            )
        })
        .collect();
    let output = Command::new("sh")
        .args(["-c", &script.join("\n")])
        .current_dir(directory)
        .output()
        .context("starting a shell")?;
    Ok(Typed {
        count: commands.len(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn judge(report: &mut Report, what: &str, least: usize, typed: Typed) {
    report.figure(
        &format!("{what}: commands"),
        format!(">= {least}"),
        typed.count,
        typed.count >= least,
    );
    // A note of kchaos is no failure.
    let failed: Vec<&str> = typed
        .errors
        .lines()
        .filter(|line| !line.starts_with("kchaos: "))
        .collect();
    report.figure(
        "that failed",
        "none",
        if failed.is_empty() {
            "none".to_owned()
        } else {
            failed.join("; ")
        },
        failed.is_empty(),
    );
}

scenario!("readme_commands", commands_work);
fn commands_work(report: &mut Report) -> Result<()> {
    let disk = Disk::new(&Kind::default())?;
    if Path::new(sys::IOEM).exists() {
        sys::run(&["rmmod", "chaos_driver"])?;
    }
    let _tenant = Cgroup::new("tenant")?;
    let checkout = "/tmp/checkout";
    fs::create_dir_all(format!("{checkout}/driver"))?;
    symlink(sys::MODULE, format!("{checkout}/driver/chaos_driver.ko"))?;
    judge(report, "README.md", 20, type_all(README, &disk, checkout)?);
    fs::remove_dir_all(checkout)?;
    let gone = !Path::new(sys::IOEM).exists();
    report.figure(
        "module at the end",
        "gone",
        if gone { "gone" } else { "there" },
        gone,
    );
    sys::load_module()?;
    disk.set_scheduler("ioem")?;
    judge(report, "interface.md", 25, type_all(INTERFACE, &disk, "/")?);
    judge(report, "faults.md", 15, type_all(FAULTS, &disk, "/")?);
    judge(report, "slow.md", 4, type_all(SLOW, &disk, "/")?);
    judge(
        report,
        "disk-or-io.md",
        5,
        type_all(DISK_OR_IO, &disk, "/")?,
    );
    let trouble = type_all(TROUBLESHOOTING, &disk, "/")?;
    judge(report, "troubleshooting.md", 11, trouble);
    Ok(())
}
