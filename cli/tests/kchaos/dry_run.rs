// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `--dry-run`: it changes nothing, and its output does the same as the real run.

use crate::tree::{Tree, stdout};
use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::PathBuf, process::Command};

/// A system on which each verb has something to do.
fn prepared() -> Tree {
    let tree = Tree::new();
    tree.injection("a", &[("quota", "15")]);
    tree.injection("it's b", &[]);
    tree.disk("vdb", "none [ioem]");
    tree.disk("vdc", "[none] kyber");
    tree.write("run/kchaos/vdb", "mq-deadline\n");
    // kchaos attached a disk for an injection.
    tree.disk("vdd", "[none] kyber");
    let inject = "inject ioem delay --delay 1ms --device vdd --name auto";
    stdout(&mut tree.kchaos(inject));
    let over = [("duration_ms", "5"), ("stats", "active 0\nremaining_ms 0")];
    tree.injection("over", &over);
    tree
}

/// Everything in the tree, with the names of injections in place of the inode numbers of their
/// directories.
fn content(tree: &Tree) -> BTreeMap<PathBuf, Option<String>> {
    let mut content = tree.content();
    for (path, text) in &mut content {
        if let (true, Some(text)) = (path.starts_with("run/kchaos/for"), text) {
            let directory = tree.path("config/ioem").join(path.file_name().unwrap());
            let number = fs::metadata(directory).unwrap().ino().to_string();
            *text = text.replacen(&number, "its number", 1);
            assert!(
                text.starts_with("its number "),
                "{}: {text}",
                path.display()
            );
        }
    }
    content
}

#[test]
fn the_commands_do_the_same_when_pasted() {
    for arguments in [
        "inject ioem limit --period-us 1000 --quota 15",
        "inject ioem delay --delay 10ms --jitter 2ms --correlation 25% --name x",
        "inject ioem delay --delay 10ms --quota 15 --enabled 0 --name $(false)",
        "inject ioem delay --delay 10ms --hold completion --name x",
        "inject ioem delay --delay 10ms --device vda1,vdb --name x",
        "inject ioem hang --for 10s --device vda --name x",
        "change auto --freeze 1 --for 10s",
        "inject ioem delay --delay 10ms --device vdc --name auto --replace",
        "inject ioem delay --delay 10ms --device vda --name over",
        "change auto --quota 5 --device vda,vdd",
        "change auto --device vdb --op read",
        "change auto --enabled 0",
        "recover a",
        "recover auto",
        "recover nope a --ignore-missing",
        "recover --all",
        "attach vda",
        "attach vdd",
        "attach --all",
        "detach --all",
        "attach vda vda1 vdb vdc",
        "detach vdb",
        "detach vda vdb",
    ] {
        let real = prepared();
        real.kchaos(arguments).assert().success();

        let pasted = prepared();
        let before = content(&pasted);
        let commands = stdout(&mut pasted.kchaos(&format!("{arguments} --dry-run")));
        assert_eq!(content(&pasted), before, "{arguments}");
        let status = Command::new("sh")
            .envs(pasted.environment())
            .args(["-e", "-u", "-c", &commands])
            .status()
            .unwrap();
        assert!(status.success(), "{commands}");
        assert_ne!(content(&pasted), before, "{arguments}");
        assert_eq!(content(&pasted), content(&real), "{arguments}:\n{commands}");
    }
}

#[test]
fn the_commands_are_as_a_person_would_write_them() {
    let tree = Tree::attached();
    let directory = tree.path("config/ioem/x");
    let directory = directory.display();
    assert_eq!(
        stdout(&mut tree.kchaos("inject --dry-run ioem limit --quota 15 --name x")),
        format!(
            "mkdir {directory}\n\
             echo 0 > {directory}/enabled\n\
             echo 15 > {directory}/quota\n\
             echo 1 > {directory}/enabled\n"
        )
    );
}

#[test]
fn commands_are_printed_without_a_module_too() {
    let tree = Tree::attached();
    fs::remove_dir_all(tree.path("config/ioem")).unwrap();
    tree.kchaos("inject ioem limit --quota 15 --dry-run")
        .assert()
        .success()
        .stdout(predicates::str::contains("mkdir "))
        .stderr(predicates::str::contains(
            "these commands would fail now: the module",
        ));
}

#[test]
fn a_device_is_attached_by_commands_that_need_the_module_too() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    tree.disk("vdc", "[none] ioem");
    tree.kchaos("attach vda --dry-run")
        .assert()
        .success()
        .stderr("");
    fs::remove_dir_all(tree.path("config/ioem")).unwrap();
    for (disks, is_told) in [("vda", true), ("vdb vdc", false), ("vdc vda", true)] {
        let mut command = tree.kchaos(&format!("attach {disks} --dry-run"));
        let output = command.assert().success().get_output().clone();
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = "these commands would fail now: it is not loaded";
        assert_eq!(said.contains(expected), is_told, "{disks}: {said}");
        assert!(!is_told || said.contains("modprobe"), "{disks}: {said}");
        assert!(!output.stdout.is_empty(), "{disks}");
    }
}

#[test]
fn what_cannot_be_done_is_not_printed() {
    let tree = Tree::new();
    let inject = "inject ioem delay --delay 1ms --pid-ns 99999";
    for (arguments, exit) in [
        ("recover nope", 5),
        ("attach nope", 5),
        ("detach nope", 5),
        (inject, 5),
    ] {
        tree.kchaos(&format!("{arguments} --dry-run"))
            .assert()
            .code(exit)
            .stdout("");
    }
}
