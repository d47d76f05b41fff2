// SPDX-License-Identifier: GPL-2.0-only

//! Long steps: a line of progress each, and a sentence about why one has failed.

use crate::process::{Failed, Output};
use anyhow::{Result, anyhow};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process,
    time::{Instant, SystemTime},
};

/// Does `work`, and prints the step's name and its time. The output of commands goes to a log in
/// the cache; the log stays if the step fails.
pub(crate) fn step<T>(
    cache: &Path,
    text: &str,
    work: impl FnOnce(&Output) -> Result<T>,
) -> Result<T> {
    let start = Instant::now();
    let logs = cache.join("log");
    fs::create_dir_all(&logs)?;
    let now = SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let log = logs.join(format!("{now}.{}", process::id()));
    let output = Output::Log(File::options().create(true).append(true).open(&log)?);
    tell(&format!("lab: {text} ... "));
    match work(&output) {
        Ok(made) => {
            tell(&format!("{} s\n", start.elapsed().as_secs()));
            fs::remove_file(&log)?;
            Ok(made)
        }
        Err(error) => {
            tell(&format!("failed after {} s\n", start.elapsed().as_secs()));
            if !error.is::<Failed>() {
                return Err(error);
            }
            let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
            Err(anyhow!(explain(&text, cache).unwrap_or_else(|| {
                tell(&last_lines(&text, 20));
                format!(
                    "this step failed for a reason that the lab does not know ({error}): see the \
                     last lines of the log {}, mend their cause, and run this again.",
                    log.display()
                )
            })))
        }
    }
}

/// Tells users a sentence.
pub(crate) fn say(sentence: &str) {
    tell(&format!("lab: {sentence}\n"));
}

/// Tells users a part of a line. A failure cannot be reported: standard error is gone.
pub(crate) fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Messages of apt, curl and similar programs when the network is not there.
const NO_NETWORK: [&str; 8] = [
    "Could not resolve ",
    "Temporary failure resolving ",
    "Could not connect ",
    "Cannot connect ",
    "Unable to connect ",
    "Failed to connect ",
    "Connection timed out",
    "Network is unreachable",
];

/// Advice about a failed step, if its log has a known cause.
fn explain(log: &str, cache: &Path) -> Option<String> {
    if log.contains("No space left on device") {
        return Some(format!(
            "the disk of {} is full: make room, or set CHAOS_LAB_CACHE to a folder on another \
             disk.",
            cache.display()
        ));
    }
    let sentence = |line: &str| {
        let places = NO_NETWORK.iter().filter_map(|words| line.find(words));
        places.min().map(|place| line[place..].to_owned())
    };
    let sentence = log.lines().find_map(sentence)?;
    Some(format!(
        "the network is not there ({sentence}): see that 'apt-get update' works on this machine, \
         and run this again."
    ))
}

/// The last lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(count)..];
    last.iter().flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{command, finish};

    fn failure(script: &str) -> (String, usize) {
        let cache = tempfile::tempdir().unwrap();
        let error = step(cache.path(), "trying", |output| {
            let mut shell = command(&["sh", "-c", script]);
            output.direct(&mut shell)?;
            finish(&mut shell)
        })
        .unwrap_err();
        let logs = fs::read_dir(cache.path().join("log")).unwrap().count();
        (error.to_string(), logs)
    }

    #[test]
    fn a_network_that_is_not_there_is_told() {
        let (error, _) = failure("echo \"W: Temporary failure resolving 'x'\"; exit 100");
        let wanted = "the network is not there (Temporary failure resolving 'x'): ";
        assert!(error.starts_with(wanted), "{error}");
        let (error, _) =
            failure("echo 'x: Could not connect to y: Network is unreachable'; exit 1");
        assert!(
            error.contains("(Could not connect to y: Network is unreachable)"),
            "{error}"
        );
    }

    #[test]
    fn a_full_disk_is_told() {
        let (error, _) = failure("echo 'tar: x: No space left on device' >&2; exit 2");
        assert!(error.contains("is full: make room"), "{error}");
    }

    #[test]
    fn any_other_failure_leaves_its_log() {
        let (error, logs) = failure("echo odd; exit 3");
        assert!(
            error.contains("sh has failed with the exit status 3"),
            "{error}"
        );
        assert_eq!(logs, 1);
    }

    #[test]
    fn a_sentence_of_the_lab_itself_is_told_as_it_is() {
        let cache = tempfile::tempdir().unwrap();
        let error = step(cache.path(), "trying", |_| {
            Err::<(), _>(anyhow!("no such suite"))
        });
        assert_eq!(error.unwrap_err().to_string(), "no such suite");
    }

    #[test]
    fn a_step_that_works_leaves_no_log() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(step(cache.path(), "trying", |_| Ok(5)).unwrap(), 5);
        assert_eq!(fs::read_dir(cache.path().join("log")).unwrap().count(), 0);
    }
}
