// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The attributes of an injection, as people meet them: the driver's table of names, ranges,
//! defaults and meanings, with units, flags and an order. Flags, checks, the list and its JSON are
//! made from it.

use super::{
    form::Form,
    units::{Time, Unit},
};
use chaos_policy::policy::attributes as driver;
use std::ops::RangeInclusive;

pub use driver::{Attribute as Name, Section};

/// The file that starts an injection; another one beside the injections starts all.
pub(crate) const ENABLED: &str = Name::Enabled.file();

/// The file that says for how long an injection lasts.
pub(crate) const DURATION: &str = Name::DurationMs.file();

const DELAY: Unit = Unit::microseconds("delay");
const JITTER: Unit = Unit::microseconds("jitter");
const SEEK: Unit = Unit::microseconds("seek");
const TURN: Unit = Unit::microseconds("turn");
const PERIOD: Unit = Unit::microseconds("period");
const FOR: Unit = Unit::Time(Time {
    flag: "for",
    microseconds: 1_000,
});

/// The files of an injection's directory, in the order in which they are written and shown. The
/// filters are first, so that no other I/O is ever affected. The duration is late, so that it does
/// not pass before the injection starts.
///
/// An attribute that the driver gains is a line here.
#[rustfmt::skip]
pub const ATTRIBUTES: [Attribute; Name::COUNT] = [
    Attribute::text(Name::Device, Form::Devices).and(", a volume or an array on disks, or the mount point or any file of a file system on them"),
    Attribute::text(Name::Op, Form::Operations),
    Attribute::text(Name::Cgroup, Form::Cgroup),
    Attribute::text(Name::PidNs, Form::Process),
    Attribute::text(Name::Sectors, Form::Sectors),
    Attribute::number(Name::MinBytes, Unit::Bytes).and(", 4k is 4096, 1m is 1048576"),
    Attribute::number(Name::MaxBytes, Unit::Bytes),
    Attribute::percent(Name::Probability).and("; up to 1, write the sign, as in 0.5%"),
    Attribute::number(Name::Every, Unit::Number),
    Attribute::number(Name::Times, Unit::Number),
    Attribute::number(Name::DelayUs, DELAY),
    Attribute::number(Name::JitterUs, JITTER),
    Attribute::percent(Name::Correlation).and(", in per cent"),
    Attribute::text(Name::Distribution, Form::Distribution),
    Attribute::text(Name::Percentiles, Form::Percentiles).and("; a number without unit is microseconds"),
    Attribute::number(Name::Lanes, Unit::Number),
    Attribute::number(Name::SeekUs, SEEK),
    Attribute::number(Name::TurnUs, TURN),
    Attribute::number(Name::Seed, Unit::Number),
    Attribute::number(Name::Freeze, Unit::Number).and("; needs an end, such as --for 10s, or --force"),
    Attribute::number(Name::PeriodUs, PERIOD),
    Attribute::number(Name::Quota, Unit::Number).and("; 0 is no limit"),
    Attribute::number(Name::BytesQuota, Unit::Bytes).and(", 4k is 4096, 1m is 1048576; 0 is no limit"),
    Attribute::number(Name::Burst, Unit::Number),
    Attribute::number(Name::BytesBurst, Unit::Bytes),
    Attribute::number(Name::IosOfBytes, Unit::Bytes),
    Attribute::text(Name::Error, Form::Error),
    Attribute::number(Name::DataLoss, Unit::Number),
    Attribute::number(Name::Drop, Unit::Number).and(", so that its data are lost; needs --data-loss"),
    Attribute::number(Name::Torn, Unit::Number).and("; needs --data-loss"),
    Attribute::number(Name::Corrupt, Unit::Number).and("; needs --data-loss"),
    Attribute::text(Name::Hold, Form::Way),
    Attribute::text(Name::Profile, Form::Profile).and("; once: the last step has no end, else all begin again"),
    Attribute::number(Name::DurationMs, FOR).and("; not with -- COMMAND"),
    Attribute::number(Name::Enabled, Unit::Number),
];

/// `quota` as `inject limit` takes it: 0, which is no limit, is rejected.
pub(crate) const LIMIT: Attribute = Attribute::number(Name::Quota, Unit::Number).from(1);

/// `corrupt` as `inject corrupt` takes it: 0, which flips no bit, is rejected.
pub(crate) const CORRUPT: Attribute = Attribute::number(Name::Corrupt, Unit::Number).from(1);

/// Where each attribute is in [`ATTRIBUTES`].
const PLACES: [usize; Name::COUNT] = {
    let mut places = [Name::COUNT; Name::COUNT];
    let mut place = 0;
    while place < Name::COUNT {
        let of_driver = ATTRIBUTES[place].name as usize;
        assert!(
            places[of_driver] == Name::COUNT,
            "an attribute has two lines"
        );
        places[of_driver] = place;
        place += 1;
    }
    places
};

