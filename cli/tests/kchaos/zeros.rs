// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Values of 0 that lift a bound or leave an injection without an effect.

use crate::tree::{Tree, stderr, stdout};

/// 0 is no end, and somebody may take it for the end at once.
#[test]
fn a_zero_that_lifts_a_bound_is_refused() {
    let tree = Tree::attached();
    let before = tree.content();
    for (arguments, expected) in [
        ("--for 0s", "--for 0 would be no end, as without --for; "),
        ("--for 0", "--for 0 would be no end"),
        ("--duration-ms 0", "--for 0 would be no end"),
        ("--timeout 0 --dry-run", "--for 0 would be no end"),
        ("--times 0", "--times 0 would be no end"),
        ("--times 0 -- true", "--times 0 would be no end"),
        ("--max-bytes 0", "--max-bytes 0 would be no greatest size"),
        ("--every 0", "from 1 to"),
        ("--iops 0", "from 1 to"),
        ("--sectors 5-4", "\"5-4\" is no range"),
        ("--sectors 5+0", "has no sectors"),
    ] {
        let line = format!("inject ioem delay --delay 1ms {arguments}");
        let message = stderr(&mut tree.kchaos(&line), 2);
        assert!(message.contains(expected), "{arguments}: {message}");
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn a_change_that_ends_an_effect_or_a_bound_is_told() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vdb --name x --for 1h"));
    for (arguments, said) in [
        (
            "--delay 0",
            "x does nothing then: it has neither a delay nor a limit",
        ),
        ("--delay 0 --enabled 0", ""),
        ("--delay 1ms --enabled 1", ""),
        ("--probability 0", "x does nothing then: --probability 0"),
        ("--probability 100", ""),
        ("--for 0", "--for 0 is no end"),
        ("--times 0 --max-bytes 0", "--times 0 is no end"),
        ("--max-bytes 0", "--max-bytes 0 is no greatest size"),
    ] {
        let output = tree.kchaos(&format!("change x {arguments}")).output();
        let output = output.unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{message}");
        assert!(message.contains(said), "{arguments}: {message}");
        assert_eq!(message.is_empty(), said.is_empty(), "{message}");
    }
}
