// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos change`, `kchaos wait`, and injections that take the place of others.

use crate::tree::{Tree, stderr, stdout};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

const DELAY: &str = "inject ioem delay --delay 1ms";
const VDA: &str = "sys/block/vda/queue/scheduler";

/// The files of the injection x.
fn files(tree: &Tree) -> BTreeMap<PathBuf, Option<String>> {
    let mut content = tree.content();
    content.retain(|path, _| path.starts_with("config/ioem/x"));
    content
}

fn file(tree: &Tree, name: &str) -> String {
    tree.read(&format!("config/ioem/x/{name}"))
        .trim()
        .to_owned()
}

#[test]
fn only_what_is_named_changes() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos(&format!("{DELAY} --jitter 1ms --op read --name x")));
    let mut expected = files(&tree);
    for (changes, texts) in [
        ("--delay 20ms", &[("delay_us", "20000\n")][..]),
        (
            "--op write,sync --quota 5",
            &[("op", "write sync\n"), ("quota", "5\n")],
        ),
        ("--quota 0", &[("quota", "0\n")]),
        ("--enabled 0", &[("enabled", "0\n")]),
        (
            "--enabled 1 --for 30s",
            &[("enabled", "1\n"), ("duration_ms", "30000\n")],
        ),
        (
            "--min-bytes 8k --max-bytes 16k",
            &[("min_bytes", "8192\n"), ("max_bytes", "16384\n")],
        ),
        ("--device vdb", &[("device", "vdb\n")]),
    ] {
        assert_eq!(stdout(&mut tree.kchaos(&format!("change x {changes}"))), "");
        for (file, text) in texts {
            let path = PathBuf::from("config/ioem/x").join(file);
            expected.insert(path, Some((*text).to_owned()));
        }
        assert_eq!(files(&tree), expected, "{changes}");
    }
    // All are as asked already.
    stdout(&mut tree.kchaos("change x --quota 0"));
    assert_eq!(files(&tree), expected);
}

/// The driver refuses a least size above the greatest, and so the order matters.
#[test]
fn sizes_change_in_an_order_that_the_driver_takes() {
    let tree = Tree::attached();
    for (before, change, first) in [
        (
            ("4096", "8192"),
            "--min-bytes 16k --max-bytes 32k",
            "max_bytes",
        ),
        (
            ("16384", "32768"),
            "--min-bytes 4k --max-bytes 8k",
            "min_bytes",
        ),
        (
            ("4096", "8192"),
            "--min-bytes 16k --max-bytes 0",
            "max_bytes",
        ),
    ] {
        let (least, most) = before;
        tree.injection("x", &[("min_bytes", least), ("max_bytes", most)]);
        let text = stdout(&mut tree.kchaos(&format!("change x {change} --dry-run")));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].ends_with(first), "{text}");
        // Between the two, the sizes are neither the former nor the new ones.
        let gate = ["echo 0 > ", "echo 100 > "];
        assert!(
            lines[0].starts_with(gate[0]) && lines[3].starts_with(gate[1]),
            "{text}"
        );
        assert!(lines[0].ends_with("probability") && lines[3].ends_with("probability"));
        stdout(&mut tree.kchaos("recover x"));
    }
}

#[test]
fn a_change_that_makes_no_sense_is_refused() {
    let tree = Tree::attached();
    tree.injection("x", &[("percentiles", "50:200"), ("min_bytes", "8192")]);
    tree.injection("y", &[]);
    let before = tree.content();
    for (arguments, exit, expected) in [
        ("change x", 2, "nothing is to change"),
        ("change --delay 1ms", 2, "NAME"),
        ("change nope --delay 1ms", 5, "no injection named nope"),
        ("change ../x --delay 1ms", 5, "no injection named ../x"),
        ("change x --delay 1ms", 2, "so --delay would do nothing"),
        ("change x --max-bytes 4k", 2, "exchange them"),
        ("change x --min-bytes 2k --max-bytes 1k", 2, "exchange them"),
        ("change x --every 0", 2, "from 1"),
        ("change x --device vda --cgroup /nowhere", 5, "no cgroup"),
        ("change x -- true", 2, "unexpected argument"),
    ] {
        let message = stderr(&mut tree.kchaos(arguments), exit);
        assert!(message.contains(expected), "{arguments}: {message}");
    }
    assert_eq!(tree.content(), before);
}

