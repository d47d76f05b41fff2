// SPDX-License-Identifier: GPL-2.0-only

//! Values for files, many of which the driver accepts or nearly accepts.

use crate::random::Random;
use chaos_policy::policy::attributes::{Attribute, Kind};

/// Texts at the limits of accepted values, words of all files, and separators.
const TOKENS: &[&str] = &[
    "0",
    "1",
    "-0",
    "-1",
    "2",
    "00000",
    "007",
    "99.99",
    "100",
    "100.01",
    "100.0001",
    "0.0001",
    "12.3456",
    "0.00001",
    ".",
    "1.",
    ".5",
    "3600000000",
    "3600000001",
    "4294967295",
    "4294967296",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "0x10",
    "1e9",
    "+1",
    "read",
    "write",
    "discard",
    "secure_erase",
    "write_zeroes",
    "zone_append",
    "zone_reset_all",
    "sync",
    "fua",
    "meta",
    "READ",
    "flush",
    "uniform",
    "normal",
    "pareto",
    "paretonormal",
    "auto",
    "request",
    "completion",
    "50:200",
    "99:5000",
    "99.9:80000",
    "0:0",
    "100:3600000000",
    "100:3600000001",
    "0+8",
    "8+1",
    "16+0",
    "18446744073709551614+1",
    "0+18446744073709551615",
    "1+18446744073709551615",
    "sda",
    "nvme0n1p1",
    "259:0",
    "8:1",
    "4095:1048575",
    "4096:0",
    "0:1048576",
    "cciss!c0d0",
    "/",
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/raw",
    "/raw",
    "/gone",
    "/raw/..",
    "/raw/cgroup.procs",
    "/sys/fs/cgroup/../..",
    "/proc/self",
    "self",
    "4194304",
    "4194305",
    " ",
    "  ",
    "\n",
    "\t",
    "\0",
    "\r\n",
    ",",
    "%s%n",
    "é",
    "−1",
];

/// Lengths near that of a page, which configfs has for a value.
const LENGTHS: &[usize] = &[
    40, 255, 256, 4_000, 4_094, 4_095, 4_096, 4_097, 8_192, 65_536,
];

/// A value; half of the time one of the kind that this attribute takes.
pub(super) fn value(random: &mut Random, attribute: &str, disk: &str) -> Vec<u8> {
    let mut value = match random.below(10) {
        0..5 => of_kind(random, attribute, disk).into_bytes(),
        5 | 6 => random.choose(TOKENS).as_bytes().to_vec(),
        7 => several(random),
        8 => random.bytes(),
        _ => long(random),
    };
    if random.one_in(4) {
        change(random, &mut value);
    }
    if random.one_in(2) {
        value.push(b'\n');
    }
    value
}

/// A value that the attribute is meant for.
fn of_kind(random: &mut Random, file: &str, disk: &str) -> String {
    let word = |random: &mut Random, words: &[&str]| (*random.choose(words)).to_owned();
    let Some(attribute) = Attribute::named(file) else {
        return "0".to_owned();
    };
    match attribute {
        // Most delays are short, so that I/O goes on.
        Attribute::DelayUs | Attribute::JitterUs if !random.one_in(8) => {
            random.below(5_000).to_string()
        }
        Attribute::Freeze if !random.one_in(8) => "0".to_owned(),
        Attribute::Device => word(random, &["", disk, disk, "259:0", "sda nvme0n1"]),
        Attribute::Op => word(
            random,
            &["", "read", "write sync", "discard READ", "meta fua"],
        ),
        Attribute::Cgroup => word(random, &["", "/", "/raw", "/sys/fs/cgroup/raw"]),
        Attribute::PidNs => word(random, &["", "1", "2"]),
        Attribute::Sectors => word(
            random,
            &[
                "",
                "0+20480",
                "8+8 100+1000 100000+200000",
                "t0:0+20480 8+8",
            ],
        ),
        Attribute::Distribution => word(random, &["uniform", "normal", "pareto", "paretonormal"]),
        Attribute::Percentiles => word(
            random,
            &["", "50:20 99:500 99.9:8000", "0:1 100:3600000000"],
        ),
        Attribute::Hold => word(random, &["auto", "request", "completion"]),
        Attribute::Profile => word(random, &["", "5000:100 45000:0", "1000:50 1000:0.01 once"]),
        // The load ends with its first error.
        Attribute::Error => String::new(),
        _ => match attribute.kind() {
            Kind::Number(number) => random.number(number),
            Kind::Text(text) => text.to_owned(),
        },
    }
}

/// Some tokens with something between them.
fn several(random: &mut Random) -> Vec<u8> {
    let separator = *random.choose(&[" ", " ", " ", "", "\n", "\0", ","]);
    let tokens: Vec<&str> = (0..2 + random.below(20))
        .map(|_| *random.choose(TOKENS))
        .collect();
    tokens.join(separator).into_bytes()
}

/// A token again and again, up to about a page.
fn long(random: &mut Random) -> Vec<u8> {
    let length = *random.choose(LENGTHS);
    let token = random.choose(TOKENS).as_bytes();
    token.iter().copied().cycle().take(length).collect()
}

/// Changes, adds or removes a byte, or all after one.
fn change(random: &mut Random, value: &mut Vec<u8>) {
    let place = random.below(value.len() as u64 + 1) as usize;
    let byte = *random.choose(b"\0\n 0192:+.-/a\x7f\x80\xff");
    match (random.below(4), place < value.len()) {
        (0, true) => value[place] = byte,
        (1, true) => drop(value.remove(place)),
        (2, true) => value.truncate(place),
        _ => value.insert(place, byte),
    }
}
