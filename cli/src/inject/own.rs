// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A cgroup of the command's own, so that an injection affects the command alone.
//!
//! It is at the root of the hierarchy as this process sees it, since a cgroup with processes, such
//! as that of this process, can have none below it that the kernel accounts I/O to. The command
//! runs in a second one inside: while the outer one passes its controllers on to the inner one,
//! nobody can take them from it, as systemd does with controllers that no unit asks for.
//!
//! A lock on its directory says that its maker lives: after a SIGKILL, the next run of this program
//! removes it, once its last process has ended.

use crate::{
    error::{Exit, failure, note, refused},
    system::{
        Roots,
        cgroups::{self, Hierarchy, PROCESSES, SUBTREE, hierarchies, processes},
        files::{is_at, names},
        process,
        step::Step,
    },
};
use anyhow::Result;
use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, open},
    io::Errno,
};
use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    fs, io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The beginning of the name of such a cgroup; the number of this process follows.
const NAME: &str = "kchaos-own-";

/// The name of the inner cgroup.
const INNER: &str = "command";

/// The name of a cgroup beside the inner one which says that the command could not be started: no
/// exit code does, as a command can have them all.
const NOT_RUN: &str = "not-run";

/// The first word of the command line by which this program starts itself again, to become the
/// command.
const ENTER: &str = "kchaos: enter";

/// How long a cgroup may be busy after its last process has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often processes that the command has left are looked for, as they may start others.
const ROUNDS: u32 = 20;

/// Whether this cgroup, as the driver shows it, is that of a command.
pub(super) fn is_own(cgroup: &str) -> bool {
    cgroup.split('/').any(|name| name.starts_with(NAME))
}

/// The cgroup, which is removed when dropped.
#[derive(Debug)]
pub(super) struct OwnCgroup {
    hierarchy: Hierarchy,
    directory: PathBuf,
    /// Keeps other runs of this program from removing it.
    _lock: OwnedFd,
}

impl OwnCgroup {
    /// Makes the cgroup, to which the kernel accounts I/O.
    ///
    /// # Errors
    ///
    /// If there are no cgroups (v2), they have no controller io, or the kernel refuses.
    pub(super) fn new(roots: &Roots) -> Result<Self> {
        let Some(hierarchy) = hierarchies(roots).into_iter().next() else {
            let message = format!("--own needs cgroups (v2), and {}", cgroups::NONE_MOUNTED);
            return Err(failure(Exit::Failure, message));
        };
        if !hierarchy.controllers().iter().any(|word| word == "io") {
            let message = format!("--own cannot work here: {}", cgroups::no_io(&hierarchy));
            return Err(failure(Exit::Failure, message));
        }
        let (directory, lock) = make(&hierarchy.point)?;
        let own = Self {
            hierarchy,
            directory,
            _lock: lock,
        };
        own.prepare()?;
        Ok(own)
    }

    /// Enables the controllers by which the kernel knows whose I/O it is, and makes the inner
    /// cgroup.
    fn prepare(&self) -> Result<()> {
        let point = &self.hierarchy.point;
        let given = cgroups::words(&point.join(SUBTREE)).unwrap_or_default();
        let available = self.hierarchy.controllers();
        let mut new = Vec::new();
        let mut passed = vec!["+io"];
        if !given.iter().any(|word| word == "io") {
            enable(point, "+io").map_err(|error| not_enabled(&self.hierarchy, &error))?;
            new.push("io");
        }
        if given.iter().any(|word| word == "memory") {
            passed.push("+memory");
        } else if available.iter().any(|word| word == "memory") && enable(point, "+memory").is_ok()
        {
            passed.push("+memory");
            new.push("memory");
        } else {
            note(
                "there is no controller memory for cgroups (v2), so the kernel does not account \
                 buffered writes to the command, and they are not affected",
            );
        }
        if !new.is_empty() {
            note(&format!(
                "enabled for all cgroups in {0}, and left on, as others may use it from now on: \
                 {1}; to undo it: echo -{2} > {0}/{SUBTREE}",
                point.display(),
                new.join(" and "),
                new.join(" -")
            ));
        }
        let passed = passed.join(" ");
        enable(&self.directory, &passed)
            .map_err(|error| refused(&format!("enable {passed} in"), &self.directory, &error))?;
        let inner = Step::MakeDirectory(self.directory.join(INNER));
        inner.run().map_err(|error| inner.refused(&error))
    }

    /// Its name for the driver.
    ///
    /// # Errors
    ///
    /// If the hierarchy is that of another cgroup namespace.
    pub(super) fn name(&self) -> Result<String> {
        let name = self.hierarchy.name(&self.directory);
        name.map(|name| name.display().to_string()).ok_or_else(|| {
            let message = format!(
                "the cgroups in {} are of another cgroup namespace than that of kchaos; run kchaos in that, such as by nsenter -t 1 -C",
                self.hierarchy.point.display()
            );
            failure(Exit::Failure, message)
        })
    }

    /// A command that enters the cgroup and becomes this one.
    pub(super) fn command(&self, words: &[OsString]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(ENTER);
        command.arg(self.directory.join(INNER).join(PROCESSES));
        command.args(words);
        command
    }

    /// Whether the command of [`OwnCgroup::command`], which has ended, ever began.
    pub(super) fn was_started(&self) -> bool {
        !self.directory.join(NOT_RUN).exists()
    }

