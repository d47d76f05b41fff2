// SPDX-License-Identifier: GPL-2.0-only

//! Compares the parsers of numbers with the plainest ones.
//!
//! The input is a letter that chooses the parser, and the text.

#![no_main]

use ParseError::{Invalid, OutOfRange};
use chaos_fuzz as _;
use chaos_policy::policy::parse::{ParseError, line, long, number, percent, words};
use libfuzzer_sys::fuzz_target;

/// The digits without meaningless zeros at the front; none if there is no digit, or another letter.
fn digits(text: &str) -> Option<&str> {
    let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| match text.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    })
}

/// Whole units and decimals, filled up to `places`, as the digits of one number.
fn expected(text: &[u8], places: usize, least: u64, most: u64) -> Result<u64, ParseError> {
    let text = std::str::from_utf8(text).map_err(|_| Invalid)?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) if places > 0 => (whole, decimals),
        _ => (text, "0"),
    };
    let fits = decimals.len() <= places.max(1) && digits(decimals).is_some();
    let whole = digits(whole).filter(|_| fits).ok_or(Invalid)?;
    let decimals = if places > 0 { decimals } else { "" };
    let all = format!("{whole}{decimals:0<places$}");
    match all.parse() {
        Ok(value) if sign.is_empty() && value >= least && value <= most => Ok(value),
        _ => Err(OutOfRange),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((letter, text)) = data.split_first() else {
        return;
    };
    let text = line(text);
    match letter % 5 {
        0 => assert_eq!(
            number(text, 0, u32::MAX).map(u64::from),
            expected(text, 0, 0, u64::from(u32::MAX))
        ),
        1 => assert_eq!(
            number(text, 1, 3_600_000_000).map(u64::from),
            expected(text, 0, 1, 3_600_000_000)
        ),
        2 => assert_eq!(long(text), expected(text, 0, 0, u64::MAX)),
        3 => {
            for (places, most) in [(2, 10_000), (4, 1_000_000)] {
                let found = percent(text, places).map(u64::from);
                assert_eq!(found, expected(text, places, 0, most));
            }
        }
        _ => {
            let found: Vec<&[u8]> = words(text).collect();
            assert_eq!(found.is_empty(), text.is_empty());
            assert_eq!(found.join(&b' '), text);
            assert!(found.iter().all(|word| !word.contains(&b' ')));
        }
    }
});
