// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Disks that `kchaos inject` attaches by itself, and gives back when no injection needs them.

use crate::tree::{KCHAOS, Tree, stderr, stdout};
use std::{fs, thread::sleep, time::Duration};

const VDA: &str = "sys/block/vda/queue/scheduler";
const SAVED: &str = "run/kchaos/vda";
const DELAY: &str = "inject ioem delay --delay 1ms";

/// The files of an injection whose lease has passed.
const OVER: [(&str, &str); 2] = [("duration_ms", "5"), ("stats", "active 0\nremaining_ms 0")];

/// Makes an injection's lease pass.
fn end_lease(tree: &Tree, name: &str) {
    for (file, text) in OVER {
        tree.write(&format!("config/ioem/{name}/{file}"), &format!("{text}\n"));
    }
}

fn is_given_back(tree: &Tree) -> bool {
    tree.read(VDA) == "[kyber]\n" && !tree.path(SAVED).exists()
}

#[test]
fn a_disk_is_attached_for_as_long_as_an_injection_needs_it() {
    let tree = Tree::new();
    tree.write("sys/devices/vda/diskseq", "9\n");
    let before = tree.content();
    tree.kchaos(&format!("{DELAY} --device vda1 --name x"))
        .assert()
        .success()
        .stdout("x\n")
        .stderr("kchaos: vda: kyber -> ioem, as long as an injection needs it\n");
    assert_eq!(tree.read(VDA), "[ioem]\n");
    assert_eq!(tree.read(SAVED), "kyber diskseq=9 auto\n");
    let number = stdout(
        tree.command("stat")
            .args(["-c", "%i"])
            .arg(tree.path("config/ioem/x")),
    );
    let expected = format!("{} vda diskseq=9\n", number.trim());
    assert_eq!(tree.read("run/kchaos/for/x"), expected);
    assert_eq!(stdout(&mut tree.kchaos("recover x")), "x\n");
    // Its file has the same text in brackets or not.
    tree.write(VDA, "none mq-deadline [kyber]\n");
    assert_eq!(tree.content(), before);
}

#[test]
fn a_disk_that_two_need_is_given_back_after_both() {
    for first in ["x", "y"] {
        let tree = Tree::new();
        for name in ["x", "y"] {
            stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name {name}")));
        }
        stdout(&mut tree.kchaos(&format!("recover {first}")));
        assert_eq!(tree.read(VDA), "[ioem]\n");
        stdout(&mut tree.kchaos("recover --all"));
        assert!(is_given_back(&tree));
    }
}

