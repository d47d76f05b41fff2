// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Text that fits into 80 columns: lines that are broken between words, and tables.

/// The width of a line.
pub(crate) const COLUMNS: usize = 80;

/// The width of the widest column but the last.
const WIDEST: usize = 24;

/// The spaces between two columns.
const GAP: usize = 2;

/// Wraps a line at spaces; words longer than a line are split, since no text may be lost.
pub(crate) fn wrapped(line: &str) -> Vec<String> {
    wrapped_to(COLUMNS, line)
}

/// The same for lines of so many columns.
pub(crate) fn wrapped_to(columns: usize, line: &str) -> Vec<String> {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let continued = " ".repeat(indent + 4);
    let mut rest: Vec<char> = line.trim_end().chars().collect();
    let mut lines = Vec::new();
    let mut least = indent;
    while rest.len() > columns {
        let space = rest[..=columns].iter().rposition(|c| *c == ' ');
        let end = space.filter(|end| *end > least).unwrap_or(columns);
        let line: String = rest[..end].iter().collect();
        lines.push(line.trim_end().to_owned());
        let after = rest[end..].iter().skip_while(|c| **c == ' ');
        rest = continued.chars().chain(after.copied()).collect();
        least = continued.len();
    }
    lines.push(rest.into_iter().collect());
    lines
}

/// The lines of a table whose columns are as wide as they need. A cell that is too wide for its
/// column has a line of its own, so that it can be copied and does not move the others.
pub(crate) fn table(head: [&str; 3], rows: impl Iterator<Item = [String; 3]>) -> Vec<String> {
    let mut table = vec![head.map(str::to_owned)];
    table.extend(rows);
    let width = |column: usize| {
        let widths = table.iter().map(|row| row[column].chars().count());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let widths = [width(0), width(1)];
    table.iter().flat_map(|row| lines_of(row, widths)).collect()
}

fn lines_of([first, second, last]: &[String; 3], widths: [usize; 2]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut place = 0;
    for (cell, width) in [first, second].into_iter().zip(widths) {
        line = format!("{line:place$}{cell}");
        if cell.chars().count() > width {
            lines.extend(wrapped(&line));
            line.clear();
        }
        place += width + GAP;
    }
    for part in wrapped_to(COLUMNS - place, last) {
        lines.push(format!("{line:place$}{part}").trim_end().to_owned());
        line.clear();
    }
    lines
}

/// A name without control characters, which would do something to a terminal.
pub(crate) fn printable(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_lose_nothing() {
        let counts = format!("  matched {}  delayed {}", "1".repeat(50), "2".repeat(20));
        let expected = [
            format!("  matched {}  delayed", "1".repeat(50)),
            format!("      {}", "2".repeat(20)),
        ];
        assert_eq!(wrapped(&counts), expected);
        let long = wrapped(&"x".repeat(200));
        assert!(long.iter().all(|line| line.len() <= COLUMNS), "{long:?}");
        assert_eq!(long.concat().matches('x').count(), 200);
        assert_eq!(wrapped(""), [""]);
        let fits = "x ".repeat(COLUMNS / 2);
        assert_eq!(wrapped(&fits), [fits.trim_end()]);
    }

    #[test]
    fn what_is_too_wide_for_its_column_leaves_the_others_in_place() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let just = "x".repeat(WIDEST);
        let wide = "y".repeat(WIDEST + 1);
        let rows = [
            row([&just, "on", "1"]),
            row([&wide, "off", &"2 ".repeat(40)]),
        ];
        let lines = table(["NAME", "STATE", "WHAT"], rows.into_iter());
        let (second, third) = (WIDEST + GAP, WIDEST + 2 * GAP + "STATE".len());
        assert_eq!(lines[0].find("WHAT"), Some(third));
        assert_eq!(lines[1].find("on"), Some(second));
        assert_eq!(lines[2], wide);
        assert_eq!(
            (lines[3].find("off"), lines[3].find('2')),
            (Some(second), Some(third))
        );
        assert_eq!(lines.concat().matches('2').count(), 40);
        assert!(lines.iter().all(|line| line.len() <= COLUMNS), "{lines:?}");
        let longest = table(
            ["NAME", "STATE", "WHAT"],
            [row([&"z".repeat(255), "on", "1"])].into_iter(),
        );
        assert!(
            longest.iter().all(|line| line.len() <= COLUMNS),
            "{longest:?}"
        );
    }

    #[test]
    fn a_name_does_nothing_to_a_terminal() {
        assert_eq!(printable("a\x1b[2J\nü"), "a\\u{1b}[2J\\nü");
    }
}
