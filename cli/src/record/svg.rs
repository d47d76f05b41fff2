// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The picture of a recording: for each class, the share of I/Os that took at most so long.

use super::{build::Group, profile::Profile, table::title};
use crate::{interface::units::show_microseconds, show::markup::escaped};
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 50.0;
const PLOT: [f64; 2] = [620.0, 350.0];

/// Colours that are told apart on light and dark paper.
const COLOURS: [&str; 8] = [
    "#2f6fdf", "#c2410c", "#15803d", "#9333ea", "#b45309", "#0e7490", "#be185d", "#64748b",
];

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1c2128; } .soft { fill: #5a6470; }
.grid { stroke: #d8dee4; } .curve { fill: none; stroke-width: 2; } .paper { fill: #fff; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .soft { fill: #9aa5b1; }
  .grid { stroke: #30363d; } .paper { fill: #12161c; } }";

/// The picture.
pub(super) fn picture(profile: &Profile, groups: &[Group]) -> String {
    let least = groups.iter().map(|group| group.class.times.least_ns).min();
    let most = groups.iter().map(|group| group.class.times.most_ns).max();
    let decades = [
        (least.unwrap_or(0).max(100) as f64).log10().floor(),
        (most.unwrap_or(1).max(1_000) as f64).log10().ceil(),
    ];
    let x = |ns: f64| {
        let part = (ns.max(1.0).log10() - decades[0]) / (decades[1] - decades[0]).max(1.0);
        LEFT + PLOT[0] * part.clamp(0.0, 1.0)
    };
    let y = |share: f64| TOP + PLOT[1] * (1.0 - share);
    let heading = format!(
        "{}: how long I/Os took, in {:.1} s from {} on",
        profile.device, profile.seconds, profile.recorded
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{0}\">\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\"/>\n<text x=\"{LEFT}\" y=\"24\" font-weight=\"bold\">{0}</text>\n",
        escaped(&heading)
    );
    for percent in [0, 25, 50, 75, 100] {
        let height = y(f64::from(percent) / 100.0);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{height:.1}\" y2=\"{height:.1}\"/>\
             <text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            LEFT + PLOT[0],
            LEFT - 8.0,
            height + 4.0
        );
    }
    let mut decade = decades[0];
    while decade <= decades[1] {
        let ns = 10_f64.powf(decade);
        let name = match ns {
            ..1e3 => format!("{ns:.0}ns"),
            _ => show_microseconds((ns / 1e3).round() as u64),
        };
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{1:.1}\"/>\
             <text class=\"soft\" x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{name}</text>",
            x(ns),
            TOP + PLOT[1],
            TOP + PLOT[1] + 20.0
        );
        decade += 1.0;
    }
    for (place, group) in groups.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        // Beyond one turn of the colours, lines are dashed.
        let dashes = match place / COLOURS.len() {
            0 => String::new(),
            turn => format!(" stroke-dasharray=\"{} 3\"", turn * 3),
        };
        let mut points = String::new();
        let mut last = [f64::MIN; 2];
        for (share, ns) in group.class.times.curve() {
            let point = [x(ns), y(share)];
            // Points that no eye tells apart.
            if (point[0] - last[0]).abs() + (point[1] - last[1]).abs() < 0.5 && share < 1.0 {
                continue;
            }
            last = point;
            let _ = write!(points, "{:.1},{:.1} ", point[0], point[1]);
        }
        let height = TOP + 14.0 + 20.0 * place as f64;
        let right = LEFT + PLOT[0] + 16.0;
        let _ = writeln!(
            svg,
            "<polyline class=\"curve\" stroke=\"{colour}\"{dashes} points=\"{}\"/>\
             <line class=\"curve\" stroke=\"{colour}\"{dashes} x1=\"{right}\" x2=\"{:.1}\" \
             y1=\"{height}\" y2=\"{height}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            points.trim_end(),
            right + 20.0,
            right + 26.0,
            height + 4.0,
            escaped(&title(group))
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">share of I/Os that \
         took at most this time at the disk</text>\n</svg>",
        LEFT + PLOT[0] / 2.0,
        TOP + PLOT[1] + 42.0
    );
    svg
}
