// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! What the files of one injection say, and how their texts are read and shown.

use super::{
    delay::Delay,
    device::{Devices, Disk},
    distribution::{show_decimal, Percentiles, Shape},
    filter::Filter,
    gate::Gate,
    limit::Limit,
    operations::Operations,
    parse::{line, long, number, percent, ParseError},
    sectors::Sectors,
    way::Way,
};
use core::fmt;

/// The longest time that a setting may ask for, in microseconds: one hour.
pub const MAX_TIME_US: u32 = 3_600_000_000;

/// A file of an injection's directory that has a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// 0 keeps the settings and does nothing.
    Enabled,
    /// Mean delay in microseconds.
    DelayUs,
    /// Width of the delay's distribution, in microseconds.
    JitterUs,
    /// Lag-1 autocorrelation of successive delays, in per cent.
    Correlation,
    /// Length of the quota's window in microseconds.
    PeriodUs,
    /// I/Os in a window; 0 is no limit.
    Quota,
    /// Which disks and partitions.
    Device,
    /// Which operations.
    Op,
    /// Which places.
    Sectors,
    /// The smallest size in bytes.
    MinBytes,
    /// The greatest size in bytes; 0 is any.
    MaxBytes,
    /// How much of the matching I/O is affected, in per cent.
    Probability,
    /// Only each n-th of the matching I/Os is affected.
    Every,
    /// So many are affected and then no more; 0 is no end.
    Times,
    /// Where the sequence of draws begins; 0 is anywhere.
    Seed,
    /// The shape of the delay's distribution.
    Distribution,
    /// The delay's distribution, instead of delay, jitter and shape.
    Percentiles,
    /// For how many milliseconds the injection does anything; 0 is no end.
    DurationMs,
    /// Whether requests are held or completions.
    Hold,
}

impl Attribute {
    /// Every attribute; the index of one is its number in the driver's configfs tables.
    pub const ALL: [Self; 19] = [
        Self::Enabled,
        Self::DelayUs,
        Self::JitterUs,
        Self::Correlation,
        Self::PeriodUs,
        Self::Quota,
        Self::Device,
        Self::Op,
        Self::Sectors,
        Self::MinBytes,
        Self::MaxBytes,
        Self::Probability,
        Self::Every,
        Self::Times,
        Self::Seed,
        Self::Distribution,
        Self::Percentiles,
        Self::DurationMs,
        Self::Hold,
    ];
}

/// The settings of one injection.
///
/// # Invariants
///
/// Every value is within the range that its [`Attribute`] accepts, and no two contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    enabled: bool,
    delay_us: u32,
    jitter_us: u32,
    /// In hundredths of a per cent.
    correlation: u32,
    period_us: u32,
    quota: u32,
    devices: Devices,
    operations: Operations,
    sectors: Sectors,
    min_bytes: u32,
    max_bytes: u32,
    /// In millionths.
    probability: u32,
    every: u32,
    times: u32,
    seed: u64,
    shape: Shape,
    percentiles: Percentiles,
    duration_ms: u32,
    way: Way,
}

