// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The errors with which an injection can end I/O, by the kernel's names for them.

use super::parse::ParseError;
use core::fmt;

/// The prefix that C gives the names of statuses, and that a text may leave out.
const STATUS: &[u8] = b"BLK_STS_";

/// An error with which I/O can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(&'static str);

impl Failure {
    /// The name of each error for programs, and that of its status in the block layer, as
    /// `blk_errors` of `block/blk-core.c` pairs them. EAGAIN is not among them: io_uring and file
    /// systems take it for a wish, and try again without an end.
    pub const NAMES: [(&'static str, &'static str); 16] = [
        ("EIO", "IOERR"),
        ("ENODATA", "MEDIUM"),
        ("ETIMEDOUT", "TIMEOUT"),
        ("ENOSPC", "NOSPC"),
        ("ENOLINK", "TRANSPORT"),
        ("EREMOTEIO", "TARGET"),
        ("ENODEV", "OFFLINE"),
        ("EILSEQ", "PROTECTION"),
        ("EBADE", "RESV_CONFLICT"),
        ("EOPNOTSUPP", "NOTSUPP"),
        ("EINVAL", "INVAL"),
        ("EBUSY", "DEV_RESOURCE"),
        ("ENOMEM", "RESOURCE"),
        ("ETIME", "DURATION_LIMIT"),
        ("ETOOMANYREFS", "ZONE_OPEN_RESOURCE"),
        ("EOVERFLOW", "ZONE_ACTIVE_RESOURCE"),
    ];

    /// The name that programs know.
    pub fn name(self) -> &'static str {
        self.0
    }

    /// Reads an error's name, or that of its status, in small or capital letters. An empty text is
    /// no error.
    ///
    /// # Errors
    ///
    /// [`ParseError::Invalid`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Option<Self>, ParseError> {
        if text.is_empty() {
            return Ok(None);
        }
        let (start, rest) = text.split_at(text.len().min(STATUS.len()));
        let prefixed = start.eq_ignore_ascii_case(STATUS);
        let word = if prefixed { rest } else { text };
        let is = |name: &str| name.as_bytes().eq_ignore_ascii_case(word);
        let found = Self::NAMES
            .iter()
            .find(|(errno, status)| is(status) || (!prefixed && is(errno)));
        found
            .map(|(errno, _)| Some(Self(errno)))
            .ok_or(ParseError::Invalid)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{format, string::ToString};

    #[test]
    fn an_error_has_two_names_and_is_shown_by_the_first() {
        for (errno, status) in Failure::NAMES {
            let prefixed = format!("BLK_STS_{status}");
            for text in [errno, status, &prefixed] {
                for text in [text.to_string(), text.to_ascii_lowercase()] {
                    let failure = Failure::parse(text.as_bytes()).unwrap().unwrap();
                    assert_eq!(failure.to_string(), errno, "{text}");
                }
            }
        }
    }

    #[test]
    fn no_text_is_no_error() {
        assert_eq!(Failure::parse(b""), Ok(None));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "0",
            "5",
            "-5",
            "none",
            "EI",
            "EIOO",
            " EIO",
            "EIO ENODATA",
            "BLK_STS_",
            "BLK_STS_EIO",
            "BLK_STS_OK",
            "OK",
            "EREMCHG",
            "DM_REQUEUE",
            "EAGAIN",
            "EIO\0",
        ] {
            let error = Err(ParseError::Invalid);
            assert_eq!(Failure::parse(text.as_bytes()), error, "{text:?}");
        }
    }

    #[test]
    fn no_name_means_two_errors() {
        let names = Failure::NAMES.into_iter();
        let mut names: std::vec::Vec<_> = names.flat_map(|(one, other)| [one, other]).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 2 * Failure::NAMES.len());
    }
}
