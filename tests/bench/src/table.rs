// SPDX-License-Identifier: GPL-2.0-only

//! The rows as a table, for people.

use crate::{
    parts::Parts,
    rows::{Row, Target},
};

/// As Markdown.
pub(crate) fn markdown(rows: &[Row], parts: &Parts) -> String {
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
    if let Some(left_out) = parts.left_out() {
        text += &format!("\n{left_out}\n");
    }
    text
}

/// For a terminal.
pub(crate) fn text(rows: &[Row], parts: &Parts) -> String {
    let mut text = String::new();
    for row in rows {
        let [asked, measured, range, verdict] = columns(row);
        text += &format!(
            "{verdict:>4}  {}: asked {asked}, measured {measured} ({range}; {})\n",
            row.what, row.of
        );
    }
    if let Some(left_out) = parts.left_out() {
        text += &format!("{left_out}\n");
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

#[cfg(test)]
mod tests {
    use super::{Parts, markdown, text};

    #[test]
    fn tables_say_which_parts_were_left_out() -> anyhow::Result<()> {
        let some = Parts::new("idle rules")?;
        let left_out = some.left_out().expect("some parts were left out");
        assert!(text(&[], &some).contains(&left_out));
        assert!(markdown(&[], &some).ends_with(&format!("\n\n{left_out}\n")));
        let all = Parts::new("")?;
        assert_eq!(text(&[], &all), "0 passed, 0 failed\n");
        assert!(markdown(&[], &all).ends_with("|---|\n"));
        Ok(())
    }
}