#[test]
fn an_injection_of_all_disks_needs_those_that_are_attached_then() {
    let tree = Tree::new();
    tree.disk("vdc", "none [kyber]");
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    stdout(&mut tree.kchaos(&format!("{DELAY} --name all")));
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vdc --name y")));
    stdout(&mut tree.kchaos("recover x y"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    assert_eq!(tree.read("sys/block/vdc/queue/scheduler"), "[kyber]\n");
    stdout(&mut tree.kchaos("recover all"));
    assert!(is_given_back(&tree));
}

#[test]
fn an_injection_that_was_made_by_hand_keeps_what_it_names() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    tree.injection("hand", &[("device", "vda1"), ("delay_us", "5")]);
    stdout(&mut tree.kchaos("recover x"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    stdout(&mut tree.kchaos("recover hand"));
    assert!(is_given_back(&tree));
}

#[test]
fn after_a_lease_the_next_verb_gives_back() {
    for verb in [
        "list",
        "status",
        "recover --all",
        "attach vdb",
        "wait x --gone",
    ] {
        let tree = Tree::attached();
        stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x --for 5ms")));
        for verb in ["version", "completions bash", "recover x --dry-run"] {
            stdout(&mut tree.kchaos(verb));
        }
        stdout(&mut tree.kchaos("list"));
        assert_eq!(tree.read(VDA), "[ioem]\n", "{verb}");
        end_lease(&tree, "x");
        stdout(&mut tree.kchaos("version"));
        assert_eq!(tree.read(VDA), "[ioem]\n", "{verb}");
        stdout(&mut tree.kchaos(verb));
        assert!(is_given_back(&tree), "{verb}");
        assert!(!tree.path("run/kchaos/for/x").exists(), "{verb}");
    }
}

#[test]
fn what_is_used_up_keeps_its_disk_while_it_holds_io() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x --times 5")));
    for (held, is_back) in [(3, false), (0, true)] {
        let stats = format!("active 0\nremaining_ms 0\nheld {held}\n");
        tree.write("config/ioem/x/stats", &stats);
        stdout(&mut tree.kchaos("list"));
        assert_eq!(is_given_back(&tree), is_back);
    }
}

#[test]
fn another_injection_of_the_name_needs_nothing_of_it() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    let ioem = tree.path("config/ioem");
    fs::rename(ioem.join("x"), tree.path("away")).unwrap();
    tree.injection("x", &[("delay_us", "5")]);
    stdout(&mut tree.kchaos("list"));
    assert!(is_given_back(&tree));
    assert!(ioem.join("x").exists());
}

#[test]
fn a_disk_that_a_user_attaches_stays_attached() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos("attach vda"));
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    assert_eq!(tree.read(SAVED), "kyber\n");
    stdout(&mut tree.kchaos("recover x"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    stdout(&mut tree.kchaos("detach vda"));

    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    assert_eq!(
        stdout(&mut tree.kchaos("attach vda")),
        "vda: ioem, until `kchaos detach vda`\n"
    );
    stdout(&mut tree.kchaos("recover x"));
    assert_eq!(
        (tree.read(VDA), tree.read(SAVED)),
        ("[ioem]\n".into(), "kyber\n".into())
    );
    stdout(&mut tree.kchaos("detach vda"));
    assert!(is_given_back(&tree));
}

#[test]
fn a_disk_is_given_back_at_the_end_of_a_command() {
    for (command, code) in [("true", 0), ("false", 1), ("/no/such/program", 127)] {
        let tree = Tree::new();
        tree.kchaos(&format!("{DELAY} --device vda -- {command}"))
            .assert()
            .code(code);
        assert!(is_given_back(&tree), "{command}");
    }
    let tree = Tree::new();
    let scheduler = tree.path(VDA).display().to_string();
    let shown = stdout(&mut tree.kchaos(&format!("{DELAY} --device vda -- cat {scheduler}")));
    assert_eq!(shown, "[ioem]\n");
}

#[test]
fn nothing_is_attached_without_a_reason() {
    let tree = Tree::new();
    let before = tree.content();
    let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    let message = stderr(&mut tree.kchaos(&format!("{DELAY} --device vda")), 2);
    assert!(message.contains("--force"), "{message}");
    tree.write("proc/swaps", "Filename Type Size Used Priority\n");
    // The driver refuses the cgroup, as configfs has no such file here.
    fs::remove_file(tree.path("new/every")).unwrap();
    let message = stderr(
        &mut tree.kchaos(&format!("{DELAY} --device vda --every 3")),
        3,
    );
    assert!(message.contains("has no "), "{message}");
    assert!(is_given_back(&tree));
    let every = before[std::path::Path::new("new/every")].clone();
    tree.write("new/every", &every.unwrap());
    tree.write(VDA, "none mq-deadline [kyber]\n");
    assert_eq!(tree.content(), before);
}

#[test]
fn who_attaches_by_hand_is_told_what_is_not_attached() {
    let tree = Tree::attached();
    for (devices, said) in [
        (
            "vda1,vdb,vda",
            "kchaos: vda is not on ioem yet: kchaos attach vda\n",
        ),
        ("vdb", ""),
    ] {
        tree.kchaos(&format!("{DELAY} --no-attach --device {devices}"))
            .assert()
            .success()
            .stderr(said);
        assert!(is_given_back(&tree) || tree.read(VDA).contains("[kyber]"));
    }
}

#[test]
fn a_disk_that_somebody_else_switched_stays_as_it_is() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    tree.write(VDA, "ioem [mq-deadline]\n");
    stdout(&mut tree.kchaos("recover x"));
    assert_eq!(tree.read(VDA), "ioem [mq-deadline]\n");
    assert!(!tree.path(SAVED).exists());
}

