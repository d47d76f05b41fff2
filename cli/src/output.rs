// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Standard output, whose failures say what failed.

use crate::error::{Exit, all_of, failure};
use anyhow::Result;
use std::io::{self, Write};

/// Standard output.
#[derive(Debug)]
pub struct Output<W>(pub W);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(told)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(told)
    }
}

/// The same failure, in words.
pub fn told(error: io::Error) -> io::Error {
    let message = format!("cannot write to standard output: {error}");
    io::Error::new(error.kind(), message)
}

/// Whether nobody reads any more, which is no failure of what was done.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Prints a result that people have to get, and calls `undo` if they do not.
///
/// # Errors
///
/// If it was not printed; nothing is undone if nobody reads any more.
pub(crate) fn print_or(
    out: &mut dyn Write,
    text: &str,
    undo: impl FnOnce() -> Vec<anyhow::Error>,
) -> Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if !is_closed(&error) => {
            let mut failures = vec![failure(
                Exit::Failure,
                format!("{error}; what was done is undone"),
            )];
            failures.extend(undo());
            all_of(failures)
        }
        result => Ok(result?),
    }
}
