// SPDX-License-Identifier: GPL-2.0-only

//! Checks the statements of documents about the tree.

use std::{collections::BTreeSet, fs};

/// The text of a file of the checkout.
fn read(file: &str) -> String {
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `make help` prints the lines of targets that have `##`.
#[test]
fn make_help_lists_each_target() {
    let makefile = read("Makefile");
    let targets: Vec<&str> = makefile
        .lines()
        .filter_map(|line| line.strip_prefix(".PHONY: "))
        .flat_map(|targets| targets.split(' '))
        .collect();
    assert!(targets.contains(&"help"));
    for target in targets {
        let line = makefile
            .lines()
            .find(|line| line.starts_with(&format!("{target}:")));
        assert!(
            line.is_some_and(|line| line.contains(" ## ")),
            "the target {target} has no line in make help"
        );
    }
}

/// The files of the driver that `driver/architecture.md` names, as in `policy/limit.rs`.
fn files_in_architecture(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "_-./".contains(letter)))
        .filter(|word| {
            [".rs", ".md", ".contract"]
                .iter()
                .any(|kind| word.len() > kind.len() && word.ends_with(kind))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn architecture_names_files_that_there_are() {
    for file in files_in_architecture(&read("driver/architecture.md")) {
        let path = format!("{}/../driver/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(
            fs::exists(&path).is_ok_and(|exists| exists),
            "driver/architecture.md names {file}, and there is no such file in driver/"
        );
    }
}

#[test]
fn architecture_names_each_file_of_the_driver() {
    let named = files_in_architecture(&read("driver/architecture.md"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../driver");
    for entry in fs::read_dir(folder).expect("the driver has a folder") {
        let name = entry.expect("it can be read").file_name();
        let name = name.to_string_lossy();
        assert!(
            !name.ends_with(".rs") || named.contains(&*name),
            "driver/architecture.md does not name {name}"
        );
    }
}

/// Paths that CONTRIBUTING.md names in the four folders, as in `driver/policy/`.
#[test]
fn contributing_names_files_that_there_are() {
    let text = read(".github/CONTRIBUTING.md");
    let made = ["driver/rust-project.json"];
    let paths: Vec<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|quoted| quoted.split_whitespace().next())
        .filter(|word| {
            ["driver/", "cli/", "tools/", "tests/"]
                .iter()
                .any(|folder| word.starts_with(folder))
        })
        .filter(|word| !made.contains(word))
        .collect();
    assert!(paths.len() > 10);
    for path in paths {
        let whole = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
        assert!(
            fs::exists(&whole).is_ok_and(|exists| exists),
            "CONTRIBUTING.md names {path}, and there is no such file"
        );
    }
}
