// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The Python module in tools/python, whose own tests run against a folder each.

use crate::tree::{KCHAOS, Tree};
use std::{path::Path, process::Output};

/// The folder of the module.
fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/python"))
}

/// Runs a program of Python in the folder of the module.
fn python(tree: &Tree, words: &[&str]) -> Output {
    let mut python = tree.command("python3");
    // The interpreter writes no cache into the checkout.
    python.arg("-B").args(words).current_dir(folder());
    python.env("KCHAOS", KCHAOS).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The tests of the file by their names.
const NAMES: &str = "import unittest, test_folder\n\
    for test in unittest.defaultTestLoader.loadTestsFromTestCase(test_folder.Folder):\n\
    \x20   print(test.id())\n";

#[test]
fn its_own_tests_pass_and_leave_the_folder_as_it_was() {
    let names = python(&Tree::new(), &["-c", NAMES]);
    let failure = "python3 is needed: apt-get install python3";
    assert!(names.status.success(), "{failure}\n{}", text(&names.stderr));
    let names = text(&names.stdout);
    assert!(names.lines().count() >= 13, "{names}");
    let mut failures = String::new();
    for name in names.lines() {
        let tree = Tree::new();
        // A scheduler that is written is the only one in this file afterwards.
        tree.write("sys/devices/vda/queue/scheduler", "[kyber]\n");
        let before = tree.content();
        let ended = python(&tree, &["-m", "unittest", "-v", name]);
        let said = text(&ended.stderr);
        if !ended.status.success() || tree.content() != before {
            failures.push_str(&format!("{said}{:?}\n", tree.content()));
        } else if said.contains("skipped=1") {
            println!("{said}");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
