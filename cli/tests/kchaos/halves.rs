// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Verbs that are killed, or meet a failure, at any of their changes: the next kchaos finishes them
//! or undoes them, and after an error nothing is half done.

use crate::tree::{Tree, stderr, stdout};
use std::{collections::BTreeMap, fs, path::PathBuf, process::Output};

const VDA: &str = "sys/devices/vda/queue/scheduler";
const VDC: &str = "sys/devices/vdc/queue/scheduler";
const REQUESTS: &str = "sys/devices/vda/queue/nr_requests";
const SAVED: &str = "run/kchaos/vda";
/// The number of the change before which the kernel kills kchaos, or which it fails.
const KILL: &str = "TREE_KILL";
const FAIL: &str = "TREE_FAIL";
const FULL: &str = "TREE_FULL";
const DELAY: &str = "inject ioem delay --delay 1ms";

/// A system with two disks that are on no ioem, whose kernel tells one disk from another.
fn tree() -> Tree {
    let tree = Tree::new();
    tree.disk("vdc", "[kyber]");
    tree.disk("vdd", "[ioem]");
    tree.write(VDA, "[kyber]\n");
    tree.write(REQUESTS, "64\n");
    tree.write("sys/devices/vda/diskseq", "9\n");
    tree.write("sys/devices/vdc/diskseq", "10\n");
    tree
}

/// Runs a verb again and again, each time on a system of its own, and stops it at one change after
/// the other until it has no more. `how` is the variable that says where the kernel stops it.
/// Returns how often it was stopped.
fn at_each_change(
    verb: &str,
    how: &str,
    prepare: impl Fn() -> Tree,
    check: impl Fn(&Tree, Output),
) -> u32 {
    for number in 1.. {
        let tree = prepare();
        let output = tree.kchaos(verb).env(how, number.to_string()).output();
        if !tree.path("new.stopped").exists() {
            return number - 1;
        }
        check(&tree, output.unwrap());
    }
    0
}

/// A disk on ioem with another number of requests than it had.
fn attached() -> Tree {
    let tree = tree();
    stdout(&mut tree.kchaos("attach vda --nr-requests 512"));
    assert_eq!(tree.read(SAVED), "kyber 64 diskseq=9\n");
    assert_eq!(tree.read(REQUESTS), "512\n");
    tree
}

#[test]
fn a_disk_gets_all_back_whenever_detach_is_killed() {
    for next in ["list", "detach vda", "attach vdc"] {
        let stops = at_each_change("detach vda", KILL, attached, |tree, _| {
            // A kernel gives each scheduler a number of its own.
            let is_switched = tree.read(VDA) == "[kyber]\n";
            if is_switched && tree.read(REQUESTS) == "512\n" {
                tree.write(REQUESTS, "256\n");
            }
            stdout(&mut tree.kchaos(next));
            if tree.read(VDA) == "[ioem]\n" {
                // Nothing had begun.
                assert_eq!(tree.read(SAVED), "kyber 64 diskseq=9\n");
                stdout(&mut tree.kchaos("detach vda"));
            }
            assert_eq!(tree.read(VDA), "[kyber]\n");
            assert_eq!(tree.read(REQUESTS), "64\n", "{next}");
            assert!(!tree.path(SAVED).exists(), "{next}");
        });
        assert!(stops >= 5, "{stops}");
    }
}

/// A kchaos was killed before the switch. Schedulers that users choose later are theirs.
#[test]
fn the_record_of_a_disk_that_is_not_on_ioem_is_of_no_use() {
    let tree = attached();
    tree.write(VDA, "[mq-deadline]\n");
    stdout(&mut tree.kchaos("list"));
    assert!(!tree.path(SAVED).exists());
    tree.write(VDA, "[ioem]\n");
    let detached = stdout(&mut tree.kchaos("detach vda"));
    assert_eq!(detached, "vda: ioem -> none\n");
}

