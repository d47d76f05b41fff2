// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The commands of the unit that makes an injection at boot, with words of users.

use crate::tree::Tree;

const UNIT: &str = include_str!("../../../tools/boot/kchaos@.service");

/// The exit code of the first command of the unit `boot` that fails, or 0, and what it says.
fn start(tree: &Tree, words: &str) -> (Option<i32>, String) {
    let lines = UNIT.lines().filter(|line| line.starts_with("ExecStart"));
    let mut commands = lines.filter_map(|line| line.split_once("/kchaos "));
    let failed = commands.find_map(|(_, arguments)| {
        let arguments = arguments.replace("%i", "boot").replace("$INJECT", words);
        let output = tree.kchaos(&arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        (!output.status.success()).then(|| (output.status.code(), said))
    });
    failed.unwrap_or((Some(0), String::new()))
}

#[test]
fn an_active_unit_has_made_an_injection_of_its_name() {
    let tree = Tree::attached();
    let before = tree.content();
    for (words, expected) in [
        ("ioem delay --delay 5ms -- true", "-- COMMAND"),
        ("ioem delay --delay 5ms --", "no command after --"),
        ("ioem delay --delay 5ms --name other", "--name"),
    ] {
        let (code, said) = start(&tree, words);
        assert!(
            code == Some(2) && said.contains(expected),
            "{words}: {said}"
        );
        assert_eq!(tree.content(), before, "{words}");
    }
    // Once more while it is there.
    for _ in 0..2 {
        let started = start(&tree, "ioem delay --delay 5ms --device vda");
        assert_eq!(started, (Some(0), String::new()));
        assert_eq!(tree.read("config/ioem/boot/delay_us"), "5000\n");
    }
}
