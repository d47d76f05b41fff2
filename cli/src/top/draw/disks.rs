// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The disks on ioem, each with the mean time of its I/O, look by look.

use super::{
    Palette,
    canvas::Canvas,
    numbers::{count, fit, rate},
};
use crate::{
    interface::units,
    top::{app::App, sample::Disk},
};
use ratatui::widgets::Sparkline;

/// The columns, with their widths.
const COLUMNS: [(&str, u16); 6] = [
    ("DISK", 12),
    ("HELD", 6),
    ("READS/s", 8),
    ("WRITES/s", 8),
    ("MEAN", 7),
    ("MOST", 7),
];

/// The heading of the history.
const HISTORY: &str = "TIME OF AN I/O";

/// Draws the heading and the disks in so many lines.
pub(super) fn draw(app: &App, palette: &Palette, lines: usize, canvas: &mut Canvas<'_>) {
    if app.trouble.is_some() && app.disks.is_empty() {
        return;
    }
    if app.disks.is_empty() && lines > 0 {
        canvas.line("no disk uses ioem", palette.plain);
    }
    if app.disks.is_empty() || lines < 2 {
        return;
    }
    cells(
        canvas,
        COLUMNS.map(|(head, _)| head.to_owned()),
        palette.head,
    );
    canvas.put(history_column(), canvas.width(), HISTORY, palette.head);
    canvas.skip(1);
    for disk in app.disks.iter().take(lines - 1) {
        let width = canvas.width().saturating_sub(history_column());
        let history = app.history.get(&disk.name);
        let points = history.into_iter().flatten().rev().take(usize::from(width));
        let mut points: Vec<Option<u64>> = points.copied().collect();
        points.reverse();
        let most = points.iter().flatten().max().copied();
        cells(canvas, texts(disk, most), palette.plain);
        let line = Sparkline::default()
            .data(&points)
            .max(most.unwrap_or(1))
            .style(palette.bar);
        canvas.widget(history_column(), width, line);
        canvas.skip(1);
    }
}

fn texts(disk: &Disk, most_us: Option<u64>) -> [String; 6] {
    let time = |us: Option<u64>| us.map_or_else(|| "-".to_owned(), units::at_most);
    [
        fit(&disk.name, usize::from(COLUMNS[0].1)),
        count(disk.held),
        rate(disk.reads),
        rate(disk.writes),
        time(disk.mean_us),
        time(most_us),
    ]
}

/// The column in which the history begins.
fn history_column() -> u16 {
    let widths = COLUMNS.iter().map(|(_, width)| width + 1);
    widths.sum::<u16>() + 1
}

fn cells(canvas: &mut Canvas<'_>, texts: [String; 6], style: ratatui::style::Style) {
    let mut column = 0;
    for (text, (head, width)) in texts.iter().zip(COLUMNS) {
        let columns = usize::from(width);
        let text = match head {
            "DISK" => text.clone(),
            _ => format!("{text:>columns$}"),
        };
        canvas.put(column, width, &text, style);
        column += width + 1;
    }
}
