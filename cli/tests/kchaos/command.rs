// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject ... -- COMMAND`

use crate::tree::{Tree, stderr, stdout};
use std::fs;

#[test]
fn an_injection_lasts_as_long_as_its_command() {
    let tree = Tree::attached();
    let list = tree.path("config/ioem/x/duration_ms").display().to_string();
    let inject = "inject ioem delay --delay 1ms --name x --";
    assert_eq!(
        stdout(&mut tree.kchaos(&format!("{inject} cat {list}"))),
        "1500\n"
    );
    assert!(!tree.path("config/ioem/x").exists());
    for (command, code) in [("false", 1), ("/no/such/program", 127), ("/", 126)] {
        stderr(&mut tree.kchaos(&format!("{inject} {command}")), code);
        assert!(!tree.path("config/ioem/x").exists());
    }
    let message = stderr(
        &mut tree.kchaos(&format!(
            "{} true",
            inject.replace("--name", "--dry-run --name")
        )),
        2,
    );
    assert!(message.contains("leave one out"), "{message}");
}

/// The lease that kchaos renews is no time after which the disk lets I/O go.
#[test]
fn the_ceiling_of_a_disk_is_told_as_without_an_end() {
    let tree = Tree::attached();
    tree.write("new/ceiling", "vdb 1\n");
    tree.write("sys/devices/vdb/queue/nr_requests", "256\n");
    let inject = "inject ioem delay --delay 1h --device vdb --name x -- true";
    let said = stderr(&mut tree.kchaos(inject), 0);
    assert!(said.contains("at most one I/O per 14.1s"), "{said}");
}

#[test]
fn a_command_that_is_missing_is_no_injection_without_an_end() {
    let tree = Tree::new();
    let before = tree.content();
    let inject = "inject ioem delay --delay 5ms --name x --";
    let mut empty = tree.kchaos(inject);
    empty.arg("");
    for command in [&mut tree.kchaos(inject), &mut empty] {
        let message = stderr(command, 2);
        assert!(message.contains("no command after --"), "{message}");
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn a_signal_reaches_the_command_and_ends_the_injection() {
    let tree = Tree::attached();
    let child = std::process::Command::new(crate::tree::KCHAOS)
        .args("inject ioem delay --delay 1ms --name x -- sleep 100".split(' '))
        .envs(tree.environment())
        .stderr(std::process::Stdio::null())
        .spawn();
    let mut child = child.unwrap();
    let file = |name: &str| fs::read_to_string(tree.path("config/ioem/x").join(name));
    let is = |name, expected| file(name).is_ok_and(|text| text == expected);
    while !(is("duration_ms", "1500\n") && is("enabled", "1\n")) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!tree.path("config/ioem/x").exists());
}

/// Each change of the program fails in turn, which includes giving the disk back.
#[test]
fn trouble_after_the_command_hides_neither_its_exit_code_nor_its_hits() {
    let mut met = 0;
    for number in 1.. {
        let tree = Tree::new();
        let mut command = tree.kchaos("inject ioem delay --delay 1ms --device vda --name x --");
        command.env("TREE_FAIL", number.to_string());
        // The shell's own changes do not count.
        let script = format!("touch {}; exit 7", tree.path("begun").display());
        let output = command.args(["env", "-u", "TREE_FAIL", "sh", "-c", &script]);
        let output = output.output().unwrap();
        if !tree.path("new.stopped").exists() {
            break;
        }
        if tree.path("begun").exists() {
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(7), "{said}");
            assert!(said.contains("kchaos: x: no I/O was hit"), "{said}");
            met += 1;
        }
    }
    assert!(met > 0);
}

#[test]
fn another_injection_of_its_name_is_left_alone() {
    let tree = Tree::attached();
    let directory = tree.path("config/ioem/x").display().to_string();
    // Long enough for a renewal.
    let script = format!(
        "mv {directory} {directory}.gone && mkdir {directory} && echo 77 > {directory}/duration_ms && sleep 1"
    );
    let mut command = tree.kchaos("inject ioem delay --delay 1ms --name x -- sh -c");
    command.arg(script).assert().success();
    assert_eq!(tree.read("config/ioem/x/duration_ms"), "77\n");
}

