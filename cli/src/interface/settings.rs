// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The settings and the name of a new injection, and the steps that make it.

use super::{
    attributes::{Attribute, ENABLED, Name, Value, attribute, place},
    ending::{Ending, damaging, no_consent},
    values::EFFECTS,
};
use crate::system::step::Step;
use std::path::Path;

/// The settings that were asked for, in the order of the attributes' table. The driver's defaults
/// stay for all others.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the injection starts.
    pub enabled: bool,
    /// Everything but `enabled`.
    pub values: Vec<(&'static Attribute, Value)>,
}

impl Settings {
    /// The settings that give attributes these values.
    ///
    /// # Errors
    ///
    /// A sentence that names settings which contradict each other.
    pub fn new(
        given: impl IntoIterator<Item = (&'static Attribute, Value)>,
    ) -> Result<Self, String> {
        let mut settings = Self {
            enabled: true,
            values: Vec::new(),
        };
        for (attribute, value) in given {
            if attribute.name == Name::Enabled {
                settings.enabled = value != Value::Number(0);
            } else {
                settings.values.push((attribute, value));
            }
        }
        settings.check_together()?;
        Ok(settings)
    }

    fn check_together(&self) -> Result<(), String> {
        self.check_bytes()?;
        self.check_consent()?;
        if self.text(Name::Percentiles).is_some() {
            for other in [Name::DelayUs, Name::JitterUs, Name::Distribution] {
                if let Some((attribute, _)) = self.find(other) {
                    return Err(format!(
                        "--percentiles says how long delays are, and so does {}; leave one out",
                        attribute.shown_flag()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Checks that an I/O can have a size that matches.
    ///
    /// # Errors
    ///
    /// A sentence that says why none can.
    pub(crate) fn check_bytes(&self) -> Result<(), String> {
        let bytes = |name| self.number(name).unwrap_or(0);
        let (least, most) = (bytes(Name::MinBytes), bytes(Name::MaxBytes));
        if most != 0 && least > most {
            return Err(format!(
                "--min-bytes {least} is more than --max-bytes {most}, so that no I/O would be \
                 affected; exchange them"
            ));
        }
        Ok(())
    }

    /// Checks that damage has a consent.
    fn check_consent(&self) -> Result<(), String> {
        match self.damage() {
            Some(name) if self.number(Name::DataLoss) != Some(1) => Err(no_consent(name)),
            _ => Ok(()),
        }
    }

    fn find(&self, name: Name) -> Option<&(&'static Attribute, Value)> {
        self.values
            .iter()
            .find(|(attribute, _)| attribute.name == name)
    }

    /// The number that an attribute is to have.
    pub fn number(&self, name: Name) -> Option<u64> {
        match self.find(name)? {
            (_, Value::Number(number)) => Some(*number),
            (_, Value::Text(_)) => None,
        }
    }

    /// The text that an attribute is to have.
    pub fn text(&self, name: Name) -> Option<&str> {
        match self.find(name)? {
            (_, Value::Text(text)) => Some(text),
            (_, Value::Number(_)) => None,
        }
    }

    /// The time in microseconds after which the injection ends by itself.
    pub(crate) fn lease_us(&self) -> Option<u64> {
        let lease_ms = self.number(Name::DurationMs);
        let lease_ms = lease_ms.filter(|lease_ms| *lease_ms > 0)?;
        Some(lease_ms.saturating_mul(1_000))
    }

    /// Whether I/O is held without an end.
    pub(crate) fn freezes(&self) -> bool {
        self.number(Name::Freeze).is_some_and(|freeze| freeze > 0)
    }

    /// Has I/O held without an end.
    ///
    /// # Errors
    ///
    /// A sentence, if the settings say that it is not.
    pub(crate) fn freeze(&mut self) -> Result<(), String> {
        match self.number(Name::Freeze) {
            Some(0) => Err("--freeze 0 is no hang; leave it out".to_owned()),
            _ => {
                self.set(Name::Freeze, Value::Number(1));
                Ok(())
            }
        }
    }

    /// The end of the I/O that matches, unless it is as the disk ends it.
    pub(crate) fn ending(&self) -> Option<Ending<'_>> {
        Ending::of(|name| self.number(name), self.text(Name::Error))
    }

    /// The first attribute that damages data.
    pub(crate) fn damage(&self) -> Option<Name> {
        damaging().find(|name| self.number(*name).is_some_and(|number| number > 0))
    }

    /// Has writes be lost or torn, as the attribute of this name says.
    ///
    /// # Errors
    ///
    /// A sentence, if the settings say that they are not, or without consent.
    pub(crate) fn damage_writes(&mut self, name: Name) -> Result<(), String> {
        if self.number(name) == Some(0) {
            return Err(format!("--{} 0 damages nothing; leave it out", name.file()));
        }
        self.set(name, Value::Number(1));
        self.check_consent()
    }

    /// Why a new injection with these settings would do nothing even when it is switched on.
    pub(crate) fn do_nothing(&self) -> Option<&'static str> {
        let is_zero = |name| self.number(name).unwrap_or(0) == 0;
        let percentiles = self.text(Name::Percentiles);
        let no_percentiles =
            percentiles.is_none_or(|points| points.split(' ').all(|point| point.ends_with(":0")));
        let no_error = self.text(Name::Error).is_none_or(str::is_empty);
        if EFFECTS.into_iter().all(is_zero) && no_percentiles && no_error {
            Some("it has neither a delay nor a limit nor an error")
        } else if self.number(Name::Probability) == Some(0) {
            Some("--probability 0 lets all I/O go as usual")
        } else {
            None
        }
    }

    /// The flags whose 0 lifts an end or a bound, each with what it leaves. A user may take this 0
    /// for the lowest bound.
    pub(crate) fn lifted(&self) -> impl Iterator<Item = (String, &'static str)> {
        const LIFTED: [(Name, &str); 3] = [
            (Name::DurationMs, "no end"),
            (Name::Times, "no end"),
            (Name::MaxBytes, "no greatest size"),
        ];
        let lifted = LIFTED
            .into_iter()
            .filter(|(name, _)| self.number(*name) == Some(0));
        lifted.map(|(name, what)| (attribute(name).shown_flag(), what))
    }

    /// Gives an attribute another value.
    pub(crate) fn set(&mut self, name: Name, value: Value) {
        self.values.retain(|(attribute, _)| attribute.name != name);
        self.values.push((attribute(name), value));
        self.values
            .sort_by_key(|(attribute, _)| place(attribute.name));
    }

    /// The steps that make an injection whose settings all start together.
    pub(crate) fn steps(&self, directory: &Path) -> Vec<Step> {
        let set = |name: &str, value: String| Step::Set {
            file: directory.join(name),
            value,
        };
        let mut steps = vec![
            Step::MakeDirectory(directory.to_owned()),
            set(ENABLED, "0".to_owned()),
        ];
        steps.extend(
            self.values
                .iter()
                .map(|(attribute, value)| set(attribute.file(), attribute.file_text(value))),
        );
        if self.enabled {
            steps.push(set(ENABLED, "1".to_owned()));
        }
        steps
    }
}

/// Checks that an injection can have this name, and that the name stays in the driver's directory.
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

    fn texts(settings: &Settings) -> Vec<String> {
        let mut out = Vec::new();
        for step in settings.steps(Path::new("/d")) {
            step.print(&mut out).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn given(name: Name, text: &str) -> (&'static Attribute, Value) {
        let attribute = attribute(name);
        (attribute, attribute.parse(text).unwrap())
    }

    #[test]
    fn an_injection_starts_last_or_not_at_all() {
        let quota = given(Name::Quota, "15");
        assert_eq!(
            texts(&Settings::new([quota.clone()]).unwrap()),
            [
                "mkdir /d",
                "echo 0 > /d/enabled",
                "echo 15 > /d/quota",
                "echo 1 > /d/enabled"
            ]
        );
        assert_eq!(
            texts(&Settings::new([given(Name::Enabled, "0"), quota]).unwrap()),
            ["mkdir /d", "echo 0 > /d/enabled", "echo 15 > /d/quota"]
        );
    }

    #[test]
    fn a_lease_begins_just_before_the_start() {
        let mut settings =
            Settings::new([given(Name::DurationMs, "5"), given(Name::Quota, "15")]).unwrap();
        settings.set(Name::Op, Value::Text("read sync".to_owned()));
        settings.set(Name::DurationMs, Value::Number(7));
        assert_eq!(
            texts(&settings),
            [
                "mkdir /d",
                "echo 0 > /d/enabled",
                "echo 'read sync' > /d/op",
                "echo 15 > /d/quota",
                "echo 7 > /d/duration_ms",
                "echo 1 > /d/enabled"
            ]
        );
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        for (given, expected) in [
            (
                [given(Name::MinBytes, "8k"), given(Name::MaxBytes, "4k")],
                "--min-bytes 8192 is more than --max-bytes 4096",
            ),
            (
                [
                    given(Name::JitterUs, "8"),
                    given(Name::Percentiles, "50:4ms"),
                ],
                "so does --jitter",
            ),
        ] {
            let message = Settings::new(given).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        for name in damaging() {
            let damage = || given(name, "1");
            for consent in [&[][..], &[given(Name::DataLoss, "0")]] {
                let given = [damage()].into_iter().chain(consent.iter().cloned());
                let message = Settings::new(given).unwrap_err();
                assert!(message.contains("add --data-loss"), "{message}");
            }
            assert!(Settings::new([damage(), given(Name::DataLoss, "1")]).is_ok());
        }
        let open = [given(Name::MinBytes, "8k"), given(Name::MaxBytes, "0")];
        assert!(Settings::new(open).is_ok());
    }

    #[test]
    fn settings_without_an_effect_are_known() {
        for (name, text, expected) in [
            (Name::DelayUs, "0", Some("neither")),
            (Name::Percentiles, "50:0,100:0us", Some("neither")),
            (Name::Percentiles, "50:0,100:1us", None),
            (Name::JitterUs, "1", None),
            (Name::Quota, "1", None),
            (Name::Freeze, "0", Some("neither")),
            (Name::Freeze, "1", None),
            (Name::Quota, "0", Some("neither")),
            (Name::Error, "none", Some("neither")),
            (Name::Error, "IOERR", None),
            (Name::Drop, "0", Some("neither")),
            (Name::Corrupt, "0", Some("neither")),
            (Name::SeekUs, "8500", None),
        ] {
            let settings = Settings::new([given(name, text)]).unwrap();
            let why = settings.do_nothing();
            assert_eq!(why.is_some(), expected.is_some(), "{name:?} {text}");
            assert!(
                why.unwrap_or_default()
                    .contains(expected.unwrap_or_default())
            );
        }
        let never = [given(Name::DelayUs, "1"), given(Name::Probability, "0")];
        let why = Settings::new(never).unwrap().do_nothing().unwrap();
        assert!(why.contains("--probability 0"), "{why}");
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
