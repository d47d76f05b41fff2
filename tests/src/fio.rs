// SPDX-License-Identifier: GPL-2.0-only

//! Loads, made by fio.

use crate::sys;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    fs,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// Several fios may run at a time, each with an output of its own.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running fio.
pub(crate) struct Fio {
    child: Option<Child>,
    output: String,
}

/// The results of fio.
pub(crate) struct Outcome {
    value: Value,
    logged: Vec<Logged>,
}

/// An I/O in fio's log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    /// Its completion, in milliseconds since the load began.
    pub(crate) time_ms: u64,
    /// The time from its submission until fio knew of its completion, in nanoseconds.
    pub(crate) latency_ns: u64,
    pub(crate) is_read: bool,
    pub(crate) bytes: u64,
}

/// The command that reads 4 KiB blocks at random from a whole disk.
pub(crate) const RANDOM_READ: &[&str] = &[
    "--rw=randread",
    "--bs=4k",
    "--ioengine=libaio",
    "--direct=1",
    "--randseed=1",
    "--group_reporting",
];

impl Fio {
    /// Starts fio on `file` with these options.
    pub(crate) fn start(file: &str, options: &[&str]) -> Result<Self> {
        Self::start_by(&[], file, options)
    }

    /// Starts fio by a command that takes fio's command as its last arguments.
    pub(crate) fn start_by(before: &[&str], file: &str, options: &[&str]) -> Result<Self> {
        Self::start_with_output(Self::next_output(), before, file, options)
    }

    /// The same, with a log of each I/O.
    pub(crate) fn start_logged(before: &[&str], file: &str, options: &[&str]) -> Result<Self> {
        let output = Self::next_output();
        let log = format!("--write_lat_log={output}");
        Self::start_with_output(output, before, file, &[options, &[&log]].concat())
    }

    fn next_output() -> String {
        format!("/tmp/fio.{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn start_with_output(
        output: String,
        before: &[&str],
        file: &str,
        options: &[&str],
    ) -> Result<Self> {
        let words = [before, &["fio"]].concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .args(["--name=load", "--output-format=json"])
            .arg(format!("--output={output}"))
            .arg(format!("--filename={file}"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting fio")?;
        Ok(Self {
            child: Some(child),
            output,
        })
    }

    /// Waits until fio has ended by itself, without an error.
    pub(crate) fn finish(mut self) -> Result<Outcome> {
        let mut child = self.child.take().context("fio has ended")?;
        let status = child.wait()?;
        ensure!(
            status.success(),
            "fio failed: {}",
            fs::read_to_string(&self.output)?
        );
        self.outcome()
    }

    /// Waits until fio has ended by itself, with errors or without.
    pub(crate) fn finish_with_errors(mut self) -> Result<Outcome> {
        self.child.take().context("fio has ended")?.wait()?;
        self.outcome()
    }

    /// Stops fio and reads its result, which may be an error.
    pub(crate) fn stop(mut self) -> Result<Outcome> {
        let mut child = self.child.take().context("fio has ended")?;
        sys::run(&["kill", "-INT", &child.id().to_string()])?;
        child.wait()?;
        self.outcome()
    }

    fn outcome(&self) -> Result<Outcome> {
        let text = fs::read_to_string(&self.output)?;
        // fio may print notes before its result.
        let start = text
            .find('{')
            .with_context(|| format!("fio printed no result: {text}"))?;
        Ok(Outcome {
            value: serde_json::from_str(&text[start..])?,
            logged: take_log(&self.output)?,
        })
    }

    /// Waits until fio has ended, with or without I/O errors.
    pub(crate) fn wait(mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Fio {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_file(&self.output);
    }
}

impl Outcome {
    pub(crate) fn number(&self, path: &str) -> Result<f64> {
        self.value
            .pointer(path)
            .and_then(Value::as_f64)
            .with_context(|| format!("fio did not report {path}"))
    }

    /// Reads a second.
    pub(crate) fn read_iops(&self) -> Result<f64> {
        self.number("/jobs/0/read/iops")
    }

    /// The 99th percentile of the reads' completion latencies, in nanoseconds.
    pub(crate) fn read_p99_ns(&self) -> Result<f64> {
        self.number("/jobs/0/read/clat_ns/percentile/99.000000")
    }

    /// The mean of the reads' latencies, from submission to completion, in nanoseconds.
    pub(crate) fn read_mean_ns(&self) -> Result<f64> {
        self.number("/jobs/0/read/lat_ns/mean")
    }

    /// The I/Os in the log, for each job in order of completion.
    pub(crate) fn logged(&self) -> &[Logged] {
        &self.logged
    }

    /// Their latencies, in nanoseconds.
    pub(crate) fn latencies_ns(&self) -> Vec<u64> {
        self.logged.iter().map(|io| io.latency_ns).collect()
    }

    /// I/O errors that fio has met.
    pub(crate) fn errors(&self) -> Result<f64> {
        self.number("/jobs/0/error")
    }

    /// I/Os that ended with an error and were followed by others.
    pub(crate) fn errors_passed_over(&self) -> Result<f64> {
        self.number("/jobs/0/total_err")
    }

    /// Completed reads and writes.
    pub(crate) fn total_ios(&self) -> Result<f64> {
        Ok(self.number("/jobs/0/read/total_ios")? + self.number("/jobs/0/write/total_ios")?)
    }
}

/// Reads and removes the logs of all jobs, if there are any.
fn take_log(prefix: &str) -> Result<Vec<Logged>> {
    let mut logged = Vec::new();
    for job in 1.. {
        for other in ["clat", "slat"] {
            let _ = fs::remove_file(format!("{prefix}_{other}.{job}.log"));
        }
        let path = format!("{prefix}_lat.{job}.log");
        let Ok(text) = fs::read_to_string(&path) else {
            break;
        };
        fs::remove_file(&path)?;
        for line in text.lines() {
            logged.push(of_line(line).with_context(|| format!("'{line}' in fio's log"))?);
        }
    }
    Ok(logged)
}

/// Reads a line such as `1024, 20014375, 0, 4096, 0, 0x0`: the time, the latency, 0 for a read, and
/// the bytes.
fn of_line(line: &str) -> Option<Logged> {
    let mut fields = line
        .split(',')
        .map(|field| field.trim().parse::<u64>().ok());
    Some(Logged {
        time_ms: fields.next()??,
        latency_ns: fields.next()??,
        is_read: fields.next()?? == 0,
        bytes: fields.next()??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_log_is_read() {
        let read = of_line("1024, 20014375, 0, 4096, 0, 0x0").map(|io| (io.time_ms, io.latency_ns));
        assert_eq!(read, Some((1_024, 20_014_375)));
        let is_read = |line| of_line(line).map(|io| (io.is_read, io.bytes));
        assert_eq!(is_read("0, 1, 1, 4096, 0"), Some((false, 4_096)));
        assert_eq!(is_read("0, 1, 0, 8192"), Some((true, 8_192)));
        assert_eq!(is_read("0, x, 0, 4096"), None);
    }
}
