// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos top` on a terminal: keys change injections, nothing else does, and the terminal is as it
//! was however it ends.

use crate::{
    pty::Pty,
    tree::{KCHAOS, Tree, stderr, stdout},
};
use rustix::process::Signal;
use std::{fs, thread::sleep, time::Duration};

/// A tree with the injection `slow`.
fn slow() -> Tree {
    let tree = Tree::attached();
    tree.write("sys/devices/vdb/stat", "10 0 80 100 0 0 0 0 0 0 0\n");
    stdout(&mut tree.kchaos("inject ioem delay --delay 10ms --device vdb --name slow"));
    tree
}

/// Starts `kchaos top` with these arguments, and waits until it shows the injection.
fn start(tree: &Tree, arguments: &str) -> Pty {
    let line = format!("{KCHAOS} top {arguments}");
    let words: Vec<&str> = line.split_whitespace().collect();
    let pty = Pty::start(&words, tree.environment());
    pty.shows("> slow");
    pty
}

fn enabled(tree: &Tree) -> String {
    tree.read("config/ioem/slow/enabled").trim().to_owned()
}

#[test]
fn keys_pause_change_and_end_an_injection_and_looking_writes_nothing() {
    let tree = slow();
    let before = tree.content();
    let mut pty = start(&tree, "--interval 50ms");
    pty.shows("0  vdb");
    // Several looks.
    sleep(Duration::from_millis(500));
    assert_eq!(tree.content(), before);
    pty.types("p");
    pty.shows("kchaos change slow --enabled 0: done");
    pty.shows("p resume");
    assert_eq!(enabled(&tree), "0");
    pty.types("p");
    pty.shows("kchaos change slow --enabled 1: done");
    assert_eq!(enabled(&tree), "1");
    pty.types("c--delay 5ms\r");
    pty.shows("delay 5ms, on vdb");
    pty.shows("kchaos change slow --delay 5ms: done");
    assert_eq!(tree.read("config/ioem/slow/delay_us").trim(), "5000");
    pty.types("c--delay 5 ms\r");
    pty.shows("without a space");
    pty.shows("Usage: kchaos change");
    pty.types("r");
    pty.shows("end slow? y/n");
    pty.types("n");
    pty.shows("q quit");
    assert!(tree.path("config/ioem/slow").exists());
    pty.types("ry");
    pty.shows("no injections");
    pty.shows("kchaos recover slow: done");
    assert!(!tree.path("config/ioem/slow").exists());
    pty.types("q");
    assert_eq!(pty.end(), Some(0));
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let tree = slow();
        let before = tree.content();
        let pty = start(&tree, "--interval 1h");
        pty.kill(signal);
        assert_eq!(pty.end(), Some(128 + signal.as_raw()));
        assert_eq!(tree.content(), before);
    }
}

#[test]
fn another_size_is_drawn_at_once() {
    let tree = slow();
    let mut pty = start(&tree, "--interval 1h");
    pty.resize(40, 10);
    pty.shows_in(9, "j/k select  p pause  c change  r recover");
    pty.types("\x03");
    assert_eq!(pty.end(), Some(0));
}

#[test]
fn colour_is_used_unless_no_color_is_set() {
    for (value, is_coloured) in [("", true), ("1", false)] {
        let tree = slow();
        let words = ["env", &format!("NO_COLOR={value}"), KCHAOS, "top"];
        let mut pty = Pty::start(&words, tree.environment());
        pty.shows("> slow");
        pty.types("q");
        assert_eq!(pty.is_coloured(), is_coloured, "{value}");
        assert_eq!(pty.end(), Some(0));
    }
}

#[test]
fn looking_needs_no_root_and_a_key_says_what_is_missing() {
    let tree = slow();
    let before = tree.read("config/ioem/slow/enabled");
    let nobody = tree.kchaos_as_nobody("top");
    let program = nobody.get_program().to_str().unwrap().to_owned();
    let words = nobody.get_args().map(|word| word.to_str().unwrap());
    let words: Vec<&str> = [&*program].into_iter().chain(words).collect();
    let environment = tree.environment().into_iter();
    let mut pty = Pty::start(
        &words,
        environment.filter(|(name, _)| *name != "LD_PRELOAD"),
    );
    pty.shows("> slow");
    pty.types("p");
    // A long line is broken somewhere.
    pty.shows("sudo");
    assert_eq!(tree.read("config/ioem/slow/enabled"), before);
    pty.types("q");
    assert_eq!(pty.end(), Some(0));
}

#[test]
fn frames_are_printed_without_a_terminal() {
    let tree = slow();
    let before = tree.content();
    let text = stdout(&mut tree.kchaos("top --frames 2 --interval 20ms"));
    assert_eq!(tree.content(), before);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2 * 24 + 1, "{text}");
    let frames = [&lines[..24], &lines[25..]];
    for frame in frames {
        assert!(
            frame[0].starts_with("kchaos top: 1 injection, 1 disk on ioem"),
            "{text}"
        );
        assert!(
            frame.iter().any(|line| line.starts_with("> slow")),
            "{text}"
        );
        assert!(
            frame.iter().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
    // Rates need two looks.
    assert_ne!(frames[0], frames[1], "{text}");
}

#[test]
fn what_is_missing_is_told() {
    let tree = slow();
    let text = stderr(&mut tree.kchaos("top"), 2);
    assert!(text.contains("standard output is none"), "{text}");
    assert!(text.contains("kchaos top --frames 1"), "{text}");
    let words = ["env", "TERM=dumb", KCHAOS, "top"];
    let pty = Pty::start(&words, tree.environment());
    pty.shows("TERM names none");
    assert_eq!(pty.code(), Some(2));
    fs::rename(tree.path("config/ioem"), tree.path("config/other")).unwrap();
    let text = stderr(&mut tree.kchaos("top --frames 1"), 3);
    assert!(
        text.contains("the module chaos_driver is not loaded"),
        "{text}"
    );
}
