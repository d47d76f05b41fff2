// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The report of a scenario as a page for a browser. The page is one file, and loads nothing.

use super::{
    report::{Report, tenths},
    svg::{histogram, timeline},
};
use crate::{
    interface::units::{at_most, grouped},
    show::markup::escaped,
};
use std::fmt::Write;

/// Colours for light and dark, and the form of tables.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2128; --soft: #5a6470; --paper: #fff; --line: #d8dee4;
  --bar: #2f6fdf; --hit: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --paper: #12161c;
  --line: #30363d; --bar: #6aa5ff; --hit: #ff9a62; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; } .soft { color: var(--soft); }
table { border-collapse: collapse; } td, th { border-bottom: 1px solid var(--line);
  padding: .2rem .8rem .2rem 0; text-align: left; } td.n { text-align: right; }
svg { display: block; height: auto; max-width: 100%; } svg text { fill: var(--ink); font: 12px
  system-ui, sans-serif; } svg .soft { fill: var(--soft); } svg .bar { fill: var(--bar); }
svg .hit { fill: var(--hit); } svg line { stroke: var(--line); }
";

/// The counts of an injection that the page shows, with words.
const COUNTS: [(&str, &str); 11] = [
    ("matched", "matched"),
    ("delayed", "delayed"),
    ("limited", "limited"),
    ("failed", "failed"),
    ("dropped", "lost"),
    ("torn", "torn"),
    ("corrupted", "with flipped bits"),
    (
        "not_failed",
        "ended as usual, and were to fail or to be damaged",
    ),
    ("held", "held at the end"),
    ("released_early", "released early"),
    ("no_memory", "not held, as there was no memory"),
];

/// The page.
pub(super) fn page(report: &Report) -> String {
    let title = escaped(&report.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    let began = humantime::format_rfc3339_seconds(report.at);
    let _ = writeln!(
        page,
        "<p class=\"soft\">{}, from {began} on</p>",
        escaped(&report.headline())
    );
    if let Some(description) = &report.description {
        let _ = writeln!(page, "<p>{}</p>", escaped(description));
    }
    page.push_str(&timeline(report));
    for entry in &report.entries {
        let played = &entry.played;
        let _ = writeln!(
            page,
            "<h2>{}</h2>\n<p>{}<br>\n<span class=\"soft\">{} to {}, as {}</span></p>\n<p>{}</p>",
            escaped(&entry.title()),
            escaped(&played.words),
            tenths(entry.from),
            tenths(entry.until),
            escaped(&played.name),
            escaped(&played.hits)
        );
        if let Some(idle) = &played.idle {
            let _ = writeln!(page, "<p>It {}.</p>", escaped(idle));
        }
        page.push_str("<table>\n");
        let mut row = |what: &str, value: &str| {
            let _ = writeln!(page, "<tr><td>{what}</td><td class=\"n\">{value}</td></tr>");
        };
        for (key, words) in COUNTS {
            let count = played.stats.get(key);
            if count > 0 || key == "matched" {
                row(words, &grouped(count));
            }
        }
        for per_cent in [50, 90, 99, 100] {
            if let Some(time) = played.stats.percentile_us(per_cent) {
                row(&format!("p{per_cent}, at most"), &at_most(time));
            }
        }
        page.push_str("</table>\n");
        page.push_str(&histogram(&played.stats.added_us));
    }
    page.push_str("</body>\n</html>\n");
    page
}
