// SPDX-License-Identifier: GPL-2.0-only

//! A check is a test that runs commands on this machine: one line each, with its output if it
//! fails.

use crate::{
    command::{must_succeed, start},
    ktap::Count,
};
use anyhow::{Result, bail};
use std::{
    io::Read,
    process::{Command, ExitStatus},
    time::Instant,
};

/// The output of the commands of one check.
#[derive(Default)]
pub(crate) struct Transcript(String);

impl Transcript {
    /// Runs a command to its end; an error if it fails.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let (status, _) = self.try_run(command)?;
        must_succeed(command, status)
    }

    /// Runs a command to its end, and gives how it ended and what it printed.
    pub(crate) fn try_run(&mut self, command: &mut Command) -> Result<(ExitStatus, String)> {
        let (mut child, mut output) = start(command)?;
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.say(&text);
        Ok((child.wait()?, text))
    }

    /// Adds what a check has found out by itself.
    pub(crate) fn say(&mut self, text: &str) {
        self.0.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.0.push('\n');
        }
    }

    /// As comments of a test's line.
    pub(crate) fn comments(&self) -> String {
        self.0.lines().map(|line| format!("# {line}\n")).collect()
    }

    /// The last sentence of the tool that failed, short enough for a table.
    pub(crate) fn reason(&self) -> String {
        let tools = ["lab: ", "layouts: ", "check-kernel: "];
        let sentences = self.0.lines().rev();
        let reason =
            sentences.filter_map(|line| tools.iter().find_map(|tool| line.strip_prefix(tool)));
        reason.take(1).collect::<String>().replace('|', "/")
    }
}

/// An error unless something holds, which the message tells of.
pub(crate) fn ensure(holds: bool, message: &str) -> Result<()> {
    if !holds {
        bail!("{message}");
    }
    Ok(())
}

/// The checks of a run so far.
#[derive(Default)]
pub(crate) struct Checks {
    pub(crate) count: Count,
    /// Of the last check.
    pub(crate) transcript: Transcript,
}

impl Checks {
    /// Makes a check, and prints its line. Returns the check's result if it passed.
    pub(crate) fn check<T>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Transcript) -> Result<T>,
    ) -> Option<T> {
        let start = Instant::now();
        let mut transcript = Transcript::default();
        let result = body(&mut transcript);
        if let Err(error) = &result {
            transcript.say(&format!("{error:#}"));
        }
        print!(
            "{}",
            line(name, result.is_ok(), start.elapsed().as_secs(), &transcript)
        );
        self.count.add(result.is_ok());
        self.transcript = transcript;
        result.ok()
    }

    /// A check that is one command.
    pub(crate) fn check_command(&mut self, name: &str, mut command: Command) -> bool {
        self.check(name, |transcript| transcript.run(&mut command))
            .is_some()
    }

    /// The result of a part of a run. If the part broke off, that is a failure of its own; the rest
    /// of the run goes on.
    pub(crate) fn part<T>(&mut self, name: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(made) => Some(made),
            Err(error) => self.check(name, |_| Err(error)),
        }
    }

    /// Prints the last line of a run; whether all is well.
    pub(crate) fn summary(&self) -> bool {
        println!("{}", self.count);
        self.count.failed == 0
    }
}

fn line(name: &str, passed: bool, seconds: u64, transcript: &Transcript) -> String {
    if passed {
        format!("ok {name} - {seconds} s\n")
    } else {
        format!("not ok {name} - {seconds} s\n{}", transcript.comments())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::command;

    #[test]
    fn what_a_failed_check_printed_is_shown() {
        let mut transcript = Transcript::default();
        transcript.say("one\ntwo");
        assert_eq!(line("a", true, 3, &transcript), "ok a - 3 s\n");
        assert_eq!(
            line("a", false, 3, &transcript),
            "not ok a - 3 s\n# one\n# two\n"
        );
    }

    #[test]
    fn checks_are_counted() {
        let mut checks = Checks::default();
        assert_eq!(checks.check("a", |_| Ok(7)), Some(7));
        assert!(!checks.check_command("b", command(&["sh", "-c", "echo no >&2; false"])));
        assert_eq!(checks.count.to_string(), "1 passed, 1 failed");
        assert!(checks.transcript.comments().starts_with("# no\n# sh -c"));
        assert!(!checks.summary());
    }

    #[test]
    fn only_a_part_that_broke_off_is_counted() {
        let mut checks = Checks::default();
        assert_eq!(checks.part("a", Ok(7)), Some(7));
        assert_eq!(checks.count.to_string(), "0 passed, 0 failed");
        assert_eq!(checks.part::<()>("b", Err(anyhow::anyhow!("no"))), None);
        assert_eq!(checks.count.to_string(), "0 passed, 1 failed");
        assert_eq!(checks.transcript.comments(), "# no\n");
    }

    #[test]
    fn a_command_that_is_not_there_fails_its_check() {
        let mut checks = Checks::default();
        assert!(!checks.check_command("a", command(&["/none"])));
        assert!(checks.transcript.comments().contains("starting /none"));
    }

    #[test]
    fn the_reason_is_the_last_sentence_of_a_tool() {
        let mut transcript = Transcript::default();
        transcript.say("lab: building ... \nlab: a|b is missing.\nmake: *** Error 1\n");
        assert_eq!(transcript.reason(), "a/b is missing.");
        assert_eq!(Transcript::default().reason(), "");
    }
}
