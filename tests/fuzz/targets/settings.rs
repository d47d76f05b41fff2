// SPDX-License-Identifier: GPL-2.0-only

//! Writes any texts into an injection's files, one after the other.
//!
//! The input is made of writes between bytes 0xfe, each of a letter for the attribute and the text.
//! A refused write must change nothing. An accepted value must be shown in a form that is accepted
//! again and means the same.

#![no_main]

use chaos_fuzz as _;
use chaos_policy::policy::{
    attributes::{Attribute, MAX_TIME_US},
    delay::Delay,
    settings::Settings,
};
use libfuzzer_sys::fuzz_target;

/// The size of configfs' buffer for the text of a file.
const PAGE: usize = 4_096;

fn shown(settings: &Settings, attribute: Attribute) -> String {
    settings.show(attribute).to_string()
}

fn write(settings: &mut Settings, attribute: Attribute, text: &[u8]) {
    let before = *settings;
    let result = settings.set(attribute, text);
    if !text.ends_with(b"\n") {
        // With a newline, as `echo` writes it.
        let mut other = before;
        assert_eq!(other.set(attribute, &[text, b"\n"].concat()), result);
        assert_eq!(other, *settings);
    }
    if result.is_err() {
        assert_eq!(*settings, before, "what was refused changed something");
        return;
    }
    let text = shown(settings, attribute);
    assert!(text.len() < PAGE && !text.contains('\n'), "{text:?}");
    let mut again = *settings;
    assert_eq!(again.set(attribute, text.as_bytes()), Ok(()), "{text:?}");
    assert_eq!(again, *settings, "{text:?}");
    for other in Attribute::ALL
        .into_iter()
        .filter(|other| *other != attribute)
    {
        assert_eq!(shown(settings, other), shown(&before, other), "{other:?}");
    }
}

/// A greater random number never gives a shorter delay, and neither a delay nor the mean of all is
/// longer than the widest distribution of the longest times, unless it has no end. Delays that are
/// cut off have no greater mean.
fn check_delay(delay: &Delay) {
    let longest_ns = match delay.is_endless() {
        true => u64::MAX,
        false => u64::from(MAX_TIME_US) * 1_000 * 5,
    };
    let delays = [0, 1, 1 << 32, 1 << 63, u64::MAX - 1, u64::MAX].map(|uniform| delay.at(uniform));
    assert!(delays.is_sorted() && delays[5] <= longest_ns, "{delays:?}");
    let mean_ns = delay.mean_ns(u64::MAX);
    assert!(mean_ns <= longest_ns, "{mean_ns}");
    for most_ns in [0, 1, 1_000_000, longest_ns] {
        let cut_off_ns = delay.mean_ns(most_ns);
        assert!(
            cut_off_ns <= most_ns.min(mean_ns),
            "{cut_off_ns} of {most_ns}"
        );
    }
}

fuzz_target!(|data: &[u8]| {
    let mut settings = Settings::new();
    for piece in data.split(|&byte| byte == 0xfe) {
        if let Some((letter, text)) = piece.split_first() {
            let place = usize::from(letter.wrapping_sub(b'a')) % Attribute::ALL.len();
            write(&mut settings, Attribute::ALL[place], text);
        }
    }
    if let Some(delay) = settings.delay() {
        check_delay(&delay);
    }
    let mut copy = Settings::new();
    for attribute in Attribute::ALL {
        let text = shown(&settings, attribute);
        assert_eq!(copy.set(attribute, text.as_bytes()), Ok(()), "{text:?}");
    }
    assert_eq!(copy, settings);
});
