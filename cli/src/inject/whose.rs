// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The processes whose I/O an injection affects: the command, a process or a container. Each stands
//! for a cgroup, and the last two for a disk as well.

use crate::{
    error::{Exit, exit, failure, note},
    interface::{Name, Settings, Value},
    system::{
        Roots,
        cgroups::{self, PROCESSES, hierarchies},
        containers,
        process::Process,
    },
};
use anyhow::Result;
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// The processes whose I/O is affected, beside the filter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'a> {
    /// Everybody's.
    Anyone,
    /// That of the command.
    Command,
    /// That of the cgroup of this process.
    Process(u32),
    /// That of the container with this id.
    Container(&'a str),
}

/// The settings with the cgroup and the disk that are meant, as people would name them.
pub(super) struct Aimed {
    pub(super) settings: Settings,
    /// For whom the disk was chosen, if it was not named.
    chosen_for: Option<String>,
    /// The process by whose number they were found.
    process: Option<Process>,
}

impl Aimed {
    /// Looks the process or the container up.
    ///
    /// # Errors
    ///
    /// If there is none, or it has no cgroup (v2) that is for it.
    pub(super) fn new(roots: &Roots, settings: &Settings, whose: Whose<'_>) -> Result<Self> {
        let mut settings = settings.clone();
        let has_device = settings.text(Name::Device).is_some();
        let (cgroup, who, process, link) = match whose {
            Whose::Anyone | Whose::Command => {
                return Ok(Self {
                    settings,
                    chosen_for: None,
                    process: None,
                });
            }
            Whose::Process(pid) => {
                let process = found(roots, pid)?;
                let cgroup = cgroup_of(roots, &process)?;
                (cgroup, process.shown(), Some(process), "cwd")
            }
            Whose::Container(id) => {
                let directory = containers::find(roots, id)?;
                let process = match has_device {
                    true => None,
                    false => Some(inner(roots, &directory, id)?),
                };
                let cgroup = directory.display().to_string();
                (cgroup, format!("the container {id}"), process, "root")
            }
        };
        settings.set(Name::Cgroup, Value::Text(cgroup));
        let chooses = process.as_ref().filter(|_| !has_device);
        let chosen_for = chooses.map(|process| {
            let path = process.link(link).display().to_string();
            settings.set(Name::Device, Value::Text(path));
            who
        });
        Ok(Self {
            settings,
            chosen_for,
            process,
        })
    }

    /// Checks that everything that was read, also for the settings' names, was of one process.
    ///
    /// # Errors
    ///
    /// If the process has ended in the meantime.
    pub(super) fn check(&self) -> Result<()> {
        match &self.process {
            Some(process) if !process.is_still_there() => {
                let message = format!(
                    "process {} ended while kchaos looked for its cgroup and its disk; nothing was \
                     changed",
                    process.pid
                );
                Err(failure(Exit::Name, message))
            }
            _ => Ok(()),
        }
    }

    /// The failure to find the disk, with the way to name it if it was not named.
    pub(super) fn why(&self, error: anyhow::Error) -> anyhow::Error {
        match &self.chosen_for {
            Some(who) => {
                let remedy = format!("to choose the disk of {who} yourself, add --device");
                failure(exit(&error), format!("{error:#}; {remedy}"))
            }
            None => error,
        }
    }
}

/// The failure for a process that is not there.
pub(crate) fn no_process(process: &str) -> anyhow::Error {
    failure(
        Exit::Name,
        format!("there is no process {process}; `ps -e` lists all"),
    )
}

/// A process that can have a cgroup and a disk.
fn found(roots: &Roots, pid: u32) -> Result<Process> {
    let process = Process::find(roots, pid).ok_or_else(|| no_process(&pid.to_string()))?;
    if let Some(group) = process.thread_of() {
        let message = format!(
            "{pid} is a thread of the process {group}, and --pid takes a process: --pid {group}"
        );
        return Err(failure(Exit::Usage, message));
    }
    let who = process.shown();
    if process.has_ended() {
        let message = format!("{who} has ended, and only its parent has not asked how");
        return Err(failure(Exit::Name, message));
    }
    if process.is_of_kernel() {
        let message = format!(
            "{who} is a thread of the kernel: it has no disk, and the kernel accounts its I/O to \
             those for whom it works; choose with --cgroup or --device"
        );
        return Err(failure(Exit::Usage, message));
    }
    Ok(process)
}

