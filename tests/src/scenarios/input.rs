// SPDX-License-Identifier: GPL-2.0-only

//! What people and programs write into files.

use crate::{injection::Injection, report::Report, sys};
use anyhow::{Context, Result};
use std::io;

const EINVAL: i32 = 22;
const ERANGE: i32 = 34;

/// Texts that no attribute takes for a number.
fn not_numbers() -> Vec<Vec<u8>> {
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
    all.push([b"1".to_vec(), vec![b' '; 4000]].concat());
    all
}

/// Numbers that no attribute accepts.
fn never_in_range() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 9] = [
        b"-1",
        b"-0",
        b"-1\n",
        b"-18446744073709551616",
        b"4294967296",
        b"18446744073709551615",
        b"18446744073709551616",
        b"99999999999999999999999999999999999999",
        b"-9223372036854775809",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push(vec![b'9'; 4095]);
    all
}

struct Case {
    attribute: &'static str,
    /// What the attribute is set to before.
    value: &'static str,
    not_numbers: &'static [&'static str],
    out_of_range: &'static [&'static str],
}

const CASES: [Case; 6] = [
    Case {
        attribute: "enabled",
        value: "1",
        not_numbers: &["1.0", "y"],
        out_of_range: &["2", "10", "4294967295"],
    },
    Case {
        attribute: "delay_us",
        value: "0",
        not_numbers: &["1.5"],
        out_of_range: &["3600000001", "4294967295"],
    },
    Case {
        attribute: "jitter_us",
        value: "7",
        not_numbers: &["1.5"],
        out_of_range: &["3600000001", "4294967295"],
    },
    Case {
        attribute: "correlation",
        value: "12.34",
        not_numbers: &["1.234", "1.", ".1", ".", "1.2.3", "25%", "1.-1"],
        out_of_range: &["100.01", "101", "1000000", "-0.5"],
    },
    Case {
        attribute: "period_us",
        value: "1000000",
        not_numbers: &["1.5"],
        out_of_range: &["0", "00", "3600000001", "4294967295"],
    },
    Case {
        attribute: "quota",
        value: "5",
        not_numbers: &["1.5"],
        out_of_range: &["4294967297"],
    },
];

/// The error number of a write, or none.
fn refusal(result: Result<()>) -> Option<i32> {
    let error = result.err()?;
    error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error)
}

pub(crate) fn bad_values(report: &mut Report) -> Result<()> {
    let injection = Injection::new("input", &[])?;
    for case in &CASES {
        injection.set(case.attribute, case.value)?;
        let own = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        let tries: Vec<(Vec<u8>, i32)> = [
            (not_numbers(), EINVAL),
            (own(case.not_numbers), EINVAL),
            (never_in_range(), ERANGE),
            (own(case.out_of_range), ERANGE),
        ]
        .into_iter()
        .flat_map(|(texts, errno)| texts.into_iter().map(move |text| (text, errno)))
        .collect();
        let mut wrong = Vec::new();
        for (text, errno) in &tries {
            let got = refusal(injection.set(case.attribute, text));
            let kept = injection.get(case.attribute)? == case.value;
            if got != Some(*errno) || !kept {
                wrong.push(format!(
                    "{:?} gave {got:?}, not {errno}",
                    String::from_utf8_lossy(&text[..text.len().min(30)])
                ));
            }
        }
        report.figure(
            &format!("{}: of {} bad values", case.attribute, tries.len()),
            "all refused, the value kept",
            if wrong.is_empty() {
                "so".to_owned()
            } else {
                wrong.join(", ")
            },
            wrong.is_empty() && tries.len() >= 40,
        );
    }
    let root = refusal(sys::write(format!("{}/enabled", sys::IOEM), "2"));
    report.figure(
        "root enabled 2",
        "ERANGE",
        format!("{root:?}"),
        root == Some(ERANGE),
    );
    let version = sys::write(format!("{}/version", sys::IOEM), "2");
    report.figure(
        "writing version",
        "refused",
        if version.is_err() { "refused" } else { "done" },
        version.is_err(),
    );
    Ok(())
}

pub(crate) fn good_values(report: &mut Report) -> Result<()> {
    let injection = Injection::new("input", &[("enabled", 0)])?;
    let values = [
        ("enabled", "0", "0"),
        ("enabled", "1\n", "1"),
        ("delay_us", "3600000000", "3600000000"),
        ("delay_us", "0000000000000000000000000", "0"),
        ("jitter_us", "3600000000\n", "3600000000"),
        ("jitter_us", "0", "0"),
        ("correlation", "100", "100"),
        ("correlation", "99.99", "99.99"),
        ("correlation", "25.50", "25.5"),
        ("correlation", "0.00\n", "0"),
        ("period_us", "1", "1"),
        ("period_us", "3600000000", "3600000000"),
        ("quota", "4294967295", "4294967295"),
        ("quota", "0", "0"),
    ];
    for (attribute, text, expected) in values {
        injection.set(attribute, text)?;
        let shown = injection.get(attribute)?;
        // What cat prints, echo accepts.
        injection
            .set(attribute, format!("{shown}\n"))
            .context("writing back what was shown")?;
        let again = injection.get(attribute)?;
        report.figure(
            &format!("{attribute} {}", text.trim_end()),
            expected,
            &shown,
            shown == expected && again == expected,
        );
    }
    let version = sys::read(format!("{}/version", sys::IOEM))?;
    report.figure("version", 1, &version, version == "1");
    Ok(())
}
