// SPDX-License-Identifier: GPL-2.0-only

//! Good and bad values, as people and programs write them into files.

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    process::Cgroup,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use chaos_policy::policy::attributes::{Attribute, Kind::Number};
use std::{fs, io};

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
    // It may be the first part of a longer value.
    all.push([vec![b'0'; 4094], b"1".to_vec()].concat());
    all.push([vec![b'0'; 5000], b"1".to_vec()].concat());
    all.push([b"1".to_vec(), vec![b' '; 4000]].concat());
    all
}

/// Numbers that no attribute accepts.
fn never_in_range() -> Vec<Vec<u8>> {
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

struct Case {
    attribute: &'static str,
    /// The value of the attribute before.
    value: &'static str,
    not_numbers: &'static [&'static str],
    out_of_range: &'static [&'static str],
}

const CASES: [Case; 13] = [
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
        attribute: "duration_ms",
        value: "4294967295",
        not_numbers: &["1.5", "1s"],
        out_of_range: &["4294967296"],
    },
];

const ENOENT: i32 = 2;
const ENOTDIR: i32 = 20;
const ESRCH: i32 = 3;
const EPERM: i32 = 1;

/// A file whose value is a text.
struct TextCase {
    attribute: &'static str,
    /// The value of the file before, which it keeps.
    value: &'static str,
    bad: &'static [(&'static str, i32)],
}

const TEXT_CASES: [TextCase; 8] = [
    TextCase {
        attribute: "device",
        value: "sda nvme0n1p2 8:1",
        bad: &[
            ("/dev/sda", EINVAL),
            (".", EINVAL),
            ("..", EINVAL),
            ("8:", EINVAL),
            (":1", EINVAL),
            ("8:1:1", EINVAL),
            ("8:a", EINVAL),
            ("4096:0", ERANGE),
            ("0:1048576", ERANGE),
            ("-8:1", ERANGE),
            ("8:-1", ERANGE),
            ("99999999999999999999:1", ERANGE),
            ("a b c d e f g h i", ERANGE),
            ("abcdefghijklmnopqrstuvwxyzabcdefghijklmn", EINVAL),
        ],
    },
    TextCase {
        attribute: "op",
        value: "read write sync",
        bad: &[
            ("flush", EINVAL),
            ("reads", EINVAL),
            ("read,write", EINVAL),
            ("rw", EINVAL),
            ("read|write", EINVAL),
            ("0", EINVAL),
            ("drv_in", EINVAL),
            ("REQ_OP_READ", EINVAL),
            ("all", EINVAL),
            ("none", EINVAL),
        ],
    },
    TextCase {
        attribute: "sectors",
        value: "0+8 4096+1",
        bad: &[
            ("0", EINVAL),
            ("+8", EINVAL),
            ("8+", EINVAL),
            ("+", EINVAL),
            ("0-8", EINVAL),
            ("0+8,8+8", EINVAL),
            ("0+8 4+8", EINVAL),
            ("4+8 0+5", EINVAL),
            ("1+1 1+1", EINVAL),
            ("0+10 5+1", EINVAL),
            ("0+0", ERANGE),
            ("-1+8", ERANGE),
            ("0+-8", ERANGE),
            ("18446744073709551615+1", ERANGE),
            ("18446744073709551616+1", ERANGE),
            ("0+18446744073709551616", ERANGE),
            ("1+18446744073709551615", ERANGE),
            (
                "0+1 2+1 4+1 6+1 8+1 10+1 12+1 14+1 16+1 18+1 20+1 22+1 24+1 26+1 28+1 30+1 32+1",
                ERANGE,
            ),
        ],
    },
    TextCase {
        attribute: "distribution",
        value: "pareto",
        bad: &[
            ("\n", EINVAL),
            ("gauss", EINVAL),
            ("Normal", EINVAL),
            ("normal pareto", EINVAL),
            ("percentiles", EINVAL),
            ("0", EINVAL),
        ],
    },
    TextCase {
        attribute: "hold",
        value: "completion",
        bad: &[
            ("\n", EINVAL),
            ("Request", EINVAL),
            ("requests", EINVAL),
            ("complete", EINVAL),
            ("request completion", EINVAL),
            ("request,completion", EINVAL),
            ("none", EINVAL),
            ("0", EINVAL),
        ],
    },
    TextCase {
        attribute: "percentiles",
        value: "50:200 99:5000 99.9:80000",
        bad: &[
            ("50", EINVAL),
            ("50:", EINVAL),
            (":200", EINVAL),
            ("50:200,99:5000", EINVAL),
            ("50:200us", EINVAL),
            ("p50:200", EINVAL),
            ("50:200 50:300", EINVAL),
            ("50:200 40:300", EINVAL),
            ("50:200 60:100", EINVAL),
            ("50.00001:200", EINVAL),
            ("100.0001:200", ERANGE),
            ("101:200", ERANGE),
            ("-1:200", ERANGE),
            ("50:-1", ERANGE),
            ("50:3600000001", ERANGE),
            ("50:99999999999999999999", ERANGE),
            (
                "1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9 10:10 11:11 12:12 13:13 14:14 15:15 16:16 17:17",
                ERANGE,
            ),
        ],
    },
    TextCase {
        attribute: "cgroup",
        value: "/sys/fs/cgroup/input",
        bad: &[
            ("/nowhere", ENOENT),
            ("/sys/fs/cgroup/nowhere", ENOENT),
            ("/proc/self", ENOENT),
            ("/sys/fs/cgroupinput", ENOENT),
            ("/sys/fs/cgroup/input/..", ENOENT),
            ("/sys/fs/cgroup/input/cgroup.procs", ENOTDIR),
            ("/input/cgroup.procs/more", ENOTDIR),
            ("/sys/fs/cgroup/input/below", 95),
            ("sys/fs/cgroup/input", EINVAL),
            ("input", EINVAL),
            ("1", EINVAL),
        ],
    },
    TextCase {
        attribute: "pid_ns",
        value: "1",
        bad: &[
            ("0", ERANGE),
            ("-1", ERANGE),
            ("4194305", ERANGE),
            ("4194304", ESRCH),
            ("99999999999999999999", ERANGE),
            ("self", EINVAL),
            ("1.0", EINVAL),
            ("pid:[4026531836]", EINVAL),
            ("/proc/1/ns/pid", EINVAL),
        ],
    },
];

