// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The parsers of the values that people write into files: a decimal number, or words with single
//! spaces between them, and one optional newline.
//!
//! A text of another form is [`ParseError::Invalid`]. A number that is well formed and not accepted
//! is [`ParseError::OutOfRange`], even if it is negative or has a thousand digits.

use core::fmt;

/// The reason why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The text is not of the setting's form, or contradicts another setting.
    Invalid,
    /// The text is of that form, but its value is out of the setting's range.
    OutOfRange,
    /// The value needs another setting first, which allows it.
    NotAllowed,
}

/// The text without its newline.
pub fn line(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\n").unwrap_or(text)
}

/// The words of a line, with single spaces between them. An empty line has no word.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ')
        .take(if text.is_empty() { 0 } else { usize::MAX })
}

/// A whole number from `least` to `most`.
///
/// # Errors
///
/// See [`ParseError`].
pub fn number(text: &[u8], least: u32, most: u32) -> Result<u32, ParseError> {
    let value = scaled(text, 0, least.into(), most.into())?;
    u32::try_from(value).map_err(|_| ParseError::OutOfRange)
}

/// A whole number of up to 64 bits.
///
/// # Errors
///
/// See [`ParseError`].
pub fn long(text: &[u8]) -> Result<u64, ParseError> {
    scaled(text, 0, 0, u64::MAX)
}

/// A percentage from 0 to 100, with at most `places` decimals (at most 4); the result is in units
/// of the last decimal.
///
/// # Errors
///
/// See [`ParseError`].
pub fn percent(text: &[u8], places: usize) -> Result<u32, ParseError> {
    let value = scaled(text, places, 0, power_of_ten(places).saturating_mul(100))?;
    u32::try_from(value).map_err(|_| ParseError::OutOfRange)
}

/// A number with at most `places` decimals (at most 4). The result and its bounds, `least` and
/// `most`, are in units of the last decimal.
///
/// # Errors
///
/// See [`ParseError`].
pub fn scaled(text: &[u8], places: usize, least: u64, most: u64) -> Result<u64, ParseError> {
    let value = match text.strip_prefix(b"-") {
        // A negative number is well formed, but no setting accepts it.
        Some(rest) => decimal(rest, places).and(Err(ParseError::OutOfRange)),
        None => decimal(text, places),
    };
    match u64::try_from(value?) {
        Ok(value) if least <= value && value <= most => Ok(value),
        _ => Err(ParseError::OutOfRange),
    }
}

/// A number with at most this many decimals, in units of the last decimal.
fn decimal(text: &[u8], places: usize) -> Result<u128, ParseError> {
    let Some(dot) = text.iter().position(|&byte| byte == b'.') else {
        return Ok(digits(text)?.saturating_mul(power_of_ten(places).into()));
    };
    let (whole, decimals) = (&text[..dot], &text[dot.saturating_add(1)..]);
    let missing = places.checked_sub(decimals.len());
    let missing = missing.ok_or(ParseError::Invalid)?;
    Ok(digits(whole)?
        .saturating_mul(power_of_ten(places).into())
        .saturating_add(digits(decimals)?.saturating_mul(power_of_ten(missing).into())))
}

/// How many units of the last of `places` decimals make 1.
pub(super) const fn power_of_ten(places: usize) -> u64 {
    match places {
        0 => 1,
        1 => 10,
        2 => 100,
        3 => 1_000,
        _ => 10_000,
    }
}

/// The value of at least one decimal digit and nothing else; a value too large for the type counts
/// as its largest.
fn digits(text: &[u8]) -> Result<u128, ParseError> {
    if text.is_empty() {
        return Err(ParseError::Invalid);
    }
    text.iter().try_fold(0u128, |value, &byte| {
        if !byte.is_ascii_digit() {
            return Err(ParseError::Invalid);
        }
        Ok(value
            .saturating_mul(10)
            .saturating_add(u128::from(byte.saturating_sub(b'0'))))
    })
}

