// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The flags that set an injection's attributes, made from the table of attributes.

use crate::interface::{
    ATTRIBUTES, Attribute, Kind, Name, Section, Settings, Value,
    form::Form,
    presets::{PRESETS, Preset},
    rate::Rate,
    units::Unit,
};
use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, Error, FromArgMatches,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use std::ffi::OsStr;

/// The attributes of which `inject delay` needs one.
const DELAYS: [Name; 4] = [Name::DelayUs, Name::Percentiles, Name::SeekUs, Name::TurnUs];

/// The flags of an attribute are a group, of which one can be given. It has the attribute's name.
impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let ids = |attribute| -> Vec<String> {
            let flags = flags(attribute).into_iter();
            let own = flags.map(|flag| flag.get_id().to_string());
            let rates = RATES
                .iter()
                .filter(|(_, rated)| rated.contains(&attribute.name));
            own.chain(rates.map(|(rate, _)| (*rate).to_owned()))
                .collect()
        };
        let delays = ATTRIBUTES
            .iter()
            .filter(|attribute| DELAYS.contains(&attribute.name));
        let delay = ArgGroup::new("delay")
            .args(delays.flat_map(ids))
            .multiple(true);
        let limits = ATTRIBUTES
            .iter()
            .filter(|attribute| [Name::Quota, Name::BytesQuota].contains(&attribute.name));
        let limit = ArgGroup::new("limit")
            .args(limits.flat_map(ids))
            .multiple(true);
        ATTRIBUTES
            .iter()
            .fold(command, |command, attribute| {
                command
                    .args(flags(attribute))
                    .group(ArgGroup::new(attribute.file()).args(ids(attribute)))
            })
            .group(delay)
            .group(limit)
            .arg(rate())
            .arg(bandwidth())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The values that the flags give.
fn given(matches: &ArgMatches) -> Result<Vec<(&'static Attribute, Value)>, Error> {
    let mut given = Vec::new();
    for attribute in &ATTRIBUTES {
        if let Some(value) = rated(matches, attribute)? {
            given.push((attribute, value));
            continue;
        }
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
            parts => attribute.join(parts).map_err(|message| {
                invalid(format!("in all of --{}, {message}", attribute.flag()))
            })?,
        };
        given.push((attribute, value));
    }
    // Only one verb has the word.
    if let Ok(Some(preset)) = matches.try_get_one::<&'static Preset>(PRESET) {
        preset.add_to(&mut given).map_err(invalid)?;
    }
    Ok(given)
}

/// The name of the word for a preset.
const PRESET: &str = "preset";

