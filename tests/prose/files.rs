// SPDX-License-Identifier: GPL-2.0-only

//! The files of the checkout that people read and write.

use std::{fs, path::Path};

/// The folders with files of the checkout; files beside them count too.
const FOLDERS: [&str; 6] = [".ci", ".github", "cli", "driver", "tests", "tools"];

/// Folders and files that programs write, and the inputs of the fuzzing.
const GENERATED: [&str; 4] = ["target", "corpus", "results", "generated.rs"];

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

/// All files in a folder, which is a path from the root that is empty or ends with `/`.
fn collect(folder: &str, files: &mut Vec<File>) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let full = Path::new(root).join(folder);
    let entries = fs::read_dir(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("entries of a folder can be read").file_name())
        .filter_map(|name| name.into_string().ok())
        .collect();
    names.sort();
    for name in names {
        let path = format!("{folder}{name}");
        if GENERATED.contains(&name.as_str()) {
            continue;
        }
        if full.join(&name).is_dir() {
            if !folder.is_empty() || FOLDERS.contains(&name.as_str()) {
                collect(&format!("{path}/"), files);
            }
        } else if let Ok(text) = fs::read_to_string(full.join(&name)) {
            files.extend(kind(&path, &text).map(|kind| File { path, kind, text }));
        }
    }
}

pub(crate) fn all() -> Vec<File> {
    let mut files = Vec::new();
    collect("", &mut files);
    files
}
