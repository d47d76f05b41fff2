// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The settings of one injection, and the reading and showing of the texts of its files.

use super::{
    attributes::{Attribute, Kind},
    delay::Delay,
    device::{Devices, Disk},
    distribution::{Percentiles, Shape},
    extents::Extents,
    filter::Filter,
    limit::Limit,
    limits::{Limits, SECTOR_BYTES},
    operations::Operations,
    parse::{line, show_scaled, ParseError},
    sampler::Sampler,
    way::Way,
};
use core::fmt;

/// The settings of one injection.
///
/// # Invariants
///
/// Every value is within the range that its [`Attribute`] accepts, and no two contradict each
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The value of each attribute that is a number, in units of its last decimal.
    numbers: [u64; Attribute::COUNT],
    devices: Devices,
    operations: Operations,
    extents: Extents,
    shape: Shape,
    percentiles: Percentiles,
    way: Way,
}

/// The owner of the I/O that an injection affects. Only the kernel knows these numbers; 0 is any
/// owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The number of the cgroup's place.
    pub cgroup: u64,
    /// The id of a PID namespace.
    pub pid_namespace: u64,
}

impl Settings {
    /// The settings of a new injection. It has no effect yet, but any effect that is set counts at
    /// once.
    pub const fn new() -> Self {
        // INVARIANT: The defaults are within their ranges.
        Self {
            numbers: Attribute::DEFAULTS,
            devices: Devices::ANY,
            operations: Operations::ANY,
            extents: Extents::ALL,
            shape: Shape::Uniform,
            percentiles: Percentiles::none(),
            way: Way::Auto,
        }
    }

    /// Sets one of the settings to the value of `text`.
    ///
    /// # Errors
    ///
    /// [`ParseError::Invalid`] and [`ParseError::OutOfRange`], by the rules of
    /// [`mod@super::parse`]; then nothing has changed.
    #[inline(never)]
    pub fn set(&mut self, attribute: Attribute, text: &[u8]) -> Result<(), ParseError> {
        let text = line(text);
        // INVARIANT: The parsers refuse values out of range.
        match attribute {
            Attribute::Device => self.devices = Devices::parse(text)?,
            Attribute::Op => self.operations = Operations::parse(text)?,
            Attribute::Sectors => self.extents = Extents::parse(text)?,
            Attribute::Distribution => self.shape = Shape::parse(text)?,
            Attribute::Percentiles => self.percentiles = Percentiles::parse(text)?,
            Attribute::Hold => self.way = Way::parse(text)?,
            _ => match attribute.kind() {
                Kind::Number(number) => self.set_number(attribute, number.parse(text)?)?,
                // Only the kernel knows cgroups and processes. Here, these settings can only stay
                // empty.
                Kind::Text(_) if text.is_empty() => {}
                Kind::Text(_) => return Err(ParseError::Invalid),
            },
        }
        Ok(())
    }

    /// Sets the devices, whose disks the caller may have found.
    // The host sets texts alone.
    #[allow(dead_code)]
    pub fn set_devices(&mut self, devices: &Devices) {
        self.devices = *devices;
    }

    fn set_number(&mut self, attribute: Attribute, number: u64) -> Result<(), ParseError> {
        let place = attribute as usize;
        let before = core::mem::replace(&mut self.numbers[place], number);
        let (min_bytes, max_bytes) = self.sizes();
        if max_bytes != 0 && min_bytes > max_bytes {
            self.numbers[place] = before;
            return Err(ParseError::Invalid);
        }
        Ok(())
    }

    /// The value of an attribute that is a number.
    fn number(&self, attribute: Attribute) -> u64 {
        self.numbers[attribute as usize]
    }

    /// The value of an attribute whose range has at most 32 bits.
    fn short(&self, attribute: Attribute) -> u32 {
        u32::try_from(self.number(attribute)).unwrap_or(u32::MAX)
    }

    /// The smallest and the greatest size.
    fn sizes(&self) -> (u32, u32) {
        (
            self.short(Attribute::MinBytes),
            self.short(Attribute::MaxBytes),
        )
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
        self.number(Attribute::Enabled) != 0
    }

    /// The seed of the sequence of draws, if it is set.
    pub fn seed(&self) -> Option<u64> {
        Some(self.number(Attribute::Seed)).filter(|seed| *seed != 0)
    }

    /// How many I/Os the injection may affect; 0 is no end.
    pub fn times(&self) -> u32 {
        self.short(Attribute::Times)
    }

