// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Cgroups (v2): the mounted hierarchies, the search for the cgroup that people name, and whether
//! the kernel accounts I/O to it.

use super::{
    Roots,
    container_id::is_id,
    files::try_read,
    mounts::{Mount, mounts},
};
use crate::error::{Exit, failure};
use anyhow::Result;
use std::{
    fs,
    path::{Component, Path, PathBuf},
};
use walkdir::WalkDir;

/// Where nearly all systems mount the hierarchy, as the driver knows.
const USUAL: &str = "/sys/fs/cgroup";

/// The file with the controllers of the cgroups below one.
pub(crate) const SUBTREE: &str = "cgroup.subtree_control";

/// The file with the processes of a cgroup.
pub(crate) const PROCESSES: &str = "cgroup.procs";

/// A mounted hierarchy, or a part of one.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    /// The mount point.
    pub(crate) point: PathBuf,
    /// The cgroup at the mount point, as this process's cgroup namespace shows it.
    root: PathBuf,
}

impl Hierarchy {
    /// The name of a directory's cgroup for the driver, which knows its path in the hierarchy, and
    /// also the directory where nearly all systems mount that.
    pub(crate) fn name(&self, directory: &Path) -> Option<PathBuf> {
        let below = directory.strip_prefix(&self.point).ok()?;
        if self.point == Path::new(USUAL) && self.root == Path::new("/") {
            return Some(directory.to_owned());
        }
        // The cgroups above the namespace's have no name in it.
        let is_seen = !self
            .root
            .components()
            .any(|part| part == Component::ParentDir);
        is_seen.then(|| self.root.join(below))
    }

    /// The directory of a cgroup, which the kernel shows by its path in the hierarchy.
    pub(crate) fn directory(&self, path: &Path) -> Option<PathBuf> {
        Some(self.point.join(path.strip_prefix(&self.root).ok()?))
    }

    /// Whether the cgroup at the mount point is above all others of the machine.
    pub(crate) fn is_whole(&self) -> bool {
        !self.point.join("cgroup.type").exists()
    }

    /// The controllers that cgroups in this hierarchy can have.
    pub(crate) fn controllers(&self) -> Vec<String> {
        words(&self.point.join("cgroup.controllers")).unwrap_or_default()
    }

    /// The directories in it.
    pub(crate) fn directories(&self) -> impl Iterator<Item = PathBuf> {
        directories(&self.point)
    }
}

/// The directories below this one.
pub(crate) fn directories(point: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    WalkDir::new(point)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .flatten()
        .filter(|entry| entry.file_type().is_dir())
        .map(walkdir::DirEntry::into_path)
}

/// The hierarchies that this process sees; the one with the most cgroups comes first.
pub(crate) fn hierarchies(roots: &Roots) -> Vec<Hierarchy> {
    let mounts = mounts(roots).unwrap_or_default().into_iter();
    let mut all: Vec<Hierarchy> = mounts
        .filter(|mount| mount.kind == "cgroup2")
        .map(|Mount { point, root, .. }| Hierarchy { point, root })
        .collect();
    all.sort_by_key(|hierarchy| hierarchy.root.components().count());
    all
}

/// The words of a file, if it can be read.
pub(crate) fn words(file: &Path) -> Option<Vec<String>> {
    let text = try_read(file).ok()?;
    Some(text.split_whitespace().map(str::to_owned).collect())
}