/// A file of /proc that takes numbers answers EINVAL to any other text, as the driver's files do.
#[test]
fn what_was_changed_before_a_refusal_is_as_it_was() {
    let tree = Tree::new();
    fs::remove_file(tree.path("new/distribution")).unwrap();
    symlink("/proc/self/oom_score_adj", tree.path("new/distribution")).unwrap();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --jitter 1ms --name x")));
    tree.disk("vdc", "[kyber]");
    let before = tree.content();
    let change = "change x --device vda,vdc --delay 2ms --jitter 2ms --distribution normal";
    let message = stderr(&mut tree.kchaos(change), 1);
    assert!(message.contains("cannot write normal to "), "{message}");
    assert_eq!(tree.content(), before);
}

#[test]
fn a_change_attaches_and_gives_back() {
    let tree = Tree::new();
    tree.disk("vdc", "[kyber]");
    tree.write(VDA, "[kyber]\n");
    let vdc = "sys/block/vdc/queue/scheduler";
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    stdout(&mut tree.kchaos("change x --device vdc"));
    assert_eq!(
        (tree.read(VDA), tree.read(vdc)),
        ("[kyber]\n".into(), "[ioem]\n".into())
    );
    stdout(&mut tree.kchaos("change x --device vda --no-attach"));
    assert_eq!(
        (tree.read(VDA), tree.read(vdc)),
        ("[kyber]\n".into(), "[kyber]\n".into())
    );
    // After its lease, the disk is given back, and comes again with another lease.
    stdout(&mut tree.kchaos("change x --for 5ms"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    tree.write("config/ioem/x/stats", "active 0\nremaining_ms 0\n");
    tree.kchaos("change x --delay 3ms")
        .assert()
        .success()
        .stderr(predicates::str::contains(
            "x is over, so it goes on doing nothing",
        ));
    assert_eq!(tree.read(VDA), "[kyber]\n");
    fs::remove_file(tree.path("config/ioem/x/stats")).unwrap();
    stdout(&mut tree.kchaos("change x --for 5ms"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    stdout(&mut tree.kchaos("recover x"));
    assert_eq!(tree.read(VDA), "[kyber]\n");
}

#[test]
fn a_change_asks_the_guard() {
    let tree = Tree::attached();
    tree.write(
        "proc/swaps",
        "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n",
    );
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vdb --name x")));
    let before = tree.content();
    let message = stderr(&mut tree.kchaos("change x --device vda"), 2);
    assert!(message.contains("--force"), "{message}");
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos("change x --device vda --for 30s"));
    stderr(&mut tree.kchaos("change x --for 0s"), 2);
    stdout(&mut tree.kchaos("change x --for 0s --force"));
    assert_eq!(file(&tree, "duration_ms"), "0");
    // Of a setting that is not about where and how long, nobody is asked again.
    stdout(&mut tree.kchaos("change x --delay 2ms"));
}

/// A lease that kchaos renews for a command is no end, whatever else is written into it.
#[test]
fn the_lease_of_a_command_does_not_pass_the_guard() {
    let tree = Tree::attached();
    tree.write("proc/swaps", "Filename Type\n/dev/vda1 partition 1 0 -2\n");
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vdb --name x")));
    tree.write("config/ioem/x/duration_ms", "1500\n");
    tree.write("config/ioem/x/stats", "active 1\nremaining_ms 900\n");
    let renewed = tree.renewed("x");
    let before = tree.content();
    for (words, expected) in [
        ("--device vda", "as long as its command"),
        ("--device vda --for 5s", "would undo --for"),
        ("--for 60s --force", "would undo --for"),
        ("--for 0", "end it with `kchaos recover x`"),
    ] {
        let said = stderr(&mut tree.kchaos(&format!("change x {words}")), 2);
        assert!(said.contains(expected), "{said}");
        assert_eq!(tree.content(), before);
    }
    stdout(&mut tree.kchaos("change x --device vda --no-attach --force"));
    // So the user who attaches the disk gets a note.
    tree.kchaos("attach vda --force")
        .assert()
        .success()
        .stderr(predicates::str::contains("without an end: x"));
    // Its command is gone, and its kchaos.
    drop(renewed);
    tree.write("config/ioem/x/stats", "active 0\nremaining_ms 0\n");
    stdout(&mut tree.kchaos("change x --device vda --for 5s"));
}

#[test]
fn a_count_that_begins_anew_attaches_and_asks_the_guard() {
    let tree = Tree::new();
    tree.write(VDA, "[kyber]\n");
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --times 5 --name x")));
    tree.write("config/ioem/x/stats", "active 0\n");
    stdout(&mut tree.kchaos("change x --delay 2ms"));
    assert_eq!(tree.read(VDA), "[kyber]\n");
    tree.write("proc/swaps", "Filename Type\n/dev/vda1 partition 1 0 -2\n");
    stderr(&mut tree.kchaos("change x --times 7"), 2);
    assert_eq!(
        (tree.read(VDA), file(&tree, "times")),
        ("[kyber]\n".into(), "5".into())
    );
    fs::remove_file(tree.path("config/ioem/x/stats")).unwrap();
    stdout(&mut tree.kchaos("change x --times 7 --force"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
}

#[test]
fn an_injection_is_replaced_as_a_whole() {
    let tree = Tree::new();
    tree.write(VDA, "[kyber]\n");
    let replace = "inject ioem limit --quota 15 --name x --replace";
    // There does not have to be one.
    stdout(&mut tree.kchaos(&format!("{replace} --device vda")));
    let expected = files(&tree);
    stdout(&mut tree.kchaos("recover x"));
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --op read --name x")));
    stdout(&mut tree.kchaos(&format!("{replace} --device vda")));
    assert_eq!(files(&tree), expected);
    assert_eq!(tree.read(VDA), "[ioem]\n");
    // The new one needs another disk.
    tree.disk("vdc", "[kyber]");
    let before = tree.content();
    let commands = stdout(&mut tree.kchaos(&format!("{replace} --device vdc --dry-run")));
    assert!(commands.contains("\necho 'kyber auto' > "), "{commands}");
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos(&format!("{replace} --device vdc")));
    assert_eq!(tree.read(VDA), "[kyber]\n");
    stderr(
        &mut tree.kchaos(&format!("{DELAY} --replace --device vda")),
        2,
    );
}

#[test]
fn an_injection_stays_if_the_driver_refuses_its_successor() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    let before = tree.content();
    fs::remove_file(tree.path("new/every")).unwrap();
    let replace = format!("{DELAY} --every 3 --device vda --name x --replace");
    let message = stderr(&mut tree.kchaos(&replace), 3);
    assert!(message.contains("has no "), "{message}");
    let mut after = tree.content();
    let every = PathBuf::from("new/every");
    after.insert(every.clone(), before[&every].clone());
    assert_eq!(after, before);
}

#[test]
fn a_name_whose_injection_has_ended_is_free() {
    for files in [
        [("duration_ms", "5"), ("stats", "active 0\nremaining_ms 0")],
        [("times", "5"), ("stats", "active 0\nheld 0")],
    ] {
        let tree = Tree::attached();
        tree.injection("x", &[("op", "read")]);
        for (file, text) in files {
            tree.write(&format!("config/ioem/x/{file}"), &format!("{text}\n"));
        }
        let inject = format!("{DELAY} --name x");
        let commands = stdout(&mut tree.kchaos(&format!("{inject} --dry-run")));
        assert!(commands.starts_with("rmdir "), "{commands}");
        stdout(&mut tree.kchaos(&inject));
        assert_eq!(file(&tree, "delay_us"), "1000");
        assert_eq!(file(&tree, "op"), tree.read("new/op").trim());
        stderr(&mut tree.kchaos(&inject), 5);
    }
    // It still holds I/O.
    let tree = Tree::attached();
    tree.injection("x", &[("times", "5"), ("stats", "active 0\nheld 3")]);
    stderr(&mut tree.kchaos(&format!("{DELAY} --name x")), 5);
    // Made-up names are used again as well, or the ended ones would fill the disk's plan.
    let over = [("duration_ms", "5"), ("stats", "active 0\nremaining_ms 0")];
    tree.injection("delay-1", &[("stats", "active 1")]);
    tree.injection("delay-2", &over);
    let commands = stdout(&mut tree.kchaos(&format!("{DELAY} --dry-run")));
    assert!(commands.starts_with("rmdir "), "{commands}");
    assert_eq!(stdout(&mut tree.kchaos(DELAY)), "delay-2\n");
    assert_eq!(tree.read("config/ioem/delay-2/duration_ms"), "0\n");
}

#[test]
fn what_is_gone_can_be_recovered() {
    let tree = Tree::new();
    tree.injection("a", &[]);
    assert_eq!(
        stdout(&mut tree.kchaos("recover a nope a --ignore-missing")),
        "a\n"
    );
    assert_eq!(stdout(&mut tree.kchaos("recover a --ignore-missing")), "");
    tree.injection("a", &[]);
    assert_eq!(stdout(&mut tree.kchaos("recover a a")), "a\n");
    stderr(&mut tree.kchaos("recover a"), 5);
}

#[test]
fn a_wait_ends_when_it_is_so() {
    let tree = Tree::new();
    tree.injection("x", &[("stats", "active 1\nheld 3\ndelayed 7\nlimited 9")]);
    for (wait, said) in [
        ("x --held 3", ""),
        ("x --hit 9", ""),
        ("nope --gone", "kchaos: there is no injection named nope\n"),
        (
            "y --gone",
            "kchaos: there is no injection named y, but 'x'\n",
        ),
    ] {
        let message = stderr(&mut tree.kchaos(&format!("wait {wait}")), 0);
        assert_eq!(message, said);
    }
    for (wait, expected) in [
        ("x --held 4", "after 30ms, x has not held 4 I/Os, only 3"),
        ("x --hit 10", "after 30ms, x has not hit 10 I/Os, only 9"),
        ("x --gone", "after 30ms, x has not ended"),
    ] {
        let begun = Instant::now();
        let mut command = tree.kchaos(&format!("wait {wait} --timeout 30ms"));
        assert_eq!(stderr(&mut command, 124), format!("kchaos: {expected}\n"));
        assert!(begun.elapsed() >= Duration::from_millis(30));
    }
    for (arguments, exit) in [
        ("wait nope --held 1", 5),
        ("wait x", 2),
        ("wait x --held 0", 2),
        ("wait x --held 1 --gone", 2),
        ("wait x --held 1 --timeout 5", 2),
    ] {
        stderr(&mut tree.kchaos(arguments), exit);
    }
    // It cannot be hit any more.
    tree.write("config/ioem/x/duration_ms", "5\n");
    tree.write(
        "config/ioem/x/stats",
        "active 0\nremaining_ms 0\ndelayed 7\n",
    );
    let message = stderr(&mut tree.kchaos("wait x --hit 8"), 5);
    assert!(
        message.contains("x is over and has not hit 8 I/Os, only 7"),
        "{message}"
    );
    stdout(&mut tree.kchaos("wait x --gone"));
}

#[test]
fn a_wait_sees_what_happens_meanwhile() {
    for (wait, code) in [("--held 1", 0), ("--gone", 0), ("--hit 1", 5)] {
        let tree = Tree::new();
        tree.injection("x", &[("stats", "active 1\nheld 0")]);
        let mut command = tree.kchaos(&format!("wait x {wait}"));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(move || command.assert().code(code));
            sleep(Duration::from_millis(150));
            assert!(!waiting.is_finished(), "{wait}");
            if wait == "--held 1" {
                tree.write("config/ioem/x/stats.new", "active 1\nheld 1\n");
                let stats = tree.path("config/ioem/x/stats");
                fs::rename(tree.path("config/ioem/x/stats.new"), stats).unwrap();
            } else {
                fs::rename(tree.path("config/ioem/x"), tree.path("gone")).unwrap();
            }
            waiting.join().unwrap();
        });
    }
}

/// Sectors that a user typed with their disk are not dropped in silence, and those of a volume may
/// be meant no less.
#[test]
fn all_of_a_disk_is_not_hit_instead_of_its_sectors() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos(&format!(
        "{DELAY} --device vdb --sectors vdb:0+2048 --name x"
    )));
    let before = tree.content();
    for devices in ["vdb", "vda,vdb"] {
        let said = stderr(&mut tree.kchaos(&format!("change x --device {devices}")), 2);
        assert!(
            said.contains("such as vdb:0+2048, or make it anew for all"),
            "{said}"
        );
        assert_eq!(tree.content(), before);
    }
    stdout(&mut tree.kchaos("change x --device vda,vdb --sectors vda:0+8,vdb:0+2048"));
    assert_eq!(file(&tree, "sectors"), "vda:0+8 vdb:0+2048");
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda,vdb --name x --replace")));
    assert_eq!(file(&tree, "sectors"), "");
    stdout(&mut tree.kchaos("change x --device vdb --sectors vdb:0+2048"));
    stdout(&mut tree.kchaos("change x --device vda"));
    assert_eq!(
        (file(&tree, "device"), file(&tree, "sectors")),
        ("vda".into(), "".into())
    );
}
