// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The programs of the administrator that kchaos asks about the machine.

use std::{env, ffi::OsString, process::Command};

/// Where they are on most machines. The PATH of cron and of ordinary users lacks these.
const FURTHER: &str = ":/usr/sbin:/sbin";

/// A program of this name, which is looked for in PATH first.
pub(crate) fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", path());
    command
}

/// Whether there is a program of this name.
pub(crate) fn is_there(name: &str) -> bool {
    env::split_paths(&path()).any(|folder| folder.join(name).exists())
}

fn path() -> OsString {
    let mut path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    path.push(FURTHER);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_known() {
        assert!(is_there("sh") && !is_there("no-such-program"));
    }
}
