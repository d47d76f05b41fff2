// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The block devices that a file is on, whichever file system keeps it.

use super::{
    Roots,
    block::{Block, number},
    files::{entries, names},
    further::further,
    mounts::{Mount, mount_id, mounts_of},
    source::of_source,
    tool::tool,
};
use std::{
    ffi::{OsStr, OsString},
    fs::{self, Metadata},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::MetadataExt,
    },
    path::{Component, Path, PathBuf},
};

/// File systems in memory or of the kernel itself.
const IN_MEMORY: [&str; 20] = [
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "securityfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// File systems whose files are on another machine.
const REMOTE: [&str; 9] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "glusterfs",
    "nfs",
    "nfs4",
    "smb3",
    "virtiofs",
];

/// The place of a file.
#[derive(Debug)]
pub(crate) enum Place {
    /// Block devices: all of a file system that is on several.
    Blocks(Vec<Block>),
    /// There is no block device: the rest of a sentence whose subject is the file.
    NoDisk(String),
    /// There may be one, and kchaos does not find it: the rest of a sentence in the same way.
    Unknown(String),
}

/// The place of a file or directory, as the kernel finds it by this path.
pub(crate) fn of_path(roots: &Roots, path: &Path) -> Place {
    let Ok(metadata) = fs::metadata(path) else {
        return Place::Unknown("is not there to be looked at".to_owned());
    };
    let device = number(metadata.dev());
    match mount_of(roots, path, &device) {
        Some((mount, process)) => of_mount(roots, &mount, &device, &process),
        None => match Block::numbered(roots, &device) {
            Some(block) => Place::Blocks(vec![block]),
            None if roots.proc.join("self").exists() => Place::Unknown(format!(
                "is on a file system (device {device}) that no process has mounted"
            )),
            None => Place::Unknown(format!(
                "is on a file system (device {device}) that only {} would tell, which is not there",
                roots.proc.display()
            )),
        },
    }
}

/// The devices below the other layers of a path that is on an overlay: files that nobody has
/// changed are read from there.
pub(crate) fn lower_layers(roots: &Roots, path: &Path) -> Vec<Block> {
    let Ok(metadata) = fs::metadata(path) else {
        return Vec::new();
    };
    let mount = mount_of(roots, path, &number(metadata.dev()));
    let overlay = mount.filter(|(mount, _)| mount.kind == "overlay");
    let places = overlay.map(|(mount, process)| {
        let lowers = Overlay::new(roots, &mount, &process).lowers.into_iter();
        lowers.flatten().map(|path| of_path(roots, &path))
    });
    let places = places.into_iter().flatten();
    places
        .flat_map(|place| match place {
            Place::Blocks(blocks) => blocks,
            _ => Vec::new(),
        })
        .collect()
}

/// The places of everything that a file is read from: also of each layer of an overlay.
pub(crate) fn all_of_path(roots: &Roots, path: &Path) -> Vec<Place> {
    let device = fs::metadata(path).map(|metadata| number(metadata.dev()));
    let mount = device
        .ok()
        .and_then(|device| mount_of(roots, path, &device));
    match mount {
        Some((mount, process)) if mount.kind == "overlay" => {
            Overlay::new(roots, &mount, &process).places(roots)
        }
        _ => vec![of_path(roots, path)],
    }
}

/// The place of the files of a file system that stat shows with this device number.
pub(super) fn of_device(roots: &Roots, device: &str) -> Place {
    let is_it = |mount: &Mount| mount.number == device;
    match (
        first_mount(roots, None, is_it),
        Block::numbered(roots, device),
    ) {
        (Some((mount, process)), _) => of_mount(roots, &mount, device, &process),
        (None, Some(block)) => Place::Blocks(of_file_system(roots, block)),
        (None, None) => Place::Unknown(format!(
            "is on a file system (device {device}) that kchaos does not see"
        )),
    }
}

/// The mount that a path is on, and a process that sees it.
fn mount_of(roots: &Roots, path: &Path, device: &str) -> Option<(Mount, String)> {
    let id = mount_id(roots, path);
    let is_it = |mount: &Mount| match id {
        Some(id) => mount.id == id,
        None => mount.number == device,
    };
    first_mount(roots, process_in(roots, path), is_it)
}

/// The last such mount that a process sees, and the process: this one, else `process`, else any.
fn first_mount(
    roots: &Roots,
    process: Option<String>,
    is_it: impl Fn(&Mount) -> bool,
) -> Option<(Mount, String)> {
    let others = names(&roots.proc);
    let others = others
        .into_iter()
        .filter(|name| name.parse::<u32>().is_ok());
    let first = ["self".to_owned()].into_iter().chain(process);
    first.chain(others).find_map(|process| {
        let mounts = mounts_of(roots, &process).ok()?;
        Some((mounts.into_iter().rfind(&is_it)?, process))
    })
}

