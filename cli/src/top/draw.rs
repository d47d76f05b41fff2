// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Draws the view, from the injections down to the keys, into as many lines as there are.

mod bars;
mod canvas;
mod disks;
mod foot;
mod help;
mod numbers;
pub(super) mod palette;
mod plan;
mod table;

use super::app::{App, Mode};
use crate::show::columns::wrapped_to;
use canvas::Canvas;
use palette::Palette;
use plan::{Plan, Wanted};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
};

/// The lines and columns that a view needs at least.
const LEAST: (u16, u16) = (20, 4);

/// Draws a frame. Returns the place of the cursor, if a line is typed.
pub(super) fn draw(
    app: &App,
    palette: &Palette,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let mut canvas = Canvas::new(buffer, area);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        canvas.line("too small", palette.plain);
        return None;
    }
    if app.mode == Mode::Help {
        help::draw(palette, &mut canvas);
        return None;
    }
    let mut foot = foot::Foot::new(app, palette, area.width);
    // The table has a line at least.
    foot.shorten(area.height - 2);
    let details = details(app, palette, area.width);
    let plan = Plan::new(
        area.height - foot.height(),
        Wanted {
            injections: app.injections.len(),
            details: details.len(),
            disks: app.disks.len(),
            bars: app.selection().map_or(0, bars::wanted),
        },
    );
    if plan.title {
        canvas.line(&title(app), palette.title);
    }
    table::draw(app, palette, &plan, &mut canvas);
    canvas.skip(plan.gap);
    for (line, style) in details.iter().take(plan.details) {
        canvas.line(line, *style);
    }
    if let Some(selected) = app.selection() {
        bars::draw(selected, palette, plan.bars, &mut canvas);
    }
    canvas.skip(plan.gap);
    disks::draw(app, palette, plan.disks, &mut canvas);
    canvas.go_to_last(foot.height());
    foot.draw(&mut canvas)
}

fn title(app: &App) -> String {
    let count = |number: usize, one: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    };
    format!(
        "kchaos top: {}, {} on ioem",
        count(app.injections.len(), "injection"),
        count(app.disks.len(), "disk")
    )
}

/// The trouble of all, and the selected injection in words.
fn details(app: &App, palette: &Palette, width: u16) -> Vec<(String, Style)> {
    let trouble = app
        .trouble
        .iter()
        .map(|line| (line.clone(), palette.trouble));
    let mut lines: Vec<(String, Style)> = trouble.collect();
    if let Some(selected) = app.selection() {
        lines.push((selected.words.clone(), palette.plain));
        let problems = selected.problems.iter();
        lines.extend(problems.map(|line| (line.clone(), palette.trouble)));
    }
    let wrapped = lines.iter().flat_map(|(line, style)| {
        let lines = wrapped_to(usize::from(width), line);
        lines.into_iter().map(|line| (line, *style))
    });
    wrapped.collect()
}

#[cfg(test)]
mod tests;
