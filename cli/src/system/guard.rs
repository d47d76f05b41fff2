// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks of the system itself: without them, a slow disk could not be made fast again.

use super::{
    Roots,
    beside::listed,
    mounts::{Mount, mounted_at, mounts_of, swaps},
    place::{Overlay, Place, all_of_path, of_mount, of_path, seen},
    source::of_source,
    stack::Stack,
};
use crate::error::{Exit, all_of, failure};
use anyhow::Result;
use std::{collections::BTreeSet, fs, io, path::Path};

/// Mount points of file systems that every program needs; the last ones are of NixOS and of Guix.
const NEEDED: [&str; 5] = ["/", "/usr", "/nix", "/nix/store", "/gnu/store"];

/// The name of the PID namespace in which the machine itself started (`PID_NS_INIT_INO` in
/// linux/nsfs.h).
const FIRST_NAMESPACE: &str = "pid:[4026531836]";

/// A disk that the system itself needs, or may need.
pub(crate) struct Risk<'a> {
    /// The disk.
    pub(crate) disk: &'a str,
    /// Everything that the system has on it, or why nobody can tell, in a sentence.
    pub(crate) why: String,
    /// Whether the system certainly needs it.
    pub(crate) is_known: bool,
}

impl Risk<'_> {
    /// The sentence about the disk when it is slow.
    pub(crate) fn when_slow(&self) -> String {
        format!(
            "{}: once it is slow, you may be unable to undo that",
            self.why
        )
    }
}

/// Refuses if the system itself is on one of these disks, or if nobody can tell.
///
/// # Errors
///
/// [`Exit::Usage`]; the message names the uses of the disk and the `remedy`.
pub(crate) fn check(roots: &Roots, disks: &[String], remedy: &str) -> Result<()> {
    let risks = risks(roots, disks).into_iter();
    let failures =
        risks.map(|risk| failure(Exit::Usage, format!("{}; {remedy}", risk.when_slow())));
    all_of(failures.collect())
}

/// The disks among these that the system itself is on, and all of them if nobody can tell.
pub(crate) fn risks<'a>(roots: &Roots, disks: &'a [String]) -> Vec<Risk<'a>> {
    if disks.is_empty() {
        return Vec::new();
    }
    let uses = Uses::find(roots);
    let risks = disks.iter().filter_map(|disk| {
        let known = uses.of(disk);
        let why = match (&*known, uses.unknown.as_slice()) {
            ([], []) => return None,
            ([], why) => format!(
                "kchaos cannot tell whether the system itself needs {disk}: {}",
                why.join(", and ")
            ),
            (known, _) => format!("{disk} has {}", listed(known)),
        };
        let is_known = !known.is_empty();
        Some(Risk {
            disk,
            why,
            is_known,
        })
    });
    risks.collect()
}

/// The disks that the system needs.
struct Uses<'a> {
    roots: &'a Roots,
    stack: Stack<'a>,
    /// Disks with their use.
    known: Vec<(BTreeSet<String>, String)>,
    /// Sentences about a use whose disks are not known.
    unknown: Vec<String>,
}

impl<'a> Uses<'a> {
    /// Looks at the mounts of the machine's first process, which no container hides, and at those
    /// of this one.
    fn find(roots: &'a Roots) -> Self {
        let mut uses = Self {
            roots,
            stack: Stack::new(roots),
            known: Vec::new(),
            unknown: Vec::new(),
        };
        if is_container(roots) {
            uses.unknown
                .push("it runs in a container, which hides the machine's first process".to_owned());
        } else {
            uses.add_process("1");
            uses.add_program("1", "the program of the machine's first process");
        }
        uses.add_process("self");
        uses.add_program("self", "the program kchaos");
        uses.add_own_root();
        match swaps(roots) {
            Ok(swaps) => swaps.iter().for_each(|swap| uses.add_swap(swap)),
            Err(error) => uses.add_unknown(format!("the list of swap cannot be read: {error}")),
        }
        uses
    }

    /// The uses that the system has for a disk, each once.
    fn of(&self, disk: &str) -> Vec<String> {
        let mut uses: Vec<String> = Vec::new();
        for (disks, what) in &self.known {
            if disks.contains(disk) && !uses.contains(what) {
                uses.push(what.clone());
            }
        }
        uses
    }

