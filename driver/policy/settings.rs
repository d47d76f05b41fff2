// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What the files of one injection say, and how their texts are read and shown.

use super::delay::Delay;
use super::limit::Limit;
use super::parse::{number, percent, ParseError};
use core::fmt;

/// The longest time that a setting may ask for, in microseconds: one hour.
pub const MAX_TIME_US: u32 = 3_600_000_000;

/// A file of an injection's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// 0 keeps the settings and does nothing.
    Enabled,
    /// Mean delay in microseconds.
    DelayUs,
    /// Half the width of the delay's distribution, in microseconds.
    JitterUs,
    /// Lag-1 autocorrelation of successive delays, in per cent.
    Correlation,
    /// Length of the quota's window in microseconds.
    PeriodUs,
    /// I/Os in a window; 0 is no limit.
    Quota,
}

impl Attribute {
    /// Every attribute; the index of one is its number in the driver's configfs tables.
    pub const ALL: [Self; 6] = [
        Self::Enabled,
        Self::DelayUs,
        Self::JitterUs,
        Self::Correlation,
        Self::PeriodUs,
        Self::Quota,
    ];
}

/// The settings of one injection.
///
/// # Invariants
///
/// Every value is within the range that its [`Attribute`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    enabled: bool,
    delay_us: u32,
    jitter_us: u32,
    /// In hundredths of a per cent.
    correlation: u32,
    period_us: u32,
    quota: u32,
}

impl Settings {
    /// What an injection is made with: it does nothing yet, but any effect that is set works at once.
    pub const fn new() -> Self {
        // INVARIANT: the documented defaults are within their ranges.
        Self {
            enabled: true,
            delay_us: 0,
            jitter_us: 0,
            correlation: 0,
            period_us: 1_000_000,
            quota: 0,
        }
    }

    /// These settings with one of them replaced by what `text` says.
    ///
    /// # Errors
    ///
    /// [`ParseError::NotANumber`] and [`ParseError::OutOfRange`], by the rules of [`mod@super::parse`].
    pub fn with(self, attribute: Attribute, text: &[u8]) -> Result<Self, ParseError> {
        let mut new = self;
        // INVARIANT: the parsers refuse what is out of the given range.
        match attribute {
            Attribute::Enabled => new.enabled = number(text, 0, 1)? == 1,
            Attribute::DelayUs => new.delay_us = number(text, 0, MAX_TIME_US)?,
            Attribute::JitterUs => new.jitter_us = number(text, 0, MAX_TIME_US)?,
            Attribute::Correlation => new.correlation = percent(text)?,
            Attribute::PeriodUs => new.period_us = number(text, 1, MAX_TIME_US)?,
            Attribute::Quota => new.quota = number(text, 0, u32::MAX)?,
        }
        Ok(new)
    }

    /// The text of one setting, in the form that [`Settings::with`] accepts.
    pub fn show(&self, attribute: Attribute) -> Shown {
        Shown {
            settings: *self,
            attribute,
        }
    }

    /// The delay that these settings ask for, if any.
    pub fn delay(&self) -> Option<Delay> {
        if !self.enabled || (self.delay_us == 0 && self.jitter_us == 0) {
            return None;
        }
        Some(Delay::new(self.delay_us, self.jitter_us, self.correlation))
    }

