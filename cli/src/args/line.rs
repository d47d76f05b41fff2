// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A command line that was not understood: its words, and the verb that they reach.

use super::Arguments;
use clap::{Arg, Command, CommandFactory};
use std::{ffi::OsString, sync::LazyLock};

/// A command line that was not understood.
pub(super) struct Line {
    /// Its words, without the program's.
    pub(super) words: Vec<String>,
    /// All verbs.
    root: &'static Command,
    /// The verbs from the outermost to the one that the words reach.
    pub(super) path: Vec<String>,
}

impl Line {
    /// Finds the verb that the words reach.
    pub(super) fn new(words: &[OsString]) -> Self {
        static BUILT: LazyLock<Command> = LazyLock::new(|| {
            let mut verbs = Arguments::command();
            verbs.build();
            verbs
        });
        let root = &*BUILT;
        let words: Vec<String> = words
            .iter()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut path = Vec::new();
        let mut verb = root;
        let mut left = words.iter().take_while(|word| *word != "--");
        while let Some(word) = left.next() {
            if let Some(name) = word.strip_prefix("--") {
                if find(verb, name).is_some_and(takes_value) {
                    left.next();
                }
            } else if let Some(inner) = verb.find_subcommand(word) {
                path.push(inner.get_name().to_owned());
                verb = inner;
            }
        }
        Self { words, root, path }
    }

    /// The verb that the words reach.
    pub(super) fn verb(&self) -> &Command {
        self.at(&self.path)
    }

    /// The verb at this place, or the last one on the way that there is.
    pub(super) fn at(&self, path: &[impl AsRef<str>]) -> &Command {
        path.iter().fold(self.root, |verb, name| {
            verb.find_subcommand(name.as_ref()).unwrap_or(verb)
        })
    }

    /// The faults that there are.
    pub(super) fn faults(&self) -> Vec<String> {
        let ioem = self.at(&["inject", "ioem"]);
        let faults = ioem
            .get_subcommands()
            .map(|verb| verb.get_name().to_owned());
        let mut faults: Vec<String> = faults.filter(|verb| verb != "help").collect();
        faults.sort();
        faults
    }

    /// The place of a word behind the verbs.
    pub(super) fn place(&self, word: &str) -> Option<usize> {
        let mut verbs = self.path.iter().peekable();
        let mut words = self.words.iter().enumerate();
        let place = words
            .find(|(_, other)| verbs.next_if(|verb| verb == other).is_none() && *other == word)?;
        Some(place.0)
    }

    /// Whether the words reach this verb.
    pub(super) fn is_in(&self, verb: &str) -> bool {
        self.path.iter().any(|name| name == verb)
    }

    /// The value of a flag as it was typed: behind its `=`, or the next word if that is no flag.
    pub(super) fn value(&self, flag: &str) -> Option<&str> {
        let mut words = self.words.iter();
        let value = words.find_map(|word| match word.strip_prefix(flag)? {
            "" => Some(None),
            rest => rest.strip_prefix('=').map(Some),
        })?;
        let next = words.next().map(String::as_str);
        value.or(next.filter(|next| !next.starts_with('-')))
    }

    /// The verbs that have this flag, with their outer ones.
    pub(super) fn verbs_with(&self, flag: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![("kchaos".to_owned(), self.root)];
        while let Some((name, verb)) = left.pop() {
            if find(verb, flag).is_some() {
                found.push(name.clone());
            }
            let inner = verb
                .get_subcommands()
                .filter(|inner| inner.get_name() != "help");
            left.extend(inner.map(|inner| (format!("{name} {}", inner.get_name()), inner)));
        }
        found.sort();
        found
    }
}

/// Whether a word behind a flag is its value.
fn takes_value(flag: &Arg) -> bool {
    let count = flag.get_num_args();
    flag.get_action().takes_values() && count.is_none_or(|count| count.takes_values())
}

/// The flag of a verb with this name or alias.
fn find<'a>(verb: &'a Command, name: &str) -> Option<&'a Arg> {
    verb.get_arguments().find(|flag| {
        flag.get_long() == Some(name)
            || flag
                .get_all_aliases()
                .is_some_and(|aliases| aliases.contains(&name))
    })
}

/// The flags of a verb: each with a name or alias that people type, and its own name.
pub(super) fn flags(verb: &Command) -> Vec<(&str, &str)> {
    let mut flags = Vec::new();
    for flag in verb.get_arguments() {
        let Some(own) = flag.get_long() else { continue };
        flags.push((own, own));
        let aliases = flag.get_all_aliases().unwrap_or_default();
        flags.extend(aliases.into_iter().map(|alias| (alias, own)));
    }
    flags
}

/// The flags of a verb without those for what its required word sets already.
pub(super) fn usable_flags(verb: &Command) -> Vec<&str> {
    let required: Vec<_> = verb
        .get_positionals()
        .filter(|word| word.is_required_set())
        .map(Arg::get_id)
        .collect();
    let groups = verb.get_groups().filter(|group| {
        let mut args = group.get_args();
        !(*group).clone().is_multiple() && args.any(|id| required.contains(&id))
    });
    let taken: Vec<_> = groups.flat_map(|group| group.get_args()).collect();
    let is_free = |own: &str| {
        let mut flags = verb.get_arguments();
        flags.any(|flag| flag.get_long() == Some(own) && !taken.contains(&flag.get_id()))
    };
    let flags = flags(verb).into_iter().filter(|(_, own)| is_free(own));
    flags.map(|(name, _)| name).collect()
}
