// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The way in which matching I/O is held: before the disk has it, or after.

use super::parse::ParseError;
use core::fmt;

/// The object that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As [`Way::Request`] if the injection affects all I/O of a disk, else as [`Way::Completion`].
    Auto,
    /// The request, before the disk has it: the disk is slow, and its tags run out.
    Request,
    /// The completion, after the disk has served the request: only this I/O is slow.
    Completion,
}

impl Way {
    /// The words for ways.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("auto", Self::Auto),
        ("request", Self::Request),
        ("completion", Self::Completion),
    ];

    /// Reads a way's name.
    ///
    /// # Errors
    ///
    /// [`ParseError::Invalid`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let found = Self::NAMES.iter().find(|(name, _)| name.as_bytes() == text);
        found.map(|(_, way)| *way).ok_or(ParseError::Invalid)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::NAMES.iter().find(|(_, way)| way == self);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for (text, way) in [
            ("auto", Way::Auto),
            ("request", Way::Request),
            ("completion", Way::Completion),
        ] {
            assert_eq!(Way::parse(text.as_bytes()), Ok(way));
            assert_eq!(way.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "Auto",
            "REQUEST",
            "requests",
            "complete",
            "request completion",
            " request",
            "completion ",
            "auto\0",
            "0",
        ] {
            let error = Err(ParseError::Invalid);
            assert_eq!(Way::parse(text.as_bytes()), error, "{text:?}");
        }
    }
}
