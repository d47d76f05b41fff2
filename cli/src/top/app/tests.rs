// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The state machine alone: looks and keys go in, and steps come out.

use super::*;
use crate::{interface::Name, top::made};

const DELAY: (Name, &str) = (Name::DelayUs, "10000");

fn app_with(names: &[&str]) -> App {
    let mut app = App::new();
    app.see(look(0, names));
    app
}

fn look(at_ms: u64, names: &[&str]) -> Look {
    let injections = names.iter().map(|name| (*name, &[DELAY][..], "active 1"));
    made::look(at_ms, &injections.collect::<Vec<_>>(), &[])
}

/// Presses keys, and returns the step of the last.
fn press(app: &mut App, typed: &str) -> Step {
    let steps = made::keys(typed).map(|key| app.press(key));
    steps.last().unwrap()
}

fn command(step: &Step) -> String {
    match step {
        Step::Act(act) => act.command(),
        other => format!("{other:?}"),
    }
}

fn ended(app: &mut App) {
    let (is_done, told) = (true, Vec::new());
    app.done(Outcome { is_done, told });
}

#[test]
fn only_keys_that_ask_for_it_change_something() {
    for typed in [
        "j", "k", "?", "x", "r", "R", "c", "rn", "Rn", "r\x1b", "c\x1b", "c\n", "rxj\n",
    ] {
        let mut app = app_with(&["a", "b"]);
        assert_eq!(press(&mut app, typed), Step::Stay, "{typed}");
        assert_eq!(app.running, None, "{typed}");
    }
    for (typed, expected) in [
        ("p", "kchaos change a --enabled 0"),
        ("jp", "kchaos change b --enabled 0"),
        ("jjjkp", "kchaos change a --enabled 0"),
        ("jry", "kchaos recover b"),
        ("rxy", "kchaos recover a"),
        ("Ry", "kchaos recover --all"),
        ("c--delay 5ms\n", "kchaos change a --delay 5ms"),
        (
            "c--op 'read write' --for 1s\n",
            "kchaos change a --op 'read write' --for 1s",
        ),
    ] {
        let mut app = app_with(&["a", "b"]);
        assert_eq!(command(&press(&mut app, typed)), expected, "{typed}");
        assert!(app.running.is_some(), "{typed}");
    }
}

#[test]
fn an_injection_that_is_off_is_switched_on() {
    let mut app = App::new();
    let off = [DELAY, (Name::Enabled, "0")];
    app.see(made::look(0, &[("a", &off, "active 0")], &[]));
    assert_eq!(
        command(&press(&mut app, "p")),
        "kchaos change a --enabled 1"
    );
}

#[test]
fn a_line_can_be_mended() {
    let mut app = app_with(&["a"]);
    press(&mut app, "c--dx");
    app.press(Key::Back);
    assert_eq!(
        command(&press(&mut app, "elay 5ms\n")),
        "kchaos change a --delay 5ms"
    );
    ended(&mut app);
    press(&mut app, "c--delay '5ms");
    assert_eq!(press(&mut app, "\n"), Step::Stay);
    assert_eq!(app.said, ["a quotation mark has no end"]);
    app.press(Key::Clear);
    assert_eq!(
        command(&press(&mut app, "--for 1s\n")),
        "kchaos change a --for 1s"
    );
}

#[test]
fn one_verb_is_at_work_at_a_time() {
    let mut app = app_with(&["a", "b"]);
    press(&mut app, "p");
    for typed in ["p", "c", "r", "R"] {
        assert_eq!(press(&mut app, typed), Step::Stay);
        assert_eq!(app.said, ["`kchaos change a --enabled 0` is still at work"]);
        assert_eq!(app.mode, Mode::Look);
    }
    ended(&mut app);
    assert_eq!(app.said, ["kchaos change a --enabled 0: done"]);
    assert_eq!(command(&press(&mut app, "ry")), "kchaos recover a");
}

#[test]
fn a_confirmation_is_about_the_injection_that_was_selected() {
    let mut app = app_with(&["b", "c"]);
    press(&mut app, "jr");
    app.see(look(1_000, &["a", "b", "d"]));
    assert_eq!(command(&press(&mut app, "y")), "kchaos recover c");
}

#[test]
fn the_selection_follows_its_injection() {
    let selected = |app: &App| app.selection().map(|seen| seen.name.clone());
    let mut app = app_with(&["b", "d"]);
    press(&mut app, "j");
    for (names, expected) in [
        (&["a", "b", "c", "d"][..], Some("d")),
        (&["d", "e"], Some("d")),
        (&["a", "e"], Some("a")),
        (&[], None),
        (&["f"], Some("f")),
    ] {
        app.see(look(1_000, names));
        assert_eq!(selected(&app).as_deref(), expected);
    }
    app.see(look(2_000, &[]));
    assert_eq!(press(&mut app, "p"), Step::Stay);
    assert_eq!(app.said, ["there is no injection to do that with"]);
}

#[test]
fn quitting_is_possible_whatever_is_asked() {
    for typed in ["j", "?", "c--delay", "r"] {
        let mut app = app_with(&["a"]);
        press(&mut app, typed);
        assert_eq!(app.press(Key::Interrupt), Step::Quit);
    }
    assert_eq!(press(&mut app_with(&[]), "q"), Step::Quit);
    // In a line, it is a letter.
    assert_eq!(press(&mut app_with(&["a"]), "cq"), Step::Stay);
}

#[test]
fn rates_are_counted_from_look_to_look_and_a_change_between_them_adds_no_point() {
    let mut app = App::new();
    let at = |ms: u64, matched: u64, reads: u64| {
        let stats = format!("active 1\nmatched {matched}\n");
        let stat = format!("{reads} 0 0 {} 0 0 0 0", reads * 10);
        made::look(ms, &[("a", &[DELAY], &stats)], &[("vda", "0 0 0 0", &stat)])
    };
    let rates = |app: &App| {
        let growth = app.injections[0].growth.as_ref();
        let matched = growth.map(|growth| growth.rate(|stats| stats.get("matched")));
        (matched, app.disks[0].reads, app.disks[0].mean_us)
    };
    app.see(at(0, 0, 0));
    assert_eq!(rates(&app), (None, None, None));
    app.see(at(1_000, 100, 50));
    assert_eq!(rates(&app), (Some(100.0), Some(50.0), Some(10_000)));
    // In 10 ms, too little has grown to tell a rate.
    app.see_change(at(1_010, 101, 50));
    assert_eq!(rates(&app).0, Some(100.0));
    app.see(at(2_010, 301, 50));
    assert_eq!(rates(&app), (Some(200.0), Some(0.0), None));
    assert_eq!(app.history["vda"], [None, Some(10_000), None]);
    app.see_nothing("gone");
    assert!(app.injections.is_empty() && app.trouble.is_some());
    app.see(at(3_000, 400, 60));
    assert_eq!((rates(&app), app.trouble), ((None, None, None), None));
}
