// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The command line: verbs, flags, help, and advice on the intended command.

mod advice;
mod borrowed;
mod dm_table;
mod effect;
mod flags;
mod help;
mod line;
mod netem;
mod record;
mod scenario;
mod top;
mod whole;
mod whom;

use crate::{
    error::EXIT_CODES,
    interface::{Name, check_name, units},
};
pub(crate) use borrowed::key as borrowed_key;
use clap::{
    ArgGroup, Args, Command, CommandFactory, Error, FromArgMatches, Parser, Subcommand,
    error::ErrorKind,
};
use clap_complete::Shell;
pub use effect::{Effect, Task};
pub use flags::Changes;
pub(crate) use flags::preset;
pub use record::{Record, Replay};
pub use scenario::{ScenarioFile, ScenarioRun, ScenarioVerb};
use std::{cell::RefCell, ffi::OsString, ops::RangeInclusive, path::PathBuf, time::Duration};
pub use top::Top;
pub use whom::Whom;

/// Slows disks down on purpose, so that you see what your system does on a bad day.
#[derive(Debug, Parser)]
#[command(name = "kchaos", version, max_term_width = 100)]
#[command(after_help = format!("{}\n\n{EXIT_CODES}", help::START))]
#[command(after_long_help = format!("{}\n\n{}\n\n{EXIT_CODES}", help::START, help::ENVIRONMENT))]
pub struct Arguments {
    /// The verb, with its arguments.
    #[command(subcommand)]
    pub verb: Verb,
}

thread_local! {
    /// All verbs, as far as earlier lines have built them. Advice tries many lines, and the tests
    /// read thousands; to build the verbs takes much longer than to read a line.
    static VERBS: RefCell<Command> = RefCell::new(Arguments::command());
}

impl Arguments {
    /// Reads the words of a command line, of which the first is the program's name. The error has
    /// no advice.
    fn parse_words(words: &[OsString]) -> Result<Self, Error> {
        let mut arguments = VERBS.with_borrow_mut(|verbs| {
            let mut matches = verbs.try_get_matches_from_mut(words)?;
            Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(verbs))
        })?;
        if let Verb::Inject(Inject {
            fault: Fault::Ioem { effect },
            ..
        }) = &mut arguments.verb
        {
            let set = match effect {
                Effect::Hang(task) => task.settings.freeze(),
                Effect::Drop(task) => task.settings.damage_writes(Name::Drop),
                Effect::Torn(task) => task.settings.damage_writes(Name::Torn),
                _ => Ok(()),
            };
            set.map_err(|message| Error::raw(ErrorKind::ValueValidation, message))?;
        }
        if arguments.verb.lacks_command(words) {
            let message = "no command after --; name one, or leave -- out";
            return Err(Error::raw(ErrorKind::ValueValidation, message));
        }
        arguments.verb.check_effect()?;
        Ok(arguments)
    }
}

