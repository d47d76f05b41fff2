// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The reasons why an injection that is on reaches nothing, or not all that it names, each with the
//! next step.

use super::{attributes::Name, existing::recover_command, stats::Stats, values::Values};
use crate::system::{
    Roots, abilities::impossible_on_all, attached::attached_names, block::Block,
    disk::active_scheduler, mounts::mounts, saved::Saved,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The problems of the injection `name`, which is on.
pub(crate) fn problems(roots: &Roots, name: &str, values: &Values, stats: &Stats) -> Vec<String> {
    let attached = attached_names(roots);
    let mut problems = match values.devices() {
        Some(devices) => of_devices(roots, name, &devices, &attached),
        None if attached.is_empty() => vec!["no disk is on ioem: kchaos attach DEVICE".to_owned()],
        None => Vec::new(),
    };
    problems.extend(of_operations(roots, values, &attached));
    problems.extend(of_owner(roots, name, values, stats));
    problems
}

fn of_devices(roots: &Roots, name: &str, devices: &str, attached: &[String]) -> Vec<String> {
    let mut disks = BTreeSet::new();
    let mut problems = Vec::new();
    for text in devices.split(' ') {
        match Block::find_exact(roots, text) {
            Some(block) => {
                disks.insert(block.disk);
            }
            None => problems.push(format!(
                "{text} is not there; the injection reaches it once it is there and on ioem, or \
                 end it: {}",
                recover_command(&[name])
            )),
        }
    }
    let away = disks.iter().filter(|disk| !attached.contains(disk));
    problems.extend(away.map(|disk| not_attached(roots, disk)));
    problems
}

/// The sentence about a disk that is not on ioem.
fn not_attached(roots: &Roots, disk: &str) -> String {
    let scheduler = active_scheduler(roots, disk);
    let on = scheduler.map_or(String::new(), |name| format!(" but on {name}"));
    let attach = format!("kchaos attach {disk}");
    let Ok(Some(record)) = Saved::read(&roots.saved(disk)) else {
        return format!("{disk} is not on ioem{on}: {attach}");
    };
    // kchaos attached it, and nobody has detached it by kchaos.
    if record.is_of_another(roots, disk) {
        format!("{disk} is another disk than the one that was on ioem, which is gone: {attach}")
    } else {
        format!(
            "{disk} was attached, and is not on ioem any more{on}; udev rules may set schedulers, \
             and a disk that was plugged in again begins anew: {attach}"
        )
    }
}

/// None of the disks can have the operations.
fn of_operations(roots: &Roots, values: &Values, attached: &[String]) -> Option<String> {
    let operations = values.text(Name::Op)?;
    let disks: BTreeSet<String> = match values.devices() {
        Some(devices) => devices
            .split(' ')
            .filter_map(|text| Some(Block::find_exact(roots, text)?.disk))
            .collect(),
        None => attached.iter().cloned().collect(),
    };
    impossible_on_all(roots, &disks, operations)
}

fn of_owner(roots: &Roots, name: &str, values: &Values, stats: &Stats) -> Vec<String> {
    let mut problems = Vec::new();
    let recover = recover_command(&[name]);
    if let Some(cgroup) = values
        .text(Name::Cgroup)
        .filter(|path| is_gone(roots, path))
    {
        problems.push(format!(
            "the cgroup {cgroup} is gone; the injection reaches nothing until there is one of this \
             path again, or end it: {recover}"
        ));
    }
    if let Some(process) = values
        .text(Name::PidNs)
        .filter(|_| stats.get("pid_ns_gone") > 0)
    {
        problems.push(format!(
            "the PID namespace of {process} has no process any more; the injection reaches \
             nothing: {recover}"
        ));
    }
    problems
}

/// Whether there is certainly no cgroup with this path, which the driver knows.
fn is_gone(roots: &Roots, path: &str) -> bool {
    let mounts = mounts(roots).unwrap_or_default().into_iter();
    let points = mounts.filter(|mount| mount.kind == "cgroup2");
    let points: Vec<PathBuf> = points.map(|mount| mount.point).collect();
    let below = path.strip_prefix("/sys/fs/cgroup").unwrap_or(path);
    let below = below.trim_start_matches('/');
    let is_there = |point: &PathBuf| point.join(below).is_dir();
    !points.is_empty() && !points.iter().any(is_there) && !Path::new(path).is_dir()
}
