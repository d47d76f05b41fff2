// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The work of a key: this program, started once more with a verb. So the verb's own code does the
//! work, with its lock and its refusals, and the view goes on while the verb waits.

use std::{
    io::Write,
    os::unix::{net::UnixStream, process::CommandExt},
    process::{Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

/// The verb that changes settings.
pub(super) const CHANGE: &str = "change";

/// The verb that ends injections.
pub(super) const RECOVER: &str = "recover";

/// The words of a verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act(Vec<String>);

/// The end of a verb.
pub(super) struct Outcome {
    /// Whether it succeeded.
    pub(super) is_done: bool,
    /// The sentences that it told.
    pub(super) told: Vec<String>,
}

impl Act {
    /// A change of an injection, or its end: a verb about a name.
    pub(super) fn on(verb: &str, name: &str, flags: Vec<String>) -> Self {
        let mut words = vec![verb.to_owned()];
        if name.starts_with('-') {
            words.extend(flags);
            words.extend(["--".to_owned(), name.to_owned()]);
        } else {
            words.push(name.to_owned());
            words.extend(flags);
        }
        Self(words)
    }

    /// The end of all injections.
    pub(super) fn recover_all() -> Self {
        Self(vec![RECOVER.to_owned(), "--all".to_owned()])
    }

    /// The command line of it.
    pub(super) fn command(&self) -> String {
        let words = shlex::try_join(self.0.iter().map(String::as_str));
        // Only a zero byte cannot be quoted, and no key types one.
        format!("kchaos {}", words.unwrap_or_default())
    }

    /// Whether it can print more than names: a change prints commands, with `--dry-run`.
    fn prints(&self) -> bool {
        self.0.first().is_some_and(|verb| verb == CHANGE)
    }

    fn run(&self) -> Outcome {
        let mut command = Command::new("/proc/self/exe");
        // Its messages show a command line that begins with its name.
        command.arg0("kchaos");
        match command.args(&self.0).stdin(Stdio::null()).output() {
            Ok(output) => Outcome::of(&output, self.prints()),
            Err(error) => Outcome {
                is_done: false,
                told: vec![format!("cannot run it: {error}")],
            },
        }
    }
}

impl Outcome {
    fn of(output: &Output, prints: bool) -> Self {
        let lines = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(bytes);
            let lines = text.lines().map(str::trim_end);
            let lines = lines.filter(|line| !line.is_empty());
            let lines = lines.map(|line| line.strip_prefix("kchaos: ").unwrap_or(line));
            lines.map(str::to_owned).collect()
        };
        let mut told = lines(&output.stderr);
        if prints {
            told.extend(lines(&output.stdout));
        }
        Self {
            is_done: output.status.success(),
            told,
        }
    }
}

/// A verb at work.
pub(super) struct Running(Receiver<Outcome>);

impl Running {
    /// Starts a verb, whose end writes to `waker`.
    pub(super) fn start(act: Act, mut waker: UnixStream) -> Self {
        let (send, outcome) = channel();
        thread::spawn(move || {
            // A view that has gone needs neither.
            let _ = send.send(act.run());
            let _ = waker.write_all(b"e");
        });
        Self(outcome)
    }

    /// Its end, if it has ended.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    #[test]
    fn a_name_is_no_flag() {
        let flags = || vec!["--delay".to_owned(), "5 ms".to_owned()];
        let command = |name| Act::on(CHANGE, name, flags()).command();
        assert_eq!(command("slow"), "kchaos change slow --delay '5 ms'");
        assert_eq!(command("-a"), "kchaos change --delay '5 ms' -- -a");
    }

    #[test]
    fn sentences_are_told_without_the_programs_name() {
        let output = Output {
            status: ExitStatus::from_raw(0x400),
            stdout: b"slow\n".to_vec(),
            stderr: b"kchaos: cannot write x\n\n  tip: y\n".to_vec(),
        };
        let outcome = Outcome::of(&output, true);
        assert!(!outcome.is_done);
        assert_eq!(outcome.told, ["cannot write x", "  tip: y", "slow"]);
        assert_eq!(
            Outcome::of(&output, false).told,
            ["cannot write x", "  tip: y"]
        );
    }
}
