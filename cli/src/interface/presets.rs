// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Presets: the settings of known devices, with figures of their makers or of a specification, and
//! of kinds of devices, whose settings nobody has measured. The help says which is which.

use super::attributes::{Attribute, Name, Value, attribute, place};

/// Settings that are like a device.
#[derive(Debug)]
pub(crate) struct Preset {
    /// The word for it.
    pub(crate) name: &'static str,
    /// The device with its figures, for the help.
    pub(crate) about: &'static str,
    /// The operations that are limited; empty for all.
    operations: &'static str,
    /// The numbers, as files have them.
    numbers: &'static [(Name, u64)],
}

/// The end of the description of a preset that is like no device in particular.
macro_rules! composed {
    ($about:literal) => {
        concat!($about, "; a composition, and no measured device")
    };
}

/// All presets. Periods are short, so that a rate is even, and whole sectors and I/Os fit.
///
/// * `gp2`: the guide of `gp3`, with 3 I/Os a second for each GiB without credits.
/// * `gp3`: Amazon EBS User Guide, "General Purpose SSD volumes" has the baseline, and "Amazon EBS
///   I/O characteristics" the 256 KiB beyond which an I/O counts several times.
/// * `p30`: Microsoft, "Azure managed disk types", has the rates of a P30, and "Azure Premium
///   Storage: design for high performance" the 256 KiB of an I/O.
/// * `sd-a1`: SD Specification 5.1, Application Performance Class 1, has the least that such a card
///   does: 500 random writes a second, and 10 MB/s in sequence. Its 1500 reads a second would be
///   another injection.
/// * `usb2`: Universal Serial Bus Specification 2.0, table 5-10, has the most that bulk transfers
///   carry: 13 of 512 bytes in each of 8000 microframes a second.
/// * `hdd-7200`: Seagate's data sheet DS2011 of the Exos X16 has 7200 turns a minute, and 170
///   random reads of 4 KiB a second, 16 at a time. It has no seek time: 8.5 ms are like that rate,
///   by the formula of Hitachi's specifications (a seek, half a turn, and the transfer).
/// * `hdd-5400`: Hitachi's OEM specification of the Travelstar 5K320 has 5400 turns a minute, and a
///   mean seek of 12 ms.
///
/// All others are compositions.
pub(crate) const PRESETS: [Preset; 13] = [
    Preset {
        name: "gp2",
        about: "a volume of Amazon EBS of 100 GiB without credits: 300 I/Os of up to 256 KiB a \
                second",
        operations: "",
        numbers: &[
            (Name::PeriodUs, 10_000),
            (Name::Quota, 3),
            (Name::IosOfBytes, 262_144),
        ],
    },
    Preset {
        name: "gp3",
        about: "a volume of Amazon EBS, without further performance: 3000 I/Os of up to 256 KiB, \
                and 125 MiB, a second",
        operations: "",
        numbers: &[
            (Name::PeriodUs, 10_000),
            (Name::Quota, 30),
            (Name::BytesQuota, 1_310_720),
            (Name::IosOfBytes, 262_144),
        ],
    },
    Preset {
        name: "p30",
        about: "a Premium SSD of Azure of 1 TiB: 5000 I/Os of up to 256 KiB, and 200 MB, a second",
        operations: "",
        numbers: &[
            (Name::PeriodUs, 16_000),
            (Name::Quota, 80),
            (Name::BytesQuota, 3_200_000),
            (Name::IosOfBytes, 262_144),
        ],
    },
    Preset {
        name: "sd-a1",
        about: "writes to a memory card of class A1 that does no more than it must: 500 I/Os, and \
                10 MB, a second",
        operations: "write",
        numbers: &[
            (Name::PeriodUs, 32_000),
            (Name::Quota, 16),
            (Name::BytesQuota, 320_000),
        ],
    },
    Preset {
        name: "usb2",
        about: "a disk at a bus of USB 2.0: 53.2 MB a second",
        operations: "",
        numbers: &[(Name::PeriodUs, 10_000), (Name::BytesQuota, 532_480)],
    },
    Preset {
        name: "hdd-7200",
        about: "a hard disk of 7200 turns a minute, as Seagate's Exos X16: a seek takes 8.5 ms",
        operations: "",
        numbers: &[(Name::SeekUs, 8_500), (Name::TurnUs, 8_333)],
    },
    Preset {
        name: "hdd-5400",
        about: "a notebook's hard disk of 5400 turns a minute, as Hitachi's Travelstar 5K320: a \
                seek takes 12 ms",
        operations: "",
        numbers: &[(Name::SeekUs, 12_000), (Name::TurnUs, 11_111)],
    },
    Preset {
        name: "smr",
        about: composed!(
            "writes to a shingled hard disk: 1 GiB as on hdd-5400, and then 10 MB a second"
        ),
        operations: "write",
        numbers: &[
            (Name::SeekUs, 12_000),
            (Name::TurnUs, 11_111),
            (Name::PeriodUs, 100_000),
            (Name::BytesQuota, 999_936),
            (Name::BytesBurst, 1_073_741_824),
        ],
    },
    Preset {
        name: "usb-stick",
        about: composed!(
            "a cheap stick: one I/O at a time, 10 MB a second, and one in a thousand takes 1.5 s"
        ),
        operations: "",
        numbers: &[
            (Name::Lanes, 1),
            (Name::PeriodUs, 10_000),
            (Name::BytesQuota, 99_840),
        ],
    },
    Preset {
        name: "gc-pause",
        about: composed!(
            "an SSD that collects garbage: for 50 ms of each second, an I/O takes 20 ms more"
        ),
        operations: "",
        numbers: &[(Name::DelayUs, 20_000), (Name::JitterUs, 10_000)],
    },
    Preset {
        name: "stalls",
        about: composed!("a disk that answers nothing for one second in ten; it needs an end"),
        operations: "",
        numbers: &[(Name::Freeze, 1)],
    },
    Preset {
        name: "failing-ssd",
        about: composed!(
            "one read in a thousand fails as a bad sector, after the disk has tried for up to 2 s"
        ),
        operations: "read",
        numbers: &[(Name::Probability, 1_000)],
    },
    Preset {
        name: "degraded-raid",
        about: composed!(
            "an array that lacks a disk: half of the I/O takes up to 2 ms more, one in a hundred \
             40 ms or more, and 60 MB go through in a second"
        ),
        operations: "",
        numbers: &[(Name::PeriodUs, 10_000), (Name::BytesQuota, 599_552)],
    },
];

