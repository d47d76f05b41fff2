// SPDX-License-Identifier: GPL-2.0-only

//! Turns the texts of the help of kchaos into sections of a manual page.

use roff::{Inline, Roff, bold, roman};

/// The headings that begin a section, and the names of the sections.
const HEADINGS: [(&str, &str); 3] = [
    ("Examples:", "EXAMPLES"),
    ("Environment:", "ENVIRONMENT"),
    ("Exit codes:", "EXIT STATUS"),
];

/// The lines of a usage, as they are.
pub(crate) fn synopsis(usage: &str) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SYNOPSIS"]);
    keep(&mut page, usage.lines());
    page
}

/// The texts behind the options. Indented lines stay as they are, and others are a paragraph.
pub(crate) fn sections(text: &str) -> Roff {
    let mut page = Roff::new();
    if text.is_empty() {
        return page;
    }
    let mut lines = text.lines().peekable();
    if lines.peek().is_some_and(|line| section(line).is_none()) {
        page.control("SH", ["NOTES"]);
    }
    let is_indented = |line: &&str| line.starts_with(' ');
    while let Some(line) = lines.next() {
        if line.is_empty() {
            // A heading begins a paragraph by itself.
            if lines.peek().is_some_and(|line| section(line).is_none()) {
                page.control("PP", []);
            }
        } else if let Some(section) = section(line) {
            page.control("SH", [section]);
        } else if is_indented(&line) {
            let mut block = vec![line];
            while let Some(line) = lines.next_if(is_indented) {
                block.push(line);
            }
            keep(&mut page, block.into_iter());
        } else {
            page.text([roman(line)]);
        }
    }
    page
}

fn section(line: &str) -> Option<&'static str> {
    let found = HEADINGS.iter().find(|(heading, _)| *heading == line);
    found.map(|(_, section)| *section)
}

/// Lines as they are, one below another.
pub(crate) fn keep<'a>(page: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    page.control("nf", []);
    for line in lines {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

/// A reference to other pages, by their names and sections.
pub(crate) fn see_also(others: &[(String, &str)]) -> Roff {
    let mut page = Roff::new();
    page.control("SH", ["SEE ALSO"]);
    let mut inlines: Vec<Inline> = Vec::new();
    for (name, section) in others {
        if !inlines.is_empty() {
            inlines.push(roman(", "));
        }
        inlines.extend([bold(name), roman(format!("({section})"))]);
    }
    page.text(inlines);
    page
}
