// SPDX-License-Identifier: GPL-2.0-only

//! Texts for people in a file: comments, paragraphs and cells of documents, and messages.

use crate::files::{File, Kind};
use std::collections::BTreeSet;

/// A text whose sentences belong together, and the line where it begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// A line of text; a gap in the numbers ends a passage.
type Line = (usize, String);

pub(crate) fn passages(file: &File) -> Vec<Passage> {
    match file.kind {
        Kind::Markdown => markdown(&numbered(&file.text, str::to_owned)),
        Kind::Rust | Kind::C => {
            let code = read_code(&file.text);
            let mut passages = markdown(&code.comments);
            passages.extend(code.trailing.into_iter().map(alone));
            // Messages of kchaos, and of the driver to the log.
            if ["cli/src/", "driver/"]
                .iter()
                .any(|folder| file.path.starts_with(folder))
            {
                passages.extend(code.strings.into_iter().filter_map(message));
            }
            passages
        }
        _ => {
            let lines = numbered(&file.text, |line| line.trim().to_owned());
            let (whole, code): (Vec<_>, Vec<_>) = lines
                .into_iter()
                .partition(|(_, line)| line.starts_with('#'));
            let whole: Vec<Line> = whole.into_iter().map(comment).collect();
            let mut passages = markdown(&whole);
            let trailing = code.into_iter().map(comment).map(alone);
            passages.extend(trailing.filter(|passage| !passage.text.is_empty()));
            passages
        }
    }
}

fn alone((line, text): Line) -> Passage {
    Passage { line, text }
}

fn comment((line, text): Line) -> Line {
    (line, hash_comment(&text).to_owned())
}

fn numbered(text: &str, take: fn(&str) -> String) -> Vec<Line> {
    (1..).zip(text.lines().map(take)).collect()
}

/// The comment of a line in shell, TOML or a Makefile. `##` begins the help of a target.
fn hash_comment(line: &str) -> &str {
    let line = line.trim();
    if line.starts_with("#!") {
        return "";
    }
    match line.strip_prefix('#').or_else(|| {
        let (_, comment) = line.rsplit_once(" #")?;
        comment.strip_prefix('#').or(Some(comment))
    }) {
        Some(comment) => comment.trim_start(),
        None => "",
    }
}

/// Text of a string, if it has enough words to be a message.
fn message((line, text): Line) -> Option<Passage> {
    (text.split_whitespace().count() > 2).then(|| Passage {
        line,
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

/// Passages of Markdown. Headings and the heads of tables are titles and no sentences. Of an
/// indented command, its comment is a passage.
fn markdown(lines: &[Line]) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut fenced = false;
    let mut last = None;
    for (index, (number, line)) in lines.iter().enumerate() {
        let text = line.trim();
        let passage = |text: &str| Passage {
            line: *number,
            text: text.trim().to_owned(),
        };
        if text.starts_with("```") {
            fenced = !fenced;
            last = None;
        } else if fenced || text.is_empty() || text.starts_with('#') || text.starts_with("SPDX-") {
            last = None;
        } else if text.starts_with('|') {
            let head = lines.get(index + 1);
            let is_head = head.is_some_and(|(_, below)| below.trim().starts_with("|--"));
            if !is_head && !text.starts_with("|--") {
                passages.extend(text.split('|').map(passage));
            }
            last = None;
        } else if line.starts_with("    ") && last.is_none() {
            passages.push(passage(hash_comment(line)));
        } else {
            let item = list_item(text);
            match passages.last_mut() {
                Some(before) if item.is_none() && last.is_some_and(|last| last + 1 == *number) => {
                    before.text.push(' ');
                    before.text.push_str(text);
                }
                _ => passages.push(passage(item.unwrap_or(text))),
            }
            last = Some(*number);
        }
    }
    passages.retain(|passage| !passage.text.is_empty());
    passages
}

/// The text of an item, as in `- text` and `2. text`.
fn list_item(text: &str) -> Option<&str> {
    let number = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    ["- ", "* "]
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .or_else(|| number.strip_prefix(". ").filter(|_| number != text))
}

#[derive(Default)]
struct Code {
    comments: Vec<Line>,
    /// Comments behind code in the same line.
    trailing: Vec<Line>,
    strings: Vec<Line>,
}

/// The numbers of lines with a comment that can be broken: it is no row of a table.
pub(crate) fn lines_with_comments(text: &str) -> BTreeSet<usize> {
    let code = read_code(text);
    let lines = code.comments.iter().chain(&code.trailing);
    lines
        .filter(|(_, comment)| !comment.starts_with('|'))
        .map(|(line, _)| *line)
        .collect()
}

/// Comments and strings of Rust or C.
fn read_code(text: &str) -> Code {
    let mut code = Code::default();
    let (mut at, mut number) = (0, 1);
    let mut before = ' ';
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        let taken =
            if rest.starts_with("//") {
                let line = rest.lines().next().unwrap_or_default();
                let comment = line.trim_start_matches(['/', '!']);
                let comment = comment.strip_prefix(' ').unwrap_or(comment).to_owned();
                let before = text[..at].lines().next_back().unwrap_or_default();
                if text[..at].ends_with('\n') || before.trim().is_empty() {
                    code.comments.push((number, comment));
                } else {
                    code.trailing.push((number, comment));
                }
                line.len()
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
                let lines = rest[..end].trim_end_matches("*/").lines();
                code.comments.extend((number..).zip(
                    lines.map(|line| line.trim().trim_start_matches(['/', '*', ' ']).to_owned()),
                ));
                end
            } else if let Some(end) = raw_string(rest).filter(|_| !before.is_alphanumeric()) {
                code.strings.push((number, rest[..end].to_owned()));
                end
            } else if letter == '"' {
                let (string, end) = string(rest);
                code.strings.push((number, string));
                end
            } else if letter == '\'' {
                character(rest)
            } else {
                letter.len_utf8()
            };
        number += rest[..taken].matches('\n').count();
        at += taken;
        before = letter;
    }
    code
}

/// The length of a raw string.
fn raw_string(text: &str) -> Option<usize> {
    let marks = text.strip_prefix('r')?;
    let quote = marks.trim_start_matches('#');
    let hashes = &marks[..marks.len() - quote.len()];
    let end = quote.strip_prefix('"')?.find(&format!("\"{hashes}"))?;
    Some("r".len() + 2 * hashes.len() + "\"\"".len() + end)
}

/// The text of a string with escapes, and its length with both quotes.
fn string(text: &str) -> (String, usize) {
    let mut string = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (string, at + 1),
            // Other escapes break a line, in the text or in the code.
            '\\' => match letters.next() {
                Some((_, quote @ ('"' | '\''))) => string.push(quote),
                _ => string.push(' '),
            },
            letter => string.push(letter),
        }
    }
    (string, text.len())
}

