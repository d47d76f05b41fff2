// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Signals while kchaos runs a command.

use crate::tree::{KCHAOS, Tree};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::Write,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

const INJECT: &str = "inject ioem delay --delay 1ms --name x";

/// Starts a command for which no signal is ignored, as they may be for these tests themselves.
fn start(tree: &Tree, words: &[&str]) -> Child {
    let mut command = Command::new("env");
    let command = command.arg("--default-signal").args(words);
    let command = command.envs(tree.environment());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::null());
    command.stderr(Stdio::null()).spawn().unwrap()
}

/// Starts a line of a shell on a terminal of its own, whose keys the child's standard input types.
fn start_on_terminal(tree: &Tree, line: &str) -> Child {
    let line = format!(
        "cd {}; exec {KCHAOS} {INJECT} {line}",
        tree.path("").display()
    );
    start(
        tree,
        &["script", "-q", "-e", "-f", "-c", &line, "/dev/null"],
    )
}

fn type_ctrl_c(child: &mut Child) {
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
}

fn count_lines(tree: &Tree, path: &str) -> usize {
    let text = fs::read_to_string(tree.path(path)).unwrap_or_default();
    text.lines().count()
}

fn wait_for(tree: &Tree, path: &str) {
    while !tree.path(path).exists() {
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_ends_kchaos_before_its_command_begins() {
    let tree = Tree::attached();
    tree.write("run/kchaos/for/.keep", "");
    let folder = tree.path("run/kchaos/for").display().to_string();
    let script = format!(
        "cd {}; touch kept; while test ! -e go; do sleep 0.1; done",
        tree.path("").display()
    );
    let mut keeper = start(&tree, &["flock", &folder, "sh", "-c", &script]);
    wait_for(&tree, "kept");
    let mut child = start_on_terminal(&tree, "-- touch begun");
    sleep(Duration::from_millis(500));
    type_ctrl_c(&mut child);
    sleep(Duration::from_millis(500));
    tree.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!tree.path("begun").exists());
    assert!(!tree.path("config/ioem/x").exists());
    keeper.wait().unwrap();
}

/// The terminal has sent it to the command as well, wherever the command's input comes from.
#[test]
fn one_ctrl_c_reaches_the_command_once() {
    const TIMES: usize = 5;
    let tree = Tree::attached();
    let script =
        "trap \"echo >> signals\" INT; touch begun; while test ! -e go; do sleep 0.05; done";
    let mut child = start_on_terminal(&tree, &format!("-- sh -c '{script}' < /dev/null"));
    wait_for(&tree, "begun");
    for count in 1..=TIMES {
        type_ctrl_c(&mut child);
        while count_lines(&tree, "signals") < count {
            sleep(Duration::from_millis(10));
        }
        // A second signal would come about now.
        sleep(Duration::from_millis(300));
    }
    tree.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(count_lines(&tree, "signals"), TIMES);
}

#[test]
fn a_signal_that_was_ignored_stays_so() {
    let tree = Tree::attached();
    let command = "touch begun; while test ! -e go; do sleep 0.05; done; exit 7";
    let script = format!(
        "trap '' HUP; cd {}; exec {KCHAOS} {INJECT} -- sh -c '{command}'",
        tree.path("").display()
    );
    let mut child = start(&tree, &["sh", "-c", &script]);
    wait_for(&tree, "begun");
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    sleep(Duration::from_millis(300));
    tree.write("go", "");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}