#[test]
fn another_disk_of_the_name_gets_nothing_of_the_former() {
    let tree = Tree::new();
    let diskseq = "sys/devices/vda/diskseq";
    tree.write(VDA, "none [kyber]\n");
    tree.write(diskseq, "7\n");
    stdout(&mut tree.kchaos("attach vda"));
    assert!(tree.read(SAVED).starts_with("kyber diskseq=7"));
    tree.write(diskseq, "8\n");
    let list = stdout(&mut tree.kchaos("list --json"));
    assert!(list.contains("\"remembered\": null"), "{list}");
    assert!(!tree.path(SAVED).exists());
    tree.kchaos("detach vda")
        .assert()
        .success()
        .stdout("vda: ioem -> none\n")
        .stderr(predicates::str::contains("has no record"));
}

#[test]
fn the_record_of_a_disk_that_is_gone_is_removed() {
    let tree = Tree::attached();
    stdout(&mut tree.kchaos("attach vda"));
    for link in ["sys/block/vda", "sys/class/block/vda", "dev/vda"] {
        fs::remove_file(tree.path(link)).unwrap();
    }
    let node = tree.path("dev/vda").display().to_string();
    let before = tree.content();
    stdout(&mut tree.kchaos(&format!("detach {node} --dry-run")));
    assert_eq!(tree.content(), before);
    for detach in [
        format!("detach {node}"),
        "detach vda".into(),
        "detach --all".into(),
    ] {
        tree.write(SAVED, "kyber\n");
        tree.kchaos(&detach)
            .assert()
            .success()
            .stderr(predicates::str::contains("vda is gone"));
        assert!(!tree.path(SAVED).exists());
    }
    let message = stderr(&mut tree.kchaos("detach vda"), 5);
    assert!(message.contains("no block device vda"), "{message}");
}

/// A lease of one injection does not end another that has none.
#[test]
fn a_lease_attaches_no_needed_disk_for_others() {
    let tree = Tree::attached();
    let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    stdout(&mut tree.kchaos("inject ioem delay --delay 1h --name hang"));
    let leased = "inject ioem delay --delay 1ms --name x --device vda --for 5s";
    let said = stderr(&mut tree.kchaos(leased), 2);
    assert!(said.contains("without an end: hang"), "{said}");
    stdout(&mut tree.kchaos("recover hang"));
    stdout(&mut tree.kchaos(leased));
    // The disk is on ioem only for a while, and attach would change that.
    let said = stderr(&mut tree.kchaos("attach vda"), 2);
    assert!(said.contains("the active swap"), "{said}");
}

/// Where nobody can tell what the system needs, no disk is attached among all.
#[test]
fn all_disks_are_none_if_nobody_can_tell() {
    let tree = Tree::new();
    let hidden = "7 1 0:60 / / rw - overlay none rw,lowerdir=/no/l,upperdir=/no/u";
    tree.write("proc/self/mountinfo", hidden);
    let said = stderr(&mut tree.kchaos("attach --all"), 2);
    assert!(said.contains("cannot tell whether"), "{said}");
    assert!(said.contains("no disk was attached"), "{said}");
}