    /// For how long the injection acts, in nanoseconds, if it has an end.
    pub fn duration_ns(&self) -> Option<u64> {
        let duration_ms = self.number(Attribute::DurationMs);
        (duration_ms != 0).then_some(duration_ms.saturating_mul(1_000_000))
    }

    /// The way in which matching I/O is to be held.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The delay that these settings ask for, if any.
    pub fn delay(&self) -> Option<Delay> {
        let delay_us = self.short(Attribute::DelayUs);
        let jitter_us = self.short(Attribute::JitterUs);
        let correlation = self.short(Attribute::Correlation);
        if !self.enabled() {
            None
        } else if self.number(Attribute::Freeze) != 0 {
            Some(Delay::ENDLESS)
        } else if !self.percentiles.is_none() {
            Some(Delay::from_percentiles(self.percentiles, correlation))
        } else if delay_us == 0 && jitter_us == 0 {
            None
        } else {
            Some(Delay::new(self.shape, delay_us, jitter_us, correlation))
        }
    }

    /// The limits that these settings ask for.
    pub fn limits(&self) -> Limits {
        if !self.enabled() {
            return Limits::NONE;
        }
        let period_us = self.short(Attribute::PeriodUs);
        let limit = |[quota, burst]: [u32; 2]| Limit::new(period_us, quota, burst);
        let ios = [Attribute::Quota, Attribute::Burst].map(|name| self.short(name));
        let bytes = [Attribute::BytesQuota, Attribute::BytesBurst];
        let sectors = bytes.map(|name| self.sectors(name));
        let ios_of_bytes = self.short(Attribute::IosOfBytes);
        Limits::new(limit(ios), limit(sectors), ios_of_bytes)
    }

    /// The value of an attribute of bytes in sectors, of which the last may be begun.
    fn sectors(&self, attribute: Attribute) -> u32 {
        let sectors = self.number(attribute).div_ceil(SECTOR_BYTES.into());
        u32::try_from(sectors).unwrap_or(u32::MAX)
    }

    /// The sampler of these settings.
    pub fn sampler(&self) -> Sampler {
        let every = self.short(Attribute::Every);
        Sampler::new(every, self.short(Attribute::Probability))
    }

    /// Whether the injection may affect any I/O of this disk.
    pub fn reaches(&self, disk: &Disk<'_>) -> bool {
        self.devices.on(disk).is_some() && self.extents.on(disk).is_some()
    }