/// The length of a character, or of the quote of a lifetime.
fn character(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    let first = letters.next();
    if let Some((_, '\\')) = first {
        let end = letters.skip(1).find(|(_, letter)| *letter == '\'');
        return end.map_or(1, |(at, _)| at + 1);
    }
    match letters.next() {
        Some((at, '\'')) => at + 1,
        _ => 1,
    }
}

#[cfg(test)]
fn texts(path: &str, kind: Kind, text: &str) -> Vec<(usize, String)> {
    let file = File {
        path: path.to_owned(),
        kind,
        text: text.to_owned(),
    };
    let passages = passages(&file).into_iter();
    passages
        .map(|passage| (passage.line, passage.text))
        .collect()
}

#[test]
fn comments_and_messages_are_found() {
    let code = "/// One\n/// two.\nfn f<'a>(c: char) -> bool {\n    c == '\"' || c == '\\'' // three\n}\n\
                let s = r#\"a \"raw\" // one\"#;\nlet t = \"four five \\\n    six\";\n/* C\n * too */\n";
    let message = [(6, "r#\"a \"raw\" // one\"#"), (7, "four five six")];
    let comments = [(1, "One two."), (9, "C too"), (4, "three")];
    let expect = |texts: &[(usize, &str)]| -> Vec<(usize, String)> {
        texts
            .iter()
            .map(|(line, text)| (*line, (*text).to_owned()))
            .collect()
    };
    assert_eq!(texts("tests/a.rs", Kind::Rust, code), expect(&comments));
    assert_eq!(
        texts("cli/src/a.rs", Kind::Rust, code),
        expect(&[&comments[..], &message].concat())
    );
}

#[test]
fn documents_have_paragraphs_items_cells_and_commands() {
    let document = "# What it is\n\nOne\ntwo.\n\n- three\n  four\n2. five\n\n| what |\n|---|\n| six | seven |\n\n    \
                    echo a#b    # eight\n\n```\nnine\n```\n";
    let texts = texts("a.md", Kind::Markdown, document);
    let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        texts,
        ["One two.", "three four", "five", "six", "seven", "eight"]
    );
}

#[test]
fn scripts_have_comments_and_help() {
    let script = "#!/bin/sh\n# One\n# two.\n\nall: kchaos ## build it\na=${b#c} # three\n";
    let texts = texts("tests/a", Kind::Shell, script);
    let texts: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts, ["One two.", "build it", "three"]);
}
