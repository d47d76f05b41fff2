// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject ioem error`, and `--error` of other verbs.

use crate::tree::{Tree, stderr, stdout};

const ERROR: &str = "inject ioem error EIO --device vdb --name x";

/// The value of a file of the injection x.
pub(crate) fn value(tree: &Tree, file: &str) -> String {
    let text = tree.read(&format!("config/ioem/x/{file}"));
    text.trim().to_owned()
}

/// The files of x that the commands of a shell write, with their values.
pub(crate) fn written(tree: &Tree, line: &str) -> Vec<String> {
    let printed = stdout(&mut tree.kchaos(&format!("{line} --dry-run")));
    let lines = printed.lines().filter_map(|line| {
        let (value, file) = line.strip_prefix("echo ")?.split_once(" > ")?;
        let (_, file) = file.split_once("config/ioem/x/")?;
        Some(format!("{file} {value}"))
    });
    lines.collect()
}

/// A text in one line.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Mounts a disk, and returns the line of its mount.
pub(crate) fn mount(tree: &Tree, disk: &str, point: &str, kind: &str) -> String {
    let number = tree.number(disk);
    let line = format!("40 1 {number} / {point} rw - {kind} /dev/{disk} rw");
    tree.mount("1", &line);
    line
}

#[test]
fn an_error_is_a_word_and_takes_all_options() {
    let tree = Tree::attached();
    let options = "--op write --delay 30s --hold completion --probability 0.1% --sectors 8+8";
    stdout(&mut tree.kchaos(&format!("{ERROR} {options} --for 9s")));
    for (file, expected) in [
        ("error", "EIO"),
        ("op", "write"),
        ("delay_us", "30000000"),
        ("hold", "completion"),
        ("enabled", "1"),
        ("drop", "0"),
    ] {
        assert_eq!(value(&tree, file), expected, "{file}");
    }
    let list = words(&stdout(&mut tree.kchaos("list")));
    assert!(
        list.contains("delay 30s, fails with EIO, of writes on vdb"),
        "{list}"
    );
    let medium = "inject ioem error medium --device vdb";
    assert_eq!(stdout(&mut tree.kchaos(medium)), "error-1\n");
    let file = tree.path("config/ioem/error-2/error");
    let run = format!(
        "inject ioem error ETIMEDOUT --device vdb -- cat {}",
        file.display()
    );
    assert_eq!(stdout(&mut tree.kchaos(&run)), "ETIMEDOUT\n");
    for (line, expected) in [
        ("error", "<ERROR>"),
        ("error 5", "one of EIO, ENODATA"),
        ("error EROFS", "one of EIO, ENODATA"),
        ("error EAGAIN", "one of EIO, ENODATA"),
        ("error none", "this injection would do nothing"),
        (
            "error EIO --probability 0",
            "this injection would do nothing",
        ),
    ] {
        let said = stderr(&mut tree.kchaos(&format!("inject ioem {line}")), 2);
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn an_error_follows_the_filters_and_a_change_takes_it_back() {
    let tree = Tree::attached();
    let files = written(&tree, &format!("{ERROR} --op read"));
    let expected = [
        "enabled 0",
        "device vdb",
        "op read",
        "error EIO",
        "enabled 1",
    ];
    assert_eq!(files, expected);
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vdb --name x"));
    let files = written(&tree, "change x --error enodata --op read");
    assert_eq!(files, ["op read", "error ENODATA"]);
    stdout(&mut tree.kchaos("change x --error enodata"));
    assert_eq!(value(&tree, "error"), "ENODATA");
    stdout(&mut tree.kchaos("change x --error none"));
    assert_eq!(value(&tree, "error"), "");
    let list = words(&stdout(&mut tree.kchaos("list")));
    assert!(list.contains("delay 1ms, on vdb"), "{list}");
}

#[test]
fn a_file_system_that_an_error_breaks_is_told() {
    for (kind, expected) in [
        (
            "ext4",
            "the ext4 at /data on vdb likely becomes read-only; when",
        ),
        (
            "xfs",
            "the xfs at /data on vdb likely shuts down; when the injection is over, umount",
        ),
        ("f2fs", "likely becomes read-only or shuts down"),
    ] {
        let tree = Tree::attached();
        mount(&tree, "vdb", "/data", kind);
        let said = stderr(&mut tree.kchaos(&format!("{ERROR} -- true")), 0);
        assert!(said.contains(expected), "{said}");
        for options in [
            "--device vdb --probability 1%",
            "--device vdb --every 5",
            "--device vda",
        ] {
            let line = format!("inject ioem error EIO {options} -- true");
            let said = stderr(&mut tree.kchaos(&line), 0);
            assert!(!said.contains("/data"), "{options}: {said}");
        }
    }
}

/// A file system goes on after discards that fail, but not after each read.
#[test]
fn the_operations_that_fail_tell_what_becomes_of_a_file_system() {
    let likely = "after such errors, the ext4 at /data on vdb likely becomes read-only;";
    let maybe = "if such a read is of metadata, the ext4 at /data on vdb may become read-only;";
    let shut = "if such a read is of metadata, the xfs at /data on vdb may shut down;";
    let other = "the btrfs at /data on vdb likely becomes read-only or shuts down;";
    for (kind, op, expected) in [
        ("ext4", "read", Some(maybe)),
        ("xfs", "read", Some(shut)),
        ("ext4", "read,sync", Some(maybe)),
        ("ext4", "read,discard", Some(maybe)),
        ("ext4", "discard,secure_erase", None),
        ("ext4", "discard,sync", None),
        ("ext4", "meta", Some(likely)),
        ("ext4", "read,write", Some(likely)),
        ("ext4", "write,flush", Some(likely)),
        ("ext4", "flush", None),
        ("xfs", "flush,sync", None),
        ("btrfs", "flush", Some(other)),
        ("ext4", "write_zeroes", Some(likely)),
        ("ext4", "zone_append", Some(likely)),
        ("ext4", "zone_reset", Some(likely)),
    ] {
        let tree = Tree::attached();
        mount(&tree, "vdb", "/data", kind);
        let said = stderr(&mut tree.kchaos(&format!("{ERROR} --op {op} -- true")), 0);
        let is_right = expected.map_or(!said.contains("umount"), |text| said.contains(text));
        assert!(is_right, "{kind} {op}: {said}");
    }
}

/// A partition is told from its neighbours, also below a volume; whole disks have all of them.
#[test]
fn an_error_on_a_partition_breaks_only_the_file_systems_on_it() {
    for (is_mapped, device, op, is_told) in [
        (false, "vda1", "write", true),
        (false, "vda2", "write", false),
        (false, "vda", "write", true),
        (true, "vda1", "write", true),
        (true, "vda2", "write", false),
        (true, "vda", "write", true),
        // The device mapper sends each commit a flush ahead.
        (true, "vda1", "flush", true),
        (false, "vda1", "flush", false),
    ] {
        let tree = Tree::attached();
        tree.partition("vda", "vda2", (10_240, 2_048));
        if is_mapped {
            tree.mapped("dm-0", "vg-lv", &["vda1"]);
        }
        mount(
            &tree,
            if is_mapped { "dm-0" } else { "vda1" },
            "/data",
            "ext4",
        );
        let line = format!("inject ioem error EIO --device {device} --op {op} -- true");
        let said = stderr(&mut tree.kchaos(&line), 0);
        let told = said.contains("the ext4 at /data on vda likely becomes");
        assert_eq!(told, is_told, "{is_mapped} {device} {op}: {said}");
    }
}

#[test]
fn the_counts_are_told_when_there_are_any() {
    let tree = Tree::attached();
    let usual = "active 1\nremaining_ms 0\nmatched 9\n";
    tree.injection("x", &[("error", "EIO"), ("stats", usual)]);
    let status = |tree: &Tree| words(&stdout(&mut tree.kchaos("status x")));
    let text = status(&tree);
    assert!(text.contains("fails with EIO, of all I/O"), "{text}");
    for absent in ["failed:", "lost:", "all the same"] {
        assert!(!text.contains(absent), "{text}");
    }
    let stats = format!("{usual}failed 7\ndropped 0\nnot_failed 2\n");
    tree.write("config/ioem/x/stats", &stats);
    let text = status(&tree);
    for expected in [
        "failed: 7",
        "reached the disk all the same: 2 writes with a flush fail only once the disk has",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&mut tree.kchaos("status --json"))).unwrap();
    let numbers = ["failed", "dropped", "not_failed"].map(|key| &json["injections"][0][key]);
    assert_eq!(numbers, [7, 0, 2]);
}
