// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The state of a disk before ioem, which a file keeps until the disk is given back.

use super::files::try_read;
use std::{fmt, io, path::Path};

/// The state of a disk before ioem: one line such as `kyber` or `kyber 256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Its scheduler.
    pub(crate) scheduler: String,
    /// Its `nr_requests`, if that was changed.
    pub(crate) requests: Option<u64>,
}

impl Saved {
    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The trouble with the file, in words that follow "it": it cannot be read, or has a text that
    /// this program does not write.
    pub(crate) fn read(file: &Path) -> Result<Option<Self>, String> {
        /// All texts of this program are shorter.
        const MOST_SHOWN: usize = 60;
        match try_read(file) {
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
        let (scheduler, requests) = match text.split_once(' ') {
            Some((scheduler, requests)) => (scheduler, Some(requests.parse().ok()?)),
            None => (text, None),
        };
        (!scheduler.is_empty() && scheduler.chars().all(sound)).then(|| Self {
            scheduler: scheduler.to_owned(),
            requests,
        })
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.scheduler)?;
        match self.requests {
            Some(requests) => write!(formatter, " {requests}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_saved_is_one_plain_word_and_perhaps_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vda");
        assert_eq!(Saved::read(&file), Ok(None));
        for (text, expected) in [
            ("mq-deadline\n", Some(("mq-deadline", None))),
            ("kyber 256\n", Some(("kyber", Some(256)))),
            ("", None),
            ("a; b", None),
            ("kyber x", None),
            ("kyber 1 2", None),
        ] {
            fs::write(&file, text).unwrap();
            let read = Saved::read(&file).unwrap_or_else(|about| {
                assert_eq!(about, format!("says {text:?}"));
                None
            });
            let parts = read
                .as_ref()
                .map(|saved| (saved.scheduler.as_str(), saved.requests));
            assert_eq!(parts, expected, "{text}");
            if let Some(saved) = read {
                assert_eq!(saved.to_string(), text.trim_end());
            }
        }
    }
}
