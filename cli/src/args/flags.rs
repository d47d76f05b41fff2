// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The flags that set an injection's attributes, made from the table of attributes.

use crate::interface::{ATTRIBUTES, Attribute, Kind, Name, Section, Settings, Value, units::Unit};
use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches,
    builder::{PossibleValue, TypedValueParser},
    error::ErrorKind,
};
use std::ffi::OsStr;

/// The flags of an attribute are a group, of which one can be given. It has the attribute's name.
impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let ids = |attribute| -> Vec<String> {
            let flags = flags(attribute).into_iter();
            flags.map(|flag| flag.get_id().to_string()).collect()
        };
        let delays = ATTRIBUTES
            .iter()
            .filter(|attribute| [Name::DelayUs, Name::Percentiles].contains(&attribute.name));
        let delay = ArgGroup::new("delay")
            .args(delays.flat_map(ids))
            .multiple(true);
        ATTRIBUTES
            .iter()
            .fold(command, |command, attribute| {
                command
                    .args(flags(attribute))
                    .group(ArgGroup::new(attribute.file()).args(ids(attribute)))
            })
            .group(delay)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The values that the flags give.
fn given(matches: &ArgMatches) -> Result<Vec<(&'static Attribute, Value)>, Error> {
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
                // Each part is accepted alone, but the whole may not be.
                attribute.parse(&texts.join(",")).map_err(|message| {
                    invalid(format!("in all of --{}, {message}", attribute.flag()))
                })?
            }
        };
        given.push((attribute, value));
    }
    Ok(given)
}

/// The error for values that are not accepted.
fn invalid(message: String) -> Error {
    Error::raw(ErrorKind::ValueValidation, message)
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Self::new(given(matches)?).map_err(invalid)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The settings of an injection that change.
#[derive(Debug)]
pub struct Changes(pub Vec<(&'static Attribute, Value)>);

impl Args for Changes {
    fn augment_args(command: Command) -> Command {
        Settings::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Changes {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = given(matches)?;
        if given.is_empty() {
            let message = "nothing is to change; name a setting, such as --delay 20ms";
            return Err(invalid(message.to_owned()));
        }
        // Values that contradict each other are told here, as for a new injection.
        Settings::new(given.iter().cloned()).map_err(invalid)?;
        Ok(Self(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Reads the value of an attribute whose words shells can complete.
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

/// The heading of a section in the help.
fn heading(section: Section) -> &'static str {
    match section {
        Section::Filter => "Which I/O",
        Section::Effect => "Effect on it",
        Section::Time => "When",
    }
}

/// The flags that set an attribute: its own name, and for a time one that takes units.
fn flags(attribute: &'static Attribute) -> Vec<Arg> {
    let flag = |name: &str| {
        Arg::new(format!("--{name}"))
            .long(name.to_owned())
            .help_heading(heading(attribute.name.section()))
            // Lets the message about a negative value name the range.
            .allow_hyphen_values(true)
    };
    let in_full = format!("{} {}", attribute.help(), attribute.accepted());
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
                    .help(attribute.help())
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
                    .help(attribute.help())
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
                    .help(attribute.help())
                    .long_help(in_full),
            ]
        }
    }
}
