// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The arguments of `kchaos record` and `kchaos replay`.

use super::DryRun;
use crate::interface::{check_name, units};
use clap::{Args, ValueHint};
use std::{path::PathBuf, time::Duration};

/// The arguments of `kchaos record`.
#[derive(Args, Debug)]
pub struct Record {
    /// A disk or a partition, by any of its names, or any file on it
    #[arg(value_name = "DEVICE")]
    pub device: PathBuf,
    /// For how long [10ms to 1h; default 60s]
    #[arg(long = "for", value_name = "TIME", value_parser = recorded)]
    #[arg(default_value = "60s", hide_default_value = true)]
    pub length: Duration,
    /// The file of the profile, which is replaced [default: a new file DEVICE.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Draw the times to this file, too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub svg: Option<PathBuf>,
}

/// The arguments of `kchaos replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// The profile
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The disks that are to be as slow, as in `kchaos inject`
    #[arg(long, value_name = "DEVICE,...")]
    pub device: String,
    /// For how long [default: without an end]
    #[arg(long = "for", value_name = "TIME", value_parser = replayed)]
    pub length: Option<Duration>,
    /// The time that the device takes by itself, which is taken off each delay [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub subtract: Option<Duration>,
    /// The beginning of the injections' names [default: replay]
    #[arg(long, value_parser = check_name)]
    pub name: Option<String>,
    /// Also allow what `kchaos inject` allows with --force
    #[arg(long)]
    pub force: bool,
    /// Whether to print commands instead.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// Reads how long to record.
fn recorded(text: &str) -> Result<Duration, String> {
    match time(text)? {
        time if (Duration::from_millis(10)..=Duration::from_secs(3_600)).contains(&time) => {
            Ok(time)
        }
        _ => Err("it has to be from 10ms to 1h".to_owned()),
    }
}

/// Reads how long to be slow.
fn replayed(text: &str) -> Result<Duration, String> {
    let most = Duration::from_millis(u32::MAX.into());
    match time(text)? {
        time if (Duration::from_millis(1)..=most).contains(&time) => Ok(time),
        _ => Err("it has to be from 1ms to 49 days".to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_micros(units::microseconds(text)?))
}
