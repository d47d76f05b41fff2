// SPDX-License-Identifier: GPL-2.0-only

//! The README's commands for one's own machine, one after another, as a user would type them.

use crate::{
    disk::{Disk, Kind},
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

const README: &str = include_str!("../../../README.md");

/// The indented lines without their comments; what builds something was run before there was a guest.
fn commands() -> impl Iterator<Item = &'static str> {
    README
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|command| !command.is_empty() && !command.starts_with("make"))
}

pub(crate) fn commands_work(report: &mut Report) -> Result<()> {
    let disk = Disk::new(&Kind::default())?;
    if Path::new(sys::IOEM).exists() {
        sys::run(&["rmmod", "chaos_driver"])?;
    }
    let checkout = "/tmp/checkout";
    fs::create_dir_all(format!("{checkout}/driver"))?;
    symlink(sys::MODULE, format!("{checkout}/driver/chaos_driver.ko"))?;
    let (mut run, mut failed) = (0, Vec::new());
    for command in commands() {
        let typed = command.replace("sdX", disk.name());
        let output = Command::new("sh")
            .args(["-c", typed.trim_start_matches("sudo ")])
            .current_dir(checkout)
            .output()
            .context("starting a shell")?;
        run += 1;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            failed.push(format!("{typed}: {message}"));
        }
    }
    fs::remove_dir_all(checkout)?;
    report.figure("commands", ">= 15", run, run >= 15);
    report.figure(
        "that failed",
        "none",
        format!("{failed:?}"),
        failed.is_empty(),
    );
    let gone = !Path::new(sys::IOEM).exists();
    report.figure(
        "module at the end",
        "gone",
        if gone { "gone" } else { "there" },
        gone,
    );
    Ok(())
}
