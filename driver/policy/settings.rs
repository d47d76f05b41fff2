// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The settings of one injection, and the reading and showing of the texts of its files.

use super::{
    arm::Mechanics,
    attributes::{Attribute, Kind},
    delay::Delay,
    device::{Devices, Disk},
    distribution::{Percentiles, Shape},
    ending::Ending,
    extents::Extents,
    failure::Failure,
    filter::Filter,
    limit::Limit,
    limits::{Limits, SECTOR_BYTES},
    operations::Operations,
    parse::{line, show_scaled, ParseError},
    profile::Profile,
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
    failure: Option<Failure>,
    profile: Profile,
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
            failure: None,
            profile: Profile::NONE,
        }
    }

    /// Sets one of the settings to the value of `text`.
    ///
    /// # Errors
    ///
    /// See [`ParseError`], by the rules of [`mod@super::parse`]; then nothing has changed.
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
            Attribute::Error => self.failure = Failure::parse(text)?,
            Attribute::Profile => self.set_profile(text)?,
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

    /// Not inlined, as a profile takes much of the stack.
    #[inline(never)]
    fn set_profile(&mut self, text: &[u8]) -> Result<(), ParseError> {
        self.profile = Profile::parse(text)?;
        Ok(())
    }

    /// Sets the devices, whose disks the caller may have found.
    // The host sets texts alone.
    #[allow(dead_code)]
    pub fn set_devices(&mut self, devices: &Devices) {
        self.devices = *devices;
    }

    /// Sets the error with which matching I/O ends.
    // As above.
    #[allow(dead_code)]
    pub fn set_failure(&mut self, failure: Option<Failure>) {
        self.failure = failure;
    }

    fn set_number(&mut self, attribute: Attribute, number: u64) -> Result<(), ParseError> {
        let place = attribute as usize;
        let before = core::mem::replace(&mut self.numbers[place], number);
        let (min_bytes, max_bytes) = self.sizes();
        let damages = |attribute: &Attribute| attribute.damages() && self.number(*attribute) != 0;
        let loses_data = Attribute::ALL.iter().any(damages);
        let result = if max_bytes != 0 && min_bytes > max_bytes {
            Err(ParseError::Invalid)
        } else if loses_data && self.number(Attribute::DataLoss) == 0 {
            Err(ParseError::NotAllowed)
        } else {
            return Ok(());
        };
        self.numbers[place] = before;
        result
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

    /// Whether the injection is allowed to lose data.
    // The host has no users.
    #[allow(dead_code)]
    pub fn may_lose_data(&self) -> bool {
        self.number(Attribute::DataLoss) != 0
    }

    /// How matching I/O is to end, unless as the disk ends it.
    pub fn ending(&self) -> Option<Ending> {
        let is_set = |attribute| self.number(attribute) != 0;
        if !self.enabled() {
            None
        } else if is_set(Attribute::Torn) {
            Some(Ending::Torn(self.failure))
        } else if let Some(failure) = self.failure {
            Some(Ending::Failed(failure))
        } else if is_set(Attribute::Drop) {
            Some(Ending::Lost)
        } else {
            let flips = u8::try_from(self.number(Attribute::Corrupt)).unwrap_or(u8::MAX);
            (flips > 0).then_some(Ending::Corrupted(flips))
        }
    }

    /// How many I/Os are in service at a time; 0 is any number.
    pub fn lanes(&self) -> usize {
        self.short(Attribute::Lanes) as usize
    }

    /// The mechanics of a disk of this size, whose arms the lanes are.
    pub fn mechanics(&self, sectors: u64) -> Mechanics {
        let time_ns = |attribute| match self.enabled() {
            true => self.number(attribute).saturating_mul(1_000),
            false => 0,
        };
        Mechanics {
            seek_ns: time_ns(Attribute::SeekUs),
            turn_ns: time_ns(Attribute::TurnUs),
            sectors,
        }
    }

    /// Whether matching I/O is held, or ends otherwise than the disk ends it.
    pub fn has_effect(&self) -> bool {
        self.delay().is_some()
            || !self.limits().is_none()
            || self.ending().is_some()
            || !self.mechanics(0).is_none()
    }

    /// How the effect changes with time.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The operations that the injection affects. An injection that damages data affects no other
    /// operation than it can damage.
    fn operations(&self) -> Option<Operations> {
        match self.ending() {
            Some(Ending::Lost) => self.operations.that_write(),
            Some(Ending::Torn(_)) => self.operations.that_write_data(),
            Some(Ending::Corrupted(_)) => self.operations.that_read(),
            Some(Ending::Failed(_)) | None => Some(self.operations),
        }
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
        self.devices.on(disk).is_some()
            && self.extents.on(disk).is_some()
            && self.operations().is_some()
    }

    /// The filter for this disk; `None` if the injection affects no I/O of the disk.
    pub fn filter(&self, disk: &Disk<'_>, owner: Owner) -> Option<Filter> {
        let (min_bytes, max_bytes) = self.sizes();
        Some(Filter {
            part: self.devices.on(disk)?,
            operations: self.operations()?,
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
            Attribute::Profile => write!(f, "{}", settings.profile),
            Attribute::Error => settings
                .failure
                .map_or(Ok(()), |failure| write!(f, "{failure}")),
            attribute => match attribute.kind() {
                Kind::Number(number) => show_scaled(f, settings.number(attribute), number.decimals),
                Kind::Text(_) => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
