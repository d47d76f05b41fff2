// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Runs the command of an injection: signals reach it, and the injection ends with it.

use crate::{
    error::{Exit, failure},
    system::files::try_read,
};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::{SignalsInfo, exfiltrator::origin::WithOrigin},
    low_level::siginfo::{Cause, Origin},
};
use std::{
    ffi::OsStr,
    io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus},
    thread,
};

/// The signals that would end this program, caught from now on. A signal that was ignored when the
/// program began, as after `nohup`, stays so, for the command as well.
pub(crate) struct Signals(SignalsInfo<WithOrigin>);

/// The end of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether it began at all: no signal ended this program before.
    pub(crate) was_started: bool,
    /// The exit code that a shell would have.
    pub(crate) code: u8,
}

impl Signals {
    /// Catches the signals.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn new() -> Result<Self> {
        let signals = [SIGHUP, SIGINT, SIGTERM].into_iter();
        let caught = SignalsInfo::new(signals.filter(|signal| !is_ignored(*signal)));
        Ok(Self(caught.context("cannot catch signals")?))
    }

    /// The first signal that has come since the last call, if any has.
    pub(crate) fn come(&mut self) -> Option<i32> {
        self.0.pending().next().map(|origin| origin.signal)
    }

    /// Runs a command to its end, unless a signal has come already.
    ///
    /// # Errors
    ///
    /// If the command cannot be run.
    pub(crate) fn run(mut self, command: &mut Command) -> Result<Ended> {
        if let Some(signal) = self.come() {
            return Ok(Ended {
                was_started: false,
                code: killed_by(signal),
            });
        }
        let spawned = command.spawn();
        let mut child = spawned.map_err(|error| not_run(command.get_program(), &error))?;
        let handle = self.0.handle();
        let pid = Pid::from_child(&child);
        // The terminal may have sent it just before the command was there.
        for early in self.0.pending() {
            send(early.signal, pid);
        }
        let forwarding = thread::spawn(move || {
            for origin in self.0.forever().filter(|origin| !is_by_terminal(origin)) {
                send(origin.signal, pid);
            }
        });
        // The child keeps its number until it is waited for: no signal can reach another process.
        let ended = wait_without_taking(pid);
        handle.close();
        // The thread has no result.
        let _ = forwarding.join();
        let status = ended.and_then(|()| take(&mut child))?;
        Ok(Ended {
            was_started: true,
            code: exit_code(status),
        })
    }
}

/// Whether this program ignores a signal; `false` if nobody can tell.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let text = try_read(Path::new("/proc/self/status")).unwrap_or_default();
    let mask = text.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is of signal 1.
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// The failure to run a program.
pub(super) fn not_run(program: &OsStr, error: &io::Error) -> anyhow::Error {
    let exit = match error.kind() {
        io::ErrorKind::NotFound => Exit::NoCommand,
        _ => Exit::CannotRun,
    };
    failure(
        exit,
        format!("cannot run {}: {error}", program.to_string_lossy()),
    )
}

/// Whether a terminal has sent a signal, on Ctrl-C: it has sent it to the command as well.
fn is_by_terminal(origin: &Origin) -> bool {
    origin.signal == SIGINT && matches!(origin.cause, Cause::Kernel)
}

fn send(signal: i32, pid: Pid) {
    let signal = match signal {
        SIGHUP => Signal::HUP,
        SIGINT => Signal::INT,
        _ => Signal::TERM,
    };
    // A command that has just ended needs no signal.
    let _ = kill_process(pid, signal);
}

fn wait_without_taking(pid: Pid) -> Result<()> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(pid), options) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(drop).context("cannot wait for the command"),
        }
    }
}

fn take(child: &mut Child) -> Result<ExitStatus> {
    child.wait().context("cannot wait for the command")
}

/// The exit code that a shell would have.
fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(signal)) => killed_by(signal),
        (None, None) => 1,
    }
}

/// The exit code of a program that a signal has ended.
pub(crate) fn killed_by(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Result<Ended> {
        let mut command = Command::new(words[0]);
        Signals::new().unwrap().run(command.args(&words[1..]))
    }

    #[test]
    fn the_exit_code_is_the_commands() {
        for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
            let ended = run(&["sh", "-c", script]).unwrap();
            assert_eq!((ended.was_started, ended.code), (true, code), "{script}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_told() {
        for (program, exit) in [
            ("/no/such/program", Exit::NoCommand),
            ("/", Exit::CannotRun),
        ] {
            assert_eq!(crate::error::exit(&run(&[program]).unwrap_err()), exit);
        }
    }
}