/// The attribute of that name.
pub fn attribute(name: Name) -> &'static Attribute {
    &ATTRIBUTES[place(name)]
}

/// Its place in the order in which attributes are written and shown.
pub(crate) fn place(name: Name) -> usize {
    PLACES[name as usize]
}

/// The values that an attribute can have.
#[derive(Debug)]
pub enum Kind {
    /// A number.
    Number {
        /// The unit that it counts.
        unit: Unit,
        /// The values that are accepted.
        range: RangeInclusive<u64>,
    },
    /// A text.
    Text(Form),
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// A file of an injection's directory.
#[derive(Debug)]
pub struct Attribute {
    /// The driver's attribute.
    pub name: Name,
    /// The values that it can have.
    pub kind: Kind,
    /// The help's addition to the driver's sentence.
    and: &'static str,
}

impl Attribute {
    /// A number that files and people write in the same way, in this unit.
    const fn number(name: Name, unit: Unit) -> Self {
        let driver::Kind::Number(number) = name.kind() else {
            panic!("the driver has it as a text");
        };
        let kind = Kind::Number {
            unit,
            range: number.least..=number.most,
        };
        Self {
            name,
            kind,
            and: "",
        }
    }

    /// Per cents, with the decimals that the driver takes.
    const fn percent(name: Name) -> Self {
        let places = match name.kind() {
            driver::Kind::Number(number) => number.decimals as u32,
            driver::Kind::Text(_) => 0,
        };
        Self::number(name, Unit::Percent { places })
    }

    const fn text(name: Name, form: Form) -> Self {
        Self {
            name,
            kind: Kind::Text(form),
            and: "",
        }
    }

    /// The same, with more in the help.
    const fn and(mut self, more: &'static str) -> Self {
        self.and = more;
        self
    }

    /// The same, of numbers from `least` on.
    const fn from(mut self, least: u64) -> Self {
        if let Kind::Number { range, .. } = &mut self.kind {
            *range = least..=*range.end();
        }
        self
    }

    /// Its file name.
    pub fn file(&self) -> &'static str {
        self.name.file()
    }

    /// The sentence about it in the help.
    pub(crate) fn help(&self) -> String {
        format!("{}{}", self.name.help(), self.and)
    }

    /// The flag that takes the same values as the file, or, for a consent, sets it.
    pub fn flag(&self) -> String {
        match self.name {
            Name::DataLoss => "data-loss".to_owned(),
            _ => self.file().replace('_', "-"),
        }
    }

    /// The flag that takes a time with its unit, for an attribute that is a time.
    pub fn flag_with_unit(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Number {
                unit: Unit::Time(Time { flag, .. }),
                ..
            } => Some(flag),
            _ => None,
        }
    }

    /// The flag that messages name, with its hyphens.
    pub(crate) fn shown_flag(&self) -> String {
        let own = self.flag();
        format!("--{}", self.flag_with_unit().unwrap_or(&own))
    }

    /// Its value in a new injection.
    pub fn default(&self) -> Value {
        match self.name.kind() {
            driver::Kind::Number(number) => Value::Number(number.default),
            driver::Kind::Text(text) => Value::Text(text.to_owned()),
        }
    }

    /// The values that are accepted, in words.
    pub(crate) fn range(&self) -> String {
        match &self.kind {
            Kind::Number { unit, range, .. } => match unit {
                Unit::Number | Unit::Bytes | Unit::Percent { .. } => unit.range(range),
                Unit::Time(time) => time.range(range),
            },
            Kind::Text(form) => form.accepted(),
        }
    }

    /// The values that are accepted, and the default, in words.
    pub fn accepted(&self) -> String {
        let default = match (&self.kind, self.default()) {
            (Kind::Number { unit, .. }, Value::Number(number)) => match unit {
                Unit::Number | Unit::Bytes => number.to_string(),
                Unit::Percent { .. } | Unit::Time(_) => unit.show(number),
            },
            (Kind::Text(Form::Percentiles | Form::Error), _) => "none".to_owned(),
            (_, Value::Text(text)) if text.is_empty() => "any".to_owned(),
            (_, default) => self.show(&default),
        };
        format!("[{}; default {default}]", self.range())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_which_io_is_meant_comes_first_and_the_start_last() {
        assert_eq!(place(Name::Enabled), Name::COUNT - 1);
        assert_eq!(place(Name::DurationMs), Name::COUNT - 2);
        let sections: Vec<Section> = ATTRIBUTES.iter().map(|row| row.name.section()).collect();
        assert!(sections.is_sorted_by_key(|section| *section as u8));
    }
}
