// SPDX-License-Identifier: GPL-2.0-only

//! The chroot of a suite: how it is made, and how commands run in it.

use crate::process::{self, Output};
use anyhow::{Context, Result};
use rustix::{
    mount::{
        MountFlags, MountPropagationFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    },
    process::{Signal, chdir, chroot},
    thread::{UnshareFlags, unshare_unsafe},
};
use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

/// A folder with a distribution in it.
#[derive(Clone, Debug)]
pub(crate) struct Chroot {
    /// The folder.
    pub(crate) root: PathBuf,
    /// The checkout; the chroot has it at `/src`.
    pub(crate) top: PathBuf,
}

impl Chroot {
    /// The path on this machine of a path in the chroot.
    pub(crate) fn outside(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn stamp(&self) -> PathBuf {
        self.outside(".ready")
    }

    /// Whether the chroot is complete.
    pub(crate) fn is_ready(&self) -> bool {
        self.stamp().exists()
    }

    /// Makes the chroot of `base`, with more `packages`; packages that only `suite` has come from
    /// `suite`.
    pub(crate) fn make(
        &self,
        output: &Output,
        base: &str,
        suite: &str,
        packages: &[&str],
    ) -> Result<()> {
        remove(&self.root)?;
        let new = PathBuf::from(format!("{}.new", self.root.display()));
        let include = [&["--include=ca-certificates"], packages]
            .concat()
            .join(",");
        debootstrap(output, &["--variant=apt", &include], base, &new)?;
        if base != suite {
            let sources = new.join("etc/apt");
            let list = fs::read_to_string(sources.join("sources.list"))?;
            let more = sources_of(suite, &list, base);
            fs::write(sources.join(format!("sources.list.d/{suite}.list")), more)?;
        }
        File::create(new.join(".ready"))?;
        fs::rename(&new, &self.root)?;
        Ok(())
    }

    /// Runs a command of these words to its end.
    pub(crate) fn run<S: AsRef<OsStr> + Sync>(&self, output: &Output, words: &[S]) -> Result<()> {
        self.enter(&[], || {
            let mut command = inner_command(words);
            output.direct(&mut command)?;
            process::finish(&mut command)
        })
    }

    /// Runs a command of these words to its end, and returns what it prints.
    pub(crate) fn read<S: AsRef<OsStr> + Sync>(
        &self,
        output: &Output,
        words: &[S],
    ) -> Result<String> {
        self.enter(&[], || {
            let mut command = inner_command(words);
            output.direct(&mut command)?;
            process::read(&mut command)
        })
    }

    /// Does `work` in a thread with the chroot as its root, and the checkout and `binds` mounted.
    ///
    /// The kernel removes the mounts when the thread ends. `work` may start one process, the first
    /// of a PID namespace: when this process dies, the kernel kills all its descendants.
    /// [`inner_command`] makes a process that dies with the lab.
    pub(crate) fn enter<T: Send>(
        &self,
        binds: &[(&Path, &str)],
        work: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        let inside = || {
            self.isolate(binds).with_context(|| {
                let root = self.root.display();
                format!("cannot enter the chroot {root}: this takes root, with CAP_SYS_ADMIN")
            })?;
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Gives the calling thread mounts of its own, and the chroot as its root.
    fn isolate(&self, binds: &[(&Path, &str)]) -> Result<()> {
        let parts = UnshareFlags::FS | UnshareFlags::NEWNS | UnshareFlags::NEWPID;
        // SAFETY: FILES is not among the parts: the threads still share their file descriptors.
        unsafe { unshare_unsafe(parts) }?;
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )?;
        mount(
            "proc",
            self.outside("proc"),
            "proc",
            MountFlags::empty(),
            None,
        )?;
        mount_bind_recursive("/dev", self.outside("dev"))?;
        let source = (self.top.as_path(), "src");
        for (folder, inside) in binds.iter().chain([&source]) {
            let place = self.outside(inside);
            fs::create_dir_all(&place)?;
            mount_bind(*folder, place)?;
        }
        self.copy_resolver()?;
        chroot(&self.root)?;
        Ok(chdir("/")?)
    }

    /// Gives the chroot this machine's resolver. Other runs may be reading the file.
    fn copy_resolver(&self) -> Result<()> {
        let place = self.outside("etc/resolv.conf");
        match fs::read("/etc/resolv.conf") {
            Ok(wanted) if fs::read(&place).ok().as_ref() != Some(&wanted) => {
                Ok(fs::write(place, wanted)?)
            }
            _ => Ok(()),
        }
    }
}

/// A command for a chroot, without this machine's environment.
pub(crate) fn inner_command<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let mut command = process::command(words);
    command
        .env_clear()
        .env("HOME", "/root")
        .env("TERM", env::var_os("TERM").unwrap_or("dumb".into()))
        .env("LC_ALL", "C.UTF-8")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    process::bind(&mut command, Signal::KILL);
    command
}

/// Makes a folder of a suite's packages; replaces an older folder.
pub(crate) fn debootstrap(
    output: &Output,
    options: &[&str],
    suite: &str,
    folder: &Path,
) -> Result<()> {
    remove(folder)?;
    let mut make = Command::new("mmdebstrap");
    make.args(options)
        .args(mirror_options(output)?)
        .arg(suite)
        .arg(folder);
    run_here(output, make)
}

/// This machine's own apt settings for its mirrors. Without them, mmdebstrap fails behind a proxy
/// or with a mirror whose index is old.
fn mirror_options(output: &Output) -> Result<Vec<String>> {
    let mut dump = process::command(&["apt-config", "dump"]);
    output.direct(&mut dump)?;
    Ok(mirror_settings(&process::read(&mut dump)?))
}

fn mirror_settings(dump: &str) -> Vec<String> {
    const ABOUT: [&str; 7] = [
        "Check-Valid-Until",
        "Max-ValidTime",
        "http",
        "https",
        "Retries",
        "ForceIPv4",
        "ForceIPv6",
    ];
    let is_meant = |line: &&str| {
        let name = line.strip_prefix("Acquire::");
        name.is_some_and(|name| ABOUT.iter().any(|about| name.starts_with(about)))
    };
    let option = |line: &str| format!("--aptopt={}", line.strip_suffix(';').unwrap_or(line));
    dump.lines().filter(is_meant).map(option).collect()
}

/// The lines of apt's sources by which `suite` comes from the mirrors of `base`.
fn sources_of(suite: &str, list: &str, base: &str) -> String {
    let (old, new) = (format!(" {base} main"), format!(" {suite} main"));
    let lines = list
        .lines()
        .filter(|line| line.starts_with("deb ") && line.contains(&old));
    lines
        .map(|line| line.replacen(&old, &new, 1) + "\n")
        .collect()
}

/// Runs a command on this machine as part of a step.
pub(crate) fn run_here(output: &Output, mut command: Command) -> Result<()> {
    process::bind(&mut command, Signal::TERM);
    output.direct(&mut command)?;
    process::finish(&mut command)
}

/// Removes the folder `path`, and crosses no mount: a user may have mounted this machine's own
/// `/dev` there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let mut remove = process::command(&["rm", "-rf", "--one-file-system", "--"]);
    process::finish(remove.arg(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_mirrors_go_along() {
        let dump = "Acquire \"\";\nAcquire::Check-Valid-Until \"false\";\n\
                    Acquire::http::Proxy \"http://proxy:3128\";\nAcquire::Languages \"none\";\n\
                    APT::Architecture \"amd64\";\n";
        assert_eq!(
            mirror_settings(dump),
            [
                "--aptopt=Acquire::Check-Valid-Until \"false\"",
                "--aptopt=Acquire::http::Proxy \"http://proxy:3128\"",
            ]
        );
    }

    #[test]
    fn a_suite_that_adds_has_the_mirror_of_its_base() {
        let list = "deb [signed-by=\"/key\"] http://mirror/debian trixie main\n\
                    deb http://mirror/debian trixie-updates main\n# deb http://x trixie main\n";
        assert_eq!(
            sources_of("trixie-backports", list, "trixie"),
            "deb [signed-by=\"/key\"] http://mirror/debian trixie-backports main\n"
        );
    }
}
