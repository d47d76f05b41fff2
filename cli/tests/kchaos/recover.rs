// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos recover`

use crate::tree::{Tree, stderr, stdout};
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn injections_end_by_name() {
    let tree = Tree::new();
    let before = tree.content();
    tree.injection("a", &[("quota", "1")]);
    tree.injection("b", &[]);
    assert_eq!(stdout(&mut tree.kchaos("recover a b")), "a\nb\n");
    assert_eq!(tree.content(), before);
}

#[test]
fn all_injections_end_and_none_is_fine() {
    let tree = Tree::new();
    let before = tree.content();
    tree.injection("b", &[]);
    tree.injection("a", &[]);
    assert_eq!(stdout(&mut tree.kchaos("recover --all")), "a\nb\n");
    assert_eq!(tree.content(), before);
    for (verb, said) in [
        (
            "recover --all",
            "kchaos: there is no injection to recover from\n",
        ),
        ("recover --all --ignore-missing", ""),
    ] {
        let none = tree.kchaos(verb).assert().success();
        none.stdout("").stderr(said);
    }
}

#[test]
fn a_disk_that_a_shell_has_put_on_ioem_is_told() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos("attach vda"));
    let none = tree.kchaos("recover --all").assert().success();
    // Somebody wanted vda to be there.
    none.stdout("").stderr(
        "kchaos: there is no injection to recover from\n\
         kchaos: vdb is on ioem all the same, and not by kchaos: kchaos detach vdb\n",
    );
}

#[test]
fn a_name_that_is_nearly_one_is_told() {
    let tree = Tree::new();
    tree.injection("slow", &[]);
    for name in ["slwo", "slo", "sloww", "Slow"] {
        for verb in [
            "recover",
            "recover --dry-run",
            "change --delay 1ms",
            "status",
            "wait --hit 1",
        ] {
            let message = stderr(tree.kchaos(verb).arg(name), 5);
            let expected = format!("no injection named {name}, but 'slow';");
            assert!(message.contains(&expected), "{verb}: {message}");
        }
    }
}

#[test]
fn an_unknown_name_does_not_keep_the_others() {
    let tree = Tree::new();
    let before = tree.content();
    tree.injection("a", &[]);
    tree.kchaos("recover nope a gone")
        .assert()
        .code(5)
        .stdout("a\n")
        .stderr(
            "kchaos: there is no injection named nope; `kchaos list` lists all\n\
             kchaos: there is no injection named gone; `kchaos list` lists all\n",
        );
    assert_eq!(tree.content(), before);
}

#[test]
fn a_name_cannot_lead_out_of_the_directory() {
    let tree = Tree::new();
    std::fs::create_dir(tree.path("config/other")).unwrap();
    let before = tree.content();
    for name in ["../other", "..", ".", "version", "/"] {
        stderr(&mut tree.kchaos(&format!("recover {name}")), 5);
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn names_or_all_but_not_both() {
    let tree = Tree::new();
    stderr(&mut tree.kchaos("recover"), 2);
    stderr(&mut tree.kchaos("recover a --all"), 2);
}

#[test]
fn a_user_who_is_not_root_is_told_so() {
    let tree = Tree::new();
    tree.injection("a", &[]);
    let message = stderr(&mut tree.kchaos_as_nobody("recover a"), 4);
    assert!(message.contains("cannot remove "), "{message}");
    assert!(message.contains("sudo"), "{message}");
}

#[test]
fn a_disk_that_is_given_back_is_told() {
    let tree = Tree::new();
    let inject = "inject ioem delay --delay 1ms --jitter 3ms --device vdb --name x";
    tree.disk("vdb", "[none] ioem");
    let hint = tree.kchaos(inject).assert().success();
    let hint = String::from_utf8_lossy(&hint.get_output().stderr).into_owned();
    assert!(
        hint.contains("so that the mean is 1.34ms and not 1ms"),
        "{hint}"
    );
    let told = "kchaos: vdb: ioem -> none, as no injection needs it\n";
    let said = tree.kchaos("recover x").assert().success();
    assert_eq!(String::from_utf8_lossy(&said.get_output().stderr), told);
}

#[test]
fn a_name_that_is_none_has_the_next_step() {
    let tree = Tree::new();
    tree.injection("a", &[]);
    for (name, expected) in [
        ("all", "recover takes --all"),
        ("*", "recover takes --all"),
        ("a,b", "several names are several words"),
        ("", "has a variable no value?"),
    ] {
        let said = stderr(tree.kchaos("recover").arg(name), 5);
        assert!(said.contains(expected), "{name}: {said}");
    }
    // A script whose variable has no value has ended nothing.
    for words in [
        &["recover", "--ignore-missing", ""][..],
        &["wait", "", "--gone"],
    ] {
        let said = stderr(tree.kchaos("").args(words), 5);
        assert!(said.contains("has a variable no value?"), "{said}");
    }
    assert!(tree.path("config/ioem/a").exists());
}

/// A user who may end an injection can lack the right to its disk's record, or a view of the disk.
#[test]
fn a_disk_that_nobody_gives_back_is_told() {
    let system = || {
        let tree = Tree::new();
        tree.disk("vdb", "none [ioem]");
        tree.write("run/kchaos/vdb", "kyber auto\n");
        tree.write("run/kchaos/for/x", "0 vdb\n");
        // Without files, an ordinary folder can be removed as one of configfs.
        tree.injection("x", &[]);
        tree
    };
    let told = "vdb may stay on ioem";
    let tree = system();
    let mut command = tree.kchaos_as_nobody("recover x");
    let set = |path: &str, mode| {
        fs::set_permissions(tree.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    set("config/ioem", 0o777);
    set("run/kchaos/for", 0);
    let ended = command.assert().success().stdout("x\n");
    ended.stderr(predicates::str::contains(told));
    let tree = system();
    fs::rename(tree.path("sys/block"), tree.path("away")).unwrap();
    let ended = tree.kchaos("recover x").assert().success().stdout("x\n");
    ended.stderr(predicates::str::contains(told));
    let tree = system();
    let ended = tree.kchaos("recover x").assert().success();
    ended.stderr("kchaos: vdb: ioem -> kyber, as no injection needs it\n");
}