/// Texts that no file accepts.
fn never_a_text() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 14] = [
        b"\n\n",
        b" ",
        b"  ",
        b"\t",
        b" read",
        b"read ",
        b"read  write",
        b"read\twrite",
        b"read\n\n",
        b"read\nwrite",
        b"\0",
        b"read\0",
        b"\xff\xfe",
        b"\x7f",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.to_vec()).collect();
    all.push(vec![b' '; 4095]);
    all.push(vec![0xff; 4095]);
    // It would be a path if it were complete.
    all.push(vec![b'/'; 4095]);
    all
}

scenario!("input_bad_texts", bad_texts);
fn bad_texts(report: &mut Report) -> Result<()> {
    let cgroup = Cgroup::new("input")?;
    fs::create_dir(format!("{}/below", cgroup.path()))?;
    let injection = Injection::new("input", &[])?;
    for case in &TEXT_CASES {
        injection.set(case.attribute, case.value)?;
        let own = case
            .bad
            .iter()
            .map(|(text, errno)| (text.as_bytes().to_vec(), *errno));
        let common = never_a_text().into_iter().map(|text| (text, EINVAL));
        let tries: Vec<_> = own.chain(common).collect();
        let mut wrong = Vec::new();
        for (text, errno) in &tries {
            let got = refusal(injection.set(case.attribute, text));
            let kept = injection.get(case.attribute)? == case.value;
            if got != Some(*errno) || !kept {
                let text = String::from_utf8_lossy(&text[..text.len().min(30)]);
                wrong.push(format!("{text:?} gave {got:?}, not {errno}, kept: {kept}"));
            }
        }
        report.figure(
            &format!("{}: of {} bad texts", case.attribute, tries.len()),
            "all refused, the value kept",
            if wrong.is_empty() {
                "so".to_owned()
            } else {
                wrong.join(", ")
            },
            wrong.is_empty() && tries.len() >= 22,
        );
    }
    for (attribute, text, errno) in [
        ("stats", "1", ERANGE),
        ("stats", "", EINVAL),
        ("stats", "reset", EINVAL),
        ("ceiling", "0", EPERM),
    ] {
        let got = refusal(injection.set(attribute, format!("{text}\n")));
        report.figure(
            &format!("{attribute} {text}"),
            errno,
            format!("{got:?}"),
            got == Some(errno),
        );
    }
    fs::remove_dir(format!("{}/below", cgroup.path()))?;
    Ok(())
}

scenario!("input_too_many", too_many);
/// One injection more than a disk can have.
fn too_many(report: &mut Report) -> Result<()> {
    const ENOSPC: i32 = 28;
    let disk = Disk::on_ioem(&Kind::default())?;
    let all: Vec<Injection> = (0..64)
        .map(|number| Injection::new(&format!("many{number}"), &[("delay_us", 1)]))
        .collect::<Result<_>>()?;
    let one_more = Injection::new("one-more", &[])?;
    let got = refusal(one_more.set("delay_us", "1"));
    let kept = one_more.get("delay_us")?;
    report.figure(
        "the 65th injection for one disk",
        "ENOSPC, and its delay is 0 still",
        format!("{got:?}, {kept}"),
        got == Some(ENOSPC) && kept == "0",
    );
    one_more.set("device", "elsewhere")?;
    one_more.set("delay_us", "1")?;
    let got = refusal(one_more.set("device", disk.name()));
    report.figure(
        "or by its device",
        ENOSPC,
        format!("{got:?}"),
        got == Some(ENOSPC),
    );
    drop(all);
    one_more.set("device", disk.name())
}