/// The path of a process's cgroup.
fn cgroup_of(roots: &Roots, process: &Process) -> Result<String> {
    let who = process.shown();
    let refuse = |exit, why: String| Err(failure(exit, format!("{who} {why}")));
    let hierarchies = hierarchies(roots);
    let (Some(path), Some(hierarchy)) = (process.cgroup(), hierarchies.first()) else {
        let why = format!(
            "has no cgroup (v2) that kchaos sees; {}",
            cgroups::NONE_MOUNTED
        );
        return refuse(Exit::Name, why);
    };
    if path == "/" && hierarchy.is_whole() {
        let why = format!(
            "is in the root cgroup, with all processes that have none of their own, so this would \
             be the I/O of nearly everybody; give it one: mkdir {0}/mine && echo {1} > {0}/mine/{PROCESSES}, \
             or start it with --own -- COMMAND",
            hierarchy.point.display(),
            process.pid
        );
        return refuse(Exit::Usage, why);
    }
    if path.starts_with("/..") {
        let why = "is in a cgroup that kchaos does not see from its own cgroup namespace; run \
                   kchaos in the host's, such as by nsenter -t 1 -C";
        return refuse(Exit::Name, why.to_owned());
    }
    if let Some(path) = path.strip_suffix(" (deleted)") {
        return refuse(
            Exit::Name,
            format!("is in the cgroup {path}, which was removed"),
        );
    }
    let directory = hierarchy.directory(Path::new(&path));
    let members = directory.map_or(Vec::new(), |directory| cgroups::processes(&directory));
    let others = members.iter().filter(|pid| **pid != process.pid).count();
    if others > 0 {
        note(&format!(
            "{who} is not alone in its cgroup, {path}: the I/O of {others} more in it is affected, too"
        ));
    }
    Ok(path)
}

/// A process of a container whose root directory is the container's own.
fn inner(roots: &Roots, directory: &Path, id: &str) -> Result<Process> {
    let mut members = containers::processes(directory);
    members.sort_unstable();
    // One that kchaos does not see is 0, and its root directory could be anybody's.
    let found = members.iter().filter(|pid| **pid != 0);
    let found: Vec<Process> = found
        .filter_map(|pid| Process::find(roots, *pid))
        .filter(|process| !process.has_ended())
        .collect();
    // A number can have become that of a process elsewhere.
    let still = containers::processes(directory);
    let found = found.into_iter();
    let mut found: Vec<Process> = found
        .filter(|process| still.contains(&process.pid))
        .collect();
    let place = found
        .iter()
        .position(|process| has_own_mounts(roots, process));
    if let Some(place) = place {
        return Ok(found.swap_remove(place));
    }
    let why = if let Some(process) = found.first() {
        format!(
            "has no process with mounts of its own, as far as kchaos sees: {} has those of the \
             host, as the supervisor of a container or a virtual machine does",
            process.shown()
        )
    } else if members.contains(&0) {
        "has no process that kchaos sees from its own PID namespace".to_owned()
    } else {
        "has no process".to_owned()
    };
    let message = format!("the container {id} {why}, so add its disk with --device");
    Err(failure(Exit::Name, message))
}

/// Whether a process has another mount namespace and another root directory than the machine's
/// first process and this one. QEMU of libvirt has a mount namespace of its own, with the root of
/// the host. Where kchaos may not look, nobody can tell.
fn has_own_mounts(roots: &Roots, process: &Process) -> bool {
    let namespace = |process: &str| fs::read_link(roots.proc.join(process).join("ns/mnt")).ok();
    let root = |process: &str| {
        let root = fs::metadata(roots.proc.join(process).join("root")).ok()?;
        Some((root.dev(), root.ino()))
    };
    let Some(own) = process
        .mount_namespace()
        .zip(root(&process.pid.to_string()))
    else {
        return false;
    };
    ["1", "self"].into_iter().all(|other| {
        let other = namespace(other).zip(root(other));
        other.is_some_and(|(mounts, root)| mounts != own.0 && root != own.1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The process ends after its cgroup was read, and another one gets its number.
    #[test]
    fn a_number_that_changes_hands_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots {
            proc: folder.path().to_owned(),
            tracing: folder.path().to_owned(),
            ..Roots::from_environment()
        };
        let directory = folder.path().join("7");
        fs::create_dir(&directory).unwrap();
        let write = |start| {
            let stat = format!("7 (a) S 1 {} {start} 8", "0 ".repeat(17));
            fs::write(directory.join("stat"), stat).unwrap();
        };
        write(100);
        let aimed = Aimed {
            settings: Settings {
                enabled: true,
                values: Vec::new(),
            },
            chosen_for: None,
            process: Some(found(&roots, 7).unwrap()),
        };
        assert!(aimed.check().is_ok());
        write(101);
        let error = aimed.check().unwrap_err();
        assert_eq!(exit(&error), Exit::Name);
        assert!(error.to_string().contains("process 7"), "{error}");
    }
}
