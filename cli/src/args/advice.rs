// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Guesses the meaning of a command line that makes no sense as it is.

use super::{
    Arguments, borrowed, dm_table,
    line::{Line, flags},
    netem,
    whole::{fits, line_of, with_effect},
};
use crate::{
    interface::{
        near::{near, or},
        rate::Rate,
        units,
    },
    system::{block::is_number, kernel_name},
};
use chaos_policy::policy::failure::Failure;
use clap::{
    Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::ffi::OsString;

impl Arguments {
    /// Reads the words of a command line, of which the first is the program's name.
    ///
    /// # Errors
    ///
    /// The error of clap, which is also how it returns the texts of help and version.
    pub fn read(words: &[OsString]) -> Result<Self, Error> {
        Self::parse_words(words).map_err(|error| advise(error, words))
    }
}

/// Other programs' words for the verbs.
pub(super) const OTHER_WORDS: [(&str, &[&str]); 8] = [
    (
        "inject",
        &[
            "add",
            "apply",
            "attack",
            "create",
            "experiment",
            "make",
            "run",
            "start",
            "toxic",
        ],
    ),
    (
        "recover",
        &[
            "abort", "cancel", "cleanup", "clear", "del", "delete", "destroy", "end", "heal",
            "kill", "purge", "remove", "reset", "restore", "rm", "stop", "undo",
        ],
    ),
    (
        "change",
        &[
            "adjust", "disable", "edit", "enable", "modify", "replace", "resume", "set", "toggle",
            "tune", "update",
        ],
    ),
    ("list", &["get", "ls", "show"]),
    ("status", &["inspect", "monitor", "query", "stats", "watch"]),
    (
        "top",
        &["dashboard", "htop", "iotop", "live", "tui", "view"],
    ),
    ("attach", &["load", "prepare"]),
    ("detach", &["release", "revoke", "unload"]),
];

/// Adds to the error what to type instead, if the words and the tree of verbs let one guess.
pub(crate) fn advise(mut error: Error, words: &[OsString]) -> Error {
    let of_kind = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    let (kind, advise): (_, fn(&Line, &str) -> Option<String>) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, verb),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, argument),
        _ => return error,
    };
    let line = Line::new(words);
    let word = of_kind(kind);
    let mut advice: Vec<String> = word
        .and_then(|word| advise(&line, &word))
        .into_iter()
        .collect();
    if error.kind() == ErrorKind::UnknownArgument {
        for tip in others(&line) {
            if !advice.contains(&tip) {
                advice.push(tip);
            }
        }
    }
    // The words of clap that sound alike, and its tip to put a word after `--`, which begins a
    // command here.
    for guess in [
        ContextKind::Suggested,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
    ] {
        error.remove(guess);
    }
    if !advice.is_empty() {
        let advice = advice.into_iter().map(Into::into).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(advice));
    }
    error
}

/// Advice on each unknown flag of the line, of which the error names only the first.
fn others(line: &Line) -> Vec<String> {
    let known = flags(line.verb());
    let words = line.words.iter().take_while(|word| *word != "--");
    let unknown = words.filter(|word| {
        let name = word.strip_prefix("--").map(|word| split(word).0);
        name.is_some_and(|name| !known.iter().any(|(known, _)| *known == name))
    });
    unknown
        .filter_map(|word| argument(line, split(word).0))
        .collect()
}

/// Advice on a unit that a space parts from its number.
fn apart(line: &Line, unit: &str) -> Option<String> {
    let place = line.place(unit)?;
    let [.., flag, number] = &line.words[..place] else {
        return None;
    };
    if line.is_in("bandwidth") && units::number(number).is_ok() {
        let rate = format!("{number}{unit}");
        return Rate::of_bytes(&rate)
            .is_ok()
            .then(|| format!("without a space: '{}'", without_flag("bandwidth", &rate)));
    }
    let time = format!("{number}{unit}");
    let is_unit = unit.chars().all(char::is_alphabetic);
    let is_time = is_unit && units::microseconds(&time).is_ok();
    (is_time && flag.starts_with("--")).then(|| format!("without a space: '{flag} {time}'"))
}

