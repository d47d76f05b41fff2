// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The verbs for effects on I/O, below `kchaos inject ioem`.

use super::{Whom, flags, help};
use crate::interface::{
    Settings,
    attributes::{CORRUPT, LIMIT},
};
use clap::{Arg, Args, Subcommand};
use std::ffi::OsString;

/// An effect on I/O. One injection can have several: each verb takes all flags and only requires
/// its own.
#[derive(Debug, Subcommand)]
pub enum Effect {
    /// Let only so many I/Os or bytes through in each period
    #[command(mut_group("limit", |group| group.required(true)))]
    #[command(
        mut_arg("--quota", quota_of_limit),
        mut_arg("--iops", first),
        mut_arg("--bandwidth", first),
        mut_arg("--bytes-quota", first),
        mut_arg("--period", first),
        mut_arg("--period-us", first)
    )]
    #[command(override_usage = help::LIMIT_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::LIMIT_EXAMPLES)]
    Limit(Task),
    /// Delay each I/O
    #[command(mut_group("delay", |group| group.required(true)))]
    #[command(override_usage = help::DELAY_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::DELAY_EXAMPLES)]
    Delay(Task),
    /// Let no I/O end until the injection does: a disk that hangs
    #[command(mut_arg("--freeze", hidden))]
    #[command(override_usage = help::HANG_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::HANG_EXAMPLES)]
    Hang(Task),
    /// End each I/O with an error: a bad sector, or a disk that fails
    #[command(mut_arg("--error", operand), mut_arg("command", last))]
    #[command(override_usage = help::ERROR_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::ERROR_EXAMPLES)]
    Error(Task),
    /// Acknowledge writes and lose them: a disk that lies
    #[command(mut_arg("--drop", hidden), mut_arg("--data-loss", first))]
    #[command(override_usage = help::DROP_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::DROP_EXAMPLES)]
    Drop(Task),
    /// Keep the last blocks of each write from the disk: a loss of power in the middle
    #[command(mut_arg("--torn", hidden), mut_arg("--data-loss", first))]
    #[command(override_usage = help::TORN_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::TORN_EXAMPLES)]
    Torn(Task),
    /// Flip bits of the data of each read: a disk or a cable that spoils data
    #[command(mut_arg("--corrupt", bits), mut_arg("command", last))]
    #[command(mut_arg("--data-loss", first))]
    #[command(override_usage = help::CORRUPT_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::CORRUPT_EXAMPLES)]
    Corrupt(Task),
    /// Let only so many bytes through in a time: a slow link, or a slow disk
    #[command(mut_arg("--bandwidth", operand), mut_arg("command", last))]
    #[command(
        mut_arg("--iops", hidden),
        mut_arg("--period", hidden),
        mut_arg("--period-us", hidden)
    )]
    #[command(override_usage = help::BANDWIDTH_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::BANDWIDTH_EXAMPLES)]
    Bandwidth(Task),
    /// Let only so many I/Os through in a time
    #[command(mut_arg("--iops", operand), mut_arg("command", last))]
    #[command(
        mut_arg("--bandwidth", hidden),
        mut_arg("--period", hidden),
        mut_arg("--period-us", hidden)
    )]
    #[command(override_usage = help::IOPS_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::IOPS_EXAMPLES)]
    Iops(Task),
    /// Have the settings of a known device, such as a cloud's volume or a hard disk
    #[command(arg(flags::preset()), mut_arg("command", last))]
    #[command(override_usage = help::PRESET_USAGE)]
    #[command(after_help = help::MORE, after_long_help = help::PRESET_EXAMPLES)]
    Preset(Task),
}

/// Hides a flag for which the verb has no use.
fn hidden(flag: Arg) -> Arg {
    flag.hide(true)
}

/// Makes a flag the word that a verb of its name requires.
fn operand(flag: Arg) -> Arg {
    flag.long(None::<&str>)
        .alias(None::<&str>)
        .help_heading(None::<&str>)
        .allow_hyphen_values(false)
        .required(true)
        .index(1)
}

/// Puts a command after such a word.
fn last(command: Arg) -> Arg {
    command.index(2)
}

/// Shows an argument before the others of its section.
fn first(argument: Arg) -> Arg {
    argument.display_order(0)
}

/// The quota of `inject limit`, which must not be 0.
fn quota_of_limit(argument: Arg) -> Arg {
    first(argument)
        .value_parser(|text: &str| flags::quota(&LIMIT, text))
        .help(LIMIT.help())
        .long_help(format!("{} [{}]", LIMIT.help(), LIMIT.range()))
}

/// The bits of `inject corrupt`, which must not be 0.
fn bits(argument: Arg) -> Arg {
    operand(argument)
        .value_name("BITS")
        .value_parser(|text: &str| CORRUPT.parse(text))
        .help(CORRUPT.help())
        .long_help(format!("{} [{}]", CORRUPT.help(), CORRUPT.range()))
}

/// The settings of an injection, and the command that it is made for.
#[derive(Args, Debug)]
pub struct Task {
    /// The settings of the injection.
    #[command(flatten)]
    pub settings: Settings,
    /// The processes whose I/O is affected.
    #[command(flatten)]
    pub whom: Whom,
    /// Run this, end the injection when it ends, and exit as it does; if kchaos is killed, the
    /// injection ends within 2 s; not with --for
    ///
    /// When COMMAND has ended, kchaos tells how much I/O the injection hit, and for how long it was
    /// held; or why none was hit. If the injection ends before COMMAND does, or is off for a while,
    /// such as by `kchaos recover` or `kchaos detach`, kchaos warns, too. The exit code is that of
    /// COMMAND all the same, except for --expect-hits.
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl Effect {
    /// The verb's word, after which injections without a name are named, and the rest.
    pub fn parts(&self) -> (&'static str, &Task) {
        match self {
            Self::Limit(task) => ("limit", task),
            Self::Delay(task) => ("delay", task),
            Self::Hang(task) => ("hang", task),
            Self::Error(task) => ("error", task),
            Self::Drop(task) => ("drop", task),
            Self::Torn(task) => ("torn", task),
            Self::Corrupt(task) => ("corrupt", task),
            Self::Bandwidth(task) => ("bandwidth", task),
            Self::Iops(task) => ("iops", task),
            Self::Preset(task) => ("preset", task),
        }
    }
}
