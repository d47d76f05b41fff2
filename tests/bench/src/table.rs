// SPDX-License-Identifier: GPL-2.0-only

//! The rows as a table, for people.

use crate::rows::{Row, Target};

/// As Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| what | asked | measured | least to greatest of the boots | made of | |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let [asked, measured, range, verdict] = columns(row);
        text += &format!(
            "| {} | {asked} | {measured} | {range} | {} | {verdict} |\n",
            row.what, row.of
        );
    }
    text
}

/// For a terminal.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let [asked, measured, range, verdict] = columns(row);
        text += &format!(
            "{verdict:>4}  {}: asked {asked}, measured {measured} ({range}; {})\n",
            row.what, row.of
        );
    }
    let failed = rows.iter().filter(|row| !row.has_passed()).count();
    text + &format!("{} passed, {failed} failed\n", rows.len() - failed)
}

fn columns(row: &Row) -> [String; 4] {
    let shown = |value: f64| number(value, row.unit);
    let asked = match row.target {
        Target::AtMost(most) => format!("≤ {}", shown(most)),
        Target::Below(bound) => format!("< {}", shown(bound)),
        Target::AtLeast(least) => format!("≥ {}", shown(least)),
        Target::Between(least, most) => format!("{} to {}", shown(least), shown(most)),
        Target::Told => "told".to_owned(),
    };
    let measured = row.figure.median().map_or("nothing".to_owned(), shown);
    let range = row
        .figure
        .range()
        .map_or(String::new(), |(least, greatest)| {
            format!(
                "{} to {}",
                number(least, row.unit),
                number(greatest, row.unit)
            )
        });
    let verdict = match (row.has_passed(), row.target) {
        (false, _) => "FAIL",
        (true, Target::Told) => "",
        (true, _) => "pass",
    };
    [asked, measured, range, verdict.to_owned()]
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "times" => format!("{value:.3} ×"),
        "us" => format!("{value:.1} us"),
        "" => format!("{value}"),
        _ => format!("{value:.0}"),
    }
}
