// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The program `kchaos`: reads the arguments, and tells how it went.

use kchaos::{
    args::Arguments,
    error::{self, Exit},
    output::{Output, told},
};
use rustix::process::{getegid, geteuid, getgid, getuid};
use std::{
    env,
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    // Who starts the program chooses, by its environment, which files it writes.
    if getuid() != geteuid() || getgid() != getegid() {
        error::note(
            "this program must not be set-user-ID: who starts it would have all rights of its owner; run it with sudo",
        );
        return ExitCode::from(Exit::Permission as u8);
    }
    let mut out = Output(io::stdout().lock());
    let words: Vec<OsString> = env::args_os().collect();
    let result = match Arguments::read(&words) {
        Ok(arguments) => kchaos::run(&arguments, &mut out),
        Err(error) if error.use_stderr() => {
            tell(&error);
            return ExitCode::from(Exit::Usage as u8);
        }
        // Help and version.
        Err(text) => text.print().map(|()| 0).map_err(|error| told(error).into()),
    };
    let result = result.and_then(|code| Ok(out.flush().map(|()| code)?));
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) if error::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            for line in format!("{error:#}").lines() {
                error::note(line);
            }
            ExitCode::from(error::exit(&error) as u8)
        }
    }
}

/// Tells people what is wrong with the arguments.
fn tell(error: &clap::Error) {
    let message = error.render().to_string();
    let Some(message) = message.strip_prefix("error: ") else {
        // The help, for who gave no arguments at all. Who closed standard error does not want to know.
        drop(error.print());
        return;
    };
    // Of what this program checks itself, clap does not know the verb any more, and shows another one's usage.
    let is_own = error.context().next().is_none();
    let sentence = message.split("\n\n").next().filter(|_| is_own);
    error::note(sentence.unwrap_or(message).trim_end());
}
