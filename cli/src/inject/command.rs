// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Runs the command of an injection: signals reach it, and the injection ends with it.

use crate::error::{Exit, all_of, failure};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgrp, kill_process, waitid};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals as Caught,
};
use std::{
    ffi::OsStr,
    io::{self, stdin},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
    thread,
};

/// The signals that would end this program, caught from now on.
pub(crate) struct Signals(Caught);

impl Signals {
    /// Catches the signals.
    ///
    /// # Errors
    ///
    /// If the kernel refuses.
    pub(crate) fn new() -> Result<Self> {
        let caught = Caught::new([SIGHUP, SIGINT, SIGTERM]);
        Ok(Self(caught.context("cannot catch signals")?))
    }

    /// The first signal that has come since the last call, if any has.
    pub(crate) fn come(&mut self) -> Option<i32> {
        self.0.pending().next()
    }

    /// Runs a command to its end, and then calls `end`. Returns the exit code that says how the
    /// command ended.
    ///
    /// # Errors
    ///
    /// If the command cannot be run, or `end` fails.
    pub(crate) fn run(
        mut self,
        command: &mut Command,
        end: impl FnOnce() -> Result<()>,
    ) -> Result<u8> {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let mut failures = vec![not_run(command.get_program(), &error)];
                failures.extend(end().err());
                return all_of(failures).map(|()| 0);
            }
        };
        let handle = self.0.handle();
        let pid = Pid::from_child(&child);
        let forwarding = thread::spawn(move || {
            for signal in self.0.forever() {
                forward(signal, pid);
            }
        });
        // The child keeps its number until it is waited for: no signal can reach another process.
        let ended = wait_without_taking(pid);
        handle.close();
        // The thread has no result.
        let _ = forwarding.join();
        let status = ended.and_then(|()| take(&mut child));
        end()?;
        Ok(exit_code(status?))
    }
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

/// Passes a signal on, unless the terminal has sent it to the command as well.
fn forward(signal: i32, pid: Pid) {
    let by_terminal = signal == SIGINT
        && rustix::termios::tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp());
    let signal = match signal {
        SIGHUP => Signal::HUP,
        SIGINT => Signal::INT,
        _ => Signal::TERM,
    };
    if !by_terminal {
        // A command that has just ended needs no signal.
        let _ = kill_process(pid, signal);
    }
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
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 1,
    };
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn run(words: &[&str]) -> (Result<u8>, u32) {
        let ended = Cell::new(0);
        let mut command = Command::new(words[0]);
        let result = Signals::new().unwrap().run(command.args(&words[1..]), || {
            ended.set(ended.get() + 1);
            Ok(())
        });
        (result, ended.get())
    }

    #[test]
    fn the_exit_code_is_the_commands_and_the_end_comes_once() {
        for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
            let (result, ended) = run(&["sh", "-c", script]);
            assert_eq!((result.unwrap(), ended), (code, 1), "{script}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_told_and_the_end_comes_all_the_same() {
        for (program, exit) in [
            ("/no/such/program", Exit::NoCommand),
            ("/", Exit::CannotRun),
        ] {
            let (result, ended) = run(&[program]);
            assert_eq!((crate::error::exit(&result.unwrap_err()), ended), (exit, 1));
        }
    }
}
