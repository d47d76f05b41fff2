// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The plots in the page of a report: injections on a timeline, and the times that I/O was held.

use super::report::{Report, tenths};
use crate::{
    interface::units::{at_most, grouped},
    show::markup::escaped,
};
use std::fmt::Write;

/// The width of a plot.
const WIDTH: f64 = 900.0;

/// The width of the names at the left of a timeline.
const NAMES: f64 = 180.0;

/// The height of a row of a timeline.
const ROW: f64 = 26.0;

/// The most letters of a name in a timeline.
const LETTERS: usize = 24;

/// The injections of a report, each with a bar from its beginning to its end. All rounds of one
/// share a row.
pub(super) fn timeline(report: &Report) -> String {
    let mut rows: Vec<&str> = Vec::new();
    for entry in &report.entries {
        if !rows.contains(&entry.name.as_str()) {
            rows.push(&entry.name);
        }
    }
    let height = ROW * (rows.len() as f64 + 1.0);
    let whole = report.length.as_secs_f64().max(0.001);
    let place = |seconds: f64| NAMES + seconds / whole * (WIDTH - NAMES - 30.0);
    let mut svg = begin(height, "When each injection was at work");
    for (row, name) in rows.iter().enumerate() {
        let top = ROW * row as f64;
        let short: String = name.chars().take(LETTERS).collect();
        let _ = writeln!(
            svg,
            "<text x=\"0\" y=\"{:.1}\">{}</text>",
            top + ROW * 0.65,
            escaped(&short)
        );
        for entry in report.entries.iter().filter(|entry| entry.name == *name) {
            let (left, right) = (
                place(entry.from.as_secs_f64()),
                place(entry.until.as_secs_f64()),
            );
            let class = if entry.played.stats.hits() > 0 {
                "hit"
            } else {
                "bar"
            };
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
                 height=\"{:.1}\" rx=\"3\"><title>{}: {}, {} to {}; {}</title></rect>",
                top + 4.0,
                (right - left).max(1.0),
                ROW - 8.0,
                escaped(&entry.title()),
                escaped(&entry.played.words),
                tenths(entry.from),
                tenths(entry.until),
                escaped(&entry.played.hits)
            );
        }
    }
    let step = step(whole);
    for seconds in (0_u32..).map(|mark| f64::from(mark) * step) {
        if seconds > whole {
            break;
        }
        let anchor = if seconds > 0.0 { "middle" } else { "start" };
        let _ = writeln!(
            svg,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{1:.1}\"/>\
             <text class=\"soft\" x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"{anchor}\">{3}</text>",
            place(seconds),
            height - ROW,
            height - ROW * 0.3,
            tenths(std::time::Duration::from_secs_f64(seconds))
        );
    }
    svg.push_str("</svg>\n<p class=\"soft\">A bar of the second colour has hit I/O.</p>\n");
    svg
}

/// The seconds between two marks of this length: 1, 2 or 5 with zeros.
fn step(whole: f64) -> f64 {
    /// More would touch each other.
    const MARKS: f64 = 8.0;
    let zeros = 10_f64.powf((whole / MARKS).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * zeros);
    let fits = |step: &f64| whole / step <= MARKS;
    steps.into_iter().find(fits).unwrap_or(10.0 * zeros)
}

/// The times that an injection held I/O, in octaves; nothing if there are none.
pub(super) fn histogram(added_us: &[(u64, u64)]) -> String {
    const HEIGHT: f64 = 160.0;
    const FOOT: f64 = 22.0;
    const HEAD: f64 = 18.0;
    /// Wider bars look like areas.
    const MOST: f64 = 60.0;
    let octaves = octaves(added_us);
    let Some(most) = octaves.iter().map(|(_, count)| *count).max() else {
        return String::new();
    };
    let bar = (WIDTH / octaves.len() as f64).min(MOST);
    let mut svg = begin(HEIGHT, "How many I/Os were held for how long");
    for (place, (end, count)) in octaves.iter().enumerate() {
        let left = place as f64 * bar;
        let tall = *count as f64 / most.max(1) as f64 * (HEIGHT - FOOT - HEAD);
        let top = HEIGHT - FOOT - tall;
        let shown = match count {
            0 => String::new(),
            count => grouped(*count),
        };
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"/>\
             <text x=\"{2:.1}\" y=\"{3:.1}\" text-anchor=\"middle\">{shown}</text>\
             <text class=\"soft\" x=\"{2:.1}\" y=\"{4:.1}\" text-anchor=\"middle\">{5}</text>",
            left + 2.0,
            bar - 4.0,
            left + bar / 2.0,
            top - 4.0,
            HEIGHT - 6.0,
            at_most(*end)
        );
    }
    svg.push_str(
        "</svg>\n<p class=\"soft\">I/Os by the time that they were held: each bar ends at \
                  the time below it, and begins at half of it.</p>\n",
    );
    svg
}

/// The steps of a histogram, those of an octave together, with the empty octaves between them.
fn octaves(added_us: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut octaves: Vec<(u64, u64)> = Vec::new();
    for (end, count) in added_us {
        let end = end.checked_next_power_of_two().unwrap_or(u64::MAX);
        while let Some((last, _)) = octaves.last().filter(|(last, _)| *last < end / 2) {
            octaves.push((last * 2, 0));
        }
        match octaves.last_mut() {
            Some((last, sum)) if *last == end => *sum = sum.saturating_add(*count),
            _ => octaves.push((end, *count)),
        }
    }
    octaves
}

fn begin(height: f64, what: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" role=\"img\" \
         aria-label=\"{what}\">\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_at_round_times() {
        for (whole, expected) in [(0.6, 0.1), (1.0, 0.2), (90.0, 20.0), (3_600.0, 500.0)] {
            assert!(
                (step(whole) - expected).abs() < 1e-9,
                "{whole}: {}",
                step(whole)
            );
        }
    }

    #[test]
    fn octaves_have_no_holes() {
        let steps = [(960, 1), (1_024, 2), (1_152, 3), (8_192, 4)];
        let expected = [(1_024, 3), (2_048, 3), (4_096, 0), (8_192, 4)];
        assert_eq!(octaves(&steps), expected);
        assert_eq!(octaves(&[]), []);
        assert_eq!(octaves(&[(u64::MAX, 1)]), [(u64::MAX, 1)]);
    }
}