/// Advice on an unknown verb: perhaps it is further inside, or has another name.
fn verb(line: &Line, word: &str) -> Option<String> {
    let place = line.words.iter().position(|other| other == word)?;
    let help = match line.words.first() {
        Some(verb) if verb == "help" && place > 0 => "help ",
        _ => "",
    };
    let typed = |inside: &str, from: usize| {
        let rest = shlex::try_join(line.words[from..].iter().map(String::as_str)).ok()?;
        Some(format!("it is 'kchaos {help}{inside} {rest}'"))
    };
    let lower = word.to_ascii_lowercase();
    let reached = line.path.iter().filter(|verb| *verb != "help").count();
    let inside = match word {
        "bandwidth" | "corrupt" | "delay" | "drop" | "error" | "hang" | "iops" | "limit"
        | "preset" | "torn" => Some("inject ioem"),
        "ioem" => Some("inject"),
        _ => None,
    };
    match inside {
        Some(inside) if !help.is_empty() => return typed(inside, place),
        Some(_) => return Some(format!("it is '{}'", line_of(line, place, None))),
        None => {}
    }
    let known: Vec<&str> = line
        .verb()
        .get_subcommands()
        .map(|verb| verb.get_name())
        .collect();
    let near: Vec<String> = near(&lower, &known)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let other = OTHER_WORDS
        .iter()
        .find(|(_, others)| reached == 0 && others.contains(&&*lower));
    match other {
        Some(("inject", _)) if help.is_empty() => Some(format!(
            "the verb for this is 'inject': '{}'",
            line_of(line, place + 1, None)
        )),
        Some((verb, _)) => Some(format!("the verb for this is '{verb}'")),
        None if !near.is_empty() => Some(format!("it is {}", or(&near))),
        None if (reached == 0 || line.path == ["inject"]) && borrowed::is_means(&lower) => {
            let whole = line_of(line, place + 1, None);
            Some(format!("the means is ioem: '{whole}'"))
        }
        None => device(line, word, place)
            .or_else(|| borrowed::fault(&lower, &line.faults(), reached > 0 && place > 0)),
    }
}

/// Advice on a device in the place of the means: `inject vda delay ...`.
fn device(line: &Line, word: &str, place: usize) -> Option<String> {
    let effect = line.words.get(place + 1)?;
    let is_effect = line.path == ["inject"] && line.faults().contains(effect);
    is_effect.then(|| {
        let whole = line_of(line, place + 1, Some(word));
        format!("the means is ioem, and a device has a flag: '{whole}'")
    })
}

/// Advice on an unknown flag, or a word where none is accepted.
fn argument(line: &Line, word: &str) -> Option<String> {
    if let Some(name) = word.strip_prefix("--") {
        // It was typed in front of the verb that has it.
        if flags(line.verb()).iter().any(|(known, _)| *known == name) {
            return Some(format!("it comes after 'kchaos {}'", line.path.join(" ")));
        }
        return flag(line, name, line.value(word));
    }
    if let Some(letters) = word.strip_prefix('-') {
        let mut words = line
            .words
            .iter()
            .filter_map(|typed| typed.strip_prefix('-'));
        let typed = words.find(|typed| !typed.starts_with('-') && typed.contains(letters));
        let (name, value) = split(typed.unwrap_or(letters));
        return flag(
            line,
            name,
            value.or_else(|| line.value(&format!("-{name}"))),
        );
    }
    operand(line, word)
}

/// The verbs that the words reach.
fn path_of(line: &Line) -> Vec<&str> {
    line.path.iter().map(String::as_str).collect()
}

/// A name and its value, if there is a `=`.
fn split(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    }
}

/// A name as flags have it.
fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// A flag as people type it, with its value if kchaos accepts that.
fn with(line: &Line, flag: &str, value: Option<&str>) -> String {
    let bare = format!("--{flag}");
    let full = value.map(|value| format!("{bare} {value}"));
    let path = line.path.join(" ");
    full.filter(|full| fits(&format!("{path} {full}")))
        .unwrap_or(bare)
}

/// Advice on a word that is a flag, or another program's flag.
fn exact(line: &Line, name: &str, value: Option<&str>) -> Option<String> {
    let verb = line.verb();
    let known = flags(verb);
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, own)) => Some(format!("it is '{}'", with(line, own, value))),
        None => borrowed::flag(line, &path_of(line), name, value),
    }
}

/// The line for a verb that takes a rate or an error.
fn without_flag(verb: &str, rate: &str) -> String {
    with_effect(verb, None, &[rate.to_owned()])
}

/// Advice on a flag by its name without hyphens.
fn flag(line: &Line, name: &str, value: Option<&str>) -> Option<String> {
    let known = flags(line.verb());
    let name = normal(name);
    let verb = line.path.last().map_or("", String::as_str);
    if matches!(
        (verb, &*name),
        ("bandwidth", "bandwidth" | "bw")
            | ("iops", "iops")
            | ("error", "error" | "errno")
            | ("corrupt", "corrupt" | "bits")
    ) {
        let line = without_flag(verb, value.unwrap_or_default());
        let what = match verb {
            "error" => verb,
            "corrupt" => "number of bits",
            _ => "rate",
        };
        return Some(format!("the {what} has no flag here: '{line}'"));
    }
    if let Some(tip) = exact(line, &name, value) {
        return Some(tip);
    }
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let mut near: Vec<&str> = near(&name, &names)
        .into_iter()
        .filter_map(|near| known.iter().find(|(name, _)| *name == near))
        .map(|(_, own)| *own)
        .collect();
    near.dedup();
    if !near.is_empty() {
        // Of several, the value fits one or none.
        let value = value.filter(|_| near.len() == 1);
        let near: Vec<String> = near.into_iter().map(|own| with(line, own, value)).collect();
        return Some(format!("it is {}", or(&near)));
    }
    if line.is_in("inject") {
        return outside(line, &name, value);
    }
    let verbs = line.verbs_with(&name);
    (!verbs.is_empty()).then(|| format!("'--{name}' is a flag of {}", or(&verbs)))
}

