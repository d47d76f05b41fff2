// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Several kchaos at once: each waits until no other changes anything.

use crate::tree::{Tree, stdout};
use std::{thread::sleep, time::Duration};

/// A switch of a slow disk takes long, and fails no other kchaos.
#[test]
fn one_waits_for_another_however_long_it_takes() {
    let tree = Tree::attached();
    tree.write("run/kchaos/for/.keep", "");
    let folder = tree.path("run/kchaos/for").display().to_string();
    let mut keeper = tree.command("flock");
    let kept = tree.path("kept").display().to_string();
    keeper.args([&folder, "sh", "-c", &format!("touch {kept}; sleep 6")]);
    std::thread::scope(|scope| {
        let keeper = scope.spawn(move || keeper.assert().success());
        while !tree.path("kept").exists() {
            sleep(Duration::from_millis(10));
        }
        let told = tree.kchaos("detach vda").assert().success();
        told.stderr(predicates::str::contains("another kchaos"));
        keeper.join().unwrap();
    });
}

/// Another process keeps the lock.
#[test]
fn one_that_is_stuck_keeps_nobody_from_ending_injections() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device vda --name x"));
    let folder = tree.path("run/kchaos/for").display().to_string();
    let mut keeper = tree.command("flock");
    let ended = tree.path("config/ioem/x").display().to_string();
    // Its end is the end of the injection, which does not wait for the lock.
    let script = format!("while test -e {ended}; do sleep 0.1; done");
    keeper.args([&folder, "sh", "-c", &script]);
    std::thread::scope(|scope| {
        let keeper = scope.spawn(move || keeper.assert().success());
        sleep(Duration::from_millis(300));
        // Looking waits for nobody.
        stdout(&mut tree.kchaos("list"));
        let message = tree.kchaos("recover x").assert().success().stdout("x\n");
        // The keeper ends just after the injection, and so this kchaos gives the disk back itself.
        message.stderr(predicates::str::contains("vda: ioem -> kyber"));
        keeper.join().unwrap();
    });
    assert_eq!(tree.read("sys/block/vda/queue/scheduler"), "[kyber]\n");
    assert!(!tree.path("run/kchaos/vda").exists());
}