    /// The filter for this disk; `None` if the injection affects no I/O of the disk.
    pub fn filter(&self, disk: &Disk<'_>, owner: Owner) -> Option<Filter> {
        let (min_bytes, max_bytes) = self.sizes();
        Some(Filter {
            part: self.devices.on(disk)?,
            operations: self.operations,
            sectors: self.extents.on(disk)?,
            min_bytes,
            max_bytes,
            cgroup: owner.cgroup,
            pid_namespace: owner.pid_namespace,
        })
    }
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
            Attribute::Device => write!(f, "{}", settings.devices),
            Attribute::Op => write!(f, "{}", settings.operations),
            Attribute::Sectors => write!(f, "{}", settings.extents),
            Attribute::Distribution => write!(f, "{}", settings.shape),
            Attribute::Percentiles => write!(f, "{}", settings.percentiles),
            Attribute::Hold => write!(f, "{}", settings.way),
            attribute => match attribute.kind() {
                Kind::Number(number) => show_scaled(f, settings.number(attribute), number.decimals),
                Kind::Text(_) => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{
        string::{String, ToString},
        vec::Vec,
    };

    /// The default settings with one of them replaced.
    fn with(attribute: Attribute, text: &[u8]) -> Result<Settings, ParseError> {
        let mut settings = Settings::new();
        settings.set(attribute, text).map(|()| settings)
    }

    #[test]
    fn a_new_injection_is_as_the_table_says_and_does_nothing() {
        for attribute in Attribute::ALL {
            let shown = Settings::new().show(attribute).to_string();
            match attribute.kind() {
                Kind::Number(number) => {
                    assert_eq!(number.parse(shown.as_bytes()), Ok(number.default))
                }
                Kind::Text(default) => assert_eq!(shown, default),
            }
            assert_eq!(with(attribute, shown.as_bytes()), Ok(Settings::new()));
        }
        assert_eq!(Settings::new().delay(), None);
        assert!(Settings::new().limits().is_none());
        assert_eq!(Settings::new().way(), Way::Auto);
    }

    #[test]
    fn the_kernel_alone_knows_whose_io_is_meant() {
        for attribute in [Attribute::Cgroup, Attribute::PidNs] {
            let error = with(attribute, b"1").map(|_| ());
            assert_eq!(error, Err(ParseError::Invalid));
        }
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
        let limit = Limit::new(1_000_000, 15, 0);
        assert_eq!(settings.limits(), Limits::new(limit, None, 0));
        settings.set(Attribute::Enabled, b"0").unwrap();
        assert!(settings.limits().is_none());
        assert_eq!(settings.show(Attribute::Quota).to_string(), "15");
    }

    #[test]
    fn jitter_alone_delays_and_percentiles_take_the_place_of_both() {
        let mut settings = with(Attribute::JitterUs, b"5").unwrap();
        let jitter = Delay::new(Shape::Uniform, 0, 5, 0);
        assert_eq!(settings.delay(), Some(jitter));
        settings.set(Attribute::Percentiles, b"50:7").unwrap();
        let percentiles = Percentiles::parse(b"50:7").unwrap();
        assert_eq!(
            settings.delay(),
            Some(Delay::from_percentiles(percentiles, 0))
        );
        settings.set(Attribute::Percentiles, b"\n").unwrap();
        assert_eq!(settings.delay(), Some(jitter));
    }

    #[test]
    fn a_freeze_takes_the_place_of_each_delay_and_leaves_it_as_it_is() {
        let mut settings = Settings::new();
        let mut befores = Vec::from([settings.delay()]);
        for (attribute, text) in [
            (Attribute::DelayUs, &b"10"[..]),
            (Attribute::JitterUs, b"5"),
            (Attribute::Correlation, b"50"),
            (Attribute::Percentiles, b"50:7"),
        ] {
            settings.set(attribute, text).unwrap();
            let before = settings;
            settings.set(Attribute::Freeze, b"1\n").unwrap();
            assert_eq!(settings.delay(), Some(Delay::ENDLESS), "{attribute:?}");
            settings.set(Attribute::Freeze, b"0").unwrap();
            assert_eq!(settings, before, "{attribute:?}");
            befores.push(settings.delay());
        }
        befores.dedup();
        assert_eq!(befores.len(), 5);
        settings.set(Attribute::Freeze, b"1").unwrap();
        assert!(settings.limits().is_none());
        settings.set(Attribute::Enabled, b"0").unwrap();
        assert_eq!(settings.delay(), None);
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
    fn numbers_are_taken_up_to_their_bounds() {
        for attribute in Attribute::ALL {
            let Kind::Number(number) = attribute.kind() else {
                continue;
            };
            let text = |value: u128| {
                let one = 10_u128.pow(number.decimals as u32);
                let (whole, rest, width) = (value / one, value % one, number.decimals);
                match width {
                    0 => whole.to_string(),
                    _ => std::format!("{whole}.{rest:0width$}"),
                }
            };
            let set = |value| with(attribute, text(value).as_bytes()).map(|_| ());
            for value in [number.least, number.default, number.most] {
                assert_eq!(set(value.into()), Ok(()), "{attribute:?} {value}");
            }
            let too_much = u128::from(number.most) + 1;
            assert_eq!(set(too_much), Err(ParseError::OutOfRange), "{attribute:?}");
            if let Some(too_little) = number.least.checked_sub(1) {
                let error = set(too_little.into());
                assert_eq!(error, Err(ParseError::OutOfRange), "{attribute:?}");
            }
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
            prop_assert_eq!(set.short(Attribute::Correlation), hundredths);
            let shown = set.show(Attribute::Correlation).to_string();
            prop_assert_eq!(with(Attribute::Correlation, shown.as_bytes()), Ok(set));
        }

        #[test]
        fn no_text_panics_or_breaks_a_range(
            index in 0usize..Attribute::ALL.len(),
            text in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "[0-9a-z:+. ]{0,40}".prop_map(String::into_bytes)],
        ) {
            if let Ok(set) = with(Attribute::ALL[index], &text) {
                for attribute in Attribute::ALL {
                    if let Kind::Number(number) = attribute.kind() {
                        prop_assert!((number.least..=number.most).contains(&set.number(attribute)));
                    }
                }
                let shown = set.show(Attribute::ALL[index]).to_string();
                prop_assert_eq!(with(Attribute::ALL[index], shown.as_bytes()), Ok(set));
            }
        }
    }
}
