// SPDX-License-Identifier: GPL-2.0-only

//! Finds lines that are too long.

use crate::{
    files::{File, Kind},
    passages::lines_with_comments,
};

const MOST_COLUMNS: usize = 100;

/// The columns of a line, with tabs as wide as `.editorconfig` has them.
fn columns(kind: Kind, line: &str) -> usize {
    let tab = match kind {
        Kind::C | Kind::Make => 8,
        _ => 4,
    };
    line.chars().fold(0, |columns, letter| match letter {
        '\t' => (columns / tab + 1) * tab,
        _ => columns + 1,
    })
}

/// Whether a line of Markdown cannot be broken: a row of a table, a command or its output, a link
/// or an image alone.
fn is_whole(line: &str, fenced: bool) -> bool {
    let alone = line.trim_start_matches("- ");
    fenced
        || line.starts_with('|')
        || line.starts_with("    ")
        || ((alone.starts_with('[') || alone.starts_with("![")) && alone.ends_with(')'))
}

/// Lines over 100 columns. Rust counts only where it has a comment: rustfmt breaks the code.
pub(crate) fn long(file: &File) -> Vec<String> {
    let comments = match file.kind {
        Kind::Rust => lines_with_comments(&file.text),
        _ => Default::default(),
    };
    let mut fenced = false;
    let mut found = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        fenced ^= file.kind == Kind::Markdown && line.starts_with("```");
        let counts = match file.kind {
            Kind::Rust => comments.contains(&number),
            Kind::Markdown => !is_whole(line, fenced),
            _ => true,
        };
        let columns = columns(file.kind, line);
        if counts && columns > MOST_COLUMNS {
            found.push(format!("{}:{number}: {columns} columns", file.path));
        }
    }
    found
}

#[test]
fn tabs_are_wide() {
    assert_eq!(columns(Kind::Shell, "\ta\tb"), 9);
    assert_eq!(columns(Kind::Make, "\ta"), 9);
    assert_eq!(columns(Kind::Rust, "aé"), 2);
}

#[test]
fn code_is_left_to_rustfmt_and_comments_are_not() {
    let wide = "x".repeat(100);
    let count = |kind, text: String| {
        long(&File {
            path: "a".to_owned(),
            kind,
            text,
        })
        .len()
    };
    assert_eq!(count(Kind::Rust, format!("let a = \"// {wide}\";")), 0);
    assert_eq!(count(Kind::Rust, format!("// {wide}")), 1);
    assert_eq!(count(Kind::Rust, format!("//! | {wide} |")), 0);
    assert_eq!(count(Kind::Rust, format!("let a = {wide}; // why")), 1);
    assert_eq!(count(Kind::Shell, format!("a {wide}")), 1);
    assert_eq!(count(Kind::Markdown, format!("a {wide}")), 1);
    assert_eq!(count(Kind::Markdown, format!("| {wide}\n    {wide}")), 0);
    assert_eq!(count(Kind::Markdown, format!("```text\n{wide}\n```")), 0);
    assert_eq!(count(Kind::Markdown, format!("- [a]({wide})")), 0);
}
