// SPDX-License-Identifier: GPL-2.0-only

//! Names for directories, many of which no user would give.

use crate::random::Random;
use std::{ffi::OsString, os::unix::ffi::OsStringExt};

/// The longest name of a directory.
const NAME_MAX: usize = 255;

const ODD: &[&str] = &[
    ".",
    "..",
    "...",
    ".hidden",
    " ",
    "\n",
    "a\nb",
    "\t",
    "%s%s%n%p",
    "%p",
    "-rf",
    "*",
    "$(reboot)",
    "'",
    "\"",
    "\\",
    "\u{7f}",
    "\u{1b}[2J",
    "é",
    "日本語",
    "🦀",
    "enabled",
    "version",
    "delay_us",
    "shared/deeper",
    "0",
    "-1",
];

/// A name. Other processes, with other letters, seldom make the same one.
pub(super) fn name(random: &mut Random, letter: &str) -> OsString {
    match random.below(10) {
        0..3 => format!("{letter}{}", random.below(10)).into(),
        3..7 => {
            let odd = *random.choose(ODD);
            // Each process has names of its own, except for special ones.
            if random.one_in(2) {
                odd.into()
            } else {
                format!("{odd}{letter}").into()
            }
        }
        7 => letter.repeat(NAME_MAX - random.below(2) as usize).into(),
        8 => letter
            .repeat(NAME_MAX + 1 + random.below(4_000) as usize)
            .into(),
        _ => {
            let bytes = random.bytes().into_iter();
            OsString::from_vec(
                bytes
                    .filter(|byte| ![0, b'/'].contains(byte))
                    .chain([b'_'])
                    .collect(),
            )
        }
    }
}