/// The word for a preset.
pub(crate) fn preset() -> Arg {
    let names = PRESETS.map(|preset| PossibleValue::new(preset.name).help(preset.about));
    let named = PossibleValuesParser::new(names);
    let named = named.try_map(|name| Preset::named(&name).ok_or("there is no such preset"));
    Arg::new(PRESET)
        .value_name("PRESET")
        .required(true)
        .index(1)
        .value_parser(named)
        .help("The device that the settings are like")
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

/// The flag that sets both attributes of a limit of I/Os.
const RATE: &str = "--iops";

/// The flag that sets both attributes of a limit of bytes.
const BANDWIDTH: &str = "--bandwidth";

/// The flags that set two attributes at once, with these.
const RATES: [(&str, [Name; 2]); 2] = [
    (RATE, [Name::Quota, Name::PeriodUs]),
    (BANDWIDTH, [Name::BytesQuota, Name::PeriodUs]),
];

/// The value that one of these flags gives an attribute.
fn rated(matches: &ArgMatches, attribute: &Attribute) -> Result<Option<Value>, Error> {
    for (flag, [quota, period]) in RATES {
        let rate = matches.try_get_one::<Rate>(flag);
        let rate = rate.map_err(|error| invalid(error.to_string()))?;
        let value = rate.and_then(|rate| match attribute.name {
            name if name == quota => Some(&rate.quota),
            name if name == period => Some(&rate.period),
            _ => None,
        });
        if value.is_some() {
            return Ok(value.cloned());
        }
    }
    Ok(None)
}

/// The flag that sets both attributes of a limit of bytes.
fn bandwidth() -> Arg {
    let help = "--bytes-quota and --period in one: so many bytes a second, or in another time";
    Arg::new(BANDWIDTH)
        .long("bandwidth")
        .alias("bw")
        .value_name("RATE")
        .help_heading(heading(Section::Effect))
        .allow_hyphen_values(true)
        .value_parser(Rate::of_bytes)
        .help(help)
        .long_help(format!(
            "{help} [such as 10MB/s, which is 10000000 bytes a second, 512KiB/s or 1GB/min; the \
             period is about 10ms, so that the rate is even]"
        ))
}

/// The flag that sets both attributes of a limit of I/Os.
fn rate() -> Arg {
    let help = "--quota and --period in one: so many I/Os a second, or in another time";
    Arg::new(RATE)
        .long("iops")
        .value_name("RATE")
        .help_heading(heading(Section::Effect))
        .allow_hyphen_values(true)
        .value_parser(Rate::parse)
        .help(help)
        .long_help(format!(
            "{help} [such as 100, 100/s, 6000/min or 15/ms; an I/O that the \
             kernel splits counts once for each request; the I/Os of a window may \
             all go at its beginning: for an even rate, write a shorter window, \
             such as 1/10ms]"
        ))
}

/// Reads a quota, and knows a rate.
pub(super) fn quota(attribute: &Attribute, text: &str) -> Result<Value, String> {
    attribute
        .parse(text)
        .map_err(|message| match Rate::parse(text) {
            Ok(_) => format!("{message}; a rate has another flag: {RATE} {text}"),
            Err(_) => message,
        })
}

/// Other programs' words for a flag, where they mean the same.
fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "correlation" => &["corr"],
        "device" => &["dev-path"],
        "for" => &["duration", "timeout"],
        "op" => &["methods"],
        _ => &[],
    }
}

/// Reads a text, and knows the words that shells can complete.
#[derive(Clone)]
struct Text {
    attribute: &'static Attribute,
    form: Form,
}

impl TypedValueParser for Text {
    type Value = Value;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Value, Error> {
        let attribute = self.attribute;
        if value.to_str().is_none() {
            return Err(Error::raw(
                ErrorKind::ValueValidation,
                no_text(attribute, self.form, value),
            ));
        }
        let parse = |text: &str| attribute.parse(text);
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words = self.form.known_words();
        (!words.is_empty()).then(|| {
            let values: Box<dyn Iterator<Item = PossibleValue>> =
                Box::new(words.iter().map(PossibleValue::new));
            values
        })
    }
}

/// The sentence about a value that is not UTF-8.
fn no_text(attribute: &Attribute, form: Form, value: &OsStr) -> String {
    let next = if form == Form::Devices {
        "; name the disk, or go there with cd and say --device ."
    } else {
        ""
    };
    format!(
        "the value \"{}\" of --{} is no text in UTF-8{next}",
        value.to_string_lossy(),
        attribute.flag()
    )
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
            .aliases(aliases(name))
            .help_heading(heading(attribute.name.section()))
            // Lets the message about a negative value name the range.
            .allow_hyphen_values(true)
    };
    let in_full = format!("{} {}", attribute.help(), attribute.accepted());
    let own = flag(&attribute.flag()).value_parser(|text: &str| match attribute.name {
        Name::Quota => quota(attribute, text),
        _ => attribute.parse(text),
    });
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
        (Kind::Number { .. }, _) if attribute.name == Name::DataLoss => {
            let help = "Consent to the damage of data by --drop, --torn or --corrupt";
            let own = own
                .allow_hyphen_values(false)
                .action(ArgAction::Set)
                .num_args(0);
            vec![own.default_missing_value("1").help(help)]
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
            let form = *form;
            // The help has the words in a sentence.
            let own = own
                .value_parser(Text { attribute, form })
                .hide_possible_values(true);
            vec![
                own.value_name(form.value_name())
                    .action(action)
                    .help(attribute.help())
                    .long_help(in_full),
            ]
        }
    }
}
