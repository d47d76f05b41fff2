// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject ioem hang`, and `--freeze 1` of other verbs.

use crate::tree::{Tree, stderr, stdout};

const HANG: &str = "inject ioem hang --device vdb --name x";

/// The value of a file of the injection x.
fn value(tree: &Tree, file: &str) -> String {
    tree.read(&format!("config/ioem/x/{file}"))
        .trim()
        .to_owned()
}

#[test]
fn it_freezes_and_has_a_lease() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos(&format!("{HANG} --for 10s --op read")));
    for (file, expected) in [
        ("freeze", "1"),
        ("duration_ms", "10000"),
        ("op", "read"),
        ("enabled", "1"),
        ("delay_us", "0"),
    ] {
        assert_eq!(value(&tree, file), expected, "{file}");
    }
    let list = stdout(&mut tree.kchaos("list"));
    assert!(list.contains("hang, of reads on vdb, for 10s"), "{list}");
    assert_eq!(
        stdout(&mut tree.kchaos("inject ioem hang --for 1s")),
        "hang-1\n"
    );
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&mut tree.kchaos("list --json"))).unwrap();
    assert_eq!(json["injections"][0]["freeze"], 1);
    assert_eq!(stdout(&mut tree.kchaos("recover x")), "x\n");
}

/// Each line that would hold I/O without an end.
#[test]
fn a_hang_that_nothing_ends_is_refused_without_force() {
    for line in [
        HANG,
        "inject ioem delay --delay 1ms --freeze 1 --name x",
        "inject ioem limit --iops 5 --freeze 1 --name x",
        "inject ioem hang --times 5 --name x",
        "inject ioem hang --enabled 0 --name x",
        "inject ioem hang --name x --dry-run",
    ] {
        let tree = Tree::attached();
        let before = tree.content();
        let said = stderr(&mut tree.kchaos(line), 2);
        for expected in ["nothing ends this hang", "--for 10s", "--force"] {
            assert!(said.contains(expected), "{line}: {said}");
        }
        assert_eq!(tree.content(), before, "{line}");
        stdout(&mut tree.kchaos(&format!("{line} --for 10s")));
        let tree = Tree::attached();
        stdout(&mut tree.kchaos(&format!("{line} --force")));
    }
    let tree = Tree::attached();
    let said = stderr(&mut tree.kchaos(&format!("{HANG} --freeze 0 --for 1s")), 2);
    assert!(said.contains("--freeze 0 is no hang"), "{said}");
}

#[test]
fn one_force_allows_all_reasons_and_a_refusal_names_all() {
    let tree = Tree::attached();
    let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    let line = "inject ioem hang --device vda --name x";
    let said = stderr(&mut tree.kchaos(line), 2);
    for expected in [
        "nothing ends this hang",
        "the active swap",
        "add --force, which allows all of this",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    stdout(&mut tree.kchaos(&format!("{line} --force")));
}

#[test]
fn a_change_to_a_hang_needs_an_end_too() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name x"));
    let said = stderr(&mut tree.kchaos("change x --freeze 1"), 2);
    assert!(said.contains("nothing ends this hang"), "{said}");
    assert_eq!(value(&tree, "freeze"), "0");
    stdout(&mut tree.kchaos("change x --freeze 1 --for 10s"));
    assert_eq!(value(&tree, "freeze"), "1");
    assert_eq!(value(&tree, "duration_ms"), "10000");
    // Without its end, nothing would end it any more.
    let said = stderr(&mut tree.kchaos("change x --for 0"), 2);
    assert!(said.contains("nothing ends this hang"), "{said}");
    assert_eq!(value(&tree, "duration_ms"), "10000");
    stdout(&mut tree.kchaos("change x --op read"));
    stdout(&mut tree.kchaos("change x --freeze 0 --for 0"));
    assert_eq!(value(&tree, "freeze"), "0");
    stdout(&mut tree.kchaos("change x --freeze 1 --force"));
    assert_eq!(value(&tree, "freeze"), "1");
    // It was allowed, and this change leaves it as it is.
    stdout(&mut tree.kchaos("change x --op write"));
    // It has a lease already.
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --for 1m --name x --replace"));
    stdout(&mut tree.kchaos("change x --freeze 1"));
    assert_eq!(value(&tree, "freeze"), "1");
}

/// The commands of a shell have the same order: the hang begins by the last one.
#[test]
fn the_lease_is_written_before_the_hang_begins() {
    let tree = Tree::attached();
    let printed = stdout(&mut tree.kchaos(&format!("{HANG} --for 10s --dry-run")));
    let files: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split_once("config/ioem/x/")?.1.split(' ').next())
        .collect();
    let expected = ["enabled", "device", "freeze", "duration_ms", "enabled"];
    assert_eq!(files, expected, "{printed}");
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name x"));
    let printed = stdout(&mut tree.kchaos("change x --freeze 1 --for 10s --dry-run"));
    let files: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split_once("config/ioem/x/")?.1.split(' ').next())
        .collect();
    let expected = ["probability", "freeze", "duration_ms", "probability"];
    assert_eq!(files, expected, "{printed}");
}

#[test]
fn a_command_ends_it_unless_its_own_io_hangs() {
    let tree = Tree::attached();
    let file = tree.path("config/ioem/x/freeze").display().to_string();
    assert_eq!(
        stdout(&mut tree.kchaos(&format!("{HANG} -- cat {file}"))),
        "1\n"
    );
    assert!(!tree.path("config/ioem/x").exists());
    let said = stderr(&mut tree.kchaos(&format!("{HANG} -- true")), 0);
    let expected = "if true waits for I/O that hangs, neither ends by itself";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("`kchaos recover x` ends the hang"), "{said}");
    tree.cgroups("io", "io");
    let said = stderr(&mut tree.kchaos(&format!("{HANG} --own -- true")), 2);
    assert!(said.contains("the command's own I/O"), "{said}");
    assert!(said.contains("leave --own out, or add --force"), "{said}");
}

#[test]
fn its_status_is_in_words() {
    let tree = Tree::attached();
    tree.write("sys/devices/vdb/queue/nr_requests", "256\n");
    let held = "0 3 18446744073709551 18446744073709551\n";
    tree.write("sys/devices/vdb/queue/iosched/held", held);
    let stats = "active 1\nremaining_ms 0\nmatched 3\ndelayed 3\nheld 3\n";
    let files = [("freeze", "1"), ("ceiling", "vdb 0"), ("stats", stats)];
    tree.injection("x", &files);
    let words = |tree: &Tree| {
        let text = stdout(&mut tree.kchaos("status"));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = words(&tree);
    for expected in [
        "hang, of all I/O",
        "vdb holds such I/O until the injection ends, and once it holds 256 requests, other I/O",
        "vdb holds 3; the first may go when its hang ends, the last when its hang ends",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    // By a lease, the time is known.
    let stats = stats.replace("remaining_ms 0", "remaining_ms 9000");
    let files = [("duration_ms", "10000"), ("stats", &*stats)];
    for (file, text) in files {
        tree.write(&format!("config/ioem/x/{file}"), &format!("{text}\n"));
    }
    let text = words(&tree);
    for expected in [
        "vdb holds such I/O until the lease is over",
        "the first may go in 9s, the last in 9s",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}
