// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The state of a disk before ioem, which a file keeps until the disk is given back.

use super::{
    NONE, Roots,
    files::{entries, read_own, try_read},
    step::NEW,
};
use std::{fmt, io, path::Path};

/// The word of a disk that kchaos attached by itself.
const AUTO: &str = "auto";

/// The word of a disk whose way back from ioem has begun.
const BACK: &str = "back";

/// The word before the number of a disk.
pub(crate) const DISKSEQ: &str = "diskseq=";

/// The state of a disk before ioem: one line such as `kyber` or `kyber 256 diskseq=9 auto back`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Its scheduler.
    pub(crate) scheduler: String,
    /// Its `nr_requests`, if it has that file.
    pub(crate) requests: Option<u64>,
    /// The number that the kernel gave to this disk alone, if it has numbers for disks.
    pub(crate) diskseq: Option<u64>,
    /// Whether kchaos gives the disk back as soon as no injection needs it on ioem.
    pub(crate) auto: bool,
    /// Whether kchaos has begun to give the disk back, which takes several writes: if that kchaos
    /// is killed in between, the next one finishes them.
    pub(crate) back: bool,
}

impl Saved {
    /// The state for a disk of which none was saved.
    pub(crate) fn unknown() -> Self {
        Self {
            scheduler: NONE.to_owned(),
            requests: None,
            diskseq: None,
            auto: false,
            back: false,
        }
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The trouble with the file, in words that follow "it": it cannot be read, or has a text that
    /// this program does not write.
    pub(crate) fn read(file: &Path) -> Result<Option<Self>, String> {
        /// All texts of this program are shorter.
        const MOST_SHOWN: usize = 60;
        match read_own(file) {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                let shown: String = text.chars().take(MOST_SHOWN).collect();
                format!("says {shown:?}")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("cannot be read: {error}")),
        }
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let sound = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let mut words = text.split(' ').peekable();
        let scheduler = words.next().unwrap_or_default();
        let requests = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let diskseq = words.next_if(|word| word.starts_with(DISKSEQ));
        let auto = words.next_if(|word| *word == AUTO).is_some();
        let back = words.next_if(|word| *word == BACK).is_some();
        let number = |text: Option<&str>| text.map(str::parse).transpose().ok();
        let is_sound = !scheduler.is_empty() && scheduler.chars().all(sound);
        (is_sound && words.next().is_none()).then_some(Self {
            scheduler: scheduler.to_owned(),
            requests: number(requests)?,
            diskseq: number(diskseq.map(|word| &word[DISKSEQ.len()..]))?,
            auto,
            back,
        })
    }

    /// The saved state of the disk that sysfs calls `name`. A state of another disk, which had the
    /// name before, counts as none.
    ///
    /// # Errors
    ///
    /// As [`Saved::read`].
    pub(crate) fn of(roots: &Roots, name: &str) -> Result<Option<Self>, String> {
        let saved = Self::read(&roots.saved(name))?;
        Ok(saved.filter(|saved| !saved.is_of_another(roots, name)))
    }

    /// Whether the disk that has the name now is another than the one of this state.
    pub(crate) fn is_of_another(&self, roots: &Roots, name: &str) -> bool {
        is_another(roots, name, self.diskseq)
    }

    /// The state as people read it.
    pub(crate) fn shown(&self) -> &str {
        &self.scheduler
    }
}

/// The number that the kernel gives to the disk of this directory, and to no other one of its name.
pub(crate) fn diskseq(disk: &Path) -> Option<u64> {
    try_read(&disk.join("diskseq")).ok()?.parse().ok()
}

/// Whether the disk that has the name now is another than the one that had this number.
pub(crate) fn is_another(roots: &Roots, name: &str, before: Option<u64>) -> bool {
    is_other(&roots.disk(name), before)
}

/// Whether the disk of this directory is another than the one that had this number.
pub(crate) fn is_other(disk: &Path, before: Option<u64>) -> bool {
    let now = diskseq(disk);
    before.is_some() && now.is_some() && before != now
}

/// The names of disks that have a file with their state.
pub(crate) fn saved_names(roots: &Roots) -> Vec<String> {
    let files = entries(&roots.state).flatten();
    let files = files.filter(|entry| entry.file_type().is_file());
    let names = files.filter_map(|entry| Some(entry.file_name().to_str()?.to_owned()));
    names.filter(|name| name != NEW).collect()
}

impl fmt::Display for Saved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.scheduler)?;
        if let Some(requests) = self.requests {
            write!(formatter, " {requests}")?;
        }
        if let Some(diskseq) = self.diskseq {
            write!(formatter, " {DISKSEQ}{diskseq}")?;
        }
        if self.auto {
            write!(formatter, " {AUTO}")?;
        }
        if self.back {
            write!(formatter, " {BACK}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vda");
        assert_eq!(Saved::read(&file), Ok(None));
        for (text, expected) in [
            ("mq-deadline\n", Some(("mq-deadline", None, None, false))),
            ("kyber 256\n", Some(("kyber", Some(256), None, false))),
            ("kyber diskseq=9\n", Some(("kyber", None, Some(9), false))),
            (
                "none 64 diskseq=9 auto\n",
                Some(("none", Some(64), Some(9), true)),
            ),
            ("none auto\n", Some(("none", None, None, true))),
            ("kyber 64 back\n", Some(("kyber", Some(64), None, false))),
            ("kyber back auto", None),
            ("", None),
            ("a; b", None),
            ("kyber x", None),
            ("kyber 1x", None),
            ("kyber 1 2", None),
            ("kyber  1", None),
            ("kyber diskseq=", None),
            ("kyber diskseq=9 256", None),
            ("kyber auto diskseq=9", None),
        ] {
            fs::write(&file, text).unwrap();
            let read = Saved::read(&file).unwrap_or_else(|about| {
                assert_eq!(about, format!("says {text:?}"));
                None
            });
            let parts = read.as_ref().map(|saved| {
                (
                    saved.scheduler.as_str(),
                    saved.requests,
                    saved.diskseq,
                    saved.auto,
                )
            });
            assert_eq!(parts, expected, "{text}");
            if let Some(saved) = read {
                assert_eq!(saved.to_string(), text.trim_end());
                assert_eq!(saved.back, text.ends_with("back\n"));
            }
        }
    }
}