#[test]
fn a_time_and_a_command_are_not_taken_together() {
    let tree = Tree::new();
    let before = tree.content();
    for time in ["--for 30s", "--duration-ms 30000", "--for 0s"] {
        let inject = format!("inject ioem delay --delay 1ms {time} -- true");
        let message = stderr(&mut tree.kchaos(&inject), 2);
        assert!(message.contains("-- timeout 30s COMMAND"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn a_command_on_a_disk_that_the_system_needs_is_told_what_it_can_have() {
    let tree = Tree::new();
    let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    let inject = "inject ioem delay --delay 1ms --device vda";
    let message = stderr(&mut tree.kchaos(&format!("{inject} -- true")), 2);
    assert!(
        message.contains("--force") && !message.contains("--for 30s"),
        "{message}"
    );
    stdout(&mut tree.kchaos(&format!("{inject} --force -- true")));
}

const LAPSED: &str =
    "kchaos was stopped, or had no processor, for longer than the lease of 1500 ms\n";

/// The messages of kchaos, without the line about hits, when `script` runs during the injection x
/// of vdb; the exit code has to be the script's. On a machine so busy that a lease lapses, the test
/// runs it again.
fn said_after(script: &str) -> String {
    for _ in 0..20 {
        let tree = Tree::new();
        tree.disk("vdb", "none [ioem]");
        let mut command =
            tree.kchaos("inject ioem delay --delay 1ms --device vdb --name x -- sh -e -u -c");
        let script = format!("cd {}; {script}; exit 7", tree.path("").display());
        let said = stderr(command.arg(&script), 7);
        let (hits, said): (Vec<&str>, Vec<&str>) = said
            .split_inclusive('\n')
            .partition(|line| line.starts_with("kchaos: x: "));
        assert_eq!(hits.len(), 1, "{hits:?}");
        let said = said.concat();
        if script.contains("-STOP") || !said.ends_with(LAPSED) {
            return said;
        }
    }
    panic!("this machine is too busy");
}

#[test]
fn an_injection_that_ended_before_its_command_is_told() {
    let expected = "kchaos: the injection x had ended before sh did: part of it ran without; ";
    for (script, reason) in [
        ("mv config/ioem/x gone", "somebody removed it about "),
        (
            "mv config/ioem/x gone; mkdir config/ioem/x; sleep 1",
            "somebody removed it about ",
        ),
        (
            "echo 0 > config/ioem/x/enabled",
            "it was switched off about ",
        ),
        (
            "sleep 1; echo 0 > config/ioem/enabled",
            "all injections were switched off about 1",
        ),
        (
            "echo none > sys/block/vdb/queue/scheduler",
            "vdb was taken off ioem about ",
        ),
    ] {
        let said = said_after(script);
        let told = said.starts_with(&format!("{expected}{reason}"));
        assert!(
            told && said.ends_with(" after it began\n"),
            "{script}: {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let said = said_after("kill -STOP $PPID; sleep 2; kill -CONT $PPID; sleep 0.1");
    assert_eq!(said, format!("{expected}{LAPSED}"));
}

#[test]
fn an_injection_that_was_off_in_between_is_told() {
    let expected = "kchaos: the injection x did nothing for part of the time in which sh ran: ";
    for (off, on, reason) in [
        (
            "echo 0 > config/ioem/x/enabled",
            "echo 1 > config/ioem/x/enabled",
            "it was off",
        ),
        (
            "echo 0 > config/ioem/enabled",
            "echo 1 > config/ioem/enabled",
            "all injections were off",
        ),
        (
            "echo none > sys/block/vdb/queue/scheduler",
            "echo ioem > sys/block/vdb/queue/scheduler",
            "vdb was not on ioem",
        ),
    ] {
        // Longer than the pause between two looks.
        let said = said_after(&format!("{off}; sleep 1; {on}; sleep 1"));
        let told = format!("{expected}{reason} from about ");
        assert!(
            said.starts_with(&told) && said.ends_with(" after it began\n"),
            "{off}: {said}"
        );
    }
}

#[test]
fn an_injection_that_ended_with_its_command_is_not_told() {
    assert_eq!(said_after("sleep 1"), "");
    // kchaos has said at the beginning that it does nothing, as was asked for.
    let tree = Tree::new();
    let inject = "inject ioem delay --delay 1ms --device vda --enabled 0 -- true";
    let output = tree.kchaos(inject).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("had ended"), "{said}");
}
