// SPDX-License-Identifier: GPL-2.0-only

//! Checks how comments, documents and messages are written: subjects that have names, and lines of
//! at most 100 columns.

mod files;
mod lines;
mod passages;
mod subjects;

use files::{File, Kind};
use passages::{Passage, passages};

/// The findings that the files of an area may have. The numbers only fall: a test fails above them,
/// and below them until they are lowered here.
struct Area {
    name: &'static str,
    has: fn(&File) -> bool,
    /// Clauses that begin with a pronoun for a subject, such as "Who" or "What".
    nameless: usize,
    /// Other clauses whose subject is a relative pronoun without a noun.
    relative: usize,
    /// Lines over 100 columns.
    long: usize,
}

/// The first area that has a file counts it.
const AREAS: [Area; 2] = [
    Area {
        name: "shell scripts and tables beside them",
        has: |file| file.kind == Kind::Shell,
        nameless: 4,
        relative: 2,
        long: 33,
    },
    Area {
        name: "all other files",
        has: |_| true,
        nameless: 0,
        relative: 0,
        long: 0,
    },
];

/// Compares the findings in each area with the number that it may have.
fn compare(what: &str, allowed: fn(&Area) -> usize, find: fn(&File) -> Vec<String>) {
    let mut found: [Vec<String>; AREAS.len()] = Default::default();
    for file in files::all() {
        let area = AREAS.iter().position(|area| (area.has)(&file));
        found[area.expect("the last area has all files")].extend(find(&file));
    }
    let mut wrong = Vec::new();
    for (area, found) in AREAS.iter().zip(found) {
        let (count, allowed) = (found.len(), allowed(area));
        if count > allowed {
            wrong.push(format!(
                "{}\n{}: {count} {what}, and {allowed} are allowed",
                found.join("\n"),
                area.name
            ));
        } else if count < allowed {
            wrong.push(format!(
                "{}: {count} {what} are left of {allowed}; lower the number in tests/prose/main.rs",
                area.name
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The clauses of a file that a recogniser objects to, each with its place.
fn clauses(file: &File, objects: fn(&Passage) -> Vec<String>) -> Vec<String> {
    passages(file)
        .iter()
        .flat_map(|passage| {
            let line = passage.line;
            objects(passage)
                .into_iter()
                .map(move |clause| format!("{}:{line}: {clause}", file.path))
        })
        .collect()
}

#[test]
fn clauses_begin_with_names() {
    compare(
        "clauses that begin with a pronoun for a subject",
        |area| area.nameless,
        |file| clauses(file, |passage| subjects::nameless(&passage.text)),
    );
}

#[test]
fn subjects_are_things_with_names() {
    compare(
        "relative pronouns as subjects",
        |area| area.relative,
        |file| clauses(file, |passage| subjects::relative(&passage.text)),
    );
}

#[test]
fn lines_have_at_most_100_columns() {
    compare("lines over 100 columns", |area| area.long, lines::long);
}