/// The process that a path such as `/proc/PID/root/data` goes by.
fn process_in(roots: &Roots, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(&roots.proc).ok()?;
    let Component::Normal(process) = rest.components().next()? else {
        return None;
    };
    process.to_str().map(str::to_owned)
}

/// The place of the files of a mount that this process sees.
pub(crate) fn of_mount(roots: &Roots, mount: &Mount, device: &str, process: &str) -> Place {
    match mount.kind.as_str() {
        "overlay" => return Overlay::new(roots, mount, process).place(roots),
        "btrfs" => return btrfs(roots, mount),
        "zfs" => return zfs(roots, mount),
        // It keeps its files in another directory.
        "ecryptfs" => {
            return match seen(roots, Path::new(&mount.source), process) {
                Ok(path) => of_path(roots, &path),
                Err(why) => Place::Unknown(format!("is on ecryptfs over {why}")),
            };
        }
        _ => {}
    }
    let numbers = [device, &mount.number];
    let mut blocks: Vec<Block> = numbers
        .iter()
        .find_map(|number| Block::numbered(roots, number))
        .into_iter()
        .collect();
    // The source of a file system without a disk is any text that its user chooses.
    if blocks.is_empty() && !is_without_disk(&mount.kind) {
        blocks = of_source(roots, &mount.source);
    }
    let Some(first) = blocks.first() else {
        return no_disk(mount);
    };
    match further(roots, mount, first) {
        Ok(more) => {
            blocks.extend(more);
            Place::Blocks(blocks)
        }
        Err(why) => Place::Unknown(why),
    }
}

fn is_without_disk(kind: &str) -> bool {
    IN_MEMORY.contains(&kind) || REMOTE.contains(&kind) || kind.starts_with("fuse")
}

fn no_disk(mount: &Mount) -> Place {
    let kind = mount.kind.as_str();
    let source = mount.source.to_string_lossy();
    if IN_MEMORY.contains(&kind) {
        return Place::NoDisk(format!("is on {kind}, which has no disk"));
    }
    if REMOTE.contains(&kind) {
        return Place::NoDisk(format!(
            "is on {kind}, which has no disk; its files are on another machine: {source}"
        ));
    }
    Place::Unknown(if kind.starts_with("fuse") {
        format!(
            "is on {kind}, which has no disk; a program answers for its files ({source}): name the \
             disk that the program uses"
        )
    } else if source.starts_with("/dev/") {
        format!("is on {kind}, whose device {source} is not there")
    } else {
        format!("is on {kind} ({source}), whose disks kchaos does not know")
    })
}

/// All devices of the file system on a device: of a mounted btrfs, each device stands for all.
pub(crate) fn of_file_system(roots: &Roots, block: Block) -> Vec<Block> {
    let mut all = btrfs_devices(roots).into_iter();
    all.find(|devices| devices.contains(&block))
        .unwrap_or_else(|| vec![block])
}

/// The devices of each btrfs that is mounted.
fn btrfs_devices(roots: &Roots) -> Vec<Vec<Block>> {
    let find = |name: &String| Block::named(roots, name);
    entries(&roots.sysfs.join("fs/btrfs"))
        .filter_map(|entry| Some(names(&entry.ok()?.path().join("devices"))))
        .map(|devices| devices.iter().filter_map(find).collect::<Vec<_>>())
        .filter(|devices| !devices.is_empty())
        .collect()
}

/// All devices of a btrfs, whose mount names only one of them.
fn btrfs(roots: &Roots, mount: &Mount) -> Place {
    if let Some(block) = of_source(roots, &mount.source).into_iter().next() {
        return Place::Blocks(of_file_system(roots, block));
    }
    // If there is only one, it is this one.
    match <[_; 1]>::try_from(btrfs_devices(roots)) {
        Ok([blocks]) => Place::Blocks(blocks),
        Err(_) => Place::Unknown(format!(
            "is on btrfs, whose device {} is not there",
            mount.source.to_string_lossy()
        )),
    }
}

/// The devices of the pool that a ZFS is in.
fn zfs(roots: &Roots, mount: &Mount) -> Place {
    let source = mount.source.to_string_lossy();
    let pool = source.split(['/', '@']).next().unwrap_or_default();
    let asked = tool("zpool").args(["list", "-vHPL", pool]).output();
    let text = match &asked {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout),
        _ => "".into(),
    };
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    let disks: Vec<Vec<Block>> = paths.map(|path| vdev(roots, path)).collect();
    // One that is not found leaves others unknown, too.
    let is_known = !disks.is_empty() && disks.iter().all(|blocks| !blocks.is_empty());
    let blocks: Vec<Block> = disks.into_iter().flatten().collect();
    if !is_known {
        return Place::Unknown(format!(
            "is on the ZFS {source}, and `zpool list -vPL {pool}` does not tell its disks"
        ));
    }
    Place::Blocks(blocks)
}

