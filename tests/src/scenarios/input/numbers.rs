// SPDX-License-Identifier: GPL-2.0-only

//! Bad values of files that have numbers.

/// Texts that no attribute takes for a number.
pub(super) fn not_numbers() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 34] = [
        b"\n",
        b"\n\n",
        b" ",
        b" 1",
        b"1 ",
        b"\t1",
        b"1\t",
        b"1\n\n",
        b"1\n2",
        b"1\r\n",
        b"+1",
        b"+",
        b"-",
        b"--1",
        b"- 1",
        b"0x1",
        b"0X1F",
        b"1h",
        b"0b1",
        b"1e3",
        b"1E3",
        b"1_000",
        b"1,000",
        b"1;",
        b"1us",
        b"1ms",
        b"one",
        b"true",
        b"NaN",
        b"inf",
        b"\0",
        b"1\0",
        b"\0\x31",
        b"\xff\xfe",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push("１".into());
    all.push("−1".into());
    all.push(b"$(reboot)".to_vec());
    all.push(vec![b'a'; 4095]);
    // It may be the first part of a longer value.
    all.push([vec![b'0'; 4094], b"1".to_vec()].concat());
    all.push([vec![b'0'; 5000], b"1".to_vec()].concat());
    all.push([b"1".to_vec(), vec![b' '; 4000]].concat());
    all
}

/// Numbers that no attribute accepts.
pub(super) fn never_in_range() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 7] = [
        b"-1",
        b"-0",
        b"-1\n",
        b"-18446744073709551616",
        b"18446744073709551616",
        b"99999999999999999999999999999999999999",
        b"-9223372036854775809",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push(vec![b'9'; 4093]);
    all
}

/// A file whose value is a number.
pub(super) struct Case {
    pub(super) attribute: &'static str,
    /// The value of the attribute before.
    pub(super) value: &'static str,
    pub(super) not_numbers: &'static [&'static str],
    pub(super) out_of_range: &'static [&'static str],
}

pub(super) const CASES: [Case; 25] = [
    Case {
        attribute: "enabled",
        value: "1",
        not_numbers: &["1.0", "y"],
        out_of_range: &["2", "10", "4294967295", "4294967296"],
    },
    Case {
        attribute: "delay_us",
        value: "0",
        not_numbers: &["1.5"],
        out_of_range: &["3600000001", "4294967295", "4294967296"],
    },
    Case {
        attribute: "jitter_us",
        value: "7",
        not_numbers: &["1.5"],
        out_of_range: &["3600000001", "4294967295", "4294967296"],
    },
    Case {
        attribute: "correlation",
        value: "12.34",
        not_numbers: &["1.234", "1.", ".1", ".", "1.2.3", "25%", "1.-1"],
        out_of_range: &["100.01", "101", "1000000", "-0.5", "4294967296"],
    },
    Case {
        attribute: "period_us",
        value: "1000000",
        not_numbers: &["1.5"],
        out_of_range: &["0", "00", "3600000001", "4294967295", "4294967296"],
    },
    Case {
        attribute: "quota",
        value: "5",
        not_numbers: &["1.5"],
        out_of_range: &["4294967296", "4294967297"],
    },
    Case {
        attribute: "bytes_quota",
        value: "1048576",
        not_numbers: &["1.5", "1m", "10MB/s"],
        out_of_range: &["2199023255041", "4398046511104"],
    },
    Case {
        attribute: "burst",
        value: "1000",
        not_numbers: &["1.5"],
        out_of_range: &["4294967296", "4294967297"],
    },
    Case {
        attribute: "bytes_burst",
        value: "512",
        not_numbers: &["1.5", "1m"],
        out_of_range: &["2199023255041", "4398046511104"],
    },
    Case {
        attribute: "ios_of_bytes",
        value: "262144",
        not_numbers: &["1.5", "256k"],
        out_of_range: &["4294967296", "4294967297"],
    },
    Case {
        attribute: "min_bytes",
        value: "4096",
        not_numbers: &["1.5", "4k", "8193"],
        out_of_range: &["4294967296"],
    },
    Case {
        attribute: "max_bytes",
        value: "8192",
        not_numbers: &["1.5", "8k", "4095"],
        out_of_range: &["4294967296"],
    },
    Case {
        attribute: "probability",
        value: "12.3456",
        not_numbers: &["1.23456", "1.", ".1", ".", "25%", "1/3"],
        out_of_range: &["100.0001", "101", "1000000", "-0.5", "4294967296"],
    },
    Case {
        attribute: "every",
        value: "3",
        not_numbers: &["1.5", "3rd"],
        out_of_range: &["0", "000", "4294967296"],
    },
    Case {
        attribute: "times",
        value: "7",
        not_numbers: &["1.5"],
        out_of_range: &["4294967296"],
    },
    Case {
        attribute: "seed",
        value: "18446744073709551615",
        not_numbers: &["1.5"],
        out_of_range: &["-9", "36893488147419103232"],
    },
    Case {
        attribute: "freeze",
        value: "1",
        not_numbers: &["1.0", "y", "on"],
        out_of_range: &["2", "10", "4294967295", "4294967296"],
    },
    Case {
        attribute: "lanes",
        value: "64",
        not_numbers: &["1.0", "y", "four"],
        out_of_range: &["65", "100", "4294967295", "4294967296"],
    },
    Case {
        attribute: "i_know_data_will_be_lost",
        value: "1",
        not_numbers: &["1.0", "y", "on"],
        out_of_range: &["2", "10", "4294967295", "4294967296"],
    },
    // The case before has allowed it.
    Case {
        attribute: "drop",
        value: "1",
        not_numbers: &["1.0", "y", "on"],
        out_of_range: &["2", "10", "4294967295", "4294967296"],
    },
    Case {
        attribute: "torn",
        value: "1",
        not_numbers: &["1.0", "y", "half"],
        out_of_range: &["2", "10", "4294967295", "4294967296"],
    },
    Case {
        attribute: "corrupt",
        value: "64",
        not_numbers: &["1.0", "y", "bit"],
        out_of_range: &["65", "100", "4294967295", "4294967296"],
    },
    Case {
        attribute: "seek_us",
        value: "3600000000",
        not_numbers: &["1.0", "y", "8ms"],
        out_of_range: &["3600000001", "4294967296", "18446744073709551616"],
    },
    Case {
        attribute: "turn_us",
        value: "3600000000",
        not_numbers: &["1.0", "y", "8ms"],
        out_of_range: &["3600000001", "4294967296", "18446744073709551616"],
    },
    Case {
        attribute: "duration_ms",
        value: "4294967295",
        not_numbers: &["1.5", "1s"],
        out_of_range: &["4294967296"],
    },
];
