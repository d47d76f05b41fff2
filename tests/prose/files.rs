// SPDX-License-Identifier: GPL-2.0-only

//! The files of the checkout that people read and write.

use std::{fs, process::Command};

/// Files that programs write: the inputs of the fuzzing, and figures of the benchmark.
const GENERATED: [&str; 2] = ["tests/fuzz/corpus/", "tests/bench/results/"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rust,
    C,
    Markdown,
    Shell,
    Make,
    /// TOML and contracts: like shell, `#` begins a comment.
    Settings,
}

pub(crate) struct File {
    /// Seen from the root of the checkout.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

fn kind(path: &str, text: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((_, "rs")) => Some(Kind::Rust),
        Some((_, "c" | "h")) => Some(Kind::C),
        Some((_, "md")) => Some(Kind::Markdown),
        Some((_, "toml" | "contract")) => Some(Kind::Settings),
        Some((_, "sh" | "config" | "races")) => Some(Kind::Shell),
        None if matches!(name, "Makefile" | "Kbuild") => Some(Kind::Make),
        None if text.starts_with('#') => Some(Kind::Shell),
        _ => None,
    }
}

/// The files that git tracks.
pub(crate) fn all() -> Vec<File> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let listed = Command::new("git")
        .arg("ls-files")
        .current_dir(root)
        .output()
        .expect("git runs");
    let listed = String::from_utf8(listed.stdout).expect("git lists names in ASCII");
    let is_written = |path: &&str| !GENERATED.iter().any(|folder| path.starts_with(folder));
    let file = |path: &str| {
        let text = fs::read_to_string(format!("{root}/{path}"));
        let text = text.unwrap_or_else(|error| panic!("{path}: {error}"));
        let kind = kind(path, &text)?;
        let path = path.to_owned();
        Some(File { path, kind, text })
    };
    let files: Vec<File> = listed.lines().filter(is_written).filter_map(file).collect();
    assert!(files.len() > 100, "git lists only {} files", files.len());
    files
}
