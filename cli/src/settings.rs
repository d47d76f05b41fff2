// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What an injection is to be: its name and its settings, and the steps that make it so.

use crate::{
    attributes::{Attribute, ENABLED},
    step::Step,
};
use std::path::Path;

/// The settings that were asked for, in the order of the attributes' table; those of the others stay as the driver makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the injection starts.
    pub enabled: bool,
    /// Everything but `enabled`, as the files have it.
    pub values: Vec<(&'static str, String)>,
}

impl Settings {
    /// The settings that give attributes these values.
    pub fn new(given: impl IntoIterator<Item = (&'static Attribute, u64)>) -> Self {
        let mut settings = Self {
            enabled: true,
            values: Vec::new(),
        };
        for (attribute, value) in given {
            if attribute.name == ENABLED {
                settings.enabled = value != 0;
            } else {
                settings
                    .values
                    .push((attribute.name, attribute.file_text(value)));
            }
        }
        settings
    }

    /// The steps that make an injection whose settings all start together.
    pub(crate) fn steps(&self, directory: &Path) -> Vec<Step> {
        let set = |name: &str, value: &str| Step::Set {
            file: directory.join(name),
            value: value.to_owned(),
        };
        let mut steps = vec![Step::MakeDirectory(directory.to_owned()), set(ENABLED, "0")];
        steps.extend(self.values.iter().map(|(name, value)| set(name, value)));
        if self.enabled {
            steps.push(set(ENABLED, "1"));
        }
        steps
    }
}

/// Checks that an injection can have this name: configfs would take some that lead out of its directory.
///
/// # Errors
///
/// A sentence that says what is accepted.
pub fn check_name(name: &str) -> Result<String, String> {
    /// The longest name of a file.
    const MOST_BYTES: usize = 255;
    if name.is_empty() || name.len() > MOST_BYTES {
        Err(format!("a name has 1 to {MOST_BYTES} bytes"))
    } else if name == "." || name == ".." || name.contains('/') {
        Err("a name is neither . nor .. and contains no /".to_owned())
    } else if name.contains(char::is_control) {
        Err("a name contains no control characters".to_owned())
    } else if ["version", ENABLED].contains(&name) {
        Err("this is the name of a file beside the injections".to_owned())
    } else {
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::attribute;

    fn texts(settings: &Settings) -> Vec<String> {
        let mut out = Vec::new();
        for step in settings.steps(Path::new("/d")) {
            step.print(&mut out).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_injection_starts_last_or_not_at_all() {
        let quota = (attribute("quota").unwrap(), 15);
        assert_eq!(
            texts(&Settings::new([quota])),
            [
                "mkdir /d",
                "echo 0 > /d/enabled",
                "echo 15 > /d/quota",
                "echo 1 > /d/enabled"
            ]
        );
        let off = (attribute(ENABLED).unwrap(), 0);
        assert_eq!(
            texts(&Settings::new([off, quota])),
            ["mkdir /d", "echo 0 > /d/enabled", "echo 15 > /d/quota"]
        );
    }

    #[test]
    fn names_stay_within_the_directory() {
        for name in ["inj1", "limit-1", "a b", ".hidden", "ü"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "/", "a\n", "version", "enabled"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name(&"x".repeat(256)).is_err());
    }
}