/// The devices of a part of a pool: a device or a file.
fn vdev(roots: &Roots, path: &str) -> Vec<Block> {
    match of_source(roots, OsStr::new(path)) {
        blocks if !blocks.is_empty() => blocks,
        _ => match of_path(roots, Path::new(path)) {
            Place::Blocks(blocks) if !path.starts_with("/dev/") => blocks,
            _ => Vec::new(),
        },
    }
}

/// An overlay, with the paths of its layers as this process finds them.
#[derive(Debug)]
pub(crate) struct Overlay {
    upper: Option<Result<PathBuf, String>>,
    lowers: Vec<Result<PathBuf, String>>,
}

impl Overlay {
    pub(crate) fn new(roots: &Roots, mount: &Mount, process: &str) -> Self {
        let find = |path: &OsString| seen(roots, Path::new(path), process);
        Self {
            upper: mount.option("upperdir").as_ref().map(find),
            lowers: lowers(mount).iter().map(find).collect(),
        }
    }

    /// The place of new files, or of old ones if the overlay can only be read.
    fn place(self, roots: &Roots) -> Place {
        match (self.upper, self.lowers.into_iter().next()) {
            (Some(Ok(path)), _) | (None, Some(Ok(path))) => of_path(roots, &path),
            (Some(Err(why)), _) => {
                Place::Unknown(format!("is on an overlay, whose upperdir {why}"))
            }
            (None, Some(Err(why))) => {
                Place::Unknown(format!("is on an overlay, whose lowerdir {why}"))
            }
            (None, None) => Place::Unknown("is on an overlay without layers".to_owned()),
        }
    }

    /// The places of all layers.
    pub(crate) fn places(self, roots: &Roots) -> Vec<Place> {
        let layers = self.upper.into_iter().chain(self.lowers);
        layers
            .map(|layer| match layer {
                Ok(path) => of_path(roots, &path),
                Err(why) => Place::Unknown(format!("is on an overlay, of which a layer {why}")),
            })
            .collect()
    }
}

/// The lower directories of an overlay.
fn lowers(mount: &Mount) -> Vec<OsString> {
    let joined = mount.option("lowerdir").unwrap_or_default();
    let mut all = vec![Vec::new()];
    let mut bytes = joined.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b':' => all.push(Vec::new()),
            // A colon that is part of a name has a backslash before it.
            b'\\' => all
                .last_mut()
                .into_iter()
                .for_each(|path| path.extend(bytes.next())),
            byte => all.last_mut().into_iter().for_each(|path| path.push(byte)),
        }
    }
    let all = all.into_iter().filter(|path| !path.is_empty());
    all.map(OsString::from_vec)
        .chain(mount.options("lowerdir+"))
        .collect()
}

/// The directory that a mount names by its path. The path may be one of the process that sees the
/// mount, of this process, or of the first one.
pub(crate) fn seen(roots: &Roots, path: &Path, process: &str) -> Result<PathBuf, String> {
    if !path.starts_with("/") {
        return Err(format!("{} is no full path", path.display()));
    }
    let mut found: Vec<(PathBuf, (u64, u64))> = Vec::new();
    for (path, metadata) in meant(roots, path, process) {
        let identity = (metadata.dev(), metadata.ino());
        if found.iter().all(|(_, known)| *known != identity) {
            found.push((path, identity));
        }
    }
    match found.as_slice() {
        [(path, _)] => Ok(path.clone()),
        [] => Err(format!("{} cannot be seen from here", path.display())),
        [(one, _), (other, _), ..] => Err(format!(
            "can be {} or {}; name that one itself",
            one.display(),
            other.display()
        )),
    }
}

/// The files that a full path may mean: that of a process, of this process, or of the first one.
pub(super) fn meant(
    roots: &Roots,
    path: &Path,
    process: &str,
) -> impl Iterator<Item = (PathBuf, Metadata)> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let of_process = |process: &str| roots.proc.join(process).join("root").join(below);
    let paths = [of_process(process), path.to_owned(), of_process("1")].into_iter();
    paths.filter_map(|path| {
        let metadata = fs::metadata(&path).ok()?;
        Some((path, metadata))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::mounts::parse_mounts;

    #[test]
    fn lower_layers_are_told_apart() {
        let mut mounts = parse_mounts(
            b"9 1 0:40 / /m rw - overlay none rw,lowerdir=/a\\134:b:/c,upperdir=/u\n\
              9 1 0:40 / /m rw - overlay none rw,lowerdir+=/a,lowerdir+=/b:c\n",
        )
        .into_iter();
        let mut next = || lowers(&mounts.next().unwrap());
        assert_eq!(next(), ["/a:b", "/c"]);
        assert_eq!(next(), ["/a", "/b:c"]);
    }
}
