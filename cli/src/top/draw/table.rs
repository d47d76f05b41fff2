// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The table of injections. On a narrow screen it lacks the columns that matter least.

use super::{
    Palette,
    canvas::Canvas,
    numbers::{count, fit, left, rate},
    plan::Plan,
};
use crate::{
    interface::stats::Stats,
    show::columns::printable,
    top::{app::App, sample::Injection},
};

/// A column of numbers or short words.
struct Column {
    head: &'static str,
    width: u16,
    /// On a narrow screen, the column with the least worth goes first.
    worth: u8,
    text: fn(&Injection) -> String,
}

/// The columns after the name, before that of the disks.
const COLUMNS: [Column; 6] = [
    Column {
        head: "STATE",
        width: 7,
        worth: 6,
        text: |seen| seen.state.word().to_owned(),
    },
    Column {
        head: "LEFT",
        width: 6,
        worth: 2,
        text: |seen| seen.left_ms.map_or_else(|| "-".to_owned(), left),
    },
    Column {
        head: "MATCHED/s",
        width: 9,
        worth: 1,
        text: |seen| each_second(seen, |stats| stats.get("matched")),
    },
    Column {
        head: "DELAYED/s",
        width: 9,
        worth: 4,
        text: |seen| each_second(seen, Stats::waits),
    },
    Column {
        head: "FAILED/s",
        width: 8,
        worth: 3,
        text: |seen| each_second(seen, Stats::ended),
    },
    Column {
        head: "HELD",
        width: 6,
        worth: 5,
        text: |seen| count(seen.stats.get("held")),
    },
];

/// The sign of the selected injection and its space, and the same for the others.
const SIGN: u16 = 2;

/// The columns without which the disks are left out.
const DISKS: u16 = 8;

/// The column of the states, whose words have a colour.
const STATE: &str = COLUMNS[0].head;

fn each_second(seen: &Injection, number: fn(&Stats) -> u64) -> String {
    rate(seen.growth.as_ref().map(|growth| growth.rate(number)))
}

/// The columns that fit beside a name of so many columns.
fn chosen(width: u16, name: u16) -> Vec<&'static Column> {
    let mut chosen: Vec<&Column> = COLUMNS.iter().collect();
    let all = |columns: &[&Column]| {
        let widths = columns.iter().map(|column| column.width + 1);
        SIGN + name + widths.sum::<u16>()
    };
    while all(&chosen) > width {
        let least = chosen.iter().map(|column| column.worth).min();
        let Some(least) = least else { break };
        chosen.retain(|column| column.worth != least);
    }
    chosen
}

/// Draws the lines of the table that there are for it, with the selected one among them.
pub(super) fn draw(app: &App, palette: &Palette, plan: &Plan, canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    let names = app.injections.iter().map(|seen| printable(&seen.name));
    let names: Vec<String> = names.collect();
    let longest = names.iter().map(|name| name.chars().count()).max();
    let longest = u16::try_from(longest.unwrap_or(0)).unwrap_or(u16::MAX);
    let name = longest.clamp(4, (width / 5).max(12));
    let columns = chosen(width, name);
    if plan.head {
        let heads: Vec<String> = columns
            .iter()
            .map(|column| column.head.to_owned())
            .collect();
        line(
            canvas,
            palette,
            &columns,
            name,
            ["  ", "NAME", "DISKS"],
            &heads,
            None,
        );
    }
    if app.injections.is_empty() && app.trouble.is_none() {
        canvas.line("no injections", palette.plain);
    }
    // The selected one is in the middle, except near an end.
    let first = app.selected.saturating_sub(plan.rows / 2);
    let first = first.min(app.injections.len().saturating_sub(plan.rows));
    let rows = app.injections.iter().zip(&names).enumerate();
    for (place, (seen, shown)) in rows.skip(first).take(plan.rows) {
        let is_selected = place == app.selected;
        let texts: Vec<String> = columns.iter().map(|column| (column.text)(seen)).collect();
        let disks = seen.disks.as_deref().unwrap_or("all on ioem");
        let sign = if is_selected { "> " } else { "  " };
        line(
            canvas,
            palette,
            &columns,
            name,
            [sign, shown, disks],
            &texts,
            Some((seen, is_selected)),
        );
    }
}

/// Draws a line: of an injection, or the heading.
fn line(
    canvas: &mut Canvas<'_>,
    palette: &Palette,
    columns: &[&Column],
    name: u16,
    [sign, shown, disks]: [&str; 3],
    texts: &[String],
    of: Option<(&Injection, bool)>,
) {
    let style = if of.is_some() {
        palette.plain
    } else {
        palette.head
    };
    canvas.put(0, SIGN, sign, style);
    canvas.put(SIGN, name, &fit(shown, usize::from(name)), style);
    let mut column = SIGN + name + 1;
    for (of_column, text) in columns.iter().zip(texts) {
        let width = usize::from(of_column.width);
        let (text, style) = match of {
            Some((seen, _)) if of_column.head == STATE => (text.clone(), palette.state(seen.state)),
            _ if of_column.head == STATE => (text.clone(), style),
            _ => (format!("{text:>width$}"), style),
        };
        canvas.put(column, of_column.width, &text, style);
        column += of_column.width + 1;
    }
    let rest = canvas.width().saturating_sub(column + 1);
    if rest >= DISKS {
        canvas.put(column + 1, rest, &fit(disks, usize::from(rest)), style);
    }
    if of.is_some_and(|(_, is_selected)| is_selected) {
        canvas.style(palette.selected);
    }
    canvas.skip(1);
}
