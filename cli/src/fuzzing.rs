// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The entry for fuzzing: reads any text as each of the kernel's, and shows the result.

use crate::{
    interface::{
        Name, attribute, ceiling,
        snapshot::Snapshot,
        stats::{self, Stats},
        values::Values,
    },
    show::{describe::Described, status::Sample},
    system::{disk, mounts, saved::Saved},
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, Instant},
};

/// No picture has more lines. Text from the input may add others.
const MOST_LINES: usize = 100;

/// The fewest bytes that fill a line.
const LINE: usize = 40;

/// Reads one text, or two with a byte 0xfe between: the second is a second later.
///
/// # Panics
///
/// If a text is read wrongly, or cannot be shown.
pub fn read(bytes: &[u8]) {
    let mut now = Instant::now();
    let mut before = None;
    for bytes in bytes.splitn(2, |&byte| byte == 0xfe) {
        let text = String::from_utf8_lossy(bytes);
        check_mounts(bytes);
        check_words(text.trim_end());
        before = Some(sample(text.trim_end(), now, before.as_ref()));
        now += Duration::from_secs(1);
    }
}

fn sample(text: &str, time: Instant, before: Option<&Sample>) -> Sample {
    let (stats, queues) = (Stats::parse(text), stats::parse_queues(text));
    let name = "name".to_owned();
    let seen = Snapshot::new(name, values(text), stats, ceiling::parse(text), true);
    let sample = Sample {
        time,
        enabled: !text.is_empty(),
        injections: vec![seen],
        devices: vec![("sda".to_owned(), queues)],
    };
    let json = sample.json(before);
    assert_eq!(json["injections"][0]["name"], "name");
    for device in json["injections"][0]["devices"].as_array().expect("a list") {
        assert!(device["name"].is_string(), "{device}");
    }
    let shown = sample.text(before, "all are off");
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
    assert!(shown.lines().count() < MOST_LINES + text.lines().count() + text.len() / LINE);
    sample
}

fn check_words(text: &str) {
    if let Some(saved) = Saved::parse(text) {
        assert_eq!(Saved::parse(&saved.to_string()), Some(saved));
    }
    disk::active(text);
    assert!(!Described::new(&values(text)).words().is_empty());
}

/// The attributes whose names and values the lines have.
fn values(text: &str) -> Values {
    let values = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(' ')?;
        let attribute = attribute(Name::named(name)?);
        Some((attribute, attribute.parse_file(value).ok()?))
    });
    Values(values.collect())
}

fn check_mounts(bytes: &[u8]) {
    let mounts = mounts::parse_mounts(bytes);
    let path = Path::new(OsStr::from_bytes(bytes));
    mounts::mounted_at(&mounts, path);
    mounts::mount_of(&mounts, path);
    mounts::parse_swaps(bytes);
    let is_digit = |byte: &u8| (b'0'..=b'7').contains(byte);
    let is_escape = |four: &[u8]| four[0] == b'\\' && four[1..].iter().all(is_digit);
    if !bytes.windows(4).any(is_escape) {
        assert_eq!(mounts::unescape(bytes).as_bytes(), bytes);
    }
    // The kernel's `mangle()` does the same.
    let mut escaped = Vec::new();
    for &byte in bytes {
        if b" \t\n\\#".contains(&byte) {
            escaped.extend(format!("\\{byte:03o}").into_bytes());
        } else {
            escaped.push(byte);
        }
    }
    assert_eq!(mounts::unescape(&escaped).as_bytes(), bytes);
}
