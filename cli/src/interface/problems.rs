// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The reasons why an injection that is on reaches nothing, or not all that it names, each with the
//! next step.

use super::{
    attributes::Name, commits, existing::recover_command, made_for::MadeFor, stats::Stats,
    values::Values,
};
use crate::system::{
    Roots,
    abilities::impossible_on_all,
    attached::{attached_names, reached_blocks},
    block::Block,
    disk::active_scheduler,
    disks::Disks,
    mounts::mounts,
};
use std::{
    collections::BTreeSet,
    ffi::OsStr,
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
    problems.extend(of_operations(roots, values, stats));
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
    let made_for = MadeFor::of(roots, OsStr::new(name));
    let others = made_for.map_or_else(Disks::default, |made_for| made_for.disks.replaced(roots));
    for disk in disks {
        let is_attached = attached.contains(&disk);
        if others.has(&disk) {
            problems.push(is_another(name, &disk, is_attached));
        } else if !is_attached {
            problems.push(not_attached(roots, &disk));
        }
    }
    problems
}

/// The sentence about a disk that has the name of the one that was meant.
fn is_another(name: &str, disk: &str, is_attached: bool) -> String {
    let so = match is_attached {
        true => "and the injection hits it",
        false => "and not on ioem",
    };
    format!(
        "{disk} is another disk now than the one that {name} was made for, {so}; take it with \
         `kchaos change {name} --device {disk}`, or end it: {}",
        recover_command(&[name])
    )
}

/// The sentence about a disk that is not on ioem.
fn not_attached(roots: &Roots, disk: &str) -> String {
    let scheduler = active_scheduler(roots, disk);
    let on = scheduler.map_or(String::new(), |name| format!(" but on {name}"));
    let attach = format!("kchaos attach {disk}");
    format!("{disk} is not on ioem{on}: {attach}")
}

/// None of the disks can have the operations; or the injection has matched nothing yet, and leaves
/// out the commits of a file system there.
fn of_operations(roots: &Roots, values: &Values, stats: &Stats) -> Option<String> {
    let operations = values.text(Name::Op)?;
    let blocks = reached_blocks(roots, values.devices().as_deref());
    let disks: BTreeSet<String> = blocks.iter().map(|block| block.disk.clone()).collect();
    impossible_on_all(roots, &disks, operations).or_else(|| {
        let is_unmatched = stats.get("matched") == 0;
        is_unmatched.then(|| commits::left_out(roots, operations, &blocks))?
    })
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
