// SPDX-License-Identifier: GPL-2.0-only

//! Processes of their own groups: cgroups and PID namespaces.

use crate::sys;
use anyhow::{Context, Result};
use std::{
    fs,
    process::{Child, Command},
    thread::sleep,
    time::Duration,
};

const ROOT: &str = "/sys/fs/cgroup";

/// A cgroup that is removed when dropped.
pub(crate) struct Cgroup {
    path: String,
}

impl Cgroup {
    /// Makes a cgroup with the controllers by which writeback knows the cgroup that it works for.
    pub(crate) fn new(name: &str) -> Result<Self> {
        sys::write(format!("{ROOT}/cgroup.subtree_control"), "+io +memory")?;
        let path = format!("{ROOT}/{name}");
        fs::create_dir(&path).with_context(|| format!("making {path}"))?;
        Ok(Self { path })
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// A command that runs its last arguments in this cgroup.
    pub(crate) fn enter(&self) -> Vec<String> {
        let script = format!("echo 0 > {}/cgroup.procs; exec \"$@\"", self.path);
        ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    }

    fn kill_each(&self) {
        let processes = sys::read(format!("{}/cgroup.procs", self.path)).unwrap_or_default();
        for process in processes.lines() {
            let _ = sys::run(&["kill", "-KILL", process]);
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let kill = format!("{}/cgroup.kill", self.path);
        for _ in 0..100 {
            // Kernels before 5.14 have no such file.
            if sys::write(&kill, "1").is_err() {
                self.kill_each();
            }
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// A PID namespace, kept by a process that sleeps in it.
pub(crate) struct PidNamespace {
    keeper: Child,
    /// The number that the first process inside has outside.
    pub(crate) pid: u32,
}

impl PidNamespace {
    pub(crate) fn new() -> Result<Self> {
        let keeper = Command::new("unshare")
            .args(["-p", "-f", "sleep", "1000"])
            .spawn()?;
        let pid = wait_for_child_of(keeper.id())?;
        Ok(Self { keeper, pid })
    }

    /// Ends all processes inside, and returns when the kernel has forgotten them.
    pub(crate) fn end(mut self) -> Result<()> {
        sys::run(&["kill", "-9", &self.pid.to_string()])?;
        self.keeper.wait()?;
        Ok(())
    }

    /// A command that runs its last arguments in this namespace.
    pub(crate) fn enter(&self) -> Vec<String> {
        let pid = self.pid.to_string();
        ["nsenter", "-t", &pid, "-p"].map(str::to_owned).to_vec()
    }
}

/// The child of this process, which it soon has.
pub(crate) fn wait_for_child_of(parent: u32) -> Result<u32> {
    for _ in 0..100 {
        if let Some(pid) = child_of(parent)? {
            return Ok(pid);
        }
        sleep(Duration::from_millis(10));
    }
    anyhow::bail!("process {parent} has started nothing")
}

/// The child of this process, if it has one; not every kernel has lists of children.
fn child_of(parent: u32) -> Result<Option<u32>> {
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().parse();
        let (Ok(pid), Ok(stat)) = (name, fs::read_to_string(entry.path().join("stat"))) else {
            continue;
        };
        // The fields after the name in parentheses are the state and the parent.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        if fields.split_whitespace().nth(1) == Some(&parent.to_string()) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

impl Drop for PidNamespace {
    fn drop(&mut self) {
        // If the keeper has ended, the number may be another process's.
        if let Ok(None) = self.keeper.try_wait() {
            let _ = sys::run(&["kill", "-9", &self.pid.to_string()]);
            let _ = self.keeper.kill();
            let _ = self.keeper.wait();
        }
    }
}
