// SPDX-License-Identifier: GPL-2.0-only

//! Types the commands of the recipes in the manual, and looks for the reactions that they describe.
//! Names of tests begin with `error_`: the recipes have I/O fail.

use super::readme::type_all;
use crate::{
    disk::{Disk, Kind},
    report::Report,
};
use anyhow::Result;

const SQLITE: &str = include_str!("../../../tools/docs/cookbook/sqlite.md");

/// How often a text is to be in an output.
fn times(report: &mut Report, output: &str, text: &str, times: usize) {
    let found = output.matches(text).count();
    let what = format!("times that SQLite says {}", text.trim());
    report.figure(&what, times, found, found == times);
}

scenario!("error_cookbook_sqlite", sqlite_on_a_bad_disk);
fn sqlite_on_a_bad_disk(report: &mut Report) -> Result<()> {
    let disk = Disk::on_ioem(&Kind {
        memory: true,
        ..Kind::default()
    })?;
    let typed = type_all(SQLITE, &disk, "/")?;
    report.figure("commands", ">= 20", typed.count, typed.count >= 20);
    let failed: Vec<&str> = typed
        .errors
        .lines()
        .filter(|line| line.starts_with("failed: "))
        .collect();
    let shown = if failed.is_empty() {
        "none".to_owned()
    } else {
        failed.join("; ")
    };
    report.figure("that failed", "none", shown, failed.is_empty());
    times(report, &typed.errors, "disk I/O error", 1);
    times(report, &typed.errors, "database is locked", 1);
    for (line, count) in [
        ("refused\n", 2),
        ("ok\n", 2),
        ("coffee|0\n", 1),
        // 50 by themselves, 50 more that are slow, and 50 in one transaction.
        ("seen|151\n", 1),
        ("tea|150\n", 1),
        ("coffee|1\n", 1),
        ("cocoa|1\n", 1),
        ("water", 0),
    ] {
        times(report, &typed.output, line, count);
    }
    Ok(())
}
