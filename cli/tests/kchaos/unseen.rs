// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Injections and disks that a kchaos cannot see: it does not take them for gone.

use crate::tree::{Tree, stdout};
use std::fs;

const VDA: &str = "sys/devices/vda/queue/scheduler";
const SAVED: &str = "run/kchaos/vda";
const DELAY: &str = "inject ioem delay --delay 1ms";

/// Without configfs or sysfs, kchaos does not take live injections and their disks for gone.
#[test]
fn what_nobody_can_see_is_not_forgotten() {
    for (hidden, verbs) in [
        (
            "config/ioem",
            &["list", "attach vda", "detach --all --dry-run"][..],
        ),
        (
            "sys/block",
            &["list", "wait x --timeout 1ms", "detach --all"],
        ),
    ] {
        for verb in verbs {
            let tree = Tree::new();
            tree.disk("vdc", "[kyber]");
            stdout(&mut tree.kchaos(&format!("{DELAY} --device vda,vdc --name x")));
            let (vdc, needs) = ("run/kchaos/vdc", "run/kchaos/for/x");
            let before = (tree.read(vdc), tree.read(needs));
            let away = tree.path("away");
            fs::rename(tree.path(hidden), &away).unwrap();
            let output = tree.kchaos(verb).output().unwrap();
            fs::rename(&away, tree.path(hidden)).unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let after = (tree.read(vdc), tree.read(needs));
            assert_eq!(after, before, "{hidden} {verb}: {said}");
            assert_eq!(tree.read(VDA), "[ioem]\n", "{hidden} {verb}: {said}");
            if verb.starts_with("detach") && hidden == "sys/block" {
                assert!(said.contains("sysfs is not there"), "{said}");
                assert!(!output.status.success());
            }
        }
    }
}

/// Of an interface that this kchaos does not know, it cannot tell what an injection needs.
#[test]
fn an_unknown_version_gives_nothing_back() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos(&format!("{DELAY} --device vda --name x")));
    tree.write("config/ioem/version", "9\n");
    tree.write("config/ioem/x/duration_ms", "5\n");
    tree.write("config/ioem/x/stats", "active 0\nremaining_ms 0\n");
    let _ = tree.kchaos("list").output();
    assert_eq!(tree.read(VDA), "[ioem]\n");
    assert!(tree.path(SAVED).exists());
}
