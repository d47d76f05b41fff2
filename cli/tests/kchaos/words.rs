// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Words of other programs, from dm-delay and tc netem to fio, docker and systemd: each is refused,
//! with a tip, or has the meaning that it has there. `words.txt` has the command lines.

use crate::tree::{Tree, stderr, stdout};
use kchaos::Arguments;
use std::ffi::OsString;

/// The command lines of the table with this mark, and what the mark says of each.
fn lines(mark: &str) -> Vec<(&'static str, &'static str)> {
    let table = include_str!("words.txt");
    let is_line = |line: &&str| !line.is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = table.lines().filter(is_line).collect();
    let pairs = lines.chunks_exact(2);
    assert!(pairs.remainder().is_empty(), "{lines:?}");
    let mut found = Vec::new();
    for pair in pairs {
        let (typed, told) = (pair[0], pair[1]);
        let (told_mark, told) = told.trim_start().split_once(": ").unwrap();
        assert!(["tip", "same"].contains(&told_mark), "{typed}");
        if told_mark == mark {
            found.push((typed, told));
        }
    }
    found
}

#[test]
fn each_is_refused_with_a_tip() {
    let tree = Tree::attached();
    let before = tree.content();
    let mut wrong = Vec::new();
    let lines = lines("tip");
    assert!(lines.len() > 100, "{}", lines.len());
    for (typed, expected) in lines {
        let message = stderr(&mut tree.kchaos(typed), 2);
        let tips: Vec<&str> = message
            .lines()
            .filter(|line| line.contains("tip: "))
            .collect();
        let is_twice = |tip: &&str| tips.iter().filter(|other| *other == tip).count() > 1;
        if !message.contains(expected) || tips.iter().any(is_twice) {
            wrong.push(format!("{typed}: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tree.content(), before);
}

#[test]
fn each_means_the_same() {
    let tree = Tree::attached();
    let read = |line: &str| {
        let words: Vec<OsString> = format!("kchaos {line}")
            .split(' ')
            .map(Into::into)
            .collect();
        let arguments = Arguments::read(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        format!("{arguments:?}")
    };
    let printed = |line: &str| stdout(&mut tree.kchaos(&format!("{line} --dry-run")));
    for (typed, plain) in lines("same") {
        assert_eq!(read(typed), read(plain), "{typed}");
        if typed.starts_with("inject") {
            assert_eq!(printed(typed), printed(plain), "{typed}");
        }
    }
}

#[test]
fn a_unit_apart_and_a_device_as_the_means_have_tips() {
    let tree = Tree::new();
    for (line, tip) in [
        (
            "inject ioem delay --delay 10 ms --device vda",
            "tip: without a space: '--delay 10ms'",
        ),
        (
            "inject vda delay --delay 10ms",
            "'kchaos inject ioem delay --device vda --delay 10ms'",
        ),
    ] {
        let said = stderr(&mut tree.kchaos(line), 2);
        assert!(said.contains(tip), "{said}");
    }
}
