// SPDX-License-Identifier: GPL-2.0-only

//! The libraries that a guest's programs load.

use crate::{archive::Archive, lab::Lab, process::Output};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Libraries that are found so far.
pub(crate) struct Libraries<'a> {
    lab: &'a Lab,
    output: &'a Output,
    programs: PathBuf,
    files: BTreeSet<PathBuf>,
}

impl<'a> Libraries<'a> {
    /// None yet.
    pub(crate) fn new(lab: &'a Lab, output: &'a Output) -> Self {
        Self {
            lab,
            output,
            programs: lab.guest_programs(),
            files: BTreeSet::new(),
        }
    }

    /// The file of a program in the packages of the guest.
    pub(crate) fn program(&self, name: &str) -> Result<PathBuf> {
        let places = ["usr/bin", "usr/sbin"].map(|folder| self.programs.join(folder));
        let found = places.iter().find_map(|folder| {
            // Some suites have links with whole paths, which mean files of the same suite.
            let link = fs::read_link(folder.join(name)).ok();
            let target = link.filter(|target| target.is_absolute());
            match target.as_deref().map(|target| target.strip_prefix("/")) {
                Some(Ok(target)) => Some(self.programs.join(target)),
                _ => find(folder, name),
            }
        });
        found.with_context(|| format!("no package of the guest has the program {name}"))
    }

    /// Adds the libraries of programs, or of other libraries.
    pub(crate) fn add_of(&mut self, paths: &[PathBuf]) -> Result<()> {
        if paths.is_empty() {
            return Ok(());
        }
        let chroot = self.lab.programs_chroot();
        let mut words = vec!["readelf".to_owned(), "-dl".to_owned()];
        for path in paths {
            let inside = Path::new("/").join(path.strip_prefix(&chroot.root)?);
            let inside = inside.to_str().context("paths in a chroot are of ASCII")?;
            words.push(inside.to_owned());
        }
        let printed = chroot.read(self.output, &words)?;
        self.add(&libraries_of(&printed))
    }

    /// Adds libraries of these names, and their own.
    pub(crate) fn add(&mut self, names: &[&str]) -> Result<()> {
        let folder = format!("usr/lib/{}", self.lab.target.arch.triple);
        let mut new = Vec::new();
        for name in names {
            let found = find(&self.programs.join(&folder), name)
                .with_context(|| format!("no package of the guest has the library {name}"))?;
            if self.files.insert(found.clone()) {
                new.push(found);
            }
        }
        self.add_of(&new)
    }

    /// Writes all to one folder of an archive.
    pub(crate) fn write<W: Write>(&self, archive: &mut Archive<W>) -> Result<()> {
        for library in &self.files {
            let name = library.file_name().context("a library has a name")?;
            archive.file(&Path::new("lib").join(name), library)?;
        }
        Ok(())
    }
}

/// The names of libraries and of the interpreter in what readelf prints of a program.
fn libraries_of(printed: &str) -> Vec<&str> {
    let names = printed.lines().filter_map(|line| {
        let needed = || {
            line.contains("(NEEDED)")
                .then(|| line.rsplit_once('['))
                .flatten()
        };
        let interpreter = || line.split_once("program interpreter: ");
        let (_, rest) = interpreter().or_else(needed)?;
        let path = &rest[..rest.find(']')?];
        path.rsplit('/').next()
    });
    names.collect()
}

/// The file of this name in a folder, or below the folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders.iter().find_map(|folder| find(folder, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_programs() {
        let printed = "      [Requesting program interpreter: /lib64/ld-linux-x86-64.so.2]\n \
            0x0000000000000001 (NEEDED)             Shared library: [libnuma.so.1]\n \
            0x000000000000000c (INIT)               0x1000\n";
        assert_eq!(
            libraries_of(printed),
            ["ld-linux-x86-64.so.2", "libnuma.so.1"]
        );
    }
}
