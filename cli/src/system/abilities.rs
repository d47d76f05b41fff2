// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The operations that a disk can never have.

use super::{Roots, files::try_read};

fn is_condition(word: &str) -> bool {
    ["sync", "fua", "meta"].contains(&word)
}

/// Why no I/O of this disk can be of these operations and conditions, as the file `op` has them;
/// `None` if some can, or nobody knows.
fn impossible(roots: &Roots, disk: &str, operations: &str) -> Option<String> {
    let (conditions, kinds): (Vec<&str>, Vec<&str>) = operations
        .split_whitespace()
        .partition(|word| is_condition(word));
    let lacks = |word: &&str| lacks(roots, disk, word);
    if let Some(why) = conditions.iter().find_map(lacks) {
        return Some(why);
    }
    // One operation that is possible is enough.
    let whys: Option<Vec<String>> = kinds.iter().map(lacks).collect();
    whys?.into_iter().next()
}

/// Why no I/O at all is of these operations and conditions.
fn contradiction(operations: &str) -> Option<String> {
    let has = |word| operations.split_whitespace().any(|has| has == word);
    let mut kinds = operations
        .split_whitespace()
        .filter(|word| !is_condition(word));
    let is_flush_alone = kinds.next() == Some("flush") && kinds.next().is_none();
    (is_flush_alone && (has("meta") || has("fua")))
        .then(|| "a flush without data is neither meta nor fua".to_owned())
}

/// Why no I/O of any of these disks can be of these operations and conditions; `None` if some can,
/// or there are no disks.
pub(crate) fn impossible_on_all<'a>(
    roots: &Roots,
    disks: impl IntoIterator<Item = &'a String>,
    operations: &str,
) -> Option<String> {
    if let Some(why) = contradiction(operations) {
        return Some(why);
    }
    let whys = disks.into_iter();
    let whys: Option<Vec<String>> = whys
        .map(|disk| impossible(roots, disk, operations))
        .collect();
    let whys = whys.filter(|whys| !whys.is_empty())?;
    Some(whys.join("; "))
}

/// Why the disk never has an operation or condition.
fn lacks(roots: &Roots, disk: &str, word: &str) -> Option<String> {
    let is = |file: &str, value: &str| {
        let text = try_read(&roots.disk(disk).join("queue").join(file));
        text.is_ok_and(|text| text == value)
    };
    match word {
        "fua" if is("write_cache", "write through") => Some(format!(
            "{disk} has no volatile write cache, so the kernel leaves FUA out"
        )),
        "fua" if is("fua", "0") => Some(format!(
            "{disk} has no FUA: the kernel sends a flush of its own after the write instead, and \
             --op write has these writes among others"
        )),
        "flush" if is("write_cache", "write through") => Some(format!(
            "{disk} has no volatile write cache, so the kernel sends it no flush"
        )),
        "discard" if is("discard_max_bytes", "0") => {
            Some(format!("{disk} cannot discard: its discard_max_bytes is 0"))
        }
        "write_zeroes" if is("write_zeroes_max_bytes", "0") => Some(format!(
            "{disk} has no write_zeroes: the kernel sends it writes instead"
        )),
        zone if zone.starts_with("zone_") && is("zoned", "none") => {
            Some(format!("{disk} has no zones"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn one_operation_that_is_possible_is_enough_and_one_impossible_condition_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let path = |path: &str| folder.path().join(path);
        let roots = Roots {
            configfs: path("config"),
            sysfs: path("sys"),
            state: path("state"),
            dev: path("dev"),
            proc: path("proc"),
            modules: path("modules"),
            boot: path("boot"),
            tracing: path("tracing"),
        };
        let queue = roots.disk("sda").join("queue");
        fs::create_dir_all(&queue).unwrap();
        let write = |file: &str, text: &str| fs::write(queue.join(file), text).unwrap();
        write("fua", "0\n");
        write("write_cache", "write back\n");
        write("discard_max_bytes", "0\n");
        write("zoned", "none\n");
        for (operations, expected) in [
            ("", None),
            ("read", None),
            ("write fua", Some("sda has no FUA: ")),
            ("read discard", None),
            ("discard", Some("sda cannot discard")),
            ("discard zone_reset sync", Some("sda cannot discard")),
            ("zone_append", Some("sda has no zones")),
            ("secure_erase", None),
            ("write_zeroes", None),
            ("flush", None),
        ] {
            let why = impossible(&roots, "sda", operations);
            let starts = |start| why.as_ref().is_some_and(|why| why.starts_with(start));
            assert!(
                expected.map_or(why.is_none(), starts),
                "{operations}: {why:?}"
            );
        }
        write("write_cache", "write through\n");
        for operations in ["fua", "flush"] {
            let why = impossible(&roots, "sda", operations).unwrap();
            assert!(why.contains("no volatile write cache"), "{why}");
        }
        assert_eq!(impossible(&roots, "sdb", "fua discard"), None);
        for (operations, expected) in [
            ("flush fua", true),
            ("flush meta", true),
            ("flush sync meta", true),
            ("flush", false),
            ("flush sync", false),
            ("write flush meta", false),
            ("meta", false),
        ] {
            let why = impossible_on_all(&roots, &["sdb".to_owned()], operations);
            let is_told = why.is_some_and(|why| why.contains("neither meta nor fua"));
            assert_eq!(is_told, expected, "{operations}");
        }
    }
}