/// Whose I/O an injection is about. Only the kernel knows these ids; 0 is anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The id of a cgroup.
    pub cgroup: u64,
    /// The id of a PID namespace.
    pub pid_namespace: u64,
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
            devices: Devices::ANY,
            operations: Operations::ANY,
            sectors: Sectors::ALL,
            min_bytes: 0,
            max_bytes: 0,
            probability: 1_000_000,
            every: 1,
            times: 0,
            seed: 0,
            shape: Shape::Uniform,
            percentiles: Percentiles::none(),
            duration_ms: 0,
            way: Way::Auto,
        }
    }

    /// Replaces one of the settings by what `text` says.
    ///
    /// # Errors
    ///
    /// [`ParseError::Invalid`] and [`ParseError::OutOfRange`], by the rules of [`mod@super::parse`]; then nothing has
    /// changed.
    #[inline(never)]
    pub fn set(&mut self, attribute: Attribute, text: &[u8]) -> Result<(), ParseError> {
        let text = line(text);
        // INVARIANT: the parsers refuse what is out of the given range.
        match attribute {
            Attribute::Enabled => self.enabled = number(text, 0, 1)? == 1,
            Attribute::DelayUs => self.delay_us = number(text, 0, MAX_TIME_US)?,
            Attribute::JitterUs => self.jitter_us = number(text, 0, MAX_TIME_US)?,
            Attribute::Correlation => self.correlation = percent(text, 2)?,
            Attribute::PeriodUs => self.period_us = number(text, 1, MAX_TIME_US)?,
            Attribute::Quota => self.quota = number(text, 0, u32::MAX)?,
            Attribute::Device => self.devices = Devices::parse(text)?,
            Attribute::Op => self.operations = Operations::parse(text)?,
            Attribute::Sectors => self.sectors = Sectors::parse(text)?,
            Attribute::MinBytes => {
                self.min_bytes = checked_sizes(number(text, 0, u32::MAX)?, self.max_bytes)?.0;
            }
            Attribute::MaxBytes => {
                self.max_bytes = checked_sizes(self.min_bytes, number(text, 0, u32::MAX)?)?.1;
            }
            Attribute::Probability => self.probability = percent(text, 4)?,
            Attribute::Every => self.every = number(text, 1, u32::MAX)?,
            Attribute::Times => self.times = number(text, 0, u32::MAX)?,
            Attribute::Seed => self.seed = long(text)?,
            Attribute::Distribution => self.shape = Shape::parse(text)?,
            Attribute::Percentiles => self.percentiles = Percentiles::parse(text)?,
            Attribute::DurationMs => self.duration_ms = number(text, 0, u32::MAX)?,
            Attribute::Hold => self.way = Way::parse(text)?,
        }
        Ok(())
    }

    /// The text of one setting, in the form that [`Settings::set`] accepts.
    pub fn show(&self, attribute: Attribute) -> Shown<'_> {
        Shown {
            settings: self,
            attribute,
        }
    }

    /// Whether the injection may do anything.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// Where the sequence of draws begins, if it is told.
    pub fn seed(&self) -> Option<u64> {
        (self.seed != 0).then_some(self.seed)
    }

    /// How many I/Os are affected; 0 is no end.
    pub fn times(&self) -> u32 {
        self.times
    }

    /// For how long the injection does anything, in nanoseconds, if there is an end.
    pub fn duration_ns(&self) -> Option<u64> {
        (self.duration_ms != 0).then_some(u64::from(self.duration_ms).saturating_mul(1_000_000))
    }

    /// How matching I/O is to be held.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The delay that these settings ask for, if any.
    pub fn delay(&self) -> Option<Delay> {
        if !self.enabled {
            None
        } else if !self.percentiles.is_none() {
            Some(Delay::told(self.percentiles, self.correlation))
        } else if self.delay_us == 0 && self.jitter_us == 0 {
            None
        } else {
            let (delay_us, jitter_us) = (self.delay_us, self.jitter_us);
            Some(Delay::new(
                self.shape,
                delay_us,
                jitter_us,
                self.correlation,
            ))
        }
    }

    /// The limit that these settings ask for, if any.
    pub fn limit(&self) -> Option<Limit> {
        if !self.enabled || self.quota == 0 {
            return None;
        }
        Limit::new(self.period_us, self.quota)
    }

    /// Which of the matching I/Os are affected.
    pub fn gate(&self) -> Gate {
        Gate::new(self.every, self.probability)
    }

    /// Whether any I/O of this disk is meant.
    pub fn reaches(&self, disk: &Disk<'_>) -> bool {
        self.devices.on(disk).is_some()
    }

    /// Which I/O of this disk is meant; `None` if none is.
    pub fn filter(&self, disk: &Disk<'_>, owner: Owner) -> Option<Filter> {
        Some(Filter {
            part: self.devices.on(disk)?,
            operations: self.operations,
            sectors: self.sectors,
            min_bytes: self.min_bytes,
            max_bytes: self.max_bytes,
            cgroup: owner.cgroup,
            pid_namespace: owner.pid_namespace,
        })
    }
}

