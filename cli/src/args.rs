// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The command line.

use crate::{
    attributes::{ATTRIBUTES, Attribute, Unit},
    error::EXIT_CODES,
    interface::Roots,
    settings::{Settings, check_name},
};
use clap::{
    Arg, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches, Parser, Subcommand,
    error::ErrorKind,
};
use std::{ffi::OsString, path::PathBuf};

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
  KCHAOS_DEV       where device nodes are [/dev]";

const JSON: &str = "\
Shows injections and the devices that are on ioem.

The table may change; with --json, this is printed and stays as it is, apart from keys that are added:

  {\"version\": 1, \"enabled\": 1,
   \"injections\": [{\"name\": \"delay-1\", \"enabled\": 1, \"delay_us\": 10000, ...}],
   \"devices\": [{\"name\": \"sdb\", \"scheduler\": \"ioem\", \"remembered\": \"kyber\"}]}

The attributes of an injection are numbers named like its files. \"remembered\" is the scheduler that `kchaos detach` gives \
back, or null.";

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
    /// Switch devices to ioem, so that injections reach them
    Attach(Devices),
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
    Limit(Settings),
    /// Delay each I/O
    #[command(mut_group("delay_us", |group| group.required(true)))]
    Delay(Settings),
}

impl Effect {
    /// The verb's word, of which names are made, and the settings.
    pub fn parts(&self) -> (&'static str, &Settings) {
        match self {
            Self::Limit(settings) => ("limit", settings),
            Self::Delay(settings) => ("delay", settings),
        }
    }
}

/// Devices.
#[derive(Args, Debug)]
pub struct Devices {
    /// A disk such as /dev/sdb or sdb, a link to it, or a partition of it
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
        ATTRIBUTES.iter().fold(command, |command, attribute| {
            let flags = flags(attribute);
            let ids: Vec<String> = flags
                .iter()
                .map(|flag| flag.get_id().as_str().to_owned())
                .collect();
            command
                .args(flags)
                .group(ArgGroup::new(attribute.name).args(ids))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Vec::new();
        for attribute in &ATTRIBUTES {
            for flag in flags(attribute) {
                let value = matches
                    .try_get_one::<u64>(flag.get_id().as_str())
                    .map_err(|error| Error::raw(ErrorKind::InvalidValue, error))?;
                given.extend(value.map(|value| (attribute, *value)));
            }
        }
        Ok(Self::new(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flags that set an attribute: its own name, and for a time one that takes units.
fn flags(attribute: &'static Attribute) -> Vec<Arg> {
    let range = |show: &dyn Fn(u64) -> String| {
        let (least, most) = (attribute.range.start(), attribute.range.end());
        format!(
            "[{} to {}; default {}]",
            show(*least),
            show(*most),
            show(attribute.default)
        )
    };
    let flag = |name: &str| {
        Arg::new(format!("--{name}"))
            .long(name.to_owned())
            // A negative value is to be told its range.
            .allow_hyphen_values(true)
    };
    let own = flag(&attribute.flag()).value_parser(|text: &str| attribute.parse(text));
    match attribute.flag_with_unit() {
        Some(name) => vec![
            flag(name)
                .value_name("TIME")
                .value_parser(|text: &str| attribute.parse_with_unit(text))
                .help(format!(
                    "{} {}",
                    attribute.help,
                    range(&|value| attribute.show(value))
                )),
            own.value_name("MICROSECONDS")
                .help("The same in microseconds"),
        ],
        None => vec![
            own.value_name(match attribute.unit {
                Unit::Percent => "PERCENT",
                Unit::Number | Unit::Microseconds => "NUMBER",
            })
            .help(format!(
                "{} {}",
                attribute.help,
                range(&|value| attribute.file_text(value))
            )),
        ],
    }
}
