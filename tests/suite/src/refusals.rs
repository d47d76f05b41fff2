// SPDX-License-Identifier: GPL-2.0-only

//! Kernels that cannot work, and the sentences by which `make` refuses them.

pub(crate) mod made;
pub(crate) mod real;

use crate::{
    checks::{Transcript, ensure},
    command::command,
};
use anyhow::{Result, bail};
use std::{fs, path::Path};

/// `make module` with these headers and words fails and says the sentence, in which `*` stands for
/// any text, in a line of its own; it says nothing else, and gets to no compiler.
fn refuses(
    transcript: &mut Transcript,
    sentence: &str,
    headers: &Path,
    words: &[&str],
) -> Result<()> {
    let mut make = command(&["make", "--no-print-directory", "module"]);
    make.arg(format!("KBUILD_PATH={}", headers.display()))
        .args(words);
    let (status, output) = transcript.try_run(&mut make)?;
    if status.success() {
        bail!("make has built a module for {}", headers.display());
    }
    says_only(&output, sentence)
}

fn says_only(output: &str, sentence: &str) -> Result<()> {
    let mut lines = output.lines().filter(|line| !is_last_word(line)).peekable();
    ensure(
        lines.peek().is_some() && lines.all(|line| fits(sentence, line)),
        &format!("what was expected is: {sentence}"),
    )
}

/// Whether make itself says that a command failed, as in `make[1]: *** [Makefile:28: module] Error
/// 1`.
fn is_last_word(line: &str) -> bool {
    let Some((maker, _)) = line.split_once(": *** ") else {
        return false;
    };
    let level = maker.strip_prefix("make").and_then(|level| {
        let level = level
            .strip_prefix('[')
            .map_or(Some(level), |level| level.strip_suffix(']'))?;
        level
            .chars()
            .all(|digit| digit.is_ascii_digit())
            .then_some(level)
    });
    level.is_some()
}

/// Whether a text is a pattern's, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let ends = text.char_indices().map(|(place, _)| place);
    ends.chain([text.len()]).any(|end| fits(rest, &text[end..]))
}

/// Rewrites the configuration of headers, line by line; a line of which nothing is made goes.
fn edit_configuration(headers: &Path, edit: impl Fn(&str) -> Option<String>) -> Result<()> {
    let file = headers.join("include/config/auto.conf");
    let lines = fs::read_to_string(&file)?;
    let lines: String = lines
        .lines()
        .filter_map(edit)
        .map(|line| line + "\n")
        .collect();
    Ok(fs::write(file, lines)?)
}

/// Leaves an option out of the configuration of headers.
fn leave_out(headers: &Path, option: &str) -> Result<()> {
    let start = format!("{option}=");
    edit_configuration(headers, |line| {
        (!line.starts_with(&start)).then(|| line.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits("a b", "a b"));
        assert!(fits("a*c", "abbc"));
        assert!(fits("a*", "a"));
        assert!(fits("*b*d.", "a b c d c d."));
        assert!(!fits("a*c", "abcd"));
        assert!(!fits("a", "a b"));
        assert!(!fits("b*", "ab"));
    }

    #[test]
    fn makes_own_last_word_is_not_a_sentence() {
        assert!(is_last_word(
            "make: *** [Makefile:37: check-kernel] Error 1"
        ));
        assert!(is_last_word("make[12]: *** [Makefile:37: module] Error 2"));
        assert!(!is_last_word("make[a]: *** [Makefile:37: module] Error 2"));
        assert!(!is_last_word("cc: *** no"));
        assert!(!is_last_word("make: nothing to be done"));
    }

    #[test]
    fn nothing_but_the_sentence_is_said() {
        let last = "make: *** [Makefile:37: check-kernel] Error 1";
        assert!(says_only(&format!("no headers in /a.\n{last}\n"), "no headers in *.").is_ok());
        assert!(says_only(&format!("{last}\n"), "no headers in *.").is_err());
        let more = format!("warning\nno headers in /a.\n{last}\n");
        assert!(says_only(&more, "no headers in *.").is_err());
    }
}
