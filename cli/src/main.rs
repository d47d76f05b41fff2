// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The program `kchaos`: reads the arguments, and reports failures.

use kchaos::{
    Arguments,
    error::{self, Exit, Output, told, unless_closed},
};
use rustix::process::{getegid, geteuid, getgid, getuid};
use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    // The environment names the files that the program writes.
    if getuid() != geteuid() || getgid() != getegid() {
        error::note(
            "this program must not be set-user-ID: any user could start it with all rights of its \
             owner; run it with sudo",
        );
        return ExitCode::from(Exit::Permission as u8);
    }
    let mut out = Output(io::stdout().lock());
    let words: Vec<OsString> = env::args_os().collect();
    if let Some(error) = kchaos::enter(&words) {
        return report(&error);
    }
    let result = match Arguments::read(&words) {
        Ok(arguments) => kchaos::run(&arguments, &mut out),
        Err(error) if error.use_stderr() => {
            tell(&error);
            return ExitCode::from(Exit::Usage as u8);
        }
        // Help and version.
        Err(text) => text.print().map(|()| 0).map_err(|error| told(error).into()),
    };
    let result = result.and_then(|code| {
        unless_closed(out.flush())?;
        Ok(code)
    });
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) if error::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Reports a failure.
fn report(error: &anyhow::Error) -> ExitCode {
    error::note_failure(error);
    ExitCode::from(error::exit(error) as u8)
}

/// Reports an error in the arguments.
fn tell(error: &clap::Error) {
    let message = error.render().to_string();
    let Some(message) = message.strip_prefix("error: ") else {
        // The help, if there are no arguments at all. A closed standard error is no failure.
        drop(error.print());
        return;
    };
    // For a check of this program itself, clap does not know the verb and shows another one's
    // usage.
    let is_own = error.context().next().is_none();
    let sentence = message.split("\n\n").next().filter(|_| is_own);
    error::note(sentence.unwrap_or(message).trim_end());
}