/// A user who chooses a scheduler or a number in between keeps it.
#[test]
fn what_somebody_chose_since_stays() {
    let tree = attached();
    tree.write(VDA, "[kyber]\n");
    tree.write(REQUESTS, "32\n");
    stdout(&mut tree.kchaos("list"));
    stdout(&mut tree.kchaos("detach vda"));
    assert_eq!(tree.read(REQUESTS), "32\n");
    assert!(!tree.path(SAVED).exists());

    let tree = attached();
    tree.write(SAVED, "kyber 64 diskseq=9 back\n");
    tree.write(VDA, "[bfq]\n");
    stdout(&mut tree.kchaos("list"));
    assert_eq!(
        (tree.read(VDA), tree.read(REQUESTS)),
        ("[bfq]\n".into(), "512\n".into())
    );
    assert!(!tree.path(SAVED).exists());
}

#[test]
fn a_disk_is_on_ioem_or_not_whenever_attach_is_killed() {
    let stops = at_each_change("attach vda --nr-requests 512", KILL, tree, |tree, _| {
        if tree.read(VDA) == "[ioem]\n" {
            assert_eq!(tree.read(SAVED), "kyber 64 diskseq=9\n");
        }
        stdout(&mut tree.kchaos("detach vda"));
        assert_eq!(
            (tree.read(VDA), tree.read(REQUESTS)),
            ("[kyber]\n".into(), "64\n".into())
        );
        assert!(!tree.path(SAVED).exists());
    });
    assert!(stops >= 4, "{stops}");
}

/// A killed change is undone only where nobody has changed the injection since; a look undoes none.
#[test]
fn a_change_by_hand_stays() {
    let change = "change x --delay 5ms --op read";
    for next in ["list", "status", "attach vdd"] {
        let stops = at_each_change(change, KILL, injected, |tree, _| {
            tree.write("config/ioem/x/delay_us", "7\n");
            let before = files(tree);
            stdout(&mut tree.kchaos(next));
            assert_eq!(files(tree), before, "{next}");
        });
        assert!(stops >= 3, "{stops}");
    }
    at_each_change(change, KILL, injected, |tree, _| {
        let before = files(tree);
        stdout(&mut tree.kchaos("list"));
        assert_eq!(files(tree), before);
    });
}

/// The files of the injection x.
fn files(tree: &Tree) -> BTreeMap<PathBuf, Option<String>> {
    let mut content = tree.content();
    content.retain(|path, _| path.starts_with("config/ioem/x"));
    content
}

fn is_given_back(tree: &Tree) -> bool {
    [VDA, VDC].iter().all(|disk| tree.read(disk) == "[kyber]\n")
        && [SAVED, "run/kchaos/vdc", "run/kchaos/for/x"]
            .iter()
            .all(|file| !tree.path(file).exists())
}

#[test]
fn an_injection_is_made_or_not_whenever_it_is_killed() {
    let inject = format!("{DELAY} --device vda --name x");
    let stops = at_each_change(&inject, KILL, tree, |tree, _| {
        stdout(&mut tree.kchaos("list"));
        let is_there = tree.path("config/ioem/x").exists();
        assert_eq!(tree.read(VDA) == "[ioem]\n", is_there);
        if is_there {
            assert_eq!(tree.read("config/ioem/x/delay_us"), "1000\n");
            assert_eq!(tree.read("config/ioem/x/device"), "vda\n");
        }
        stdout(&mut tree.kchaos("recover --all"));
        assert!(is_given_back(tree));
    });
    assert!(stops >= 9, "{stops}");
}

/// An injection of vda, for which kchaos has attached the disk.
fn injected() -> Tree {
    let tree = tree();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    tree
}

#[test]
fn the_disks_that_an_injection_names_stay_attached_whenever_a_change_is_killed() {
    for devices in ["vdc", "vda,vdc"] {
        let change = format!("change x --device {devices} --delay 5ms");
        let stops = at_each_change(&change, KILL, injected, |tree, _| {
            stdout(&mut tree.kchaos("attach vdd"));
            let named = tree.read("config/ioem/x/device");
            for (name, file) in [("vda", VDA), ("vdc", VDC)] {
                let expected = match named.contains(name) {
                    true => "[ioem]\n",
                    false => "[kyber]\n",
                };
                assert_eq!(tree.read(file), expected, "{name} of {named}");
            }
            stdout(&mut tree.kchaos("recover x"));
            assert!(is_given_back(tree));
        });
        assert!(stops >= 8, "{stops}");
    }
}