    fn add(&mut self, place: Place, what: &str) {
        match place {
            Place::Blocks(blocks) => {
                for block in &blocks {
                    let needs = self.stack.needs(block);
                    self.known.push((needs.disks, what.to_owned()));
                    for why in needs.unknown {
                        self.add_unknown(format!("{what} is on {why}"));
                    }
                }
            }
            Place::NoDisk(_) => {}
            Place::Unknown(why) => self.add_unknown(format!("{what} {why}")),
        }
    }

    fn add_unknown(&mut self, sentence: String) {
        if !self.unknown.contains(&sentence) {
            self.unknown.push(sentence);
        }
    }

    /// Adds the file systems that a process needs.
    fn add_process(&mut self, process: &str) {
        let mounts = match mounts_of(self.roots, process) {
            Ok(mounts) => mounts,
            // A user who is not root is refused later, for this reason.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_root() => return,
            Err(error) => {
                let file = self.roots.proc.join(process).join("mountinfo");
                self.add_unknown(format!("{} cannot be read ({error})", file.display()));
                return;
            }
        };
        for point in NEEDED {
            if let Some(mount) = mounted_at(&mounts, Path::new(point)) {
                let what = format!("the file system that is mounted at {point}");
                for place in self.places(mount, process) {
                    self.add(place, &what);
                }
            }
        }
    }

    /// The places of everything that is read through a mount.
    fn places(&self, mount: &Mount, process: &str) -> Vec<Place> {
        if mount.kind == "overlay" {
            Overlay::new(self.roots, mount, process).places(self.roots)
        } else {
            vec![of_mount(self.roots, mount, &mount.number, process)]
        }
    }

    /// Adds the disks of a process's program, which may be anywhere.
    fn add_program(&mut self, process: &str, what: &str) {
        let path = self.roots.proc.join(process).join("exe");
        // A user who is not root is refused later, and a hidden process has mounts that tell.
        match fs::metadata(&path) {
            Ok(_) => {
                for place in all_of_path(self.roots, &path) {
                    self.add(place, what);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !is_root() => {}
            Err(error) => {
                self.add_unknown(format!("{} cannot be read ({error})", path.display()));
            }
        }
    }

    /// Adds the disk of the directory that is this process's root, if it is no mount point.
    fn add_own_root(&mut self) {
        let root = Path::new("/");
        let mounts = mounts_of(self.roots, "self");
        if mounts.is_ok_and(|mounts| mounted_at(&mounts, root).is_none()) {
            for place in all_of_path(self.roots, root) {
                self.add(place, "the root of this process");
            }
        }
    }

    fn add_swap(&mut self, swap: &Path) {
        let what = format!("the active swap {}", swap.display());
        let devices = of_source(self.roots, swap.as_os_str());
        let place = if devices.is_empty() {
            match seen(self.roots, swap, "1") {
                Ok(path) => of_path(self.roots, &path),
                Err(_) => Place::Unknown("cannot be seen from here".to_owned()),
            }
        } else {
            Place::Blocks(devices)
        };
        self.add(place, &what);
        self.add_covered(swap);
    }

    /// Adds what a file of swap may be on if another mount covers its own by now: each file system
    /// that is mounted on the way to it. That of the root is needed anyway.
    fn add_covered(&mut self, swap: &Path) {
        let what = format!("perhaps the active swap {}", swap.display());
        for process in ["1", "self"] {
            let mounts = mounts_of(self.roots, process).unwrap_or_default();
            let is_over =
                |mount: &&Mount| mount.point != Path::new("/") && swap.starts_with(&mount.point);
            let over: Vec<&Mount> = mounts.iter().filter(is_over).collect();
            if over.len() > 1 {
                for mount in over {
                    for place in self.places(mount, process) {
                        self.add(place, &what);
                    }
                }
            }
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether the process that /proc shows as the first one is not the machine's.
fn is_container(roots: &Roots) -> bool {
    let namespace = fs::read_link(roots.proc.join("1/ns/pid"));
    // A kernel without namespaces has no such file.
    namespace.is_ok_and(|name| name != Path::new(FIRST_NAMESPACE))
}
