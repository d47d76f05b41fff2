// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Reads the values that people write into files: decimal text with one optional newline.
//!
//! What does not read as a number is [`ParseError::NotANumber`]; what does and is not accepted is
//! [`ParseError::OutOfRange`], a negative number and one of a thousand digits included.

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// It is not a decimal number.
    NotANumber,
    /// It is a number, but not one that the setting accepts.
    OutOfRange,
}

/// A whole number from `least` to `most`.
///
/// # Errors
///
/// See [`ParseError`].
pub fn number(text: &[u8], least: u32, most: u32) -> Result<u32, ParseError> {
    let value = not_negative(text, digits)?;
    if value < u64::from(least) || value > u64::from(most) {
        return Err(ParseError::OutOfRange);
    }
    u32::try_from(value).map_err(|_| ParseError::OutOfRange)
}

/// Per cent with at most two decimals, from 0 to 100; the result is in hundredths of a per cent.
///
/// # Errors
///
/// See [`ParseError`].
pub fn percent(text: &[u8]) -> Result<u32, ParseError> {
    let value = not_negative(text, hundredths)?;
    if value > 10_000 {
        return Err(ParseError::OutOfRange);
    }
    u32::try_from(value).map_err(|_| ParseError::OutOfRange)
}

/// Reads `text` without its newline; a negative number is one, but no setting accepts it.
fn not_negative(
    text: &[u8],
    read: impl Fn(&[u8]) -> Result<u64, ParseError>,
) -> Result<u64, ParseError> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    match text.strip_prefix(b"-") {
        Some(rest) => read(rest).and(Err(ParseError::OutOfRange)),
        None => read(text),
    }
}

/// A number with at most two decimals, in hundredths.
fn hundredths(text: &[u8]) -> Result<u64, ParseError> {
    let (whole, decimals) = match text.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot.saturating_add(1)..]),
        None => (text, &b"0"[..]),
    };
    let hundredths = match decimals {
        [_] => digits(decimals)?.saturating_mul(10),
        [_, _] => digits(decimals)?,
        _ => return Err(ParseError::NotANumber),
    };
    Ok(digits(whole)?
        .saturating_mul(100)
        .saturating_add(hundredths))
}

/// At least one decimal digit and nothing else; what is too large for the type is as good as its largest value.
fn digits(text: &[u8]) -> Result<u64, ParseError> {
    if text.is_empty() {
        return Err(ParseError::NotANumber);
    }
    text.iter().try_fold(0u64, |value, &byte| {
        if !byte.is_ascii_digit() {
            return Err(ParseError::NotANumber);
        }
        Ok(value
            .saturating_mul(10)
            .saturating_add(u64::from(byte.saturating_sub(b'0'))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ParseError::{NotANumber, OutOfRange};

    #[test]
    fn numbers() {
        let cases: [(&[u8], Result<u32, ParseError>); 21] = [
            (b"0", Ok(0)),
            (b"15\n", Ok(15)),
            (b"007", Ok(7)),
            (b"100", Ok(100)),
            (b"101", Err(OutOfRange)),
            (b"-1", Err(OutOfRange)),
            (b"-", Err(NotANumber)),
            (b"+1", Err(NotANumber)),
            (b"", Err(NotANumber)),
            (b"\n", Err(NotANumber)),
            (b"1\n\n", Err(NotANumber)),
            (b" 1", Err(NotANumber)),
            (b"1 ", Err(NotANumber)),
            (b"1\0", Err(NotANumber)),
            (b"\0", Err(NotANumber)),
            (b"0x10", Err(NotANumber)),
            (b"1e3", Err(NotANumber)),
            (b"1.0", Err(NotANumber)),
            (b"18446744073709551616", Err(OutOfRange)),
            (b"99999999999999999999999999", Err(OutOfRange)),
            (b"\xff", Err(NotANumber)),
        ];
        for (text, expected) in cases {
            assert_eq!(number(text, 0, 100), expected, "{text:?}");
        }
        assert_eq!(number(b"0", 1, 100), Err(OutOfRange));
        assert_eq!(number(b"4294967295", 0, u32::MAX), Ok(u32::MAX));
        assert_eq!(number(b"4294967296", 0, u32::MAX), Err(OutOfRange));
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
            (b"25.", Err(NotANumber)),
            (b".5", Err(NotANumber)),
            (b".", Err(NotANumber)),
            (b"1.234", Err(NotANumber)),
            (b"1.2.3", Err(NotANumber)),
            (b"25%", Err(NotANumber)),
            (b"1,5", Err(NotANumber)),
            (b"", Err(NotANumber)),
            (b"99999999999999999999999", Err(OutOfRange)),
        ];
        for (text, expected) in cases {
            assert_eq!(percent(text), expected, "{text:?}");
        }
    }
}