#[test]
fn a_change_is_undone_or_finished_whenever_it_is_killed() {
    let one = || {
        let tree = injected();
        tree.write("config/ioem/x/stats", "active 1\nremaining_ms 0\n");
        tree
    };
    for (change, begins) in [
        ("change x --device vdc --delay 5ms --op read", false),
        ("change x --device vdc --op read --times 5 --for 1h", true),
        ("change x --op read --for 1h", true),
        ("change x --delay 2ms --quota 5 --min-bytes 4k", false),
    ] {
        let (before, all_done) = {
            let (before, tree) = (one(), one());
            stdout(&mut tree.kchaos(change));
            (state(&before), state(&tree))
        };
        let seen = std::cell::Cell::new([false; 2]);
        for next in [
            "attach vdd",
            "change x --enabled 1",
            "inject ioem delay --delay 1ms --device vdc",
        ] {
            let stops = at_each_change(change, KILL, one, |tree, _| {
                let is_half = ![&before.0, &all_done.0].contains(&&files(tree));
                let output = tree.kchaos(next).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{said}");
                let after = files(tree);
                let is_end = [before.0 == after, all_done.0 == after];
                assert!(is_end.contains(&true), "{change}: {said} {after:?}");
                assert!(
                    !is_half || said.contains("a kchaos was killed while it changed it"),
                    "{said}"
                );
                assert!(!tree.path("run/kchaos/for/enabled").exists());
                if next == "attach vdd" {
                    assert!([&before, &all_done].contains(&&state(tree)), "{said}");
                    let [undone, done] = seen.get();
                    seen.set([undone || is_end[0], done || is_end[1]]);
                }
                stdout(&mut tree.kchaos("recover --all"));
                assert!(is_given_back(tree));
            });
            assert!(stops >= 5, "{change}: {stops}");
        }
        let [undone, done] = seen.get();
        assert!(undone && (done || !begins), "{change}");
    }
}

/// The disks' schedulers and numbers of requests, and the injection x.
fn state(tree: &Tree) -> (BTreeMap<PathBuf, Option<String>>, [String; 3]) {
    (
        files(tree),
        [VDA, VDC, REQUESTS].map(|file| tree.read(file)),
    )
}

/// Whether the next kchaos finishes the way back of vda.
fn is_half_back(tree: &Tree) -> bool {
    let saved = fs::read_to_string(tree.path(SAVED));
    saved.is_ok_and(|saved| saved.ends_with("back\n"))
}

/// The folder of kchaos is full from some change on.
#[test]
fn a_full_folder_keeps_no_disk_on_ioem() {
    let inject = format!("{DELAY} --device vda --name x");
    for (verb, prepare) in [
        (&*inject, tree as fn() -> Tree),
        ("detach vda", attached),
        ("recover x", injected),
    ] {
        let stops = at_each_change(verb, FULL, prepare, |tree, output| {
            let said = String::from_utf8_lossy(&output.stderr);
            let is_made = verb == inject && output.status.success();
            assert_eq!(tree.read(VDA) == "[ioem]\n", is_made, "{verb}: {said}");
            assert_eq!(tree.read(REQUESTS) == "64\n", !is_made, "{verb}: {said}");
            assert_eq!(tree.path(SAVED).exists(), is_made, "{verb}: {said}");
        });
        assert!(stops > 0, "{verb}");
    }
}

