// SPDX-License-Identifier: GPL-2.0-only

//! Each verb, flag and file is on a page, and the pages are well formed.

use crate::{Page, pages, program, write};
use chaos_policy::policy::attributes::Attribute;
use clap::Command;
use std::{fs, io::ErrorKind, process};

const DATE: &str = "2026-01-31";

/// The text of a page, as people read its hyphens.
fn text(file: &str) -> String {
    let pages: Vec<Page> = pages(DATE).unwrap();
    let page = pages.into_iter().find(|page| page.file == file);
    let page = page.unwrap_or_else(|| panic!("there is no page {file}"));
    page.text.replace("\\-", "-")
}

/// A command, and all verbs below it.
fn all(command: &Command) -> Vec<Command> {
    let below = program::verbs(command).flat_map(all);
    [command.clone()].into_iter().chain(below).collect()
}

#[test]
fn each_verb_and_flag_has_its_page() {
    let commands = all(&program::command());
    assert!(commands.len() > 20, "{}", commands.len());
    for command in commands {
        let file = format!("{}.1", program::name(&command));
        let text = text(&file);
        let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
        for flag in shown {
            let word = match flag.get_long() {
                Some(long) => format!("--{long}"),
                None => flag.get_value_names().unwrap()[0].to_string(),
            };
            let is_there = text.split_whitespace().any(|found| {
                let found = found.replace("\\fB", "").replace("\\fI", "");
                let end = found.find(['\\', ',', '=']).unwrap_or(found.len());
                found[..end].trim_matches(['<', '>', '[', ']', '.']) == word
            });
            assert!(is_there, "{word} is not in {file}");
        }
    }
}

#[test]
fn each_verb_is_named_on_the_page_above_it() {
    for command in all(&program::command()) {
        let text = text(&format!("{}.1", program::name(&command)));
        for verb in program::verbs(&command) {
            let name = program::name(verb);
            assert!(text.contains(&format!("{name}(1)")), "{name}");
        }
    }
}

#[test]
fn each_exit_code_and_variable_is_on_the_page_of_the_program() {
    let text = text("kchaos.1");
    for words in [
        ".SH \"EXIT STATUS\"",
        ".SH ENVIRONMENT",
        "KCHAOS_CONFIGFS",
        "\n  127  ",
    ] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn each_file_is_described() {
    let text = text("ioem.4");
    let lines: Vec<&str> = text.lines().collect();
    let count = |file: &str| {
        let name = format!("\\fB{file}\\fR");
        let tags = lines.windows(2).filter(|pair| pair[0] == ".TP");
        tags.filter(|pair| pair[1].contains(&name)).count()
    };
    for attribute in Attribute::ALL {
        // Once in the list of the table, and once in the description.
        assert!(count(attribute.file()) >= 2, "{}", attribute.file());
    }
    for file in [
        "version",
        "enabled",
        "memory_kib",
        "matched",
        "released_early",
    ] {
        assert!(count(file) >= 1, "{file}");
    }
    for words in [
        "queue/iosched/held",
        "ceiling",
        ".SH COUNTS",
        "    mkdir one",
    ] {
        assert!(text.contains(words.trim_start()), "{words}");
    }
    assert!(
        !text.contains('`') && !text.contains("]("),
        "Markdown is left"
    );
}

/// Runs a checker of pages, if this machine has it.
fn check(words: &[&str], file: &std::path::Path) {
    let output = process::Command::new(words[0])
        .args(&words[1..])
        .arg(file)
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        output => output.unwrap(),
    };
    let complaints = [output.stdout, output.stderr].concat();
    let complaints = String::from_utf8_lossy(&complaints);
    assert!(complaints.is_empty(), "{}: {complaints}", file.display());
}

#[test]
fn checkers_of_pages_have_no_complaints() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), DATE).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let file = entry.unwrap().path();
        check(&["mandoc", "-T", "lint", "-W", "warning"], &file);
        check(
            &["groff", "-man", "-K", "utf8", "-Tutf8", "-ww", "-z"],
            &file,
        );
    }
}
