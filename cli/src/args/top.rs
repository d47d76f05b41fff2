// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The arguments of `kchaos top`.

use super::{count, interval};
use clap::Args;
use std::time::Duration;

/// The arguments of `kchaos top`.
#[derive(Args, Debug)]
pub struct Top {
    /// The time between two looks [10ms to 1h; default 1s]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    #[arg(default_value = "1s", hide_default_value = true)]
    pub interval: Duration,
    /// Print so many frames as text, of 80 columns and 24 lines, and end; this needs no terminal
    #[arg(long, value_name = "NUMBER", value_parser = count)]
    pub frames: Option<u64>,
}
