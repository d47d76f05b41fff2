// SPDX-License-Identifier: GPL-2.0-only

//! Runs guests beside other work, and counts their tests.

use crate::{
    checks::Checks,
    command::{lab, start},
    ktap::{Count, Ktap},
    slots::{Slot, Slots, Turn},
};
use anyhow::Result;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Instant,
};
use suite::guests::{Clock, Guest};

/// A kernel whose guests run the tests, and the files that go into them.
pub(crate) struct Kernel {
    pub(crate) target: String,
    pub(crate) module: PathBuf,
    /// The folder of `kchaos` and `chaos-tests`.
    pub(crate) programs: PathBuf,
    /// Further options of `tools/lab run` for each guest.
    pub(crate) options: &'static [&'static str],
}

/// As `tools/lab run` takes it: the file of the host, and where the guest has it.
pub(crate) fn file(host: &Path, guest: &str) -> String {
    format!("{}={guest}", host.display())
}

impl Kernel {
    fn command(&self, guest: &Guest) -> Command {
        let mut command = lab(&["run", &self.target]);
        command
            .args(["--clock", guest.clock.word()])
            .args(["--cpus", &guest.cpus.to_string()])
            .args(["--seconds", "3000", "--serial"])
            .args(self.options)
            .args(&guest.options)
            .args(["--file", &file(&self.module, "/chaos_driver.ko")])
            .args([
                "--file",
                &file(&self.programs.join("chaos-tests"), "/chaos-tests"),
            ])
            .args([
                "--file",
                &file(&self.programs.join("kchaos"), "/bin/kchaos"),
            ])
            .args(["--", "/chaos-tests"])
            .args(&guest.words);
        command
    }

    fn about(&self, guest: &Guest) -> String {
        let (clock, cpus) = (guest.clock.word(), guest.cpus);
        format!("{}, {clock} clock, processors: {cpus}", self.target)
    }
}

struct Started {
    about: String,
    clock: Clock,
    lines: Receiver<String>,
    /// Whether it succeeded, and its status in words.
    end: JoinHandle<Result<(bool, String)>>,
}

/// How the tests in a guest ended.
pub(crate) struct Outcome {
    pub(crate) clock: Clock,
    pub(crate) count: Count,
    /// The parts of tests that the guest left out, each with its test and its reason.
    pub(crate) skipped: Vec<String>,
}

/// The guests of a run, in the order in which they are told of.
#[derive(Default)]
pub(crate) struct Guests {
    slots: Arc<Slots>,
    started: Vec<Started>,
}

impl Guests {
    /// Starts a guest as soon as there is a place for it.
    pub(crate) fn start(&mut self, kernel: &Kernel, guest: &Guest, turn: Turn) {
        let slot = self.slots.ask(guest.name, turn);
        self.spawn(
            kernel.about(guest),
            guest.clock,
            kernel.command(guest),
            slot,
        );
    }

    fn spawn(&mut self, about: String, clock: Clock, command: Command, slot: Slot) {
        let (sender, lines) = channel();
        self.started.push(Started {
            about,
            clock,
            lines,
            end: thread::spawn(move || run(command, &slot, &sender)),
        });
    }

    /// Waits for a place among the guests, for a check that starts one itself.
    pub(crate) fn place(&self, name: &'static str) -> Slot {
        let slot = self.slots.ask(name, Turn::Next);
        slot.wait();
        slot
    }

    /// Prints what the guests have printed and print until they end, and counts their tests.
    pub(crate) fn finish(&mut self, checks: &mut Checks) -> Vec<Outcome> {
        let started = self.started.drain(..);
        let outcomes: Vec<Outcome> = started.map(Started::finish).collect();
        for outcome in &outcomes {
            checks.count += outcome.count;
        }
        outcomes
    }
}

fn run(mut command: Command, slot: &Slot, lines: &Sender<String>) -> Result<(bool, String)> {
    slot.wait();
    let (mut child, output) = start(&mut command)?;
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        // Nobody listens any more when the run has ended for another reason.
        let _ = lines.send(text.trim_end_matches('\n').to_owned());
        line.clear();
    }
    let status = child.wait()?;
    let code = status.code().map(|code| code.to_string());
    Ok((status.success(), code.unwrap_or(status.to_string())))
}

impl Started {
    fn finish(self) -> Outcome {
        let start = Instant::now();
        println!("# {}", self.about);
        let mut ktap = Ktap::default();
        for line in self.lines {
            println!("{line}");
            ktap.line(&line);
        }
        let end = self.end.join().expect("what runs a guest does not panic");
        let (succeeded, status) = end.unwrap_or_else(|error| (false, format!("{error:#}")));
        let (count, broke_off) = ktap.end(succeeded);
        if broke_off {
            println!("not ok the run on the {}: status {status}", self.about);
        }
        println!("# waited {} s", start.elapsed().as_secs());
        Outcome {
            clock: self.clock,
            count,
            skipped: ktap.skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::command;

    /// The count of guests that are these scripts.
    fn count(scripts: &[&str]) -> String {
        let (mut guests, mut checks) = (Guests::default(), Checks::default());
        for script in scripts {
            let slot = guests.slots.ask("same", Turn::Last);
            let command = command(&["sh", "-c", script]);
            guests.spawn("a script".to_owned(), Clock::Icount, command, slot);
        }
        guests.finish(&mut checks);
        checks.count.to_string()
    }

    #[test]
    fn tests_of_all_guests_are_counted() {
        let guests = [
            "echo 1..2; echo ok 1 a; echo ok 2 b",
            "echo 1..1; echo not ok 1 c",
        ];
        assert_eq!(count(&guests), "2 passed, 1 failed");
    }

    #[test]
    fn a_guest_that_broke_off_has_failed() {
        assert_eq!(count(&["echo 1..2; echo ok 1 a"]), "1 passed, 1 failed");
        assert_eq!(
            count(&["echo 1..1; echo ok 1 a; exit 1"]),
            "1 passed, 1 failed"
        );
        assert_eq!(count(&["kill -9 $$"]), "0 passed, 1 failed");
    }

    #[test]
    fn a_guest_is_told_what_its_row_says() {
        let kernel = Kernel {
            target: "forky".to_owned(),
            module: PathBuf::from("a.ko"),
            programs: PathBuf::from("programs"),
            options: &["--seconds", "9000"],
        };
        let all = suite::guests::all();
        let guest = all.iter().find(|guest| guest.name == "isolated").unwrap();
        let command = kernel.command(guest);
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        assert_eq!(
            words.join(" "),
            "run forky --clock icount --cpus 2 --seconds 3000 --serial --seconds 9000 \
             --boot isolcpus=1 --file a.ko=/chaos_driver.ko \
             --file programs/chaos-tests=/chaos-tests --file programs/kchaos=/bin/kchaos \
             -- /chaos-tests recovery_processor_offline"
        );
        assert_eq!(kernel.about(guest), "forky, icount clock, processors: 2");
    }
}
