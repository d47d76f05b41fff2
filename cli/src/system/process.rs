// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Processes, as /proc shows them.

use super::{Roots, files::try_read};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The flag of a thread of the kernel, `PF_KTHREAD`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A process that is there.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    directory: PathBuf,
    /// When it was started: the number alone can be another process's later.
    started: Option<String>,
}

impl Process {
    /// The process with this number.
    pub(crate) fn find(roots: &Roots, pid: u32) -> Option<Self> {
        let directory = roots.proc.join(pid.to_string());
        let is_there = directory.is_dir();
        let started = started(&directory);
        is_there.then_some(Self {
            pid,
            directory,
            started,
        })
    }

    /// Whether its number is still its own.
    pub(crate) fn is_still_there(&self) -> bool {
        self.directory.is_dir() && started(&self.directory) == self.started
    }

    /// The name of its mount namespace, if this process may see it.
    pub(crate) fn mount_namespace(&self) -> Option<PathBuf> {
        fs::read_link(self.directory.join("ns/mnt")).ok()
    }

    /// Its number and its program.
    pub(crate) fn shown(&self) -> String {
        match try_read(&self.directory.join("comm")) {
            Ok(program) => format!("process {} ({})", self.pid, program.escape_default()),
            Err(_) => format!("process {}", self.pid),
        }
    }

    /// A link of its own, such as `cwd`.
    pub(crate) fn link(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Whether it is a thread of the kernel, which uses no file system.
    pub(crate) fn is_of_kernel(&self) -> bool {
        let flags = self.state(6).and_then(|text| text.parse::<u64>().ok());
        flags.is_some_and(|flags| flags & KERNEL_THREAD != 0)
    }

    /// Whether it has ended, and only waits for its parent to ask how. Its first thread can end
    /// before the others.
    pub(crate) fn has_ended(&self) -> bool {
        let is_over = |directory: &Path| {
            state(directory, 0).is_some_and(|state| ["Z", "X"].contains(&state.as_str()))
        };
        let threads = fs::read_dir(self.directory.join("task"));
        let mut threads = threads.into_iter().flatten().flatten();
        is_over(&self.directory) && threads.all(|thread| is_over(&thread.path()))
    }

    /// The process that this is a thread of, if the number is that of a thread.
    pub(crate) fn thread_of(&self) -> Option<u32> {
        let text = try_read(&self.directory.join("status")).ok()?;
        let group = text.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
        let group = group.trim().parse().ok()?;
        (group != self.pid).then_some(group)
    }

    fn state(&self, place: usize) -> Option<String> {
        state(&self.directory, place)
    }

    /// The path of its cgroup (v2) in the hierarchy, as this process's cgroup namespace shows it.
    pub(crate) fn cgroup(&self) -> Option<String> {
        cgroup(&self.directory)
    }
}

/// A word of the state of the process with this directory; the one after the program's name is 0.
fn state(directory: &Path, place: usize) -> Option<String> {
    let text = try_read(&directory.join("stat")).ok()?;
    let (_, words) = text.rsplit_once(')')?;
    words.split_whitespace().nth(place).map(str::to_owned)
}

/// The time at which the process with this directory was started, in ticks since boot.
fn started(directory: &Path) -> Option<String> {
    state(directory, 19)
}

/// The path of the cgroup (v2) of the process with this directory in /proc.
pub(crate) fn cgroup(directory: &Path) -> Option<String> {
    let text = try_read(&directory.join("cgroup")).ok()?;
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix("0::").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_follows_a_name_with_anything_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let process = Process {
            pid: 7,
            directory: folder.path().to_owned(),
            started: None,
        };
        for (stat, of_kernel, ended) in [
            ("7 (a) b) S 1 1 1 0 -1 4194560 0", false, false),
            ("7 (kworker/0:1) I 2 0 0 0 -1 69238880 0", true, false),
            ("7 (x) Z 1 1 1 0 -1 4227084 0", false, true),
        ] {
            fs::write(folder.path().join("stat"), stat).unwrap();
            let seen = (process.is_of_kernel(), process.has_ended());
            assert_eq!(seen, (of_kernel, ended), "{stat}");
        }
        // The first thread has ended, and another one not yet.
        for (thread, state) in [("7", 'Z'), ("8", 'S')] {
            let directory = folder.path().join("task").join(thread);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("stat"), format!("{thread} (x) {state} 1")).unwrap();
        }
        assert!(!process.has_ended());
        fs::write(folder.path().join("cgroup"), "1:cpu:/\n0::/a:b\n").unwrap();
        assert_eq!(process.cgroup().as_deref(), Some("/a:b"));
    }

    #[test]
    fn a_number_that_another_process_has_is_not_the_former_ones() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots {
            proc: folder.path().to_owned(),
            tracing: folder.path().to_owned(),
            ..Roots::from_environment()
        };
        let stat = |start: u32| format!("7 (a) S 1 {} {start} 8", "0 ".repeat(17));
        let write = |text: String| fs::write(folder.path().join("7/stat"), text).unwrap();
        fs::create_dir(folder.path().join("7")).unwrap();
        write(stat(100));
        let process = Process::find(&roots, 7).unwrap();
        write(stat(100).replace(" S ", " R "));
        assert!(process.is_still_there());
        write(stat(101));
        assert!(!process.is_still_there());
        write(stat(100));
        fs::remove_dir_all(folder.path().join("7")).unwrap();
        assert!(!process.is_still_there());
    }
}
