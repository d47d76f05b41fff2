// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A session with made-up looks and keys, whose frames are those of `cli/tests/top/session.txt`.

use super::{
    act::Outcome,
    app::{App, Step},
    made::{Made, keys, look},
    sample::Look,
    text,
};
use crate::interface::Name;
use ratatui::layout::Rect;
use std::{env, fmt::Write as _, fs, path::Path};

/// The file with the frames.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/top/session.txt");

/// The variable with which the test writes the file.
const ACCEPT: &str = "KCHAOS_ACCEPT";

const SLOW: [(Name, &str); 3] = [
    (Name::DelayUs, "10000"),
    (Name::JitterUs, "2000"),
    (Name::Device, "vda"),
];

const FAILING: [(Name, &str); 4] = [
    (Name::Error, "EIO"),
    (Name::Op, "read"),
    (Name::Probability, "0.1"),
    (Name::DurationMs, "60000"),
];

const OFF: [(Name, &str); 4] = [FAILING[0], FAILING[1], FAILING[2], (Name::Enabled, "0")];

const FEW: [(Name, &str); 2] = [(Name::Quota, "100"), (Name::Times, "500")];

/// The session so far.
struct Session {
    app: App,
    text: String,
}

impl Session {
    /// Adds a frame of this size.
    fn frame(&mut self, what: &str, (width, height): (u16, u16)) {
        let frame = text(&self.app, Rect::new(0, 0, width, height));
        let _ = write!(self.text, "=== {what}, {width}x{height}\n{frame}");
    }

    /// Presses keys, and adds what the last asks for.
    fn press(&mut self, typed: &str) {
        let steps = keys(typed).map(|key| self.app.press(key));
        let step = match steps.last().unwrap() {
            Step::Act(act) => format!("starts {}", act.command()),
            other => format!("{other:?}").to_lowercase(),
        };
        let _ = writeln!(self.text, "=== keys {typed:?}: {step}");
    }

    fn done(&mut self, is_done: bool, told: &[&str]) {
        let told = told.iter().map(|line| (*line).to_owned()).collect();
        self.app.done(Outcome { is_done, told });
    }
}

/// The look number `second`, with the files of the injection `failing`.
fn at(second: u64, failing: &[(Name, &str)]) -> Look {
    let ios = |second: u64| 1_000 + 200 * (second % 3);
    let grown: u64 = (0..second).map(ios).sum();
    let took_ms: u64 = (0..second)
        .map(|second| ios(second) * (8 + second % 5))
        .sum();
    let slow = format!(
        "active 1\nmatched {grown}\ndelayed {grown}\nheld {}\nadded_us_lt_9216 {}\n\
         added_us_lt_10240 {}\nadded_us_lt_11264 {}\nadded_us_lt_12288 {}\n",
        second + 3,
        grown / 8,
        grown / 2,
        grown / 3,
        second,
    );
    let failed = format!(
        "active 1\nremaining_ms {}\nmatched {}\nfailed {}\nadded_us_lt_1 {}\n",
        60_000 - second * 1_000,
        second * 5,
        second * 2,
        second * 2
    );
    let used = "active 0\nmatched 500\ndelayed 0\nlimited 480\nadded_us_lt_1024 480\n";
    let injections: [Made<'_>; 3] = [
        ("failing", failing, &failed),
        ("few", &FEW, used),
        ("slow", &SLOW, &slow),
    ];
    let stat = |ios: u64, ms: u64| format!("{ios} 0 0 {ms} {} 0 0 0 0 0 0", ios / 4);
    let disks = [
        ("vda", "0 3 900 9000\n1 2 100 4000", stat(grown, took_ms)),
        ("nvme0n1", "0 0 0 0", stat(second * 20_000, second * 1_500)),
    ];
    let disks = disks
        .each_ref()
        .map(|(disk, held, stat)| (*disk, *held, &**stat));
    look(second * 1_000, &injections, &disks)
}

fn played() -> String {
    let app = App::new();
    let mut session = Session {
        app,
        text: String::new(),
    };
    let ordinary = (80, 24);
    session.app.see(at(0, &FAILING));
    session.frame("the first look", ordinary);
    for second in 1..=9 {
        session.app.see(at(second, &FAILING));
    }
    session.frame("the tenth look", ordinary);
    session.press("p");
    session.frame("a verb at work", ordinary);
    session.done(true, &["vda: ioem -> none, as no injection needs it"]);
    session.app.see_change(at(9, &OFF));
    session.frame("paused", ordinary);
    session.press("jjc--delay 5ms");
    session.frame("a line of options", ordinary);
    session.press("\n");
    session.done(
        false,
        &[
            "cannot write /sys/kernel/config/ioem/slow/delay_us: permission denied; run it as \
             root, such as with sudo",
        ],
    );
    session.frame("refused", ordinary);
    session.press("r");
    session.frame("a confirmation", (60, 16));
    session.press("n");
    session.frame("narrow", (40, 12));
    session.frame("tiny", (24, 6));
    session.frame("wide", (120, 30));
    session.press("?");
    session.frame("help", ordinary);
    session.press("x");
    session.press("R");
    session.press("y");
    session.done(true, &[]);
    session.app.see_change(look(9_500, &[], &[]));
    session.frame("nothing left", ordinary);
    session.press("q");
    session.text
}

#[test]
fn the_frames_of_a_session_are_those_of_the_file() {
    let played = played();
    if env::var_os(ACCEPT).is_some() {
        fs::create_dir_all(Path::new(FILE).parent().unwrap()).unwrap();
        fs::write(FILE, &played).unwrap();
    }
    let expected = fs::read_to_string(FILE).unwrap();
    for (number, (line, expected)) in played.lines().zip(expected.lines()).enumerate() {
        assert_eq!(
            line,
            expected,
            "line {} of {FILE} differs; with {ACCEPT}=1, the test writes the file",
            number + 1
        );
    }
    assert_eq!(played.lines().count(), expected.lines().count());
}
