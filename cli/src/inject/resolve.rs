// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Looks up the devices, cgroups and processes that people name.

use super::devices::put;
use crate::{
    error::{Exit, failure},
    interface::{Name, Settings, Value},
    system::{Roots, mounts::mounts},
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// The settings with the driver's names for devices and the cgroup.
///
/// # Errors
///
/// [`Exit::Name`] if there is no such device, cgroup or process.
pub(crate) fn resolved(roots: &Roots, settings: &Settings) -> Result<Settings> {
    roots.require_sysfs()?;
    let mut resolved = settings.clone();
    put(roots, &mut resolved)?;
    if let Some(path) = settings.text(Name::Cgroup) {
        resolved.set(Name::Cgroup, Value::Text(cgroup(roots, path)?));
    }
    if let Some(process) = settings.text(Name::PidNs) {
        check_process(roots, process)?;
    }
    Ok(resolved)
}

/// Checks that there is this process, if /proc is there.
fn check_process(roots: &Roots, process: &str) -> Result<()> {
    if roots.proc.join("self").exists() && !roots.proc.join(process).exists() {
        return Err(no_process(process));
    }
    Ok(())
}

/// The failure for a process that is not there.
pub(crate) fn no_process(process: &str) -> anyhow::Error {
    failure(
        Exit::Name,
        format!("there is no process {process}; `ps -e` lists all"),
    )
}

/// The path of a cgroup. People name it by its directory or by its path in the hierarchy. The
/// driver knows the latter, and also directories where nearly all systems mount the hierarchy.
fn cgroup(roots: &Roots, text: &str) -> Result<String> {
    let hierarchies: Vec<PathBuf> = mounts(roots)
        .unwrap_or_default()
        .into_iter()
        .filter(|mount| mount.kind == "cgroup2")
        .map(|mount| mount.point)
        .collect();
    let is_in_one = |path: &PathBuf| hierarchies.iter().any(|point| path.starts_with(point));
    // The line in /proc/PID/cgroup begins so.
    let text = text.strip_prefix("0::").unwrap_or(text);
    let directory = fs::canonicalize(text).ok().filter(is_in_one);
    let directory = directory.or_else(|| {
        let below = text.strip_prefix('/')?;
        let mut paths = hierarchies.iter().map(|point| point.join(below));
        paths.find_map(|path| fs::canonicalize(path).ok())
    });
    match directory {
        Some(directory) if directory.is_dir() => {
            let elsewhere = hierarchies
                .iter()
                .filter(|point| *point != Path::new("/sys/fs/cgroup"))
                .find_map(|point| directory.strip_prefix(point).ok());
            let path = elsewhere.map_or(directory.clone(), |below| Path::new("/").join(below));
            let text = path.into_os_string().into_string();
            text.map_err(|name| {
                failure(Exit::Name, format!("{} is no text", name.to_string_lossy()))
            })
        }
        _ => Err(failure(Exit::Name, no_cgroup(text, &hierarchies))),
    }
}

/// The sentence that there is no such cgroup, with the names of similar ones.
fn no_cgroup(text: &str, hierarchies: &[PathBuf]) -> String {
    let Some(point) = hierarchies.first() else {
        return format!(
            "there is no cgroup (v2) {text}; none is mounted: mount -t cgroup2 none /sys/fs/cgroup"
        );
    };
    let below = point.display();
    let likely = same_name(text, hierarchies);
    if !likely.is_empty() {
        let likely = likely.join(" or ");
        format!("there is no cgroup (v2) {text}; did you mean {likely} in {below}?")
    } else if Path::new(text).is_dir() {
        format!(
            "{text} is a directory, but no cgroup (v2); cgroups have their directories in {below}"
        )
    } else {
        format!("there is no cgroup (v2) {text}; cgroups have their directories in {below}")
    }
}

/// Some cgroups with the same last name.
fn same_name(text: &str, hierarchies: &[PathBuf]) -> Vec<String> {
    /// More would be no help.
    const MOST: usize = 3;
    let name = Path::new(text).file_name();
    let paths = hierarchies.iter().flat_map(|point| {
        WalkDir::new(point)
            .min_depth(1)
            .sort_by_file_name()
            .into_iter()
            .flatten()
            .filter(|entry| entry.file_type().is_dir() && Some(entry.file_name()) == name)
            .filter_map(move |entry| {
                let below = entry.path().strip_prefix(point).ok()?;
                Some(Path::new("/").join(below).display().to_string())
            })
    });
    paths.take(MOST).collect()
}
