// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The ways in which an injection ends I/O otherwise than the disk does, and the attributes of
//! which each damages data.

use super::attributes::Name;

/// How the I/O ends that an injection hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending<'a> {
    /// The disk gets the first blocks of a write, which ends with the error, if there is one.
    Torn(Option<&'a str>),
    /// With this error, and the disk does not get it.
    Failed(&'a str),
    /// As if the disk had the data of a write, which it does not get.
    Lost,
    /// So many bits of the data of a read are flipped.
    Corrupted(u64),
}

impl<'a> Ending<'a> {
    /// The one of several that counts, as in the driver.
    pub(crate) fn of(number: impl Fn(Name) -> Option<u64>, error: Option<&'a str>) -> Option<Self> {
        let number = |name| number(name).filter(|number| *number > 0);
        let error = error.filter(|error| !error.is_empty());
        if number(Name::Torn).is_some() {
            Some(Self::Torn(error))
        } else if let Some(error) = error {
            Some(Self::Failed(error))
        } else if number(Name::Drop).is_some() {
            Some(Self::Lost)
        } else {
            number(Name::Corrupt).map(Self::Corrupted)
        }
    }

    /// Whether an operation does not match that it cannot damage.
    pub(crate) fn chooses(self) -> bool {
        !matches!(self, Self::Failed(_))
    }

    /// It in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Torn(None) => "writes are torn".to_owned(),
            Self::Torn(Some(error)) => format!("writes are torn, and fail with {error}"),
            Self::Failed(error) => format!("fails with {error}"),
            Self::Lost => "writes are lost".to_owned(),
            Self::Corrupted(1) => "a bit of each read is flipped".to_owned(),
            Self::Corrupted(bits) => format!("{bits} bits of each read are flipped"),
        }
    }

    /// The words for I/O that was to end so, and could not.
    pub(crate) fn missed(self) -> &'static str {
        match self {
            Self::Torn(_) => "whole on the disk all the same",
            Self::Failed(_) | Self::Lost => "reached the disk all the same",
            Self::Corrupted(_) => "came with the right data",
        }
    }

    /// Whether it tears writes.
    pub(crate) fn tears(self) -> bool {
        matches!(self, Self::Torn(_))
    }

    /// The sentence about I/O that was to end so, and could not.
    pub(crate) fn why_missed(self) -> &'static str {
        match self {
            Self::Torn(_) => {
                "the disk gets all of a write of one block, to a zone, with integrity metadata, \
                 encrypted by the block layer, or merged before"
            }
            Self::Failed(_) => {
                "writes with a flush fail only once the disk has served them, which needs memory, \
                 and I/O that was merged before the error was set does not fail"
            }
            Self::Lost => {
                "the disk gets each write that the block layer sends with a flush; echo write \
                 through > /sys/block/DISK/queue/write_cache ends such flushes"
            }
            Self::Corrupted(_) => {
                "reads whose completion cannot be held, or for which there is no memory, keep \
                 their data"
            }
        }
    }
}

/// The attributes that damage data.
pub(crate) fn damaging() -> impl Iterator<Item = Name> {
    Name::ALL.into_iter().filter(|name| name.damages())
}

/// The sentence for such an attribute without a consent.
pub(crate) fn no_consent(name: Name) -> String {
    let risk = match name {
        Name::Torn => {
            "the disk gets only the first blocks of each write: files are half new and half old"
        }
        Name::Corrupt => {
            "reads bring flipped bits, and a file system or a program that goes by them writes \
             wrong data"
        }
        _ => {
            "writes seem to succeed and the disk does not get them: the new data of files are lost"
        }
    };
    format!(
        "with {}, {risk}, and a file system can be damaged; if that may be, add --data-loss",
        name.file()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_endings_that_of_the_driver_counts() {
        let all = [(Name::Torn, 1), (Name::Drop, 1), (Name::Corrupt, 3)];
        let ending = |from: usize, error| {
            let number = |name| {
                let found = all[from..].iter().find(|(own, _)| *own == name);
                found.map(|(_, number)| *number)
            };
            Ending::of(number, error)
        };
        assert_eq!(ending(0, Some("EIO")), Some(Ending::Torn(Some("EIO"))));
        assert_eq!(ending(0, Some("")), Some(Ending::Torn(None)));
        assert_eq!(ending(1, Some("EIO")), Some(Ending::Failed("EIO")));
        assert_eq!(ending(1, None), Some(Ending::Lost));
        assert_eq!(ending(2, None), Some(Ending::Corrupted(3)));
        assert_eq!(ending(3, None), None);
    }

    #[test]
    fn each_damage_has_its_own_sentence() {
        let mut sentences: Vec<String> = damaging().map(no_consent).collect();
        assert_eq!(sentences.len(), 3);
        sentences.dedup_by_key(|text| text.split(", ").nth(1).map(str::to_owned));
        assert_eq!(sentences.len(), 3, "{sentences:?}");
    }
}
