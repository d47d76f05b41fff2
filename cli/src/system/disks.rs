// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Disks with their numbers, so that another disk that gets the name is not taken for one of them.

use super::{
    Roots,
    saved::{DISKSEQ, is_another},
};
use std::{collections::BTreeMap, fmt};

/// Disks with the numbers that the kernel gave to them alone, if it has numbers for disks: another
/// disk of the name is not meant.
///
/// In a file, each has a space before, such as ` sda diskseq=9 sdb diskseq=10`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Disks(BTreeMap<String, Option<u64>>);

impl Disks {
    /// The disk that had this name and number when it was looked at.
    pub(crate) fn one(name: &str, number: Option<u64>) -> Self {
        Self(BTreeMap::from([(name.to_owned(), number)]))
    }

    /// Reads the words of a file.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut disks = BTreeMap::new();
        let mut words = words.peekable();
        while let Some(name) = words.next() {
            let number = words.next_if(|word| word.starts_with(DISKSEQ));
            let number = number.map(|word| word[DISKSEQ.len()..].parse());
            disks.insert(name.to_owned(), number.transpose().ok()?);
        }
        Some(Self(disks))
    }

    /// Whether there is no disk.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the disks has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Adds disks. Of two with one name, the added one stays.
    pub(crate) fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The number of the disk of this name, if it has one.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied().flatten()
    }

    /// Keeps the disks for which `stays` says so, when it is told their names, and whether another
    /// disk has the name now.
    pub(crate) fn retain(&mut self, roots: &Roots, stays: impl Fn(&str, bool) -> bool) {
        self.0
            .retain(|name, number| stays(name, is_another(roots, name, *number)));
    }

    /// The disks whose names are those of other disks now.
    pub(crate) fn replaced(&self, roots: &Roots) -> Self {
        let mut disks = self.clone();
        disks.retain(roots, |_, is_another| is_another);
        disks
    }

    /// The names of the disks, except for names of other disks now.
    pub(crate) fn names(&self, roots: &Roots) -> impl Iterator<Item = String> {
        let disks = self.0.iter();
        let disks = disks.filter(|(name, number)| !is_another(roots, name, **number));
        disks.map(|(name, _)| name.clone())
    }

    /// The names of all disks.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }
}

impl fmt::Display for Disks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, number) in &self.0 {
            write!(formatter, " {name}")?;
            if let Some(number) = number {
                write!(formatter, " {DISKSEQ}{number}")?;
            }
        }
        Ok(())
    }
}
