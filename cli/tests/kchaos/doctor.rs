// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos doctor` finds faults that are planted, each with its remedy, and none on a machine that
//! has none; `kchaos gc` clears leftovers.

use crate::{
    contract::{closed, complaints, schema},
    faults::{Fault, OF_DISKS, OF_INJECTIONS, OF_THE_KERNEL, OVER, healthy, injection, on_vdb},
    tree::{Tree, stderr, stdout},
};
use serde_json::Value;
use std::fs;

/// The problems that the program tells, as kind and sentence.
fn problems(tree: &Tree) -> Vec<(String, String)> {
    let mut doctor = tree.kchaos("doctor --json");
    let output = doctor.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        complaints(&closed(schema("doctor")), &report),
        [""; 0],
        "{text}"
    );
    let problems = report["problems"].as_array().unwrap();
    let code = i32::from(!problems.is_empty());
    assert_eq!(output.status.code(), Some(code), "{text}");
    let word = |problem: &Value, key: &str| problem[key].as_str().unwrap().to_owned();
    let problems = problems.iter();
    problems
        .map(|problem| (word(problem, "kind"), word(problem, "text")))
        .collect()
}

/// The faults that `kchaos gc` is the remedy of.
fn leftovers() -> impl Iterator<Item = Fault> {
    let all = OF_THE_KERNEL
        .into_iter()
        .chain(OF_INJECTIONS)
        .chain(OF_DISKS);
    all.filter(|(_, _, remedy, _)| *remedy == "kchaos gc")
}

#[test]
fn a_healthy_machine_has_no_problem() {
    assert_eq!(problems(&healthy()), []);
    let shown = stdout(&mut healthy().kchaos("doctor"));
    for part in [
        "kernel      6.12.117+deb13-amd64\n",
        "types       there (BTF)\n",
        "injections  1 on, 0 off or over\n",
        "vda   kyber      can be on ioem\n",
        "vdb   ioem       on ioem for injections; then kyber\n",
        "no problem was found\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
}

#[test]
fn each_fault_is_found_with_its_remedy() {
    let mut found = 0;
    let faults = OF_THE_KERNEL
        .into_iter()
        .chain(OF_INJECTIONS)
        .chain(OF_DISKS);
    for (kind, words, remedy, plant) in faults {
        let tree = healthy();
        plant(&tree);
        let before = tree.content();
        let problems = problems(&tree);
        let is_it = |(other, text): &(String, String)| {
            other == kind && text.contains(words) && text.contains(remedy)
        };
        assert!(problems.iter().any(is_it), "{kind}, {words}: {problems:#?}");
        // It looks, and changes nothing.
        assert_eq!(tree.content(), before, "{kind}, {words}");
        found += 1;
    }
    assert!(found >= 40, "{found}");
}

/// A fault is told once, and nothing else with it but that the module is not loaded.
#[test]
fn a_fault_alone_is_told_alone() {
    for (kind, words, _, plant) in OF_THE_KERNEL.into_iter().chain(OF_DISKS) {
        // With these, much cannot be seen, or the files of another kernel are missing as well.
        if ["sysfs", "no-disk", "kernel-old"].contains(&kind) {
            continue;
        }
        let tree = healthy();
        plant(&tree);
        let is_loaded = tree.path("config/ioem").exists();
        let mut kinds: Vec<String> = problems(&tree).into_iter().map(|(kind, _)| kind).collect();
        kinds.retain(|kind| is_loaded || kind != "module-not-loaded");
        kinds.dedup();
        let expected = Some(kind).filter(|kind| *kind != "module-not-loaded");
        assert_eq!(kinds, Vec::from_iter(expected), "{words}");
    }
}

#[test]
fn gc_clears_all_leftovers() {
    let mut cleared = 0;
    for (kind, words, _, plant) in leftovers() {
        let tree = healthy();
        plant(&tree);
        let ended = stdout(&mut tree.kchaos("gc"));
        assert_eq!(ended, if kind == "left" { "x\n" } else { "" }, "{words}");
        let left = problems(&tree);
        let is_left = |(kind, _): &(String, String)| kind.starts_with("left");
        assert!(!left.iter().any(is_left), "{kind}, {words}: {left:#?}");
        assert!(
            tree.path("config/ioem/well").exists() || words.contains("vdb is still"),
            "{words}"
        );
        cleared += 1;
    }
    assert!(cleared >= 12, "{cleared}");
}

#[test]
fn gc_leaves_what_somebody_wants() {
    let tree = healthy();
    // A kchaos renews the lease, which was late.
    on_vdb(&tree, &[], OVER);
    let renewed = tree.renewed("x");
    injection(
        &tree,
        "held",
        &[("delay_us", "9"), ("duration_ms", "9")],
        "active 0\nheld 3\n",
    );
    injection(&tree, "off", &[("delay_us", "9")], "active 0\n");
    tree.write("config/ioem/off/enabled", "0\n");
    let before = tree.content();
    assert_eq!(stdout(&mut tree.kchaos("gc")), "");
    assert_eq!(tree.content(), before);
    drop(renewed);
    let commands = stdout(&mut tree.kchaos("gc --dry-run"));
    assert!(
        commands.starts_with("rmdir ") && commands.contains("/x"),
        "{commands}"
    );
    assert_eq!(tree.content(), before);
    assert_eq!(stdout(&mut tree.kchaos("gc")), "x\n");
}

#[test]
fn gc_needs_the_driver() {
    let tree = Tree::new();
    fs::remove_dir_all(tree.path("config/ioem")).unwrap();
    assert!(stderr(&mut tree.kchaos("gc"), 3).contains("is not loaded"));
}

/// A change that is going on is no leftover.
#[test]
fn another_kchaos_at_work_is_no_problem() {
    let tree = healthy();
    tree.write("run/kchaos/version", "");
    let folder = fs::File::open(tree.path("run/kchaos/for")).unwrap();
    rustix::fs::flock(
        &folder,
        rustix::fs::FlockOperation::NonBlockingLockExclusive,
    )
    .unwrap();
    assert_eq!(problems(&tree), []);
    drop(folder);
    assert_eq!(problems(&tree).len(), 1);
}