#[test]
fn a_verb_that_fails_anywhere_leaves_nothing_half_done() {
    let attach_both = || {
        let tree = tree();
        tree.write("sys/devices/vdc/queue/nr_requests", "64\n");
        tree
    };
    type Prepare = fn() -> Tree;
    for (verb, prepare) in [
        ("attach vda vdc --nr-requests 512", attach_both as Prepare),
        (
            "inject ioem delay --delay 1ms --device vda,vdc --name x",
            tree,
        ),
        (
            "inject ioem limit --quota 5 --device vdc --name x --replace",
            injected,
        ),
        ("change x --device vdc --delay 5ms --op read", injected),
        ("change x --device vdc --times 5 --for 1h", injected),
        ("recover x", injected),
        ("detach vda", attached),
    ] {
        let before = state(&prepare());
        let undisturbed = prepare();
        stdout(&mut undisturbed.kchaos(verb));
        let all_done = state(&undisturbed);
        let stops = at_each_change(verb, FAIL, prepare, |tree, output| {
            let said = String::from_utf8_lossy(&output.stderr);
            if output.status.success() {
                // A disk that could not be given back is told, and the next kchaos tries again.
                stdout(&mut tree.kchaos("list"));
            }
            let after = state(tree);
            // The new injection may be refused when the former one has ended already.
            let is_told = said.contains("the former injection x has ended already")
                || verb.starts_with("recover") && after.0.is_empty()
                || verb.starts_with("detach") && is_half_back(tree);
            if output.status.success() {
                assert_eq!(after, all_done, "{verb}: {said}");
            } else if !is_told {
                assert_eq!(after, before, "{verb}: {said}");
            }
            stdout(&mut tree.kchaos("recover --all"));
            stdout(&mut tree.kchaos("detach vda vdc"));
            assert!(is_given_back(tree), "{verb}: {said}");
            assert_eq!(tree.read(REQUESTS), "64\n", "{verb}: {said}");
        });
        assert!(stops >= 5, "{verb}: {stops}");
    }
}

/// A record that nobody can read is not thrown away.
#[test]
fn no_record_is_guessed() {
    for scheduler in ["none [ioem]\n", "[kyber]\n"] {
        let tree = tree();
        tree.write(VDA, scheduler);
        tree.write(SAVED, "kyber 64 what\n");
        let before = tree.content();
        let said = stderr(&mut tree.kchaos("detach vda"), 1);
        assert!(
            said.contains("is broken") && said.contains("rm -r "),
            "{said}"
        );
        assert_eq!(tree.content(), before);
    }
}

/// A loop device that gets another file, and a drive that gets another medium, stay on ioem.
#[test]
fn another_medium_is_not_kept_on_ioem() {
    let tree = injected();
    tree.write("sys/devices/vda/diskseq", "11\n");
    let list = stdout(&mut tree.kchaos("list --json"));
    assert!(list.contains("was made for, and not on ioem"), "{list}");
    assert_eq!(tree.read(VDA), "[kyber]\n");
    assert!(!tree.path(SAVED).exists());
    stdout(&mut tree.kchaos("recover x"));
    assert!(is_given_back(&tree));
}

/// A user has attached the disk, and a udev rule does so with the other one that gets the name.
#[test]
fn an_injection_that_hits_another_disk_says_so() {
    let tree = tree();
    stdout(&mut tree.kchaos("attach vda"));
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    let problem = "vda is another disk now than the one that x was made for, and the injection";
    let problems = || stdout(&mut tree.kchaos("list --json")).contains(problem);
    assert!(!problems());
    tree.write("sys/devices/vda/diskseq", "11\n");
    // The sentence stays for as long as it is so.
    assert!(problems() && problems());
    stdout(&mut tree.kchaos("change x --device vda"));
    assert!(!problems());
    assert_eq!(tree.read(VDA), "[ioem]\n");
}

/// The disk x was made for is pulled out, and another one gets its name.
#[test]
fn another_disk_of_the_name_is_not_needed() {
    let tree = injected();
    let needs = tree.read("run/kchaos/for/x");
    assert!(needs.ends_with(" vda diskseq=9\n"), "{needs}");
    tree.write(VDA, "[kyber]\n");
    tree.write("sys/devices/vda/diskseq", "11\n");
    tree.kchaos("list")
        .assert()
        .success()
        .stderr(predicates::str::contains(
            "vda is another disk now than the one",
        ));
    assert!(!tree.path(SAVED).exists());
    // The time begins anew, and so does x, but not for a disk that nobody has named.
    tree.kchaos("change x --for 30s")
        .assert()
        .success()
        .stderr(predicates::str::contains("kchaos change x --device vda"));
    assert_eq!(tree.read(VDA), "[kyber]\n");
    // Another injection takes it, and x keeps it no longer than that.
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name y")));
    stdout(&mut tree.kchaos("change x --delay 2ms"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    stdout(&mut tree.kchaos("recover y"));
    assert_eq!(tree.read(VDA), "[kyber]\n");
    stdout(&mut tree.kchaos("change x --device vda"));
    assert_eq!(tree.read(VDA), "[ioem]\n");
    stdout(&mut tree.kchaos("recover x"));
    assert!(is_given_back(&tree));
}
