// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The messages without the driver's interface, and `kchaos version`.

use crate::tree::{Tree, stderr, stdout};
use std::fs;

const VERBS: [&str; 4] = [
    "inject ioem limit --quota 1",
    "recover a",
    "recover --all",
    "list",
];

fn without_module() -> Tree {
    let tree = Tree::new();
    fs::remove_dir_all(tree.path("config/ioem")).unwrap();
    tree
}

#[test]
fn a_module_that_is_not_loaded() {
    let tree = without_module();
    for verb in VERBS {
        let message = stderr(&mut tree.kchaos(verb), 3);
        assert!(message.contains("chaos_driver is not loaded"), "{message}");
        assert!(message.contains("modprobe chaos_driver"), "{message}");
    }
}

#[test]
fn configfs_that_is_not_mounted() {
    let tree = without_module();
    tree.write(
        "proc/self/mountinfo",
        "1 1 254:99 / / rw - ext4 /dev/elsewhere rw\n",
    );
    for verb in VERBS {
        let message = stderr(&mut tree.kchaos(verb), 3);
        assert!(message.contains("configfs is not mounted"), "{message}");
        assert!(message.contains("mount -t configfs none "), "{message}");
    }
}

#[test]
fn configfs_that_is_not_there() {
    let tree = without_module();
    fs::remove_dir(tree.path("config")).unwrap();
    for verb in VERBS {
        let message = stderr(&mut tree.kchaos(verb), 3);
        assert!(message.contains("configfs is not there"), "{message}");
        assert!(message.contains("modprobe configfs"), "{message}");
    }
}

#[test]
fn an_unknown_version_is_not_driven_but_can_be_left() {
    let tree = Tree::new();
    tree.write("config/ioem/version", "2\n");
    tree.injection("a", &[]);
    let message = stderr(&mut tree.kchaos("inject ioem limit --quota 1"), 3);
    assert!(message.contains("version 2"), "{message}");
    assert!(message.contains("knows version 1"), "{message}");
    assert_eq!(stdout(&mut tree.kchaos("recover a")), "a\n");
}

#[test]
fn the_versions() {
    let own = format!("kchaos {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        stdout(&mut Tree::new().kchaos("version")),
        format!("{own}interface 1\n")
    );
    let text = stdout(&mut without_module().kchaos("version"));
    assert!(
        text.starts_with(&format!("{own}interface not available: ")),
        "{text}"
    );
    assert_eq!(stdout(&mut Tree::new().kchaos("--version")), own);
}