    /// Removes the cgroup. Processes that the command has left running go on in the cgroup of this
    /// process, where they would be without --own.
    pub(super) fn end(&self, roots: &Roots) {
        let left = self.let_out(roots);
        if left > 0 {
            let goes = match left {
                1 => "1 process running, which goes".to_owned(),
                left => format!("{left} processes running, which go"),
            };
            note(&format!(
                "the command has left {goes} on without the injection, in the cgroup of kchaos"
            ));
        }
        if let Err(error) = remove(&self.directory, PATIENCE) {
            note(&format!(
                "{} stays until its last process has ended, and the next kchaos removes it: {error}",
                self.directory.display()
            ));
        }
    }

    /// Moves all processes to the cgroup of this process, and returns their number.
    fn let_out(&self, roots: &Roots) -> usize {
        let mut moved = BTreeSet::new();
        let home = process::cgroup(&roots.proc.join("self"));
        let home = home.and_then(|path| self.hierarchy.directory(Path::new(&path)));
        let Some(home) = home else {
            return 0;
        };
        for _ in 0..ROUNDS {
            let members = processes(&self.directory);
            if members.is_empty() {
                break;
            }
            for pid in members {
                let step = Step::Set {
                    file: home.join(PROCESSES),
                    value: pid.to_string(),
                };
                if step.run().is_ok() {
                    moved.insert(pid);
                }
            }
        }
        moved.len()
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        // After `end`, there is nothing to remove.
        let _ = remove(&self.directory, Duration::ZERO);
    }
}

/// Makes a cgroup that no other run of this program takes for a dead one's.
fn make(point: &Path) -> Result<(PathBuf, OwnedFd)> {
    let pid = std::process::id();
    let mut number = 1;
    loop {
        let name = match number {
            1 => format!("{NAME}{pid}"),
            number => format!("{NAME}{pid}-{number}"),
        };
        number += 1;
        let directory = point.join(name);
        match fs::create_dir(&directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(Step::MakeDirectory(directory).refused(&error)),
        }
        // Another run may see it before the lock, and remove it.
        if let Some(lock) = lock(&directory) {
            return Ok((directory, lock));
        }
    }
}

/// The lock on a directory that is still there, unless another process has it.
fn lock(directory: &Path) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(directory, flags, Mode::empty()).ok()?;
    flock(&opened, FlockOperation::NonBlockingLockExclusive).ok()?;
    is_at(&opened, directory).then_some(opened)
}

/// Enables controllers for the cgroups below this one.
fn enable(directory: &Path, controllers: &str) -> io::Result<()> {
    let step = Step::Set {
        file: directory.join(SUBTREE),
        value: controllers.to_owned(),
    };
    step.run()
}

/// The failure to enable the controller io at the root of a hierarchy.
fn not_enabled(hierarchy: &Hierarchy, error: &io::Error) -> anyhow::Error {
    let file = hierarchy.point.join(SUBTREE);
    if Errno::from_io_error(error) != Some(Errno::BUSY) {
        return refused("write +io to", &file, error);
    }
    let point = hierarchy.point.display();
    failure(
        Exit::Failure,
        format!(
            "cannot write +io to {}: the kernel wants no processes beside the cgroups that it \
             accounts I/O to, and there are some in {point}, as in most containers; run kchaos on \
             the host or with its cgroup namespace, or move them first: mkdir {point}/all && for \
             pid in $(cat {point}/{PROCESSES}); do echo $pid > {point}/all/{PROCESSES}; done",
            file.display()
        ),
    )
}

/// Removes a cgroup with all below it, of which none has a process.
fn remove(directory: &Path, patience: Duration) -> io::Result<()> {
    let mut below: Vec<PathBuf> = cgroups::directories(directory).collect();
    below.reverse();
    below.push(directory.to_owned());
    for cgroup in below {
        match Step::RemoveDirectory(cgroup).run_patiently(patience, || Ok(())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The cgroups of this kind.
fn all(roots: &Roots) -> Vec<PathBuf> {
    let Some(hierarchy) = hierarchies(roots).into_iter().next() else {
        return Vec::new();
    };
    let is_own = |name: &String| {
        let number = name.strip_prefix(NAME);
        number.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit() || c == '-'))
    };
    let names = names(&hierarchy.point).into_iter().filter(is_own);
    names.map(|name| hierarchy.point.join(name)).collect()
}

/// The cgroups whose makers are no more.
pub(crate) fn left(roots: &Roots) -> Vec<PathBuf> {
    let mut all = all(roots);
    all.retain(|directory| lock(directory).is_some());
    all
}

/// Removes the cgroups that former runs of this program could not remove, as far as they have no
/// process any more. It says nothing: another run can do it.
pub(crate) fn sweep(roots: &Roots) {
    for directory in all(roots) {
        if let Some(_lock) = lock(&directory) {
            let _ = remove(&directory, Duration::ZERO);
        }
    }
}

/// If these are the words by which this program starts itself again, enters the cgroup that they
/// name and becomes the command. Returns only the failure to do so.
pub(crate) fn enter(words: &[OsString]) -> Option<anyhow::Error> {
    let [first, file, program, arguments @ ..] = words else {
        return None;
    };
    if first != OsStr::new(ENTER) {
        return None;
    }
    let enter = Step::Set {
        file: file.into(),
        value: "0".to_owned(),
    };
    let failed = match enter.run() {
        Err(error) => failure(Exit::CannotRun, format!("{:#}", enter.refused(&error))),
        Ok(()) => super::command::not_run(program, &Command::new(program).args(arguments).exec()),
    };
    if let Some(own) = Path::new(file).ancestors().nth(2) {
        // Without it, the user is told of hits that were not to be expected, and of this failure.
        let _ = fs::create_dir(own.join(NOT_RUN));
    }
    Some(failed)
}
