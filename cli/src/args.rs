// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The command line.

use crate::{
    attributes::{ATTRIBUTES, Attribute, Kind, Unit, Value},
    error::EXIT_CODES,
    interface::Roots,
    settings::{Settings, check_name},
    units,
};
use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches, Parser, Subcommand,
    error::ErrorKind,
};
use std::{ffi::OsString, path::PathBuf, time::Duration};

const START: &str = "\
To slow a disk down:
  kchaos attach /dev/sdb
  kchaos inject ioem delay --delay 10ms --jitter 2ms
and to have it back as it was:
  kchaos recover --all
  kchaos detach /dev/sdb";

const ENVIRONMENT: &str = "\
Environment:
  KCHAOS_CONFIGFS  where configfs is mounted [/sys/kernel/config]
  KCHAOS_SYSFS     where sysfs is mounted [/sys]
  KCHAOS_STATE     where the schedulers of attached devices are remembered [/run/kchaos]
  KCHAOS_DEV       where device nodes are [/dev]
  KCHAOS_PROC      where proc is mounted [/proc]";

const JSON: &str = "\
Shows injections and the devices that are on ioem.

The table may change; with --json, this is printed and stays as it is, apart from keys that are added:

  {\"version\": 1, \"enabled\": 1,
   \"injections\": [{\"name\": \"delay-1\", \"enabled\": 1, \"delay_us\": 10000, ...}],
   \"devices\": [{\"name\": \"sdb\", \"scheduler\": \"ioem\", \"remembered\": \"kyber\",
                \"remembered_nr_requests\": null}]}

The attributes of an injection are numbers and texts named like its files. \"remembered\" is the scheduler, and \
\"remembered_nr_requests\" the number of requests, that `kchaos detach` gives back, or null.";

const STATUS_JSON: &str = "\
Shows what injections do: how much I/O they reached, hold now, and how long they made it take.

With --json, this is printed and stays as it is, apart from keys that are added; with --watch too, one line each time:

  {\"injections\": [{\"name\": \"slow\", \"active\": true, \"remaining_ms\": 0, \"matched\": 120, \"delayed\": 100,
    \"limited\": 20, \"held\": 5, \"released_early\": 0, \"errors\": 0,
    \"added_us\": [{\"below_us\": 1024, \"count\": 90}],
    \"devices\": [{\"name\": \"sda\", \"matched\": 100, ...}], \"ceiling_iops\": {\"sda\": 25600}}],
   \"devices\": [{\"name\": \"sda\", \"held\": 5,
    \"queues\": [{\"queue\": 0, \"held\": 5, \"first_us\": 1200, \"last_us\": 9000}]}]}

Each step of \"added_us\", the time from arrival to release, begins at half of \"below_us\". The \"devices\" of an injection are \
there if it reached several. From the second line of --watch on, numbers that only grow also have their growth, such as \
\"matched_per_second\".";

const DELAY_EXAMPLES: &str = "\
Examples:
  10 ms, give or take 2, for all I/O of all attached disks, for half a minute:
    kchaos inject ioem delay --delay 10ms --jitter 2ms --for 30s
  One of a thousand reads of one file system hangs for half a second:
    kchaos inject ioem delay --delay 500ms --probability 0.1% --op read --device /mnt/data
  A cgroup's disk as it was measured on a bad day, while a test runs:
    kchaos inject ioem delay --percentiles 50:200us,99:5ms,99.9:80ms --cgroup /tenant -- ./run-test
  Synchronous writes to the journal, which is in the first 128 MiB, the first 100 times:
    kchaos inject ioem delay --delay 1s --op write,sync --sectors 0+262144 --times 100";

const LIMIT_EXAMPLES: &str = "\
Examples:
  100 I/Os a second and device:
    kchaos inject ioem limit --quota 100
  Writes of at least 64 KiB to one disk, while a program runs:
    kchaos inject ioem limit --quota 15 --period 100ms --op write --min-bytes 64k --device sdb -- fio job.fio";

/// Slows disks down on purpose, to see what is on them cope with a bad day.
#[derive(Debug, Parser)]
#[command(name = "kchaos", version, max_term_width = 100)]
#[command(after_help = format!("{START}\n\n{EXIT_CODES}"))]
#[command(after_long_help = format!("{START}\n\n{ENVIRONMENT}\n\n{EXIT_CODES}"))]
pub struct Arguments {
    /// Where the file systems are.
    #[command(flatten)]
    pub roots: Roots,
    /// What is to be done.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Arguments {
    /// Reads the words of a command line, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// What clap says; for help and version, too, their text is an error.
    pub fn read(words: &[OsString]) -> Result<Self, Error> {
        let arguments = Self::try_parse_from(words)?;
        // To clap, a `--` at the end is as none. It mostly is what a variable without a value left, and the injection would stay.
        if let Verb::Inject(Inject {
            fault: Fault::Ioem { effect },
            ..
        }) = &arguments.verb
            && match effect.parts().1.command.first() {
                Some(program) => program.is_empty(),
                None => words.last().is_some_and(|word| word == "--"),
            }
        {
            let message = "no command after --; name one, or leave -- out";
            return Err(Error::raw(ErrorKind::ValueValidation, message));
        }
        Ok(arguments)
    }
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make an injection, and print its name
    Inject(Inject),
    /// End injections
    #[command(group = ArgGroup::new("which").args(["names", "all"]).required(true))]
    Recover {
        /// The injections to end
        #[arg(value_name = "NAME")]
        names: Vec<OsString>,
        /// End every injection
        #[arg(long)]
        all: bool,
        /// Whether to print commands instead.
        #[command(flatten)]
        dry_run: DryRun,
    },
    /// Show injections and the devices that are on ioem
    #[command(long_about = JSON)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what injections do: rates, held I/O, and how long it took
    #[command(long_about = STATUS_JSON)]
    Status(Status),
    /// Switch devices to ioem, so that injections reach them
    Attach(Attach),
    /// Give devices back the scheduler that they had
    Detach(Devices),
    /// Print the versions of this program and of the driver's interface
    Version,
}

/// What is injected, and how.
#[derive(Args, Debug)]
pub struct Inject {
    /// What is injected.
    #[command(subcommand)]
    pub fault: Fault,
    /// Name of the injection [default: a free one such as delay-1]
    #[arg(long, global = true, value_parser = check_name, display_order = 100)]
    pub name: Option<String>,
    /// Also slow down disks that have /, /usr or active swap, without --for
    #[arg(long, global = true, display_order = 100)]
    pub force: bool,
    /// Whether to print commands instead.
    #[command(flatten)]
    pub dry_run: DryRun,
}

/// By which means.
#[derive(Debug, Subcommand)]
pub enum Fault {
    /// Slow I/O down with the I/O scheduler ioem
    Ioem {
        /// What happens to I/O.
        #[command(subcommand)]
        effect: Effect,
    },
}

/// What happens to I/O. One injection can do both: each verb takes all flags and only requires its own.
#[derive(Debug, Subcommand)]
pub enum Effect {
    /// Let only so many I/Os through in each period
    #[command(mut_group("quota", |group| group.required(true)))]
    #[command(after_help = LIMIT_EXAMPLES)]
    Limit(Task),
    /// Delay each I/O
    #[command(mut_group("delay", |group| group.required(true)))]
    #[command(after_help = DELAY_EXAMPLES)]
    Delay(Task),
}

/// What an injection is to be, and what it is made for.
#[derive(Args, Debug)]
pub struct Task {
    /// What the injection is to be.
    #[command(flatten)]
    pub settings: Settings,
    /// Run this, end the injection when it ends, and exit as it does; if kchaos is killed, the injection ends within 2 s
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl Effect {
    /// The verb's word, of which names are made, and the rest.
    pub fn parts(&self) -> (&'static str, &Task) {
        match self {
            Self::Limit(task) => ("limit", task),
            Self::Delay(task) => ("delay", task),
        }
    }
}

/// What is to be shown of which injections.
#[derive(Args, Debug)]
pub struct Status {
    /// The injections to show [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<OsString>,
    /// Show it again and again, with rates, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// How long to wait before it is shown again [10ms to 1h; default 1s]
    #[arg(long, value_name = "TIME", value_parser = interval, default_value = "1s", hide_default_value = true)]
    #[arg(requires = "watch")]
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

/// Devices to switch to ioem.
#[derive(Args, Debug)]
pub struct Attach {
    /// How many requests each can have: with a delay, a device does at most so many I/Os in that time [4 to 2048; default: as ioem begins]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(4..=2048))]
    pub nr_requests: Option<u64>,
    /// Also switch disks that have /, /usr or active swap
    #[arg(long)]
    pub force: bool,
    /// The devices.
    #[command(flatten)]
    pub devices: Devices,
}

/// Devices.
#[derive(Args, Debug)]
pub struct Devices {
    /// A disk such as /dev/sdb, sdb or 8:16, a link to it, a partition of it, or the mount point or any file of what is on it
    #[arg(value_name = "DEVICE", required = true)]
    pub devices: Vec<PathBuf>,
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

/// The flags of an attribute are a group, of which one can be given. It has the attribute's name.
impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let ids = |attribute| -> Vec<String> {
            let flags = flags(attribute).into_iter();
            flags.map(|flag| flag.get_id().to_string()).collect()
        };
        let delays = ATTRIBUTES
            .iter()
            .filter(|attribute| ["delay_us", "percentiles"].contains(&attribute.name));
        let delay = ArgGroup::new("delay")
            .args(delays.flat_map(ids))
            .multiple(true);
        ATTRIBUTES
            .iter()
            .fold(command, |command, attribute| {
                command
                    .args(flags(attribute))
                    .group(ArgGroup::new(attribute.name).args(ids(attribute)))
            })
            .group(delay)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let invalid = |message| Error::raw(ErrorKind::ValueValidation, message);
        let mut given = Vec::new();
        for attribute in &ATTRIBUTES {
            let mut values: Vec<&Value> = Vec::new();
            for flag in flags(attribute) {
                let id = flag.get_id().to_string();
                let of_flag = matches.try_get_many::<Value>(&id);
                values.extend(
                    of_flag
                        .map_err(|error| invalid(error.to_string()))?
                        .into_iter()
                        .flatten(),
                );
            }
            let value = match values.as_slice() {
                [] => continue,
                [value] => (*value).clone(),
                parts => {
                    let texts: Vec<String> =
                        parts.iter().map(|part| attribute.file_text(part)).collect();
                    // Each part was accepted, but perhaps not with the others.
                    attribute.parse(&texts.join(",")).map_err(|message| {
                        invalid(format!("in all of --{}, {message}", attribute.flag()))
                    })?
                }
            };
            given.push((attribute, value));
        }
        Self::new(given).map_err(invalid)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flags that set an attribute: its own name, and for a time one that takes units.
fn flags(attribute: &'static Attribute) -> Vec<Arg> {
    let flag = |name: &str| {
        Arg::new(format!("--{name}"))
            .long(name.to_owned())
            .help_heading(attribute.section.heading())
            // A negative value is to be told its range.
            .allow_hyphen_values(true)
    };
    let help = format!("{} {}", attribute.help, attribute.accepted());
    let own = flag(&attribute.flag()).value_parser(|text: &str| attribute.parse(text));
    match (&attribute.kind, attribute.flag_with_unit()) {
        (
            Kind::Number {
                unit: Unit::Time { microseconds, .. },
                ..
            },
            Some(name),
        ) => {
            let (value, same) = match microseconds {
                1 => ("MICROSECONDS", "The same in microseconds"),
                _ => ("MILLISECONDS", "The same in milliseconds"),
            };
            vec![
                flag(name)
                    .value_name("TIME")
                    .value_parser(|text: &str| attribute.parse_with_unit(text))
                    .help(help),
                own.value_name(value).help(same),
            ]
        }
        (Kind::Number { unit, .. }, _) => {
            let value = match unit {
                Unit::Percent { .. } => "PERCENT",
                Unit::Bytes => "BYTES",
                Unit::Number | Unit::Time { .. } => "NUMBER",
            };
            vec![own.value_name(value).help(help)]
        }
        (Kind::Text(form), _) => {
            let action = if form.is_list() {
                ArgAction::Append
            } else {
                ArgAction::Set
            };
            vec![own.value_name(form.value_name()).action(action).help(help)]
        }
    }
}