/// The processes of a cgroup and of those below it. One in a PID namespace that this process does
/// not see is 0.
pub(crate) fn processes(directory: &Path) -> Vec<u32> {
    let below = directories(directory);
    let all = std::iter::once(directory.to_owned()).chain(below);
    all.filter_map(|cgroup| words(&cgroup.join(PROCESSES)))
        .flatten()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// The name, for the driver, of the cgroup that people name by its directory or by its path in the
/// hierarchy.
///
/// # Errors
///
/// [`Exit::Name`] if there is no such cgroup; the sentence names similar ones. Or the kernel
/// accounts no I/O to it; the sentence has the command that changes this.
pub(crate) fn find(roots: &Roots, text: &str) -> Result<String> {
    let hierarchies = hierarchies(roots);
    // The line in /proc/PID/cgroup begins so.
    let text = text.strip_prefix("0::").unwrap_or(text);
    let is_in_one = |path: &PathBuf| hierarchies.iter().any(|one| path.starts_with(&one.point));
    let directory = fs::canonicalize(text).ok().filter(is_in_one);
    let directory = directory.or_else(|| {
        let path = Path::new(text);
        let mut paths = hierarchies.iter().filter_map(|one| one.directory(path));
        paths.find_map(|path| fs::canonicalize(path).ok())
    });
    let found = directory.filter(|path| path.is_dir());
    let found = found.and_then(|directory| {
        let mut named = hierarchies.iter();
        named.find_map(|one| Some((one, one.name(&directory)?, directory.clone())))
    });
    let Some((hierarchy, name, directory)) = found else {
        return Err(failure(Exit::Name, no_cgroup(roots, text, &hierarchies)));
    };
    require_io(hierarchy, &directory)?;
    name.into_os_string()
        .into_string()
        .map_err(|name| failure(Exit::Name, format!("{} is no text", name.to_string_lossy())))
}

/// Refuses a cgroup to which the kernel accounts no I/O.
fn require_io(hierarchy: &Hierarchy, directory: &Path) -> Result<()> {
    let above = directory.ancestors().skip(1);
    let above = above.take_while(|path| path.starts_with(&hierarchy.point));
    let mut closed: Vec<PathBuf> = above
        .map(|parent| parent.join(SUBTREE))
        .filter(|file| words(file).is_some_and(|words| !words.iter().any(|word| word == "io")))
        .collect();
    if closed.is_empty() {
        return Ok(());
    }
    if hierarchy.is_whole() && !hierarchy.controllers().iter().any(|word| word == "io") {
        return Err(failure(Exit::Failure, no_io(hierarchy)));
    }
    closed.reverse();
    let shown = directory.display();
    let remedy = unit(directory).map_or_else(
        || open(&closed),
        |unit| format!("systemctl set-property --runtime {unit} IOAccounting=yes"),
    );
    Err(failure(
        Exit::Failure,
        format!("the controller io is not enabled for the cgroup {shown}: {remedy}"),
    ))
}

/// The command that enables the controller in these files, from the top on.
fn open(files: &[PathBuf]) -> String {
    let shown: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    match shown.as_slice() {
        [file] => format!("echo +io > {file}"),
        files => format!("echo +io | tee {}", files.join(" ")),
    }
}

/// The unit of systemd that a cgroup is, if its name and those of the cgroups above it say so.
fn unit(directory: &Path) -> Option<&str> {
    let name = directory.file_name()?.to_str()?;
    let is_unit = [".service", ".scope", ".slice"]
        .iter()
        .any(|end| name.ends_with(end));
    // Below a service, another manager than the system's may be at work.
    let above = directory.parent()?.components();
    let mut above = above.filter_map(|part| part.as_os_str().to_str());
    let is_of_system = !above.any(|part| part.ends_with(".service") || part.ends_with(".scope"));
    (is_unit && is_of_system).then_some(name)
}

/// The sentence for a machine whose controller io is not for cgroups v2.
pub(crate) fn no_io(hierarchy: &Hierarchy) -> String {
    format!(
        "the cgroups (v2) in {} have no controller io: cgroups v1 have it, or the kernel was booted \
         without it; boot with systemd.unified_cgroup_hierarchy=1, or cgroup_no_v1=all where \
         there is no systemd",
        hierarchy.point.display()
    )
}

/// The sentence for a machine on which no cgroups v2 are mounted.
pub(crate) const NONE_MOUNTED: &str = "none is mounted: mount -t cgroup2 none /sys/fs/cgroup";

/// The sentence that there is no such cgroup, with the names of similar ones.
fn no_cgroup(roots: &Roots, text: &str, hierarchies: &[Hierarchy]) -> String {
    let Some(first) = hierarchies.first() else {
        return format!("there is no cgroup (v2) {text}; {NONE_MOUNTED}");
    };
    let below = first.point.display();
    if let Some(process) = process_in(roots, text) {
        return format!(
            "there is no cgroup (v2) {text}; the cgroup of process {process} is: --pid {process}"
        );
    }
    if is_id(text) {
        return format!(
            "there is no cgroup (v2) {text} in {below}; if it is the id of a container: --container \
             {text}"
        );
    }
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

/// The process that somebody names by its number, or by a file such as `/proc/12/cgroup`.
fn process_in<'a>(roots: &Roots, text: &'a str) -> Option<&'a str> {
    let inner = text.strip_prefix("/proc/").unwrap_or(text);
    let number = inner.split('/').next()?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && roots.proc.join(number).exists()).then_some(number)
}

/// Some cgroups with the same last name.
fn same_name(text: &str, hierarchies: &[Hierarchy]) -> Vec<String> {
    /// More would be no help.
    const MOST: usize = 3;
    let name = Path::new(text).file_name();
    let paths = hierarchies.iter().flat_map(|one| {
        one.directories()
            .filter(|path| path.file_name() == name)
            .filter_map(|path| {
                let below = path.strip_prefix(&one.point).ok()?;
                Some(Path::new("/").join(below).display().to_string())
            })
    });
    paths.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(point: &str, root: &str) -> Hierarchy {
        Hierarchy {
            point: point.into(),
            root: root.into(),
        }
    }

    #[test]
    fn a_cgroup_has_the_name_that_the_drivers_namespace_gives_it() {
        for (point, root, directory, expected) in [
            (
                "/sys/fs/cgroup",
                "/",
                "/sys/fs/cgroup/t",
                Some("/sys/fs/cgroup/t"),
            ),
            ("/cg", "/", "/cg/t/u", Some("/t/u")),
            ("/cg", "/tenant", "/cg/u", Some("/tenant/u")),
            (
                "/sys/fs/cgroup",
                "/tenant",
                "/sys/fs/cgroup/u",
                Some("/tenant/u"),
            ),
            ("/host", "/../..", "/host/docker", None),
            ("/cg", "/", "/elsewhere", None),
        ] {
            let name = hierarchy(point, root).name(Path::new(directory));
            assert_eq!(name.as_deref(), expected.map(Path::new), "{point} {root}");
        }
        let directory = |root, path: &str| hierarchy("/cg", root).directory(Path::new(path));
        assert_eq!(directory("/", "/t").unwrap(), Path::new("/cg/t"));
        assert_eq!(
            directory("/tenant", "/tenant/u").unwrap(),
            Path::new("/cg/u")
        );
        assert_eq!(directory("/tenant", "/other"), None);
    }

    #[test]
    fn units_are_the_system_managers_alone() {
        for (directory, expected) in [
            (
                "/c/user.slice/user-0.slice/session-1.scope",
                Some("session-1.scope"),
            ),
            ("/c/system.slice/db.service", Some("db.service")),
            ("/c/user.slice/user@1.service/app.slice/x.scope", None),
            ("/c/system.slice/docker-1.scope/inner", None),
            ("/c/tenant", None),
        ] {
            assert_eq!(unit(Path::new(directory)), expected, "{directory}");
        }
    }
}