/// Shows a number, given in units of its last decimal, in the shortest form: `25`, `25.5`.
pub(super) fn show_scaled(f: &mut fmt::Formatter<'_>, value: u64, places: usize) -> fmt::Result {
    let one = power_of_ten(places);
    let whole = value.checked_div(one).unwrap_or(value);
    let mut rest = value.checked_rem(one).unwrap_or(0);
    if rest == 0 {
        return write!(f, "{whole}");
    }
    let mut width = places;
    while let (shorter, 0) = (rest / 10, rest % 10) {
        rest = shorter;
        width = width.saturating_sub(1);
    }
    write!(f, "{whole}.{rest:0width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ParseError::{Invalid, OutOfRange};

    #[test]
    fn numbers() {
        let cases: [(&[u8], Result<u32, ParseError>); 21] = [
            (b"0", Ok(0)),
            (b"15\n", Ok(15)),
            (b"007", Ok(7)),
            (b"100", Ok(100)),
            (b"101", Err(OutOfRange)),
            (b"-1", Err(OutOfRange)),
            (b"-", Err(Invalid)),
            (b"+1", Err(Invalid)),
            (b"", Err(Invalid)),
            (b"\n", Err(Invalid)),
            (b"1\n\n", Err(Invalid)),
            (b" 1", Err(Invalid)),
            (b"1 ", Err(Invalid)),
            (b"1\0", Err(Invalid)),
            (b"\0", Err(Invalid)),
            (b"0x10", Err(Invalid)),
            (b"1e3", Err(Invalid)),
            (b"1.0", Err(Invalid)),
            (b"18446744073709551616", Err(OutOfRange)),
            (b"99999999999999999999999999", Err(OutOfRange)),
            (b"\xff", Err(Invalid)),
        ];
        for (text, expected) in cases {
            assert_eq!(number(line(text), 0, 100), expected, "{text:?}");
        }
        assert_eq!(number(b"0", 1, 100), Err(OutOfRange));
        assert_eq!(number(b"4294967295", 0, u32::MAX), Ok(u32::MAX));
        assert_eq!(number(b"4294967296", 0, u32::MAX), Err(OutOfRange));
    }

    #[test]
    fn longs() {
        assert_eq!(long(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(long(b"18446744073709551616"), Err(OutOfRange));
        assert_eq!(long(b"-1"), Err(OutOfRange));
        assert_eq!(long(b"x"), Err(Invalid));
    }

    #[test]
    fn four_decimals() {
        assert_eq!(percent(b"0.0001", 4), Ok(1));
        assert_eq!(percent(b"99.9", 4), Ok(999_000));
        assert_eq!(percent(b"100", 4), Ok(1_000_000));
        assert_eq!(percent(b"100.0001", 4), Err(OutOfRange));
        assert_eq!(percent(b"0.00001", 4), Err(Invalid));
    }

    #[test]
    fn words_are_between_single_spaces() {
        assert_eq!(words(b"").count(), 0);
        assert_eq!(words(line(b"\n")).count(), 0);
        assert!(words(b"a bc").eq([&b"a"[..], b"bc"]));
        // An empty word is a word, which no parser accepts.
        assert!(words(b"a  b").eq([&b"a"[..], b"", b"b"]));
        assert!(words(b" ").eq([&b""[..], b""]));
    }

    #[test]
    fn percents() {
        let cases: [(&[u8], Result<u32, ParseError>); 18] = [
            (b"0", Ok(0)),
            (b"25", Ok(2_500)),
            (b"25.5\n", Ok(2_550)),
            (b"25.05", Ok(2_505)),
            (b"100", Ok(10_000)),
            (b"100.00", Ok(10_000)),
            (b"100.01", Err(OutOfRange)),
            (b"101", Err(OutOfRange)),
            (b"-1", Err(OutOfRange)),
            (b"25.", Err(Invalid)),
            (b".5", Err(Invalid)),
            (b".", Err(Invalid)),
            (b"1.234", Err(Invalid)),
            (b"1.2.3", Err(Invalid)),
            (b"25%", Err(Invalid)),
            (b"1,5", Err(Invalid)),
            (b"", Err(Invalid)),
            (b"99999999999999999999999", Err(OutOfRange)),
        ];
        for (text, expected) in cases {
            assert_eq!(percent(line(text), 2), expected, "{text:?}");
        }
    }
}