/// A verb, with its arguments.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an injection, and print its name; or run a command with one, and end it
    #[command(after_help = help::INJECT)]
    #[command(after_long_help = format!("{}\n\n{EXIT_CODES}", help::INJECT))]
    Inject(Inject),
    /// End injections
    ///
    /// One that cannot be ended does not keep the others from ending; the exit code is that of the
    /// first failure.
    ///
    /// The disks that kchaos attached for them get their scheduler back.
    #[command(group = ArgGroup::new("which").args(["names", "all"]).required(true))]
    Recover {
        /// The injections to end
        #[arg(value_name = "NAME")]
        names: Vec<OsString>,
        /// End every injection
        #[arg(long)]
        all: bool,
        /// Exit with 0 also if there is no injection of a name
        #[arg(long)]
        ignore_missing: bool,
        /// Whether to print commands instead.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Change settings of an injection while it is at work
    ///
    /// Only the named settings change, and they do so for held I/O, too. If the driver
    /// refuses a value, the others stay as they were.
    Change(Change),
    /// Wait until an injection holds I/O, has hit some, or has ended
    ///
    /// It also ends, with exit code 5, when this cannot happen any more: the injection has ended or
    /// is gone.
    #[command(group = ArgGroup::new("until").args(["held", "hit", "gone"]).required(true))]
    Wait {
        /// The injection
        #[arg(value_name = "NAME")]
        name: OsString,
        /// Until it holds so many I/Os
        #[arg(long, value_name = "NUMBER", value_parser = count)]
        held: Option<u64>,
        /// Until it has delayed, limited, failed or damaged so many I/Os
        #[arg(long, value_name = "NUMBER", value_parser = count)]
        hit: Option<u64>,
        /// Until it is not there, or has ended by itself
        #[arg(long)]
        gone: bool,
        /// Exit with 124 after this time [default: wait without an end]
        #[arg(long, value_name = "TIME", value_parser = timeout)]
        timeout: Option<Duration>,
    },
    /// Show injections and the devices that are on ioem
    #[command(long_about = help::LIST)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what injections do: rates, held I/O, and how long it took
    #[command(long_about = help::STATUS)]
    Status(Status),
    /// Show injections live, with keys that pause, change and end them
    #[command(after_help = help::TOP)]
    Top(Top),
    /// Switch devices to ioem until you detach them
    ///
    /// Nobody has to: kchaos inject attaches the disks that --device names, and gives them back.
    /// If one of them cannot be switched, none is.
    Attach(Attach),
    /// Give devices back the scheduler that they had
    ///
    /// One that cannot be switched does not keep the others from being given back; the exit code is
    /// that of the first failure.
    ///
    /// Of a disk that is gone, kchaos forgets what it had.
    Detach(Devices),
    /// Take the steps of a file, each an injection or several, and report what they hit
    #[command(after_help = help::SCENARIO)]
    Scenario {
        /// The verb about the file.
        #[command(subcommand)]
        verb: ScenarioVerb,
    },
    /// Look for all that keeps disks from being slow, or leaves them slow, and say what to do
    ///
    /// It changes nothing. The exit code is 1 if there is a problem.
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Clear what makers of injections have left that are no more
    ///
    /// Ends the injections that have ended by themselves and that nobody has removed, or whose PID
    /// namespace or command is gone, and prints their names; gives disks back that no injection
    /// needs, and finishes or undoes the work of a kchaos that was killed.
    Gc {
        /// Whether to print commands instead.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Measure how long the I/O of a disk takes under its own load, and write a profile of it
    #[command(after_help = help::RECORD)]
    Record(Record),
    /// Make a disk take as long for its I/O as a profile says
    #[command(after_help = help::REPLAY)]
    Replay(Replay),
    /// Print the versions of this program and of the driver's interface
    ///
    /// The exit code is 0 even if the interface is not there, or not for this user to see: then its
    /// line says why.
    Version,
    /// Print what a shell needs to complete the words of this program
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Verb {
    /// Refuses an injection that would do nothing, unless it is only prepared.
    fn check_effect(&self) -> Result<(), Error> {
        let Self::Inject(Inject {
            fault: Fault::Ioem { effect },
            ..
        }) = self
        else {
            return Ok(());
        };
        let settings = &effect.parts().1.settings;
        match settings.do_nothing().filter(|_| settings.enabled) {
            Some(why) => {
                let message = format!(
                    "this injection would do nothing: {why}; change that, or prepare it with \
                     --enabled 0"
                );
                Err(Error::raw(ErrorKind::ValueValidation, message))
            }
            None => Ok(()),
        }
    }

    /// Whether it changes something.
    pub fn changes(&self) -> bool {
        let dry_run = match self {
            Self::Inject(inject) => inject.dry_run,
            Self::Recover { dry_run, .. } | Self::Gc { dry_run } => *dry_run,
            Self::Attach(attach) => attach.devices.dry_run,
            Self::Detach(devices) => devices.dry_run,
            Self::Change(change) => change.dry_run,
            Self::Replay(replay) => replay.dry_run,
            Self::Scenario { verb } => return matches!(verb, ScenarioVerb::Run(_)),
            Self::Wait { .. }
            | Self::List { .. }
            | Self::Status(_)
            | Self::Top(_)
            | Self::Doctor { .. }
            | Self::Record(_)
            | Self::Version
            | Self::Completions { .. } => {
                return false;
            }
        };
        !dry_run.dry_run
    }

    /// Whether `--` announces a command that is missing. To clap, a `--` at the end is as none. A
    /// variable without a value mostly leaves it, and the injection would have no end.
    fn lacks_command(&self, words: &[OsString]) -> bool {
        let Self::Inject(Inject {
            fault: Fault::Ioem { effect },
            ..
        }) = self
        else {
            return false;
        };
        match effect.parts().1.command.first() {
            Some(program) => program.is_empty(),
            None => words.last().is_some_and(|word| word == "--"),
        }
    }
}

/// The arguments of `kchaos inject`.
#[derive(Args, Debug)]
pub struct Inject {
    /// The fault.
    #[command(subcommand)]
    pub fault: Fault,
    /// Name of the injection [default: a free one such as delay-1 or limit-1]
    #[arg(long, global = true, value_parser = check_name, display_order = 100)]
    pub name: Option<String>,
    /// Also slow down disks that have /, /usr or active swap, without --for, let I/O hang without
    /// --for, slow down all of a disk where the sectors of a volume are not known, and damage data
    /// of mounted file systems, but never of disks of the system
    #[arg(long, global = true, display_order = 100)]
    pub force: bool,
    /// With -- COMMAND: exit with 125 if COMMAND succeeds and no I/O was hit
    #[arg(long, global = true, display_order = 100)]
    pub expect_hits: bool,
    /// End an injection of this --name first, if there is one; its settings do not stay
    #[arg(long, global = true, requires = "name", display_order = 100)]
    pub replace: bool,
    /// Do not attach the disks that --device names
    #[arg(long, global = true, display_order = 100)]
    pub no_attach: bool,
    /// Stay until the injection has ended, and give its disks back then; with --for or --times
    #[arg(long, global = true, display_order = 100)]
    pub wait: bool,
    /// Whether to print commands instead.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// The arguments of `kchaos change`.
#[derive(Args, Debug)]
pub struct Change {
    /// The injection
    #[arg(value_name = "NAME")]
    pub name: OsString,
    /// The settings that change.
    #[command(flatten)]
    pub changes: Changes,
    /// Also slow down disks that have /, /usr or active swap, without --for, let I/O hang without
    /// --for, slow down all of a disk where the sectors of a volume are not known, and damage data
    /// of mounted file systems, but never of disks of the system
    #[arg(long)]
    pub force: bool,
    /// Do not attach the disks that --device names
    #[arg(long)]
    pub no_attach: bool,
    /// Whether to print commands instead.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// A fault, by the means that causes it.
#[derive(Debug, Subcommand)]
pub enum Fault {
    /// Slow I/O down, or have it fail, with the I/O scheduler ioem
    Ioem {
        /// The effect on I/O.
        #[command(subcommand)]
        effect: Effect,
    },
}

/// The arguments of `kchaos status`.
#[derive(Args, Debug)]
pub struct Status {
    /// The injections to show [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<OsString>,
    /// Show it again and again, with rates, until Ctrl-C
    #[arg(long, short)]
    pub watch: bool,
    /// How long to wait before it is shown again [10ms to 1h; default 1s]
    #[arg(long, value_name = "TIME", value_parser = interval, requires = "watch")]
    #[arg(default_value = "1s", hide_default_value = true)]
    pub interval: Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Reads how long to wait.
fn interval(text: &str) -> Result<Duration, String> {
    match Duration::from_micros(units::microseconds(text)?) {
        time if (Duration::from_millis(10)..=Duration::from_secs(3_600)).contains(&time) => {
            Ok(time)
        }
        _ => Err("it has to be from 10ms to 1h".to_owned()),
    }
}

/// Reads a number of I/Os to wait for.
fn count(text: &str) -> Result<u64, String> {
    match u64::try_from(units::number(text)?) {
        Ok(number @ 1..) => Ok(number),
        _ => Err("it has to be 1 or more".to_owned()),
    }
}

/// Reads the longest time to wait.
fn timeout(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_micros(units::microseconds(text)?))
}

/// The arguments of `kchaos attach`.
#[derive(Args, Debug)]
pub struct Attach {
    /// How many requests each can have: with a delay that holds requests, a device does at most so
    /// many I/Os in that time [4 to 2048; default: as ioem begins]
    #[arg(long, value_name = "NUMBER", value_parser = requests)]
    pub nr_requests: Option<u64>,
    /// Also switch disks that have /, /usr or active swap
    #[arg(long)]
    pub force: bool,
    /// The devices.
    #[command(flatten)]
    pub devices: Devices,
}

/// Reads how many requests a device is to have.
fn requests(text: &str) -> Result<u64, String> {
    /// The numbers that the kernel and the driver accept.
    const RANGE: RangeInclusive<u64> = 4..=2_048;
    let requests = u64::try_from(units::number(text)?).ok();
    requests
        .filter(|requests| RANGE.contains(requests))
        .ok_or_else(|| {
            format!(
                "it has to be from {} to {} requests",
                RANGE.start(),
                RANGE.end()
            )
        })
}

/// Devices.
#[derive(Args, Debug)]
pub struct Devices {
    /// A disk such as /dev/sdb, sdb or 8:16, a link to it, a partition of it, a volume or an array
    /// on it, UUID=..., LABEL=..., or the mount point or any file of a file system on it
    ///
    /// If that is on several disks, DEVICE means all of them.
    #[arg(
        value_name = "DEVICE",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub devices: Vec<PathBuf>,
    /// All disks: attach takes every disk that can have a scheduler, and disks with /, /usr or
    /// active swap only with --force; detach takes every disk on ioem
    #[arg(long)]
    pub all: bool,
    /// Whether to print commands instead.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// Whether to print commands instead.
#[derive(Args, Clone, Copy, Debug)]
pub struct DryRun {
    /// Print the shell commands that would do the same, and do nothing
    #[arg(long, global = true, display_order = 101)]
    pub dry_run: bool,
}