/// Advice on a flag of an effect that comes before the effect.
fn outside(line: &Line, name: &str, value: Option<&str>) -> Option<String> {
    if ["error", "corrupt"].contains(&name) {
        let tip = without_flag(name, value.unwrap_or_default());
        return (line.path.len() < 3).then(|| format!("it is '{tip}'"));
    }
    let effect = match name {
        "iops" | "quota" | "period" | "period-us" => "limit",
        "freeze" => "hang",
        "drop" | "data-loss" => "drop",
        "torn" => "torn",
        _ => "delay",
    };
    if line.faults().iter().any(|fault| line.is_in(fault)) {
        return None;
    }
    let inside = format!("kchaos inject ioem {effect}");
    if line.verbs_with(name).contains(&inside) {
        let place = line
            .words
            .iter()
            .position(|word| line.path.last() == Some(word))?;
        let whole = with_effect(effect, None, &line.words[place + 1..]);
        return Some(format!("it is '{whole}'"));
    }
    let tip = borrowed::flag(line, &["inject", "ioem", "delay"], name, value)?;
    Some(format!("after 'kchaos inject ioem delay': {tip}"))
}

/// The devices in a word without a flag, behind the devices of a `--device` just before it.
fn devices(line: &Line, word: &str) -> Option<String> {
    let place = line.place(word)?;
    let before = line.words[..place].iter().map(String::as_str);
    let before: Vec<&str> = before.rev().take(2).collect();
    let named = match before[..] {
        [value, "--device", ..] => Some(value),
        [flag, ..] => flag.strip_prefix("--device="),
        [] => None,
    };
    let is_device = word.starts_with("/dev/") || is_number(word) || kernel_name::is_possible(word);
    let all = named.map_or_else(|| word.to_owned(), |named| format!("{named},{word}"));
    is_device.then_some(all)
}

/// Advice on a word that is no flag: perhaps it lacks its flag, or is a command.
fn operand(line: &Line, word: &str) -> Option<String> {
    if line.is_in("replay") && line.words.iter().any(|word| word == "--") {
        let instead = "replay runs no command; run it next, and then end each injection that \
                       replay has named: 'kchaos recover NAME'";
        return Some(instead.to_owned());
    }
    if !line.is_in("inject") && !line.is_in("change") {
        return None;
    }
    let place = line.place(word)?;
    if let Some(tables) = dm_table::flags(&line.words[place..]) {
        let tables: Vec<String> = tables.iter().map(|flags| format!("'{flags}'")).collect();
        let tables = tables.join(", and another injection with ");
        return Some(format!("a table of dm-delay has flags: {tables}"));
    }
    if let Some(flags) = netem::flags(line, word) {
        return Some(format!("values have flags: '{flags}'"));
    }
    if let Some(advice) = apart(line, word) {
        return Some(advice);
    }
    let (name, value) = split(word);
    let next = line.words.get(place + 1).map(String::as_str);
    let next = next.filter(|next| !next.starts_with('-'));
    let advice = if value.is_some() || next.is_some() {
        exact(line, &normal(name), value.or(next))
    } else {
        None
    };
    if let Some(advice) = advice {
        Some(advice)
    } else if line.is_in("delay") && units::microseconds(word).is_ok() {
        Some(format!(
            "a delay has a flag: '{}'",
            with(line, "delay", Some(word))
        ))
    } else if line.is_in("hang") && units::microseconds(word).is_ok() {
        Some(format!(
            "the time of a hang has a flag: '{}'",
            with(line, "for", Some(word))
        ))
    } else if line.is_in("limit") && units::number(word).is_ok() {
        Some(format!(
            "a limit has a flag: '{}'",
            with(line, "quota", Some(word))
        ))
    } else if line.is_in("limit") && Rate::parse(word).is_ok() {
        Some(format!(
            "a limit has a flag: '{}'",
            with(line, "iops", Some(word))
        ))
    } else if matches!(Failure::parse(word.as_bytes()), Ok(Some(_))) {
        Some(format!(
            "an error has a flag: '{}'",
            with(line, "error", Some(word))
        ))
    } else if let Some(devices) = devices(line, word) {
        Some(format!("devices have a flag: '--device {devices}'"))
    } else {
        let rest = "a command that kchaos runs during the injection comes after '--'";
        line.is_in("inject").then(|| rest.to_owned())
    }
}
