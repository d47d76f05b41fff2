// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The command line.

use crate::{
    advice::advise,
    attributes::{ATTRIBUTES, Attribute, Kind, LIMIT, Value},
    error::EXIT_CODES,
    help,
    interface::Roots,
    settings::{Settings, check_name},
    unit::Unit,
    units,
};
use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches, Parser, Subcommand,
    builder::{PossibleValue, TypedValueParser},
    error::ErrorKind,
};
use clap_complete::Shell;
use std::{
    ffi::{OsStr, OsString},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

/// Slows disks down on purpose, to see what is on them cope with a bad day.
#[derive(Debug, Parser)]
#[command(name = "kchaos", version, max_term_width = 100)]
#[command(after_help = format!("{}\n\n{EXIT_CODES}", help::START))]
#[command(after_long_help = format!("{}\n\n{}\n\n{EXIT_CODES}", help::START, help::ENVIRONMENT))]
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
        let arguments = Self::try_parse_from(words).map_err(|error| advise(error, words))?;
        // To clap, a `--` at the end is as none. It mostly is what a variable without a value left, and the injection would stay.
        if arguments.verb.lacks_command(words) {
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
    #[command(after_help = help::INJECT)]
    #[command(after_long_help = format!("{}\n\n{EXIT_CODES}", help::INJECT))]
    Inject(Inject),
    /// End injections
    ///
    /// One that cannot be ended does not keep the others from ending; the exit code is that of the first failure.
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
    #[command(long_about = help::LIST)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what injections do: rates, held I/O, and how long it took
    #[command(long_about = help::STATUS)]
    Status(Status),
    /// Switch devices to ioem, so that injections reach them
    ///
    /// If one of them cannot be switched, none is.
    Attach(Attach),
    /// Give devices back the scheduler that they had
    ///
    /// One that cannot be switched does not keep the others from being given back; the exit code is that of the first failure.
    Detach(Devices),
    /// Print the versions of this program and of the driver's interface
    ///
    /// The exit code is 0 even if the interface is not there, or not for this user to see: then its line tells why.
    Version,
    /// Print what a shell needs to complete the words of this program
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Verb {
    /// Whether a command is wanted and none is there. To clap, a `--` at the end is as none; it mostly is what a variable without
    /// a value left, and the injection would stay.
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
    #[command(
        mut_arg("--quota", quota_of_limit),
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
}

/// Shows an argument before the others of its section.
fn first(argument: Arg) -> Arg {
    argument.display_order(0)
}

/// The argument without which there is no limit.
fn quota_of_limit(argument: Arg) -> Arg {
    first(argument)
        .value_parser(|text: &str| LIMIT.parse(text))
        .help(LIMIT.help)
        .long_help(format!("{} [{}]", LIMIT.help, LIMIT.range()))
}

/// What an injection is to be, and what it is made for.
#[derive(Args, Debug)]
pub struct Task {
    /// What the injection is to be.
    #[command(flatten)]
    pub settings: Settings,
    /// Run this, end the injection when it ends, and exit as it does; if kchaos is killed, the injection ends within 2 s;
    /// not with --for
    ///
    /// If the injection ends before COMMAND does, such as by `kchaos recover` or `kchaos detach`, a warning tells so when COMMAND
    /// has ended. The exit code is that of COMMAND all the same.
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
    /// What the kernel and the driver accept.
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

/// Reads the value of an attribute whose values have words that shells can complete.
#[derive(Clone)]
struct Completed {
    attribute: &'static Attribute,
    words: &'static [&'static str],
}

impl TypedValueParser for Completed {
    type Value = Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Value, Error> {
        let attribute = self.attribute;
        let parse = |text: &str| attribute.parse(text);
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
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
    let in_full = format!("{} {}", attribute.help, attribute.accepted());
    let own = flag(&attribute.flag()).value_parser(|text: &str| attribute.parse(text));
    match (&attribute.kind, attribute.flag_with_unit()) {
        (
            Kind::Number {
                unit: Unit::Time(time),
                ..
            },
            Some(name),
        ) => {
            let (value, same) = (time.name().to_uppercase(), time.name());
            let same = format!("The same in {same}");
            vec![
                flag(name)
                    .value_name("TIME")
                    .value_parser(|text: &str| attribute.parse_with_unit(text))
                    .help(attribute.help)
                    .long_help(in_full),
                own.value_name(value).help(same).hide_short_help(true),
            ]
        }
        (Kind::Number { unit, .. }, _) => {
            let value = match unit {
                Unit::Percent { .. } => "PERCENT",
                Unit::Bytes => "BYTES",
                Unit::Number | Unit::Time(_) => "NUMBER",
            };
            vec![
                own.value_name(value)
                    .help(attribute.help)
                    .long_help(in_full),
            ]
        }
        (Kind::Text(form), _) => {
            let action = if form.is_list() {
                ArgAction::Append
            } else {
                ArgAction::Set
            };
            let own = match form.known_words() {
                [] => own,
                // The help has them in a sentence.
                words => own
                    .value_parser(Completed { attribute, words })
                    .hide_possible_values(true),
            };
            vec![
                own.value_name(form.value_name())
                    .action(action)
                    .help(attribute.help)
                    .long_help(in_full),
            ]
        }
    }
}