    /// The limit that these settings ask for, if any.
    pub fn limit(&self) -> Option<Limit> {
        if !self.enabled || self.quota == 0 {
            return None;
        }
        Limit::new(self.period_us, self.quota)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// Displays one setting.
pub struct Shown {
    settings: Settings,
    attribute: Attribute,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.settings;
        match self.attribute {
            Attribute::Enabled => write!(f, "{}", u8::from(settings.enabled)),
            Attribute::DelayUs => write!(f, "{}", settings.delay_us),
            Attribute::JitterUs => write!(f, "{}", settings.jitter_us),
            Attribute::Correlation => show_percent(f, settings.correlation),
            Attribute::PeriodUs => write!(f, "{}", settings.period_us),
            Attribute::Quota => write!(f, "{}", settings.quota),
        }
    }
}

/// The shortest text for hundredths of a per cent: `25`, `25.5`, `25.25`.
fn show_percent(f: &mut fmt::Formatter<'_>, hundredths: u32) -> fmt::Result {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    if rest == 0 {
        write!(f, "{whole}")
    } else if rest % 10 == 0 {
        write!(f, "{whole}.{}", rest / 10)
    } else {
        write!(f, "{whole}.{rest:02}")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    #[test]
    fn defaults_are_as_documented() {
        let shown: std::vec::Vec<String> = Attribute::ALL
            .iter()
            .map(|a| Settings::new().show(*a).to_string())
            .collect();
        assert_eq!(shown, ["1", "0", "0", "0", "1000000", "0"]);
        assert_eq!(Settings::new().delay(), None);
        assert_eq!(Settings::new().limit(), None);
    }

    #[test]
    fn a_quota_alone_limits_and_zero_enabled_does_nothing() {
        let limited = Settings::new().with(Attribute::Quota, b"15\n").unwrap();
        assert_eq!(limited.limit(), Limit::new(1_000_000, 15));
        let off = limited.with(Attribute::Enabled, b"0").unwrap();
        assert_eq!(off.limit(), None);
        assert_eq!(off.show(Attribute::Quota).to_string(), "15");
    }

    #[test]
    fn jitter_alone_delays() {
        let settings = Settings::new().with(Attribute::JitterUs, b"5").unwrap();
        assert_eq!(settings.delay(), Some(Delay::new(0, 5, 0)));
    }

    #[test]
    fn ranges_are_as_documented() {
        let bounds: [(Attribute, &[u8], &[u8]); 6] = [
            (Attribute::Enabled, b"1", b"2"),
            (Attribute::DelayUs, b"3600000000", b"3600000001"),
            (Attribute::JitterUs, b"3600000000", b"3600000001"),
            (Attribute::Correlation, b"100", b"100.01"),
            (Attribute::PeriodUs, b"3600000000", b"3600000001"),
            (Attribute::Quota, b"4294967295", b"4294967296"),
        ];
        for (attribute, most, too_much) in bounds {
            assert!(
                Settings::new().with(attribute, most).is_ok(),
                "{attribute:?}"
            );
            assert_eq!(
                Settings::new().with(attribute, too_much),
                Err(ParseError::OutOfRange),
                "{attribute:?}"
            );
        }
        assert_eq!(
            Settings::new().with(Attribute::PeriodUs, b"0"),
            Err(ParseError::OutOfRange)
        );
    }

    proptest! {
        #[test]
        fn what_is_shown_is_accepted_and_says_the_same(
            index in 0usize..Attribute::ALL.len(),
            value in 0u32..=u32::MAX,
        ) {
            let attribute = Attribute::ALL[index];
            if let Ok(set) = Settings::new().with(attribute, value.to_string().as_bytes()) {
                let shown = set.show(attribute).to_string();
                prop_assert_eq!(&shown, &value.to_string());
                prop_assert_eq!(Settings::new().with(attribute, shown.as_bytes()), Ok(set));
            }
        }

        #[test]
        fn percents_round_trip(hundredths in 0u32..=10_000) {
            let text = std::format!("{}.{:02}\n", hundredths / 100, hundredths % 100);
            let set = Settings::new().with(Attribute::Correlation, text.as_bytes()).unwrap();
            prop_assert_eq!(set.correlation, hundredths);
            let shown = set.show(Attribute::Correlation).to_string();
            prop_assert_eq!(Settings::new().with(Attribute::Correlation, shown.as_bytes()), Ok(set));
        }

        #[test]
        fn no_text_panics_or_breaks_a_range(index in 0usize..6, text in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(set) = Settings::new().with(Attribute::ALL[index], &text) {
                prop_assert!(set.delay_us <= MAX_TIME_US && set.jitter_us <= MAX_TIME_US);
                prop_assert!(set.period_us >= 1 && set.period_us <= MAX_TIME_US);
                prop_assert!(set.correlation <= 10_000);
            }
        }
    }
}
