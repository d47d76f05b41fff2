// SPDX-License-Identifier: GPL-2.0-only

//! What documents tell of the tree, and whether it is so.

use std::fs;

/// The text of a file of the checkout.
fn read(file: &str) -> String {
    let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `make help` prints the lines of targets that have `##`.
#[test]
fn make_help_lists_each_target() {
    let makefile = read("Makefile");
    let targets = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY: "))
        .expect("the Makefile says which targets are no files");
    for target in targets.split(' ') {
        let line = makefile
            .lines()
            .find(|line| line.starts_with(&format!("{target}:")));
        assert!(
            line.is_some_and(|line| line.contains(" ## ")),
            "the target {target} has no line in make help"
        );
    }
}
