// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Operations and conditions of I/O, and other words that people have for them.

use super::{
    near::{near, or},
    words::{check_count, words, words_of},
};
use chaos_policy::policy::operations;

/// The number of words for operations and conditions.
const WORDS: usize = operations::OPERATIONS.len() + operations::CONDITIONS.len();

/// The operations and conditions that the driver knows, in the order in which it shows them.
pub(super) const ALL: [&str; WORDS] = words_of(&operations::OPERATIONS, &operations::CONDITIONS);

/// The conditions among them.
pub(crate) const CONDITIONS: [&str; operations::CONDITIONS.len()] =
    words_of(&[], &operations::CONDITIONS);

/// Other words for operations.
const SAME: [(&str, &[&str]); 4] = [
    ("rw", &["read", "write"]),
    ("readwrite", &["read", "write"]),
    ("trim", &["discard"]),
    ("unmap", &["discard"]),
];

/// Words that a known one may be meant by, and are none: each can also mean something else.
const MEANT: [(&str, &[&str]); 9] = [
    ("read", &["r", "rd", "reads", "reading"]),
    ("write", &["w", "wr", "writes", "writing"]),
    ("discard", &["d", "discards", "trims", "deallocate"]),
    ("secure_erase", &["erase", "secure"]),
    ("write_zeroes", &["zero", "zeros", "zeroes", "zeroout"]),
    ("zone_append", &["append", "appends"]),
    ("flush", &["flushes", "barrier", "preflush"]),
    ("sync", &["synchronous", "o_sync", "o_dsync", "dsync"]),
    ("meta", &["metadata", "inode", "inodes"]),
];

/// The nature of a commit, and the options that have it.
pub(crate) const COMMIT: &str = "the commit of a journal is a write that flushes: --op write,flush \
                                 has all writes and flushes, and --op write,fua, on a disk with \
                                 FUA, only such writes";

/// Words for calls that wait for writes and flushes.
const SYNCS: [&str; 4] = ["fsync", "fdatasync", "sync_file_range", "msync"];

/// Words for what no filter of operations can choose, and what to choose instead.
const NONE: [(&[&str], &str); 3] = [
    (
        &["all", "any", "*", "both"],
        "an injection is about all operations unless --op names some; leave --op out, or for both \
         --op read,write",
    ),
    (
        &["randread", "randwrite", "randrw", "seqread", "seqwrite"],
        "a disk knows no order; there are read and write, and --sectors chooses the place",
    ),
    (
        &[
            "open", "close", "create", "unlink", "lookup", "getattr", "readdir", "rename",
            "truncate",
        ],
        "this is an operation of a file system, and a disk sees only the reads and writes for it: \
         --op read,write,meta has those for metadata",
    ),
];

/// The operations in a text of `op`, without its conditions; none stands for all but flushes.
pub(crate) fn kinds(text: &str) -> impl Iterator<Item = &str> {
    words(text).filter(|word| !CONDITIONS.contains(word))
}

/// Whether flushes without data are the only operation in a text of `op`.
pub(crate) fn is_flush_alone(text: &str) -> bool {
    kinds(text).eq(["flush"])
}

/// Reads a list of operations and conditions, and returns it as the file has it.
pub(super) fn read(text: &str) -> Result<String, String> {
    let mut given = Vec::new();
    for word in words(text).map(str::to_ascii_lowercase) {
        match SAME.iter().find(|(same, _)| *same == word) {
            Some((_, operations)) => given.extend(*operations),
            None => given.push(known(&word)?),
        }
    }
    check_count(given.len(), usize::MAX, "operations")?;
    let shown: Vec<&str> = ALL
        .into_iter()
        .filter(|known| given.contains(known))
        .collect();
    Ok(shown.join(" "))
}

/// The driver's word, or why there is none.
fn known(word: &str) -> Result<&'static str, String> {
    if let Some(known) = ALL.into_iter().find(|known| *known == word) {
        return Ok(known);
    }
    if SYNCS.contains(&word) {
        return Err(format!(
            "a disk knows no fsync, which waits for writes and then for a flush; {COMMIT}"
        ));
    }
    let none = NONE.iter().find(|(words, _)| words.contains(&word));
    Err(match none {
        Some((_, instead)) => (*instead).to_owned(),
        None => format!(
            "there is no operation \"{word}\"{}; there are {}",
            meant(word),
            ALL.join(", ")
        ),
    })
}

/// The words that an unknown one may stand for, in a part of a sentence.
fn meant(word: &str) -> String {
    if word.contains(['|', '+', '/', '&', ';']) {
        return ", and several have commas between them: --op read,write".to_owned();
    }
    let word = word.replace('-', "_");
    let mut found: Vec<String> = Vec::new();
    let exact = MEANT.iter().find(|(_, words)| words.contains(&&*word));
    match exact {
        Some((known, _)) => found.push((*known).to_owned()),
        None => {
            let other = MEANT.iter().flat_map(|(_, words)| *words).copied();
            let pool: Vec<&str> = ALL.into_iter().chain(other).collect();
            for near in near(&word, &pool) {
                let row = MEANT.iter().find(|(_, words)| words.contains(&near));
                let known = row.map_or(near, |(known, _)| known).to_owned();
                if !found.contains(&known) {
                    found.push(known);
                }
            }
        }
    }
    match found.is_empty() {
        true => String::new(),
        false => format!(", but {}", or(&found)),
    }
}