/// The texts of presets, as flags take them.
const TEXTS: [(&str, Name, &str); 6] = [
    ("usb-stick", Name::Percentiles, "50:1ms,99:20ms,99.9:1500ms"),
    ("gc-pause", Name::Profile, "950ms:0,50ms:100"),
    ("stalls", Name::Profile, "9s:0,1s:100"),
    ("failing-ssd", Name::Error, "ENODATA"),
    ("failing-ssd", Name::Percentiles, "50:100ms,90:500ms,100:2s"),
    (
        "degraded-raid",
        Name::Percentiles,
        "50:2ms,90:12ms,99:40ms,99.9:120ms",
    ),
];

/// The attributes that say how long delays are, beside percentiles, which exclude them.
const DELAYS: [Name; 3] = [Name::DelayUs, Name::JitterUs, Name::Distribution];

/// Values of attributes.
type Given = Vec<(&'static Attribute, Value)>;

impl Preset {
    /// The preset of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Adds its values to the given ones, of which each replaces its own. In another period, its
    /// limits let as much through in a second.
    ///
    /// # Errors
    ///
    /// A sentence, if they cannot.
    pub(crate) fn add_to(&self, given: &mut Given) -> Result<(), String> {
        let is_given = |given: &Given, name| given.iter().any(|(row, _)| row.name == name);
        let number = |values: &[(Name, u64)], name| {
            let found = values.iter().find(|(other, _)| *other == name);
            found.map_or(0, |(_, number)| *number)
        };
        let own_us = number(self.numbers, Name::PeriodUs);
        let period = given.iter().find(|(row, _)| row.name == Name::PeriodUs);
        let period_us = match period {
            Some((_, Value::Number(period_us))) => *period_us,
            _ => own_us,
        };
        let has_percentiles = is_given(given, Name::Percentiles);
        let has_delay = DELAYS.iter().any(|name| is_given(given, *name));
        let is_replaced = |given: &Given, name: Name| {
            is_given(given, name)
                || has_percentiles && DELAYS.contains(&name)
                || has_delay && name == Name::Percentiles
        };
        for (name, number) in self.numbers {
            if is_replaced(given, *name) {
                continue;
            }
            let row = attribute(*name);
            let number = match name {
                Name::Quota => self.scaled(row, *number, 1, [period_us, own_us])?,
                Name::BytesQuota => self.scaled(row, *number, 512, [period_us, own_us])?,
                _ => *number,
            };
            given.push((row, Value::Number(number)));
        }
        if !self.operations.is_empty() && !is_given(given, Name::Op) {
            let operations = Value::Text(self.operations.to_owned());
            given.push((attribute(Name::Op), operations));
        }
        for (_, name, text) in TEXTS.iter().filter(|(preset, ..)| *preset == self.name) {
            if !is_replaced(given, *name) {
                let row = attribute(*name);
                given.push((row, row.parse(text)?));
            }
        }
        given.sort_by_key(|(row, _)| place(row.name));
        Ok(())
    }

    /// A limit of one period for another one, in whole units.
    fn scaled(
        &self,
        row: &Attribute,
        number: u64,
        unit: u64,
        [period_us, own_us]: [u64; 2],
    ) -> Result<u64, String> {
        let exact = u128::from(number) * u128::from(period_us);
        let one = u128::from(own_us) * u128::from(unit);
        let units = (exact + one / 2) / one;
        let is_near = (units * one).abs_diff(exact) * 100 <= exact;
        let scaled = u64::try_from(units).ok().filter(|_| is_near);
        scaled
            .and_then(|units| units.checked_mul(unit))
            .ok_or_else(|| {
                let period = attribute(Name::PeriodUs).show(&Value::Number(period_us));
                format!(
                    "a period of {period} has no whole number that is like {} for {}; choose \
                     another --period, or give this one, too",
                    self.name,
                    row.shown_flag()
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::Settings;

    fn number(given: &Given, name: Name) -> u64 {
        let found = given.iter().find(|(row, _)| row.name == name);
        match found {
            Some((_, Value::Number(number))) => *number,
            _ => 0,
        }
    }

    fn filled(name: &str, given: &[(Name, u64)]) -> Result<Given, String> {
        let given = given.iter();
        let given = given.map(|(name, number)| (attribute(*name), Value::Number(*number)));
        let mut given: Given = given.collect();
        Preset::named(name).unwrap().add_to(&mut given)?;
        Ok(given)
    }

    #[test]
    fn rates_are_those_of_the_sources() {
        for (name, ios, bytes) in [
            ("gp2", 300, 0),
            ("gp3", 3_000, 125 << 20),
            ("p30", 5_000, 200_000_000),
            ("sd-a1", 500, 10_000_000),
            ("usb2", 0, 13 * 512 * 8_000),
        ] {
            let given = filled(name, &[]).unwrap();
            let period_us = number(&given, Name::PeriodUs);
            let rate = |name| number(&given, name) * 1_000_000 / period_us;
            assert_eq!([rate(Name::Quota), rate(Name::BytesQuota)], [ios, bytes]);
            assert_eq!(number(&given, Name::BytesQuota) % 512, 0, "{name}");
            assert!(given.is_sorted_by_key(|(row, _)| place(row.name)));
        }
    }

    #[test]
    fn each_preset_is_settings_that_go_together() {
        for preset in &PRESETS {
            let mut given = filled(preset.name, &[]).unwrap();
            assert!(given.is_sorted_by_key(|(row, _)| place(row.name)));
            let settings = Settings::new(given.drain(..)).unwrap();
            assert_eq!(settings.do_nothing(), None, "{}", preset.name);
            assert_eq!(settings.damage(), None, "{}", preset.name);
            assert_eq!(settings.number(Name::BytesQuota).unwrap_or(0) % 512, 0);
            assert_eq!(settings.freezes(), preset.name == "stalls");
        }
        for (preset, ..) in TEXTS {
            assert!(Preset::named(preset).is_some(), "{preset}");
        }
    }

    #[test]
    fn a_given_delay_is_in_place_of_percentiles_and_the_other_way_round() {
        let given = filled("usb-stick", &[(Name::DelayUs, 5_000)]).unwrap();
        assert!(given.iter().all(|(row, _)| row.name != Name::Percentiles));
        assert_eq!(number(&given, Name::Lanes), 1);
        let percentiles = attribute(Name::Percentiles).parse("50:1ms").unwrap();
        let mut given = vec![(attribute(Name::Percentiles), percentiles)];
        let preset = Preset::named("gc-pause").unwrap();
        preset.add_to(&mut given).unwrap();
        let names: Vec<Name> = given.iter().map(|(row, _)| row.name).collect();
        assert_eq!(names, [Name::Percentiles, Name::Profile]);
    }

    #[test]
    fn given_values_go_before_and_the_rates_stay() {
        let given = filled("gp3", &[(Name::Quota, 7), (Name::PeriodUs, 1_000_000)]).unwrap();
        assert_eq!(number(&given, Name::Quota), 7);
        assert_eq!(number(&given, Name::BytesQuota), 125 << 20);
        assert_eq!(number(&given, Name::IosOfBytes), 262_144);
        // 29.95 I/Os are 30, and 0.3 are none.
        let given = filled("gp3", &[(Name::PeriodUs, 9_984), (Name::BytesQuota, 512)]).unwrap();
        assert_eq!(number(&given, Name::Quota), 30);
        let why = filled("gp3", &[(Name::PeriodUs, 100)]).unwrap_err();
        assert!(why.contains("100us") && why.contains("--quota"), "{why}");
        let long = filled("gp3", &[(Name::PeriodUs, 3_600_000_000)]).unwrap();
        assert_eq!(number(&long, Name::Quota), 3_000 * 3_600);
        let read = (attribute(Name::Op), Value::Text("read".to_owned()));
        let mut given = vec![read.clone()];
        Preset::named("sd-a1").unwrap().add_to(&mut given).unwrap();
        let operations: Vec<_> = given
            .iter()
            .filter(|(row, _)| row.name == Name::Op)
            .collect();
        assert_eq!(operations.len(), 1);
        assert_eq!(operations[0].1, read.1);
    }
}
