// SPDX-License-Identifier: GPL-2.0-only

//! Tests of Chaos Driver from a user's view, run as root inside a virtual machine, reported as
//! KTAP.
//!
//! With the word `torture`, it tortures instead: see [`torture`]. With `--untimed` as the first
//! word, it reports times and does not judge them; with `--unjudged`, it only judges that tests end
//! well. With `names` as the first word, it prints the names of the tests that other words select,
//! and runs none. With `bench`, it measures and does not judge: see [`bench`]. Tests start this
//! program again as processes of other users, and as processes that do harm: see [`attempt`] and
//! [`raw`].
//!
//! Every figure is measured outside of the driver: by fio, by the kernel's block tracepoints, by
//! the clock.

mod attempt;
mod bench;
mod direct;
mod disk;
mod failslab;
mod fio;
mod injection;
mod mapped;
mod memory;
mod nvme;
mod process;
mod random;
mod raw;
mod readers;
mod report;
mod scenarios;
mod scsi;
mod stack;
mod stats;
mod sys;
mod torture;
mod trace;
mod writers;

use report::{Judge, Report};
use std::process::ExitCode;

/// Prints the names of the tests that words select. If a word is in no name, or the words select no
/// test, prints the names of all tests and returns false.
fn print_names(words: &[String]) -> bool {
    let words: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with("--"))
        .collect();
    let names: Vec<&str> = scenarios::all().iter().map(|test| test.name).collect();
    let of_no_test = |word: &&String| {
        let part = word.trim_start_matches('-');
        !names.iter().any(|name| name.contains(part))
    };
    if let Some(word) = words.iter().copied().find(of_no_test) {
        println!(
            "no test has {word} in its name; there are: {}",
            names.join(" ")
        );
        return false;
    }
    let selected: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| scenarios::selects(&words, name))
        .collect();
    if selected.is_empty() {
        println!("no test is selected; there are: {}", names.join(" "));
    } else {
        println!("{}", selected.join("\n"));
    }
    !selected.is_empty()
}

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let other = match words.first().map(String::as_str) {
        Some("torture") => Some(torture::run(&words[1..])),
        Some(bench::WORD) => Some(bench::run(&words[1..])),
        Some(attempt::WORD) => Some(attempt::run(&words[1..])),
        Some(raw::WORD) => Some(raw::run(&words[1..])),
        Some("names") => Some(print_names(&words[1..])),
        _ => None,
    };
    if let Some(passed) = other {
        return if passed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    let judge = match words.first().map(String::as_str) {
        Some("--untimed") => Judge::Untimed,
        Some("--unjudged") => Judge::None,
        _ => Judge::All,
    };
    words.retain(|word| !word.starts_with("--"));
    if !matches!(judge, Judge::All) {
        // Only the torture uses the results of kmemleak.
        if let Err(error) = memory::look_no_more() {
            println!("Bail out! {error:#}");
            return ExitCode::FAILURE;
        }
    }
    let mut selected = scenarios::all();
    selected.retain(|scenario| scenarios::selects(&words, scenario.name));
    println!("KTAP version 1");
    println!("1..{}", selected.len());
    sys::wait_for_clock();
    let mut failed = 0;
    for (number, scenario) in selected.iter().enumerate() {
        let mut report = Report::new(judge);
        // So that a message of the kernel shows which test it is from.
        let _ = sys::write("/dev/kmsg", format!("chaos-tests: {}\n", scenario.name));
        let result = (scenario.run)(&mut report);
        sys::clean_up();
        if !report.print(number + 1, scenario.name, result) {
            failed += 1;
        }
    }
    if failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
