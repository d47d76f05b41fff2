// SPDX-License-Identifier: GPL-2.0-only

//! Reads any text as a value of each of kchaos' settings, and as the driver's text of the same
//! value.
//!
//! The input is a letter for the attribute, and the text.

#![no_main]

use chaos_fuzz::is_written_as_told;
use chaos_policy::policy::settings::Settings;
use kchaos::interface::{ATTRIBUTES, Attribute, Kind, Name, Value, check_name, units};
use libfuzzer_sys::fuzz_target;

/// kchaos reads a text of the driver with this meaning, or asks which one people mean.
fn is_read_or_asked(attribute: &Attribute, text: &str, value: &Value) {
    match attribute.parse(text) {
        Ok(read) => assert_eq!(read, *value, "{text:?}"),
        Err(question) => assert!(
            question.contains("could be") || question.contains("needs a unit"),
            "{text:?}: {question}"
        ),
    }
}

/// Settings that may damage data.
fn consenting() -> Settings {
    let mut settings = Settings::new();
    settings
        .set(Name::DataLoss, b"1")
        .expect("it needs no consent");
    settings
}

/// kchaos must write a value as the driver accepts it, and show it as kchaos reads it.
fn check(attribute: &Attribute, value: &Value) {
    let text = attribute.file_text(value);
    is_read_or_asked(attribute, &text, value);
    assert_eq!(attribute.parse_file(&text).as_ref(), Ok(value));
    let shown = attribute.show(value);
    if let Kind::Number { .. } = attribute.kind {
        assert_eq!(attribute.parse_with_unit(&shown).as_ref(), Ok(value));
    }
    attribute.json(value);
    let same = attribute.name;
    // kchaos compares the disks of ranges with those of `--device` before it writes them.
    let names_disk = same.file() == "sectors" && text.contains(':');
    if is_written_as_told(same) && !names_disk {
        let mut driver = consenting();
        assert_eq!(driver.set(same, text.as_bytes()), Ok(()), "{text:?}");
        assert_eq!(driver.show(same).to_string(), text);
    }
}

/// If the driver accepts a text, kchaos must accept it too, with the same meaning, or ask; and read
/// the text that the driver then shows.
fn check_driver(attribute: &Attribute, text: &str) {
    let same = attribute.name;
    let mut driver = consenting();
    if !is_written_as_told(same)
        || text.ends_with('\n')
        || driver.set(same, text.as_bytes()).is_err()
    {
        return;
    }
    let shown = driver.show(same).to_string();
    let value = attribute.parse_file(&shown).expect("kchaos list reads it");
    assert_eq!(attribute.file_text(&value), shown);
    // An empty value is the same as no flag.
    if !text.is_empty() {
        is_read_or_asked(attribute, text, &value);
    }
}

fn check_units(text: &str) {
    if let Ok(time) = units::microseconds(text) {
        assert_eq!(
            units::microseconds(&units::show_microseconds(time)),
            Ok(time)
        );
    }
    if let Ok(bytes) = units::bytes(text)
        && let Ok(short) = u64::try_from(bytes)
    {
        assert_eq!(units::bytes(&units::show_bytes(short)), Ok(bytes));
    }
    for places in [2, 4] {
        if let Ok(percent) = units::percent(text, places)
            && let Ok(short) = u64::try_from(percent)
        {
            let shown = units::show_percent(short, places);
            assert_eq!(units::percent(&shown, places), Ok(percent));
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((letter, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let attribute = &ATTRIBUTES[usize::from(letter.wrapping_sub(b'a')) % ATTRIBUTES.len()];
    for read in [attribute.parse(text), attribute.parse_with_unit(text)] {
        match read {
            Ok(value) => check(attribute, &value),
            Err(message) => assert!(!message.is_empty()),
        }
    }
    check_driver(attribute, text);
    check_units(text);
    if let Ok(name) = check_name(text) {
        assert_eq!(name, text);
    }
});
