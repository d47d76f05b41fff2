// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Each flag and verb of the command tree, shortened and misspelt: all are refused, with the right
//! word as a tip. A new flag or verb is in these tests by itself.

use clap::{Arg, Command, CommandFactory, error::ErrorKind};
use kchaos::{Arguments, interface::ATTRIBUTES};
use std::{collections::BTreeSet, ffi::OsString};

/// A name by which a verb knows a flag.
struct Name<'a> {
    /// The name or an alias, without hyphens.
    name: &'a str,
    flag: &'a Arg,
}

/// Flags whose shorter form is another one: `--pid-ns` has the name of the driver's file, and
/// `--pid` that of other programs. Both take a process. `--corr` is netem's word for a correlation,
/// and `--corrupt` does nothing without `--data-loss`.
const NEIGHBOURS: [(&str, &str); 2] = [("pid-ns", "pid"), ("corrupt", "corr")];

/// Slips that are words of other programs, with a tip of their own.
const BORROWED: [&str; 3] = ["bytes", "e", "id"];

/// Calls `check` for each verb of the tree, with the words that reach it.
fn each_verb(check: &mut dyn FnMut(&[String], &Command)) {
    fn visit(path: &[String], verb: &Command, check: &mut dyn FnMut(&[String], &Command)) {
        check(path, verb);
        for inner in verb.get_subcommands() {
            // `help` has a copy of all verbs, which take no flags.
            if inner.get_name() != "help" {
                let path = [path, &[inner.get_name().to_owned()]].concat();
                visit(&path, inner, check);
            }
        }
    }
    let mut root = Arguments::command();
    root.build();
    visit(&[], &root, check);
}

fn names(verb: &Command) -> Vec<Name<'_>> {
    let mut names = Vec::new();
    for flag in verb.get_arguments() {
        let aliases = flag.get_all_aliases().unwrap_or_default();
        let all = flag.get_long().into_iter().chain(aliases);
        names.extend(all.map(|name| Name { name, flag }));
    }
    names
}

/// Whether both set the same attribute, or are the same flag.
fn are_same(verb: &Command, one: &Arg, other: &Arg) -> bool {
    let is_attribute = |id: &str| ATTRIBUTES.iter().any(|attribute| attribute.file() == id);
    one.get_id() == other.get_id()
        || verb
            .get_groups()
            .filter(|group| is_attribute(group.get_id().as_str()))
            .any(|group| {
                let has = |flag: &Arg| group.get_args().any(|id| id == flag.get_id());
                has(one) && has(other)
            })
}

/// Whether a slip from one to the other is always refused, as only one of them takes a value.
fn differ_in_value(one: &Arg, other: &Arg) -> bool {
    one.get_action().takes_values() != other.get_action().takes_values()
}

/// The beginnings of a word.
fn beginnings(word: &str) -> impl Iterator<Item = String> {
    (1..word.len()).map(|end| word[..end].to_owned())
}

/// The word with one letter left out, exchanged with the next, or doubled.
fn slips(word: &str) -> BTreeSet<String> {
    let mut slips = BTreeSet::new();
    for at in 0..word.len() {
        let (before, after) = word.split_at(at);
        slips.insert(format!("{before}{}", &after[1..]));
        slips.insert(format!("{before}{}{after}", &after[..1]));
        if after.len() > 1 {
            slips.insert(format!(
                "{before}{}{}{}",
                &after[1..2],
                &after[..1],
                &after[2..]
            ));
        }
    }
    // A hyphen in front belongs to those before it.
    slips.retain(|slip| slip != word && !slip.is_empty() && !slip.starts_with('-'));
    slips
}

/// The message for a command line that is not accepted.
fn refused(path: &[String], words: &[&str], kind: ErrorKind) -> String {
    let words = path.iter().map(String::as_str).chain(words.iter().copied());
    let words: Vec<OsString> = ["kchaos"]
        .into_iter()
        .chain(words)
        .map(Into::into)
        .collect();
    let error = match Arguments::read(&words) {
        Ok(arguments) => panic!("{words:?} is accepted: {arguments:?}"),
        Err(error) => error,
    };
    let message = error.render().to_string();
    assert_eq!(error.kind(), kind, "{words:?}: {message}");
    message
}

/// Checks that each of the typed names is refused or has the meaning of the flag.
fn check(path: &[String], verb: &Command, name: &Name<'_>, typed: &str) {
    if let Some(other) = names(verb).iter().find(|other| other.name == typed) {
        assert!(
            are_same(verb, name.flag, other.flag)
                || differ_in_value(name.flag, other.flag)
                || NEIGHBOURS.contains(&(name.name, typed)),
            "{path:?}: --{typed} is a slip of --{}, and means something else",
            name.name
        );
        return;
    }
    let own = format!("'--{}", name.flag.get_long().unwrap());
    // To clap, both ways to give a value are the same; to the tips they are not.
    let words = match typed.len() % 2 {
        0 => format!("--{typed} 1s"),
        _ => format!("--{typed}=1s"),
    };
    let split: Vec<&str> = words.split(' ').collect();
    let message = refused(path, &split, ErrorKind::UnknownArgument);
    let tip = message
        .lines()
        .find(|line| line.trim_start().starts_with("tip: "));
    assert!(
        tip.is_some_and(|tip| tip.contains(&own) || BORROWED.contains(&typed)),
        "{path:?} {words:?}: {message}"
    );
}

#[test]
fn no_flag_is_accepted_shortened() {
    let mut count = 0;
    each_verb(&mut |path, verb| {
        for name in names(verb) {
            for typed in beginnings(name.name) {
                check(path, verb, &name, &typed);
                count += 1;
            }
        }
    });
    assert!(count > 500, "{count}");
}

#[test]
fn no_flag_is_accepted_misspelt() {
    let mut count = 0;
    each_verb(&mut |path, verb| {
        for name in names(verb) {
            for typed in slips(name.name) {
                check(path, verb, &name, &typed);
                count += 1;
            }
        }
    });
    assert!(count > 1_000, "{count}");
}

#[test]
fn no_verb_is_accepted_shortened_or_misspelt() {
    each_verb(&mut |path, verb| {
        let verbs: Vec<&str> = verb.get_subcommands().map(Command::get_name).collect();
        for name in &verbs {
            for typed in beginnings(name).chain(slips(name)) {
                assert!(!verbs.contains(&typed.as_str()), "{path:?} {typed}");
                let message = refused(path, &[&typed], ErrorKind::InvalidSubcommand);
                assert!(
                    message.contains(&format!("'{name}'")),
                    "{path:?} {typed}: {message}"
                );
            }
        }
    });
}
