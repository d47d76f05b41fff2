// SPDX-License-Identifier: GPL-2.0-only

//! Processes that the lab starts: they die with the lab, and write to its output or to a log.

use anyhow::{Context, Result, anyhow};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::{
    ffi::OsStr,
    fmt,
    fs::File,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus, Stdio},
};

/// The destination of the output of commands.
#[derive(Debug)]
pub(crate) enum Output {
    /// The lab's own output.
    Shown,
    /// The log of a step.
    Log(File),
}

impl Output {
    fn stream(&self, shown: Stdio) -> io::Result<Stdio> {
        match self {
            Self::Shown => Ok(shown),
            Self::Log(file) => Ok(file.try_clone()?.into()),
        }
    }

    /// Sends the output of `command` there. No command of a step reads the terminal.
    pub(crate) fn direct(&self, command: &mut Command) -> io::Result<()> {
        if let Self::Log(_) = self {
            command.stdin(Stdio::null());
        }
        command.stdout(self.stream(Stdio::inherit())?);
        command.stderr(self.stream(Stdio::inherit())?);
        Ok(())
    }
}

/// A command has failed, and its output says why.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The exit status, as a shell reports it.
    pub(crate) code: u8,
    pub(crate) program: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} has failed with the exit status {}",
            self.program, self.code
        )
    }
}

impl std::error::Error for Failed {}

/// The exit status as a shell reports it: 128 and the number of the signal.
pub(crate) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// A command of these words.
pub(crate) fn command<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Has the kernel send `signal` to `command` when the thread that starts it ends.
pub(crate) fn bind(command: &mut Command, signal: Signal) {
    let ask = move || Ok(set_parent_process_death_signal(Some(signal))?);
    // SAFETY: Between fork and exec, the closure makes one system call, and allocates no memory.
    unsafe { command.pre_exec(ask) };
}

/// Runs `command` to its end.
pub(crate) fn finish(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot run {program}"))?;
    check(program, status)
}

/// Runs `command` to its end, and returns what it prints.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped());
    let child = command
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    let output = child.wait_with_output()?;
    check(program, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn check(program: String, status: ExitStatus) -> Result<()> {
    match code(status) {
        0 => Ok(()),
        code => Err(anyhow!(Failed { code, program })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_the_exit_status_of_a_shell() {
        let of = |script| {
            let error = finish(&mut command(&["sh", "-c", script])).unwrap_err();
            error.downcast::<Failed>().unwrap().code
        };
        assert_eq!(of("exit 7"), 7);
        assert_eq!(of("kill -TERM $$"), 143);
    }

    #[test]
    fn a_command_dies_with_the_thread_that_started_it() {
        let mut sleep = command(&["sleep", "100"]);
        bind(&mut sleep, Signal::KILL);
        let started = std::thread::spawn(move || sleep.spawn().unwrap()).join();
        assert_eq!(code(started.unwrap().wait().unwrap()), 137);
    }
}
