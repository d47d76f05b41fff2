// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The variables of a scenario: `$device` in its texts, with a value from the command line or from
//! its table `variables`.

use crate::interface::near::{near, or};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// The values of variables.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// The values of the command line.
    given: BTreeMap<String, String>,
    /// The values of the file.
    defaults: BTreeMap<String, String>,
    /// The variables that texts have named so far.
    named: RefCell<BTreeSet<String>>,
}

impl Variables {
    /// Variables with these values.
    pub(super) fn new(given: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            given: given.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Adds a value for the case that the command line has none.
    pub(super) fn set_default(&mut self, name: &str, value: String) {
        self.defaults.insert(name.to_owned(), value);
    }

    /// A text with values in the place of its variables. `$$` is a dollar.
    ///
    /// # Errors
    ///
    /// A sentence, if a variable has no value.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                filled.push('$');
                rest = after;
                continue;
            }
            let (name, after) = name_of(after).ok_or_else(|| {
                "a $ begins the name of a variable, as in $device or ${device}; for the sign \
                 itself, write $$"
                    .to_owned()
            })?;
            filled.push_str(self.value(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        self.named.borrow_mut().insert(name.to_owned());
        let value = self.given.get(name).or_else(|| self.defaults.get(name));
        value.map(String::as_str).ok_or_else(|| {
            let flag = match name {
                "device" => "--device sdb".to_owned(),
                name => format!("--set {name}=VALUE"),
            };
            format!(
                "the variable ${name} has no value; add {flag}, or a default: {name} = \"...\" in \
                 [variables]"
            )
        })
    }

    /// A sentence for each value of the command line that no text has asked for.
    pub(super) fn unused(&self) -> Vec<String> {
        let named = self.named.borrow();
        let known: BTreeSet<&str> = named
            .iter()
            .chain(self.defaults.keys())
            .map(|name| &**name)
            .collect();
        let known: Vec<&str> = known.into_iter().collect();
        let unused = self.given.keys().filter(|name| !known.contains(&&***name));
        unused
            .map(|name| {
                let alike: Vec<String> =
                    near(name, &known).into_iter().map(str::to_owned).collect();
                let next = match (alike.is_empty(), known.is_empty()) {
                    (false, _) => format!("it has {}", or(&alike)),
                    (true, false) => format!("it has {}", known.join(", ")),
                    (true, true) => "it has none".to_owned(),
                };
                format!("the scenario has no variable {name}; {next}")
            })
            .collect()
    }
}

/// The name at the beginning of a text, with or without braces, and the text behind it.
fn name_of(text: &str) -> Option<(&str, &str)> {
    let is_of_name =
        |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if let Some(inner) = text.strip_prefix('{') {
        let (name, after) = inner.split_once('}')?;
        return (!name.is_empty() && name.chars().all(is_of_name)).then_some((name, after));
    }
    let length = text
        .find(|letter| !is_of_name(letter))
        .unwrap_or(text.len());
    (length > 0).then(|| text.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let given = [("device", "sdb"), ("n", "7")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut variables = Variables::new(given);
        variables.set_default("n", "8".to_owned());
        variables.set_default("for", "30s".to_owned());
        variables
    }

    #[test]
    fn the_command_line_comes_before_the_file() {
        let variables = variables();
        for (text, expected) in [
            ("$device", "sdb"),
            ("/dev/${device}1,$n", "/dev/sdb1,7"),
            ("$for", "30s"),
            ("5$$ $$device", "5$ $device"),
            ("none", "none"),
        ] {
            assert_eq!(variables.fill(text).as_deref(), Ok(expected));
        }
        assert!(variables.unused().is_empty());
    }

    #[test]
    fn what_has_no_value_and_what_nobody_asks_for_is_told() {
        let variables = variables();
        for (text, expected) in [
            (
                "$x",
                "the variable $x has no value; add --set x=VALUE, or a default",
            ),
            ("5$", "a $ begins the name"),
            ("${", "a $ begins the name"),
            ("${}", "a $ begins the name"),
        ] {
            let message = variables.fill(text).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        let message = variables.unused().concat();
        assert!(
            message.contains("no variable device; it has for, n, x"),
            "{message}"
        );
    }
}
