// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject`

use crate::tree::{Tree, stderr, stdout};
use std::{collections::BTreeMap, fs, os::unix::fs::symlink};

/// The files of an injection whose values differ from those of a new one.
fn files(tree: &Tree, name: &str) -> BTreeMap<String, String> {
    fs::read_dir(tree.path("config/ioem").join(name))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text)
        })
        .filter(|(name, text)| *text != tree.read(&format!("new/{name}")))
        .collect()
}

fn texts(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected
        .iter()
        .map(|(file, value)| ((*file).to_owned(), format!("{value}\n")))
        .collect()
}

#[test]
fn a_limit_is_made_and_its_name_printed() {
    let tree = Tree::attached();
    let mut command = tree.kchaos("inject ioem limit --period-us 1000 --quota 15");
    assert_eq!(stdout(&mut command), "limit-1\n");
    assert_eq!(
        files(&tree, "limit-1"),
        texts(&[("period_us", "1000"), ("quota", "15")])
    );
}

#[test]
fn a_delay_takes_times_with_units_and_per_cents() {
    let tree = Tree::attached();
    tree.kchaos("inject ioem delay --delay 10ms --jitter 1.5ms --correlation 12.5% --name slow")
        .assert()
        .success()
        .stdout("slow\n");
    let expected = texts(&[
        ("delay_us", "10000"),
        ("jitter_us", "1500"),
        ("correlation", "12.5"),
    ]);
    assert_eq!(files(&tree, "slow"), expected);
    tree.kchaos(
        "inject ioem delay --delay-us 10000 --jitter-us 1500 --correlation 12.50 --name same",
    )
    .assert()
    .success();
    assert_eq!(files(&tree, "same"), expected);
}

#[test]
fn one_injection_can_do_both_and_can_wait() {
    let tree = Tree::attached();
    tree.kchaos("inject ioem limit --quota 15 --period 1ms --delay 2ms --enabled 0 --name x")
        .assert()
        .success();
    assert_eq!(
        files(&tree, "x"),
        texts(&[
            ("enabled", "0"),
            ("delay_us", "2000"),
            ("period_us", "1000"),
            ("quota", "15")
        ])
    );
}

#[test]
fn a_name_that_is_made_up_is_the_first_free_one() {
    let tree = Tree::attached();
    tree.injection("limit-1", &[]);
    tree.injection("limit-3", &[]);
    for expected in ["limit-2\n", "limit-4\n"] {
        assert_eq!(
            stdout(&mut tree.kchaos("inject ioem limit --quota 1")),
            expected
        );
    }
}

