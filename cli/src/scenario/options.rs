// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The options of an injection in a scenario: those of `kchaos inject`, without their hyphens in
//! front. The command line's own parser reads them, so that both accept the same.

use super::source::{Mistake, Span};
use crate::{
    args::{Whom, borrowed_key, preset},
    interface::{
        ATTRIBUTES, Attribute, Kind, Name, Settings,
        attributes::ENABLED,
        near::{near, or},
    },
};
use clap::{
    Arg, ArgAction, Args, Command, Error, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::error::Error as _;

/// A key of a file that is an option, with its values.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// The name of the option.
    pub(super) option: String,
    /// Its values, as a command line would have them.
    pub(super) values: Vec<String>,
    /// The place of its value.
    pub(super) span: Span,
}

/// The options that there are.
#[derive(Debug)]
pub(super) struct Options(Command);

impl Options {
    pub(super) fn new() -> Self {
        let command = Command::new("step")
            .no_binary_name(true)
            .disable_help_flag(true)
            .arg(preset().index(None).required(false).long("preset"));
        Self(Whom::augment_args(Settings::augment_args(command)))
    }

    /// The options of a step: no step runs a command, and each injection is switched on.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arg> {
        self.0.get_arguments().filter(|arg| {
            arg.get_action().takes_values() && arg.get_long().is_some_and(|name| name != ENABLED)
        })
    }

    /// The option of this name, or of this other word for it.
    pub(super) fn find(&self, name: &str) -> Option<&Arg> {
        self.all().find(|arg| {
            let others = arg.get_all_aliases().unwrap_or_default();
            arg.get_long() == Some(name) || others.contains(&name)
        })
    }

    /// The advice on a word that is none of these names, nor that of an option.
    pub(super) fn guess(&self, word: &str, others: &[&str]) -> String {
        let names = self.all().filter_map(Arg::get_long);
        let names: Vec<&str> = names.chain(others.iter().copied()).collect();
        let word = word.to_lowercase().replace('_', "-");
        if let Some(tip) = borrowed_key(&word, &names) {
            return tip;
        }
        let guesses = near(&word, &names).into_iter().map(str::to_owned);
        let guesses: Vec<String> = guesses.collect();
        match guesses.is_empty() {
            true => "`kchaos scenario schema` lists all keys".to_owned(),
            false => format!("is it {}?", or(&guesses)),
        }
    }

    /// The words of a command line with these options. A consent has no value: the option itself
    /// says yes.
    fn words(&self, given: &[&Given]) -> Vec<String> {
        let words = given.iter().flat_map(|given| {
            let Given { option, values, .. } = given;
            let arg = self.find(option);
            let is_consent = arg
                .and_then(Arg::get_num_args)
                .is_some_and(|count| count.max_values() == 0);
            values.iter().filter_map(move |value| match &**value {
                "0" if is_consent => None,
                "1" if is_consent => Some(format!("--{option}")),
                value => Some(format!("--{option}={value}")),
            })
        });
        words.collect()
    }

    /// Checks the values of one option.
    pub(super) fn check(&self, given: &Given) -> Result<(), Mistake> {
        let parsed = self.0.clone().try_get_matches_from(self.words(&[given]));
        parsed.map(drop).map_err(|error| {
            let found = given.values.join(", ");
            let why = sentence(&error);
            let accepted = accepted(&given.option, &why).unwrap_or_default();
            let sentence = format!("{} = \"{found}\": {why}{accepted}", given.option);
            Mistake::new(&given.span, sentence)
        })
    }

    /// The settings of options that have been checked one by one, and whose I/O is affected.
    ///
    /// # Errors
    ///
    /// A sentence about options that do not go together.
    pub(super) fn read(&self, given: &[&Given]) -> Result<(Settings, Whom), String> {
        let parsed = self.0.clone().try_get_matches_from(self.words(given));
        let read = parsed.and_then(|matches| {
            let settings = Settings::from_arg_matches(&matches)?;
            Ok((settings, Whom::from_arg_matches(&matches)?))
        });
        read.map_err(|error| sentence(&error))
    }
}

/// The attribute that an option sets, if it sets one alone.
pub(super) fn attribute_of(option: &str) -> Option<&'static Attribute> {
    ATTRIBUTES
        .iter()
        .find(|attribute| attribute.flag() == option || attribute.flag_with_unit() == Some(option))
}

/// Whether an option is a switch, which is true or false.
pub(super) fn is_switch(option: &str) -> bool {
    let kind = attribute_of(option).map(|attribute| &attribute.kind);
    matches!(kind, Some(Kind::Number { range, .. }) if *range == (0..=1))
}

/// Whether an option can have several values.
pub(super) fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// The values that an option accepts, behind a sentence about another one that does not tell them.
fn accepted(option: &str, sentence: &str) -> Option<String> {
    let attribute = attribute_of(option)?;
    let range = match attribute.kind {
        // A step has an end.
        _ if attribute.name == Name::DurationMs => "1ms or more".to_owned(),
        // The sentence lists all words.
        Kind::Text(form) if !form.known_words().is_empty() => return None,
        _ => attribute.range(),
    };
    (!sentence.contains(&range)).then(|| format!("; accepted: {range}"))
}

/// The sentence of an error, without the words around it that are about command lines.
fn sentence(error: &Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        Some(ContextValue::Strings(words)) => Some(words.join(", ")),
        _ => None,
    };
    let plain = |flag: String| {
        let name = flag.split([' ', '=']).next().unwrap_or_default();
        name.trim_start_matches('-').to_owned()
    };
    match (
        error.kind(),
        context(ContextKind::InvalidArg),
        context(ContextKind::PriorArg),
    ) {
        (ErrorKind::ArgumentConflict, Some(one), Some(other)) => format!(
            "{} and {} exclude each other; leave one out",
            plain(one),
            plain(other)
        ),
        (ErrorKind::InvalidValue, ..) => match context(ContextKind::ValidValue) {
            Some(words) => format!("it has to be one of {words}"),
            None => "it needs a value".to_owned(),
        },
        _ => {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            text.split("\n\n")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        }
    }
}
