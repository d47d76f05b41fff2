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

/// The lease that a kchaos renews lasts as long as its command.
#[test]
fn a_change_to_a_hang_of_the_commands_own_io_is_refused_too() {
    let tree = Tree::attached();
    let cgroup = ("cgroup", "/kchaos-own-77");
    tree.injection("x", &[("duration_ms", "1500"), ("freeze", "0"), cgroup]);
    let _renewed = tree.renewed("x");
    let said = stderr(&mut tree.kchaos("change x --freeze 1"), 2);
    for expected in [
        "the command's own I/O",
        "make another injection without --own, or add --force",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    assert_eq!(value(&tree, "freeze"), "0");
    let waits = "if its command waits for I/O that hangs, neither ends by itself";
    let said = stderr(&mut tree.kchaos("change x --freeze 1 --force"), 0);
    assert!(said.contains(waits), "{said}");
    assert_eq!(value(&tree, "freeze"), "1");
    // A hang of other I/O ends with the command.
    stdout(&mut tree.kchaos("change x --freeze 0"));
    for cgroup in ["/tenant", ""] {
        tree.write("config/ioem/x/cgroup", &format!("{cgroup}\n"));
        let said = stderr(&mut tree.kchaos("change x --freeze 1"), 0);
        assert!(said.contains(waits), "{said}");
        assert_eq!(value(&tree, "freeze"), "1");
        let said = stderr(&mut tree.kchaos("change x --freeze 0"), 0);
        assert!(!said.contains(waits), "{said}");
    }
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
    let expected = ["probability", "duration_ms", "freeze", "probability"];
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
        "vdb holds such I/O until the injection ends",
        "the first may go in 9s, the last in 9s",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

/// Words of a text in one line.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The delay of one injection says nothing about a disk that another one freezes.
#[test]
fn a_disk_that_another_injection_freezes_has_no_rate() {
    let tree = Tree::attached();
    tree.write("sys/devices/vdb/queue/nr_requests", "256\n");
    let active = ("stats", "active 1\nremaining_ms 0");
    tree.injection("stuck", &[("freeze", "1"), active]);
    tree.write("new/ceiling", "vdb 0\n");
    let inject = "inject ioem delay --delay 5ms --device vdb --op read --hold request --name x";
    let said = stderr(&mut tree.kchaos(&format!("{inject} -- true")), 0);
    let frozen = |by: &str, until: &str| {
        format!(
            "vdb is frozen by {by}: it holds such I/O until {until}, and once it holds 256 \
             requests, other I/O waits as well"
        )
    };
    let expected = frozen("stuck", "stuck ends");
    assert!(
        said.contains(&expected) && !said.contains("a second"),
        "{said}"
    );
    stdout(&mut tree.kchaos(inject));
    let status = |tree: &Tree| in_one_line(&stdout(&mut tree.kchaos("status x")));
    let text = status(&tree);
    assert!(
        text.contains(&expected) && !text.contains("at most"),
        "{text}"
    );

    let set = |file: &str, text: &str| {
        tree.write(&format!("config/ioem/stuck/{file}"), &format!("{text}\n"));
    };
    set("stats", "active 1\nremaining_ms 9000");
    set("duration_ms", "10000");
    let expected = frozen("stuck", "stuck ends");
    assert!(status(&tree).contains(&expected));
    set("hold", "request");
    set("times", "5");
    let expected = "vdb is frozen by stuck: it holds up to 5 such I/Os until stuck ends, and other \
                    I/O goes on";
    assert!(status(&tree).contains(expected));
    let other = [("freeze", "1"), ("op", "read"), ("hold", "request"), active];
    tree.injection("also", &other);
    let expected = frozen("also and stuck", "they end");
    assert!(status(&tree).contains(&expected));

    // Neither that of other I/O, nor one that is off, nor one that holds completions.
    let unknown = frozen("another injection", "that one ends");
    for (file, text, usual) in [
        ("op", "write", "read"),
        ("min_bytes", "4096", "0"),
        ("device", "vda", ""),
        ("enabled", "0", "1"),
        ("hold", "completion", "request"),
        ("stats", "active 0\nremaining_ms 0", "active 1"),
    ] {
        let set = |name: &str, text: &str| {
            tree.write(&format!("config/ioem/{name}/{file}"), &format!("{text}\n"));
        };
        for (name, told) in [("also", "frozen by stuck:"), ("stuck", &*unknown)] {
            set(name, text);
            let text = status(&tree);
            assert!(text.contains(told), "{file} of {name}: {text}");
        }
        set("also", usual);
        set("stuck", usual);
    }
    // A whole disk, by its number, has all I/O of the disk.
    tree.write("config/ioem/stuck/device", &tree.number("vdb"));
    assert!(status(&tree).contains("frozen by also and stuck"));
}

/// The I/O that a used-up injection holds goes when its time is over.
#[test]
fn the_end_of_a_hang_of_some_ios_is_told() {
    let tree = Tree::attached();
    tree.write("sys/devices/vdb/queue/nr_requests", "256\n");
    let held = "0 1 18446744073709551 18446744073709551\n";
    tree.write("sys/devices/vdb/queue/iosched/held", held);
    let stats = "active 1\nremaining_ms 9000\nmatched 0\nheld 0\n";
    let files = [
        ("freeze", "1"),
        ("hold", "request"),
        ("times", "1"),
        ("duration_ms", "10000"),
        ("ceiling", "vdb 0"),
        ("stats", stats),
    ];
    tree.injection("x", &files);
    let text = in_one_line(&stdout(&mut tree.kchaos("status")));
    let expected = "vdb holds one such I/O until the injection ends, and other I/O goes on";
    assert!(text.contains(expected), "{text}");
    let stats = "active 0\nremaining_ms 9000\nmatched 5\ndelayed 1\nheld 1\n";
    tree.write("config/ioem/x/stats", stats);
    let text = in_one_line(&stdout(&mut tree.kchaos("status")));
    for expected in [
        "x: used up, 9s left, holds 1 now",
        "vdb holds 1; the first may go in 9s, the last in 9s",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!text.contains("goes on"), "{text}");
}