/// The error number of a write, or none.
fn refusal(result: Result<()>) -> Option<i32> {
    let error = result.err()?;
    error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error)
}

scenario!("input_bad_values", bad_values);
fn bad_values(report: &mut Report) -> Result<()> {
    // Either size can contradict the other.
    let injection = Injection::new("input", &[("min_bytes", 4_096), ("max_bytes", 8_192)])?;
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
    let tried = |file| {
        CASES.iter().any(|case| case.attribute == file)
            || TEXT_CASES.iter().any(|case| case.attribute == file)
    };
    let files = Attribute::ALL.map(Attribute::file);
    let untried: Vec<_> = files.into_iter().filter(|file| !tried(*file)).collect();
    report.figure(
        "attributes for which no bad values are listed",
        "none",
        untried.join(", "),
        untried.is_empty(),
    );
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

/// The bounds of all numbers, as they are written and shown.
fn bounds() -> Vec<(&'static str, String, String)> {
    let mut bounds = Vec::new();
    for attribute in Attribute::ALL {
        let Number(number) = attribute.kind() else {
            continue;
        };
        let one = 10_u64.pow(number.decimals as u32);
        // The smallest bound is last, since a size of 0 contradicts no other.
        for bound in [number.most, number.least] {
            let text = (bound / one).to_string();
            bounds.push((attribute.file(), text.clone(), text));
        }
    }
    bounds
}

scenario!("input_good_values", good_values);
fn good_values(report: &mut Report) -> Result<()> {
    let injection = Injection::new("input", &[("enabled", 0)])?;
    let values = [
        ("enabled", "1\n", "1"),
        ("delay_us", "0000000000000000000000000", "0"),
        ("jitter_us", "3600000000\n", "3600000000"),
        ("correlation", "99.99", "99.99"),
        ("correlation", "25.50", "25.5"),
        ("correlation", "0.00\n", "0"),
        ("device", "sda", "sda"),
        (
            "device",
            "nvme0n1p2 8:16 cciss!c0d0\n",
            "nvme0n1p2 8:16 cciss!c0d0",
        ),
        ("device", "\n", ""),
        ("op", "WRITE Read\n", "read write"),
        (
            "op",
            "meta fua sync zone_reset_all",
            "zone_reset_all sync fua meta",
        ),
        ("op", "\n", ""),
        ("sectors", "8+8 0+8", "8+8 0+8"),
        (
            "sectors",
            "0+18446744073709551615",
            "0+18446744073709551615",
        ),
        ("sectors", "\n", ""),
        ("probability", "0.0001", "0.0001"),
        ("probability", "50.50", "50.5"),
        ("probability", "100\n", "100"),
        ("distribution", "paretonormal\n", "paretonormal"),
        ("distribution", "uniform", "uniform"),
        ("percentiles", "50:200 99.9:80000", "50:200 99.9:80000"),
        ("percentiles", "0:1 100:3600000000", "0:1 100:3600000000"),
        ("percentiles", "\n", ""),
        ("hold", "request\n", "request"),
        ("hold", "completion", "completion"),
        ("hold", "auto", "auto"),
        ("cgroup", "/sys/fs/cgroup", "/sys/fs/cgroup"),
        ("cgroup", "/", "/"),
        ("cgroup", "\n", ""),
        ("pid_ns", "1\n", "1"),
        ("pid_ns", "\n", ""),
    ];
    let values = values.map(|(file, text, shown)| (file, text.to_owned(), shown.to_owned()));
    for (attribute, text, expected) in bounds().into_iter().chain(values) {
        injection.set(attribute, &text)?;
        let shown = injection.get(attribute)?;
        // `echo` accepts the text that `cat` prints.
        injection
            .set(attribute, format!("{shown}\n"))
            .context("writing the shown value back")?;
        let again = injection.get(attribute)?;
        report.figure(
            &format!("{attribute} {}", text.trim_end()),
            &expected,
            &shown,
            shown == expected && again == expected,
        );
    }
    let longest = "/".repeat(4_093);
    injection.set("cgroup", &longest)?;
    injection.set("cgroup", format!("{}\n", injection.get("cgroup")?))?;
    let shown = injection.get("cgroup")?;
    report.figure(
        "length of the longest path",
        longest.len(),
        shown.len(),
        shown == longest,
    );
    let version = sys::read(format!("{}/version", sys::IOEM))?;
    report.figure("version", 1, &version, version == "1");
    Ok(())
}
