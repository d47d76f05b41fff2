// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tests of the settings: their texts, read, shown and refused, and their effects.

extern crate std;
use super::{
    super::operations::{place, OPERATIONS},
    *,
};
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
fn an_error_is_set_replaced_and_cleared_by_its_names() {
    let mut settings = with(Attribute::Error, b"eio\n").unwrap();
    let eio = Failure::parse(b"EIO").unwrap().map(Ending::Failed);
    assert_eq!(settings.ending(), eio);
    assert_eq!(settings.show(Attribute::Error).to_string(), "EIO");
    assert_eq!(settings.delay(), None);
    let error = settings.set(Attribute::Error, b"EIO ENODATA");
    assert_eq!(error, Err(ParseError::Invalid));
    assert_eq!(settings.ending(), eio);
    settings.set(Attribute::Error, b"MEDIUM").unwrap();
    assert_eq!(settings.show(Attribute::Error).to_string(), "ENODATA");
    settings.set(Attribute::Enabled, b"0").unwrap();
    assert_eq!(settings.ending(), None);
    settings.set(Attribute::Enabled, b"1").unwrap();
    settings.set(Attribute::Error, b"\n").unwrap();
    assert_eq!(settings, Settings::new());
}

#[test]
fn data_are_lost_only_where_that_is_allowed() {
    let not_allowed = Err(ParseError::NotAllowed);
    let mut settings = Settings::new();
    assert_eq!(settings.set(Attribute::Drop, b"1"), not_allowed);
    assert_eq!(settings, Settings::new());
    settings.set(Attribute::DataLoss, b"1").unwrap();
    assert_eq!(settings.ending(), None);
    settings.set(Attribute::Drop, b"1").unwrap();
    assert_eq!(settings.ending(), Some(Ending::Lost));
    assert_eq!(settings.set(Attribute::DataLoss, b"0"), not_allowed);
    assert_eq!(settings.ending(), Some(Ending::Lost));
    settings.set(Attribute::Error, b"EIO").unwrap();
    assert_ne!(settings.ending(), Some(Ending::Lost));
    settings.set(Attribute::Error, b"").unwrap();
    settings.set(Attribute::Drop, b"0").unwrap();
    settings.set(Attribute::DataLoss, b"0").unwrap();
    assert_eq!(settings, Settings::new());
}

#[test]
fn of_several_endings_one_counts() {
    let mut settings = with(Attribute::DataLoss, b"1").unwrap();
    let not_allowed = Err(ParseError::NotAllowed);
    for attribute in [Attribute::Torn, Attribute::Corrupt] {
        assert_eq!(Settings::new().set(attribute, b"1"), not_allowed);
    }
    let eio = Failure::parse(b"EIO").unwrap();
    for (attribute, text, ending) in [
        (Attribute::Corrupt, "3", Ending::Corrupted(3)),
        (Attribute::Drop, "1", Ending::Lost),
        (Attribute::Error, "EIO", Ending::Failed(eio.unwrap())),
        (Attribute::Torn, "1", Ending::Torn(eio)),
    ] {
        settings.set(attribute, text.as_bytes()).unwrap();
        assert_eq!(settings.ending(), Some(ending));
    }
    settings.set(Attribute::Error, b"").unwrap();
    assert_eq!(settings.ending(), Some(Ending::Torn(None)));
}

#[test]
fn only_writes_are_lost() {
    let disk = Disk {
        name: b"sda",
        major: 8,
        first_minor: 0,
        minors: 16,
    };
    let mut settings = with(Attribute::DataLoss, b"1").unwrap();
    let matches = |settings: &Settings, word: &str| {
        let filter = settings.filter(&disk, Owner::default());
        filter.is_some_and(|filter| filter.operations.may_match(place(word) as u32))
    };
    assert!(matches(&settings, "read"));
    settings.set(Attribute::Drop, b"1").unwrap();
    for (op, affected) in [
        (
            "",
            &["write", "write_zeroes", "discard", "secure_erase"][..],
        ),
        ("read write", &["write"]),
        ("discard", &["discard"]),
        ("read zone_append zone_reset", &[]),
    ] {
        settings.set(Attribute::Op, op.as_bytes()).unwrap();
        assert_eq!(settings.reaches(&disk), !affected.is_empty(), "{op}");
        for word in OPERATIONS {
            let expected = affected.contains(&word);
            assert_eq!(matches(&settings, word), expected, "{op}: {word}");
        }
    }
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
        let set = |value| {
            let mut settings = Settings::new();
            if attribute.damages() {
                settings.set(Attribute::DataLoss, b"1").unwrap();
            }
            settings.set(attribute, text(value).as_bytes())
        };
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
