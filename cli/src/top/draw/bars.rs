// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The histogram of the selected injection's hold times.

use super::{Palette, canvas::Canvas, numbers::count};
use crate::{
    interface::stats::Stats,
    show::picture::{below, fitted},
    top::sample::Injection,
};

/// The columns before the bars.
const BEFORE: u16 = 20;

/// The lines of a histogram with all of its steps, and of its heading.
pub(super) fn wanted(seen: &Injection) -> usize {
    match seen.stats.added_us.len() {
        0 => 0,
        steps => steps + 1,
    }
}

/// Draws the heading and the bars in so many lines.
pub(super) fn draw(seen: &Injection, palette: &Palette, lines: usize, canvas: &mut Canvas<'_>) {
    if lines < 2 {
        return;
    }
    canvas.line(&heading(seen), palette.head);
    let steps = fitted(&seen.stats.added_us, lines - 1);
    let most = steps.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let width = canvas.width().saturating_sub(BEFORE);
    for (end, number) in steps {
        let text = format!("  {:>7} {:>9} ", below(end), count(number));
        canvas.put(0, BEFORE, &text, palette.plain);
        // The smallest count has a bar, too.
        let bar = (u128::from(number) * u128::from(width)).div_ceil(u128::from(most.max(1)));
        let bar = "█".repeat(usize::try_from(bar).unwrap_or(0));
        canvas.put(BEFORE, width, &bar, palette.bar);
        canvas.skip(1);
    }
}

/// The columns, and the percentiles of all hold times and of those since the look before.
fn heading(seen: &Injection) -> String {
    let percentiles = |what: &str, stats: &Stats| {
        let of = |per_cent| stats.percentile_us(per_cent).map(below);
        Some(format!("{what} {} {}", of(50)?, of(99)?))
    };
    let now = seen.growth.as_ref();
    let now = now.and_then(|growth| percentiles("now", &growth.stats));
    let both = [percentiles("all", &seen.stats), now];
    let both: Vec<String> = both.into_iter().flatten().collect();
    let told = match both.is_empty() {
        true => String::new(),
        false => format!("  p50 p99: {}", both.join(", ")),
    };
    format!("  {:>7} {:>9}{told}", "ADDED", "I/Os")
}