#[test]
fn a_name_that_is_taken_is_refused_and_left_alone() {
    let tree = Tree::attached();
    tree.injection("mine", &[("quota", "3")]);
    let before = tree.content();
    for dry_run in ["", "--dry-run"] {
        let mut command = tree.kchaos(&format!(
            "inject ioem limit --quota 1 --name mine {dry_run}"
        ));
        let message = stderr(&mut command, 5);
        assert!(message.contains("named mine already"), "{message}");
        assert!(message.contains("kchaos recover mine"), "{message}");
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn a_name_that_a_shell_would_split_is_quoted_in_commands() {
    let tree = Tree::attached();
    tree.injection("a b", &[]);
    let mut command = tree.kchaos("inject ioem limit --quota 1 --name");
    let message = stderr(command.arg("a b"), 5);
    assert!(message.contains("`kchaos recover 'a b'`"), "{message}");
}

#[test]
fn what_contradicts_itself_is_told_without_the_usage_of_something_else() {
    for arguments in [
        "delay --delay 1ms --percentiles 50:1ms",
        "delay --delay 1ms --min-bytes 8k --max-bytes 4k",
        "delay --delay 1ms --",
    ] {
        let message = stderr(
            &mut Tree::new().kchaos(&format!("inject ioem {arguments}")),
            2,
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_told_what_would() {
    let tree = Tree::new();
    let before = tree.content();
    for (arguments, expected) in [
        (
            "delay --delay 10",
            vec!["'10'", "10ms", "--delay-us takes microseconds"],
        ),
        ("delay --delay 2h", vec!["'2h'", "from 0s to 1h"]),
        ("delay --delay -1ms", vec!["'-1ms'", "from 0s to 1h"]),
        ("delay --delay-us -1", vec!["'-1'", "from 0 to 3600000000"]),
        (
            "delay --delay-us 3600000001",
            vec![
                "'3600000001'",
                "from 0 to 3600000000 microseconds, which is 1h",
            ],
        ),
        ("limit --quota 1 --enabled 2", vec!["'2'", "0 or 1"]),
        ("limit --quota 1 --enabled off", vec!["'off'", "0 or 1"]),
        ("delay --delay-us 10ms", vec!["'10ms'", "whole number"]),
        ("delay --delay 1ms --correlation 101", vec!["from 0 to 100"]),
        (
            "delay --delay 1ms --correlation 1.234%",
            vec!["two decimals"],
        ),
        (
            "delay --delay 1ms --delay-us 1000",
            vec!["cannot be used with"],
        ),
        (
            "delay --jitter 1ms",
            vec!["--delay <TIME>|--delay-us <MICROSECONDS>"],
        ),
        ("limit --period 1ms", vec!["--quota <NUMBER>"]),
        ("limit --quota 1 --period 0s", vec!["from 1us to 1h"]),
        ("limit --quota 4294967296", vec!["from 1 to 4294967295"]),
        ("limit --quota 0", vec!["'0'", "from 1 to 4294967295"]),
        (
            "delay --delay 1ms --quota 4294967296",
            vec!["from 0 to 4294967295"],
        ),
        ("limit --quota 1 --name ../x", vec!["'../x'", "no /"]),
        (
            "limit --quota 1 --name enabled",
            vec!["a file beside the injections"],
        ),
    ] {
        let message = stderr(&mut tree.kchaos(&format!("inject ioem {arguments}")), 2);
        assert!(message.starts_with("kchaos: "), "{message}");
        for part in expected {
            assert!(message.contains(part), "{arguments}: {message}");
        }
    }
    assert_eq!(tree.content(), before);
}

/// A file of /proc that takes numbers answers EINVAL to any other text, as the driver's files do.
#[test]
fn nothing_is_left_when_a_later_setting_is_refused() {
    let tree = Tree::attached();
    fs::remove_file(tree.path("new/distribution")).unwrap();
    symlink("/proc/self/oom_score_adj", tree.path("new/distribution")).unwrap();
    let before = tree.content();
    let arguments = "inject ioem delay --delay 1ms --jitter 1ms --name x";
    let refused = format!("{arguments} --distribution normal");
    let message = stderr(&mut tree.kchaos(&refused), 1);
    assert!(message.contains("cannot write normal to "), "{message}");
    assert!(message.contains("/distribution: Invalid arg"), "{message}");
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos(arguments));
}

/// An older module has fewer files.
#[test]
fn a_setting_that_the_module_does_not_have_is_told() {
    let tree = Tree::attached();
    fs::remove_file(tree.path("new/every")).unwrap();
    let before = tree.content();
    let arguments = "inject ioem delay --delay 1ms --every 3 --name x";
    let message = stderr(&mut tree.kchaos(arguments), 3);
    assert!(message.contains("the loaded module has no "), "{message}");
    assert_eq!(tree.content(), before);
}

#[test]
fn a_user_who_is_not_root_is_told_so() {
    let tree = Tree::attached();
    let message = stderr(&mut tree.kchaos_as_nobody("inject ioem limit --quota 1"), 4);
    assert!(message.contains("cannot make "), "{message}");
    assert!(message.contains("sudo"), "{message}");
}

#[test]
fn what_keeps_an_injection_from_working_is_said() {
    let tree = Tree::new();
    let inject = "inject ioem limit --quota 1";
    let message = stderr(&mut tree.kchaos(inject), 5);
    assert!(message.contains("name a disk with --device"), "{message}");
    let message = stderr(&mut tree.kchaos(&format!("{inject} --dry-run")), 5);
    assert!(message.contains("name a disk with --device"), "{message}");
    let hint = "kchaos: no device uses ioem yet: kchaos attach DEVICE\n";
    tree.kchaos(&format!("{inject} --no-attach"))
        .assert()
        .success()
        .stderr(hint);
    tree.disk("vdb", "none [ioem]");
    tree.kchaos(inject).assert().success().stderr("");
    tree.write("config/ioem/enabled", "0\n");
    tree.kchaos(inject)
        .assert()
        .success()
        .stderr(predicates::str::contains("all injections are switched off"));
}

#[test]
fn a_disk_that_is_named_and_not_attached_is_told() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    for (devices, said) in [
        (
            "vda1,vdb,vda",
            "kchaos: vda is not on ioem yet: kchaos attach vda\n",
        ),
        ("vdb", ""),
    ] {
        tree.kchaos(&format!(
            "inject ioem limit --quota 1 --no-attach --device {devices}"
        ))
        .assert()
        .success()
        .stderr(said);
    }
}

#[test]
fn an_injection_that_would_do_nothing_is_refused() {
    let tree = Tree::new();
    let before = tree.content();
    for (arguments, expected) in [
        ("delay --delay 0s", "neither a delay nor a limit"),
        (
            "delay --delay-us 0 --quota 0",
            "neither a delay nor a limit",
        ),
        (
            "delay --percentiles 50:0,99:0us",
            "neither a delay nor a limit",
        ),
        (
            "delay --delay 1ms --probability 0",
            "lets all I/O go as usual",
        ),
        (
            "limit --iops 5 --probability 0.0%",
            "lets all I/O go as usual",
        ),
        ("delay --delay 0s -- true", "neither a delay nor a limit"),
        ("delay --delay 0s --dry-run", "neither a delay nor a limit"),
    ] {
        let message = stderr(&mut tree.kchaos(&format!("inject ioem {arguments}")), 2);
        assert!(message.contains(expected), "{arguments}: {message}");
        assert!(message.contains("--enabled 0"), "{arguments}: {message}");
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn options_that_do_nothing_are_told_and_others_are_not() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    for (arguments, said) in [
        (
            "delay --delay 1ms --correlation 50%",
            "--correlation does nothing without --jitter",
        ),
        (
            "delay --delay 1ms --distribution normal",
            "--distribution does nothing without --jitter",
        ),
        ("delay --percentiles 50:1ms --correlation 50%", ""),
        (
            "delay --delay 1ms --jitter 1ms --correlation 5 --distribution normal --seed 3",
            "",
        ),
        (
            "delay --delay 1ms --period 1s",
            "--period does nothing without --quota",
        ),
        ("delay --delay 1ms --period 1s --quota 5", ""),
        ("delay --delay 1ms --seed 5", "--seed does nothing without"),
        ("delay --delay 1ms --seed 5 --probability 5%", ""),
        (
            "limit --quota 5 --seed 5 --probability 0% --enabled 0",
            "--seed does nothing without",
        ),
        ("delay --delay 1ms --seed 0 --correlation 0", ""),
        (
            "delay --delay 2ms --jitter 1ms --seed 0",
            "--seed 0 draws other numbers each time",
        ),
        ("delay --delay 0s --quota 0 --jitter 1ms", ""),
        (
            "delay --delay 0s --enabled 0",
            "does nothing until it is switched on: echo 1 > ",
        ),
        (
            "delay --delay 1ms --enabled 0",
            "does nothing until it is switched on: echo 1 > ",
        ),
    ] {
        let output = tree
            .kchaos(&format!("inject ioem {arguments}"))
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments}: {message}");
        assert!(message.contains(said), "{arguments}: {message}");
        assert_eq!(
            message.is_empty(),
            said.is_empty(),
            "{arguments}: {message}"
        );
    }
    let mut dry_run = tree.kchaos("inject ioem delay --delay 1ms --seed 5 --dry-run");
    let assert = dry_run.assert().success();
    assert.stderr(predicates::str::contains("--seed does nothing"));
}
