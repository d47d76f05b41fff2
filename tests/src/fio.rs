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

/// Several may run at a time, each with an output of its own.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running fio.
pub(crate) struct Fio {
    child: Option<Child>,
    output: String,
}

/// What fio measured.
pub(crate) struct Outcome(Value);

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
        let output = format!("/tmp/fio.{}", NEXT.fetch_add(1, Ordering::Relaxed));
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

    /// Waits until it has ended by itself, without an error.
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

    /// Waits until it has ended by itself, with errors or without.
    pub(crate) fn finish_with_errors(mut self) -> Result<Outcome> {
        self.child.take().context("fio has ended")?.wait()?;
        self.outcome()
    }

    /// Has it end, and come to its result, which may be an error.
    pub(crate) fn stop(mut self) -> Result<Outcome> {
        let mut child = self.child.take().context("fio has ended")?;
        sys::run(&["kill", "-INT", &child.id().to_string()])?;
        child.wait()?;
        self.outcome()
    }

    fn outcome(&self) -> Result<Outcome> {
        let text = fs::read_to_string(&self.output)?;
        // Notes of fio may come before its result.
        let start = text
            .find('{')
            .with_context(|| format!("fio printed no result: {text}"))?;
        Ok(Outcome(serde_json::from_str(&text[start..])?))
    }

    /// Waits until it has ended, with or without I/O errors.
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
    fn number(&self, path: &str) -> Result<f64> {
        self.0
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

    /// I/O errors that fio has met.
    pub(crate) fn errors(&self) -> Result<f64> {
        self.number("/jobs/0/error")
    }

    /// I/Os that ended with an error and were followed by others.
    pub(crate) fn errors_passed_over(&self) -> Result<f64> {
        self.number("/jobs/0/total_err")
    }

    /// Reads and writes that were done.
    pub(crate) fn total_ios(&self) -> Result<f64> {
        Ok(self.number("/jobs/0/read/total_ios")? + self.number("/jobs/0/write/total_ios")?)
    }
}

/// The latency of each I/O in nanoseconds, in order of completion, from fio's log `<prefix>_lat.1.log`.
pub(crate) fn latencies(prefix: &str) -> Result<Vec<f64>> {
    let path = format!("{prefix}_lat.1.log");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    text.lines()
        .map(|line| {
            let field = line
                .split(',')
                .nth(1)
                .context("a line of fio's log without a latency")?;
            Ok(field.trim().parse()?)
        })
        .collect()
}
