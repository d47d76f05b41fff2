// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The program's failures: exit codes, messages that say what to do next, and lost output.

use anyhow::{Result, anyhow};
use rustix::io::Errno;
use std::{
    fmt,
    io::{self, Write},
    path::Path,
};

/// The program's exit codes; [`EXIT_CODES`] explains them to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something else failed, or the kernel refused it.
    Failure = 1,
    /// The arguments make no sense, a value is out of range, or `--force` is missing: the disk has
    /// the system itself on it, or others beside a volume whose sectors are not known.
    Usage = 2,
    /// The driver's interface is not there or not one that this program knows.
    Unavailable = 3,
    /// The user has not the permission.
    Permission = 4,
    /// There is no such injection or device, a device has no blk-mq queue, or a name is taken.
    Name = 5,
    /// The command succeeded, and its injection hit no I/O, though hits were expected.
    NoHits = 125,
    /// The time to wait was over.
    Timeout = 124,
    /// The command that an injection was made for cannot be run.
    CannotRun = 126,
    /// The command that an injection was made for is not there.
    NoCommand = 127,
}

/// The exit codes as `--help` shows them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; for version, also if only the program's own is known
  1  something failed, or the kernel refused it
  2  the arguments make no sense, a value is out of range, or --force is
     missing: the disk has /, /usr or active swap, or others beside a volume
     whose sectors are not known
  3  the driver's interface is not there: module not loaded, configfs not
     mounted, unknown version
  4  not permitted, most often because the user is not root
  5  no such injection, cgroup, container or process; no such device, except
     for inject, which says so and waits for one; a device without a blk-mq
     queue; a name that is taken; no device at all: none is named, and none
     is attached; or somebody removed the injection of inject --wait
  124  the --timeout of wait is over
With `inject ... -- COMMAND`, once the injection is made:
  N  the exit code of COMMAND; 128+N when signal N killed it; if the injection
     ended before COMMAND did, kchaos only warns
  125  COMMAND succeeded, but no I/O was hit, and --expect-hits was given; or
     the same of a step of scenario run --expect-hits
  126  COMMAND cannot be run
  127  there is no COMMAND";

/// A failure with its exit code.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A failure with this exit code.
pub(crate) fn failure(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    anyhow!(Failure {
        exit,
        message: message.into()
    })
}

/// The exit code that says how `error` came about.
pub fn exit(error: &anyhow::Error) -> Exit {
    error
        .downcast_ref::<Failure>()
        .map_or(Exit::Failure, |failure| failure.exit)
}

/// Whether `error` is about the user's rights.
pub(crate) fn is_permission(error: &anyhow::Error) -> bool {
    exit(error) == Exit::Permission
}

/// Whether the reader of the output has gone, which is no failure of the program.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(is_closed)
}

/// The failure for an error of the kernel when this program tried to do `what` to `path`.
pub(crate) fn refused(what: &str, path: &Path, error: &io::Error) -> anyhow::Error {
    let what = format!("cannot {what} {}", path.display());
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS | Errno::PERM) if !rustix::process::geteuid().is_root() => failure(
            Exit::Permission,
            format!("{what}: permission denied; run it as root, such as with sudo"),
        ),
        Some(Errno::ACCESS | Errno::PERM) => failure(
            Exit::Permission,
            format!(
                "{what}: not even root is permitted; in a container, run it privileged or on the host"
            ),
        ),
        Some(Errno::ROFS) => failure(
            Exit::Permission,
            format!(
                "{what}: the file system is read-only; in a container, run it privileged or on the host"
            ),
        ),
        _ => failure(Exit::Failure, format!("{what}: {error}")),
    }
}

/// One failure for several independent ones.
///
/// # Errors
///
/// If there is any failure; the exit code is that of the first.
pub(crate) fn all_of(failures: Vec<anyhow::Error>) -> Result<()> {
    let mut failures = failures.into_iter();
    match failures.next() {
        Some(first) => Err(joined(first, failures.collect())),
        None => Ok(()),
    }
}

/// One failure for this one and more; the exit code is that of the first.
pub(crate) fn joined(first: anyhow::Error, more: Vec<anyhow::Error>) -> anyhow::Error {
    let exit = exit(&first);
    let all = [first].into_iter().chain(more);
    let messages: Vec<String> = all.map(|error| format!("{error:#}")).collect();
    failure(exit, messages.join("\n"))
}

/// Prints a message that is neither a result nor a failure.
pub fn note(message: &str) {
    // A closed standard error is no failure.
    let _ = writeln!(io::stderr(), "kchaos: {message}");
}

/// Prints the sentences of a failure, each in a line of its own.
pub fn note_failure(error: &anyhow::Error) {
    for line in format!("{error:#}").lines() {
        note(line);
    }
}

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

/// The same failure, in words that name standard output.
pub fn told(error: io::Error) -> io::Error {
    let message = format!("cannot write to standard output: {error}");
    io::Error::new(error.kind(), message)
}

/// Whether the reader of the output has gone.
fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The result of output whose reader may have gone, which is no failure and ends nothing else.
///
/// # Errors
///
/// Any other failure.
pub fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if is_closed(&error) => Ok(()),
        result => result,
    }
}

/// Prints a result, and calls `undo` if that fails.
///
/// # Errors
///
/// If the result is not printed, unless the reader of the output has gone: the verb goes on.
pub(crate) fn print_or(
    out: &mut dyn Write,
    text: &str,
    undo: impl FnOnce() -> Vec<anyhow::Error>,
) -> Result<()> {
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    let Err(error) = unless_closed(printed) else {
        return Ok(());
    };
    let mut failures = vec![failure(
        Exit::Failure,
        format!("{error}; kchaos undoes its changes"),
    )];
    failures.extend(undo());
    all_of(failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_exit_code() {
        for exit in [
            Exit::Failure,
            Exit::Usage,
            Exit::Unavailable,
            Exit::Permission,
            Exit::Name,
            Exit::NoHits,
            Exit::Timeout,
            Exit::CannotRun,
            Exit::NoCommand,
        ] {
            assert!(
                EXIT_CODES.contains(&format!("\n  {}  ", exit as u8)),
                "{exit:?}"
            );
        }
    }

    #[test]
    fn several_failures_have_the_exit_code_of_the_first() {
        assert!(all_of(Vec::new()).is_ok());
        let error = all_of(vec![failure(Exit::Name, "one"), anyhow!("two")]).unwrap_err();
        assert_eq!(
            (exit(&error), error.to_string().as_str()),
            (Exit::Name, "one\ntwo")
        );
    }

    #[test]
    fn a_read_only_file_system_is_a_matter_of_permission() {
        let error = io::Error::from(Errno::ROFS);
        assert_eq!(
            exit(&refused("make", Path::new("/x"), &error)),
            Exit::Permission
        );
    }
}
