// SPDX-License-Identifier: GPL-2.0-only

//! Good and bad values, as people and programs write them into files.

mod numbers;
mod texts;

use crate::{
    disk::{Disk, Kind},
    injection::Injection,
    process::Cgroup,
    report::Report,
    sys,
};
use anyhow::{Context, Result};
use chaos_policy::policy::attributes::{Attribute, Kind::Number};
use numbers::{CASES, never_in_range, not_numbers};
use std::{fs, io};
use texts::{EACCES, EINVAL, EPERM, ERANGE, TEXT_CASES, never_a_text};

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
        ("ceiling", "0", EACCES),
        ("drop", "1", EPERM),
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
pub(super) fn refusal(result: Result<()>) -> Option<i32> {
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
        if attribute.damages() {
            // It needs another one first.
            let allowing = Attribute::DataLoss.file();
            bounds.push((allowing, "1".to_owned(), "1".to_owned()));
        }
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
        (
            "profile",
            "1000:0.50 3600000000:10000\n",
            "1000:0.5 3600000000:10000",
        ),
        ("profile", "5000:100 45000:0 once", "5000:100 45000:0 once"),
        ("profile", "\n", ""),
        ("error", "EIO\n", "EIO"),
        ("error", "medium", "ENODATA"),
        ("error", "BLK_STS_TIMEOUT", "ETIMEDOUT"),
        ("error", "\n", ""),
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
