// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Guesses the meaning of a command line that makes no sense as it is.

use crate::interface::units;
use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

/// Other programs' words for the verbs.
const OTHER_WORDS: [(&str, &str); 14] = [
    ("add", "inject"),
    ("create", "inject"),
    ("make", "inject"),
    ("start", "inject"),
    ("clear", "recover"),
    ("delete", "recover"),
    ("end", "recover"),
    ("remove", "recover"),
    ("reset", "recover"),
    ("rm", "recover"),
    ("stop", "recover"),
    ("ls", "list"),
    ("show", "list"),
    ("stats", "status"),
];

/// Adds to the error what to type instead, if the words let one guess.
pub(crate) fn advise(mut error: Error, words: &[OsString]) -> Error {
    let of_kind = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let advice = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            of_kind(ContextKind::InvalidSubcommand).and_then(|word| verb(&word, &words))
        }
        ErrorKind::UnknownArgument => {
            of_kind(ContextKind::InvalidArg).and_then(|word| argument(&word, &words))
        }
        _ => None,
    };
    if words.iter().any(|word| word == "inject") {
        // The suggestion of clap to put a word after `--`, which begins a command here.
        error.remove(ContextKind::Suggested);
    }
    if let Some(advice) = advice {
        // A word that sounds alike is a worse guess.
        error.remove(ContextKind::SuggestedSubcommand);
        let advice = ContextValue::StyledStrs(vec![advice.into()]);
        error.insert(ContextKind::Suggested, advice);
    }
    error
}

/// Advice on an unknown verb: perhaps it is further inside, or has another name.
fn verb(word: &str, words: &[String]) -> Option<String> {
    let place = words.iter().position(|other| other == word)?;
    let inside = match word {
        "delay" | "limit" => "inject ioem",
        "ioem" => "inject",
        _ => {
            let (_, verb) = OTHER_WORDS.iter().find(|(other, _)| *other == word)?;
            return Some(format!("the verb for this is '{verb}'"));
        }
    };
    let help = match words.get(1) {
        Some(verb) if verb == "help" && place > 1 => "help ",
        _ => "",
    };
    let rest = shlex::try_join(words[place..].iter().map(String::as_str)).ok()?;
    Some(format!("it is 'kchaos {help}{inside} {rest}'"))
}

/// Advice on a word that is no flag: perhaps it lacks its flag, or is a command.
fn argument(word: &str, words: &[String]) -> Option<String> {
    let has = |verb: &str| words.iter().any(|word| word == verb);
    if word.starts_with('-') || !has("inject") {
        None
    } else if has("delay") && units::microseconds(word).is_ok() {
        Some(format!("a delay has a flag: '--delay {word}'"))
    } else if has("limit") && units::number(word).is_ok() {
        Some(format!("a limit has a flag: '--quota {word}'"))
    } else {
        let rest = "a command that kchaos runs during the injection comes after '--'";
        Some(rest.to_owned())
    }
}
