// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! A panic on a terminal.

use super::*;
use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::tcgetattr,
};
use std::{env, fs::File, io::Read, process::Command};

#[test]
#[ignore = "a_panic_gives_the_terminal_back starts it, on a terminal"]
fn panics_on_a_screen() {
    let _screen = Screen::enter(Palette::plain()).unwrap();
    panic!("out of order");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&main).unwrap();
    unlockpt(&main).unwrap();
    let name = ptsname(&main, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = open(name.as_c_str(), flags, Mode::empty()).unwrap();
    let before = tcgetattr(&terminal).unwrap();
    let end = || terminal.try_clone().unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    let child = command
        .env("RUST_BACKTRACE", "0")
        .args(["--ignored", "--nocapture", "--exact"])
        .arg("top::terminal::tests::panics_on_a_screen")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .status();
    assert_eq!(child.unwrap().code(), Some(101));
    assert_eq!(
        tcgetattr(&terminal).unwrap().local_modes,
        before.local_modes
    );
    drop((terminal, command));
    let mut printed = Vec::new();
    // The end of a terminal that nobody has open is an error.
    let _ = File::from(main).read_to_end(&mut printed);
    let text = String::from_utf8_lossy(&printed);
    let place = |part| {
        text.find(part)
            .unwrap_or_else(|| panic!("no {part:?} in {text:?}"))
    };
    assert!(place("\x1b[?1049h") < place("\x1b[?1049l"), "{text:?}");
    assert!(place("\x1b[?1049l") < place("out of order"), "{text:?}");
}
