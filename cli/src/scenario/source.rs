// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The text of a scenario's file, and the places of mistakes in it.

use crate::error::{Exit, failure, refused};
use anyhow::Result;
use std::{fs, ops::Range, path::Path};

/// A place in a file: the bytes from a beginning to an end.
pub(super) type Span = Range<usize>;

/// The text of a file.
#[derive(Debug)]
pub(super) struct Source {
    /// The file's name as it was typed.
    file: String,
    pub(super) text: String,
}

/// A sentence about a place in a file.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) span: Span,
    pub(super) sentence: String,
}

impl Mistake {
    pub(super) fn new(span: &Span, sentence: impl Into<String>) -> Self {
        Self {
            span: span.clone(),
            sentence: sentence.into(),
        }
    }
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is no text in UTF-8.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|error| refused("read", path, &error))?;
        let file = path.display().to_string();
        let text = String::from_utf8(bytes).map_err(|_| {
            failure(
                Exit::Usage,
                format!("{file} is no text in UTF-8, and a scenario is a text in TOML"),
            )
        })?;
        Ok(Self { file, text })
    }

    /// A text that is called a file.
    pub(super) fn named(file: &str, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    /// `FILE:LINE:COLUMN`, as compilers write it and editors read it.
    pub(super) fn place(&self, span: &Span) -> String {
        let mut end = span.start.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{}:{line}:{column}", self.file)
    }

    /// The text at a place, if it is short.
    pub(super) fn found(&self, span: &Span) -> Option<&str> {
        /// More does not fit into a line.
        const MOST: usize = 60;
        let found = self.text.get(span.clone())?;
        (found.len() <= MOST && !found.contains('\n')).then_some(found)
    }

    /// One failure for all mistakes, in the order of their places.
    pub(super) fn failure(&self, mut mistakes: Vec<Mistake>) -> anyhow::Error {
        mistakes.sort_by_key(|mistake| mistake.span.start);
        let lines = mistakes
            .iter()
            .map(|mistake| format!("{}: {}", self.place(&mistake.span), mistake.sentence));
        let mut lines: Vec<String> = lines.collect();
        lines.dedup();
        failure(Exit::Usage, lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_letters_from_one() {
        let source = Source::named("a.toml", "a = 1\nü = \"b\"\n");
        for (start, expected) in [
            (0, "a.toml:1:1"),
            (4, "a.toml:1:5"),
            (6, "a.toml:2:1"),
            (8, "a.toml:2:2"),
            (99, "a.toml:3:1"),
        ] {
            assert_eq!(source.place(&(start..start)), expected);
        }
    }
}