#[test]
fn all_disks_are_attached_and_given_back() {
    let tree = Tree::attached();
    tree.disk("vdc", "[none] kyber");
    tree.disk("dm-0", "none");
    let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    tree.kchaos("attach --all")
        .assert()
        .success()
        .stdout("vdc: none -> ioem\n")
        .stderr(predicates::str::contains(
            "vda has the active swap /dev/vda1",
        ));
    assert_eq!(
        stdout(&mut tree.kchaos("attach --all --force")),
        "vda: kyber -> ioem\n"
    );
    assert_eq!(
        stdout(&mut tree.kchaos("detach --all")),
        "vda: ioem -> kyber\nvdb: ioem -> none\nvdc: ioem -> none\n"
    );
    stdout(&mut tree.kchaos("detach --all"));
    stderr(&mut tree.kchaos("attach --all vda"), 2);
    stderr(&mut tree.kchaos("detach"), 2);
}

/// A kchaos that was killed at some step.
#[test]
fn what_a_killed_one_has_begun_is_finished_or_undone() {
    let made = [("delay_us", "5"), ("enabled", "1")];
    for (files, is_kept) in [
        (&[("delay_us", "5"), ("enabled", "0")][..], false),
        (&[("delay_us", "0"), ("enabled", "1")], false),
        (&made, true),
    ] {
        let tree = Tree::attached();
        tree.injection("x", files);
        tree.write(VDA, "[ioem]\n");
        tree.write(SAVED, "kyber auto\n");
        tree.write("run/kchaos/for/x", "0 vda\n");
        tree.write("run/kchaos/version", "ky");
        tree.write("run/kchaos/for/version", "12");
        stdout(&mut tree.kchaos("list"));
        assert_eq!(tree.path("config/ioem/x").exists(), is_kept);
        assert_eq!(!is_given_back(&tree), is_kept);
        for file in ["run/kchaos/version", "run/kchaos/for/version"] {
            assert!(!tree.path(file).exists());
        }
        stdout(&mut tree.kchaos("recover --all"));
        assert!(is_given_back(&tree));
    }
    // It was killed before the switch, or after the switch back.
    let tree = Tree::new();
    tree.write(SAVED, "kyber auto\n");
    tree.write("run/kchaos/for/x", "0 vda\n");
    stdout(&mut tree.kchaos("list"));
    assert!(!tree.path(SAVED).exists());
    assert_eq!(tree.read(VDA), "none mq-deadline [kyber]\n");
}

/// Starts kchaos.
fn start(tree: &Tree, arguments: &str) -> std::process::Child {
    std::process::Command::new(KCHAOS)
        .args(arguments.split(' '))
        .envs(tree.environment())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn one_that_waits_gives_back_at_the_end() {
    for (end, code) in [("lease", 0), ("hand", 5), ("signal", 143)] {
        let tree = Tree::new();
        let before = tree.content();
        let mut child = start(
            &tree,
            &format!("{DELAY} --device vda --name x --for 1h --wait"),
        );
        while !tree.path("run/kchaos/for/x").exists()
            || tree.read("run/kchaos/for/x").starts_with("0 ")
        {
            assert!(child.try_wait().unwrap().is_none());
            sleep(Duration::from_millis(10));
        }
        sleep(Duration::from_millis(150));
        assert!(child.try_wait().unwrap().is_none(), "{end}");
        match end {
            "lease" => end_lease(&tree, "x"),
            "hand" => fs::rename(tree.path("config/ioem/x"), tree.path("gone")).unwrap(),
            _ => {
                let pid = rustix::process::Pid::from_child(&child);
                rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            }
        }
        assert_eq!(child.wait().unwrap().code(), Some(code), "{end}");
        assert!(is_given_back(&tree), "{end}");
        let _ = fs::remove_dir_all(tree.path("gone"));
        tree.write(VDA, "none mq-deadline [kyber]\n");
        assert_eq!(tree.content(), before, "{end}");
    }
    let tree = Tree::attached();
    for (more, expected) in [
        ("--wait", "add --for 30s or --times 100"),
        ("--wait -- true", "leave --wait out"),
        ("--wait --for 1s --dry-run", "leave one out"),
    ] {
        let message = stderr(&mut tree.kchaos(&format!("{DELAY} {more}")), 2);
        assert!(message.contains(expected), "{message}");
    }
}