/// Both sizes, if an I/O can have one between them.
fn checked_sizes(min_bytes: u32, max_bytes: u32) -> Result<(u32, u32), ParseError> {
    if max_bytes != 0 && min_bytes > max_bytes {
        return Err(ParseError::Invalid);
    }
    Ok((min_bytes, max_bytes))
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

/// Displays one setting.
pub struct Shown<'a> {
    settings: &'a Settings,
    attribute: Attribute,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings;
        match self.attribute {
            Attribute::Enabled => write!(f, "{}", u8::from(settings.enabled)),
            Attribute::DelayUs => write!(f, "{}", settings.delay_us),
            Attribute::JitterUs => write!(f, "{}", settings.jitter_us),
            Attribute::Correlation => show_decimal(f, settings.correlation, 2),
            Attribute::PeriodUs => write!(f, "{}", settings.period_us),
            Attribute::Quota => write!(f, "{}", settings.quota),
            Attribute::Device => write!(f, "{}", settings.devices),
            Attribute::Op => write!(f, "{}", settings.operations),
            Attribute::Sectors => write!(f, "{}", settings.sectors),
            Attribute::MinBytes => write!(f, "{}", settings.min_bytes),
            Attribute::MaxBytes => write!(f, "{}", settings.max_bytes),
            Attribute::Probability => show_decimal(f, settings.probability, 4),
            Attribute::Every => write!(f, "{}", settings.every),
            Attribute::Times => write!(f, "{}", settings.times),
            Attribute::Seed => write!(f, "{}", settings.seed),
            Attribute::Distribution => write!(f, "{}", settings.shape),
            Attribute::Percentiles => write!(f, "{}", settings.percentiles),
            Attribute::DurationMs => write!(f, "{}", settings.duration_ms),
            Attribute::Hold => write!(f, "{}", settings.way),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    /// The default settings with one of them replaced.
    fn with(attribute: Attribute, text: &[u8]) -> Result<Settings, ParseError> {
        let mut settings = Settings::new();
        settings.set(attribute, text).map(|()| settings)
    }

    #[test]
    fn defaults_are_as_documented() {
        let shown: std::vec::Vec<String> = Attribute::ALL
            .iter()
            .map(|a| Settings::new().show(*a).to_string())
            .collect();
        let effects = ["1", "0", "0", "0", "1000000", "0"];
        let filters = ["", "", "", "0", "0", "100", "1", "0", "0"];
        let others = ["uniform", "", "0", "auto"];
        assert_eq!(shown, [&effects[..], &filters, &others].concat());
        assert_eq!(Settings::new().delay(), None);
        assert_eq!(Settings::new().limit(), None);
        assert_eq!(Settings::new().way(), Way::Auto);
    }

    #[test]
    fn one_of_the_ways_is_taken_and_nothing_else() {
        let mut settings = Settings::new();
        for (text, way) in [
            (&b"request\n"[..], Way::Request),
            (b"completion", Way::Completion),
            (b"auto\n", Way::Auto),
        ] {
            assert_eq!(settings.set(Attribute::Hold, text), Ok(()));
            assert_eq!(settings.way(), way);
            let shown = settings.show(Attribute::Hold).to_string();
            assert_eq!(shown.as_bytes(), line(text));
        }
        settings.set(Attribute::Hold, b"request").unwrap();
        for text in [&b"\n"[..], b"Request", b"request completion", b"1"] {
            let error = settings.set(Attribute::Hold, text);
            assert_eq!(error, Err(ParseError::Invalid), "{text:?}");
            assert_eq!(settings.way(), Way::Request);
        }
    }

    #[test]
    fn a_quota_alone_limits_and_zero_enabled_does_nothing() {
        let mut settings = with(Attribute::Quota, b"15\n").unwrap();
        assert_eq!(settings.limit(), Limit::new(1_000_000, 15));
        settings.set(Attribute::Enabled, b"0").unwrap();
        assert_eq!(settings.limit(), None);
        assert_eq!(settings.show(Attribute::Quota).to_string(), "15");
    }

    #[test]
    fn jitter_alone_delays_and_percentiles_take_the_place_of_both() {
        let mut settings = with(Attribute::JitterUs, b"5").unwrap();
        let jitter = Delay::new(Shape::Uniform, 0, 5, 0);
        assert_eq!(settings.delay(), Some(jitter));
        settings.set(Attribute::Percentiles, b"50:7").unwrap();
        let told = Percentiles::parse(b"50:7").unwrap();
        assert_eq!(settings.delay(), Some(Delay::told(told, 0)));
        settings.set(Attribute::Percentiles, b"\n").unwrap();
        assert_eq!(settings.delay(), Some(jitter));
    }

    #[test]
    fn sizes_do_not_contradict_each_other() {
        let mut settings = with(Attribute::MaxBytes, b"4096").unwrap();
        let error = settings.set(Attribute::MinBytes, b"4097");
        assert_eq!(error, Err(ParseError::Invalid));
        assert_eq!(settings.set(Attribute::MinBytes, b"4096"), Ok(()));
        assert_eq!(
            settings.set(Attribute::MaxBytes, b"4095"),
            Err(ParseError::Invalid)
        );
        assert_eq!(settings.set(Attribute::MaxBytes, b"0"), Ok(()));
    }

    #[test]
    fn ranges_are_as_documented() {
        let bounds: [(Attribute, &[u8], &[u8]); 13] = [
            (Attribute::Enabled, b"1", b"2"),
            (Attribute::DelayUs, b"3600000000", b"3600000001"),
            (Attribute::JitterUs, b"3600000000", b"3600000001"),
            (Attribute::Correlation, b"100", b"100.01"),
            (Attribute::PeriodUs, b"3600000000", b"3600000001"),
            (Attribute::Quota, b"4294967295", b"4294967296"),
            (Attribute::MinBytes, b"4294967295", b"4294967296"),
            (Attribute::MaxBytes, b"4294967295", b"4294967296"),
            (Attribute::Probability, b"100", b"100.0001"),
            (Attribute::Every, b"4294967295", b"4294967296"),
            (Attribute::Times, b"4294967295", b"4294967296"),
            (
                Attribute::Seed,
                b"18446744073709551615",
                b"18446744073709551616",
            ),
            (Attribute::DurationMs, b"4294967295", b"4294967296"),
        ];
        for (attribute, most, too_much) in bounds {
            assert!(with(attribute, most).is_ok(), "{attribute:?}");
            let error = with(attribute, too_much).map(|_| ());
            assert_eq!(error, Err(ParseError::OutOfRange), "{attribute:?}");
        }
        for attribute in [Attribute::PeriodUs, Attribute::Every] {
            assert_eq!(
                with(attribute, b"0").map(|_| ()),
                Err(ParseError::OutOfRange)
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_accepted_and_says_the_same(
            index in 0usize..Attribute::ALL.len(),
            value in 0u32..=u32::MAX,
        ) {
            let attribute = Attribute::ALL[index];
            if let Ok(set) = with(attribute, value.to_string().as_bytes()) {
                let shown = set.show(attribute).to_string();
                prop_assert_eq!(&shown, &value.to_string());
                prop_assert_eq!(with(attribute, shown.as_bytes()), Ok(set));
            }
        }

        #[test]
        fn percents_round_trip(hundredths in 0u32..=10_000) {
            let text = std::format!("{}.{:02}\n", hundredths / 100, hundredths % 100);
            let set = with(Attribute::Correlation, text.as_bytes()).unwrap();
            prop_assert_eq!(set.correlation, hundredths);
            let shown = set.show(Attribute::Correlation).to_string();
            prop_assert_eq!(with(Attribute::Correlation, shown.as_bytes()), Ok(set));
        }

        #[test]
        fn no_text_panics_or_breaks_a_range(
            index in 0usize..Attribute::ALL.len(),
            text in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "[0-9a-z:+. ]{0,40}".prop_map(String::into_bytes)],
        ) {
            if let Ok(set) = with(Attribute::ALL[index], &text) {
                prop_assert!(set.delay_us <= MAX_TIME_US && set.jitter_us <= MAX_TIME_US);
                prop_assert!(set.period_us >= 1 && set.period_us <= MAX_TIME_US);
                prop_assert!(set.correlation <= 10_000 && set.probability <= 1_000_000 && set.every >= 1);
                let shown = set.show(Attribute::ALL[index]).to_string();
                prop_assert_eq!(with(Attribute::ALL[index], shown.as_bytes()), Ok(set));
            }
        }
    }
}
