// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Rights of kchaos that other users must not get through it.

use crate::tree::{KCHAOS, Tree, stderr, stdout};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

const MEMORY: &str = "run/kchaos/vda";

fn mode(tree: &Tree, path: &str) -> u32 {
    let found = fs::metadata(tree.path(path)).unwrap();
    found.permissions().mode() & 0o777
}

#[test]
fn what_it_remembers_is_for_its_owner_to_change() {
    let tree = Tree::new();
    let mut command = tree.command("sh");
    let script = format!("umask 0; exec {KCHAOS} attach vda");
    stdout(command.args(["-c", &script]));
    let modes = ["run", "run/kchaos", MEMORY].map(|path| mode(&tree, path));
    assert_eq!(modes, [0o755, 0o755, 0o644]);
}

#[test]
fn a_link_that_somebody_planted_is_not_followed() {
    let tree = Tree::new();
    tree.write("precious", "precious\n");
    fs::create_dir_all(tree.path("run/kchaos")).unwrap();
    symlink(tree.path("precious"), tree.path(MEMORY)).unwrap();
    let text = stderr(&mut tree.kchaos("attach vda"), 1);
    assert!(text.contains(MEMORY), "{text}");
    assert_eq!(tree.read("precious"), "precious\n");
}

#[test]
fn it_does_nothing_with_the_rights_of_its_file() {
    if !rustix::process::geteuid().is_root() {
        // Without root, no other user's file can be made.
        return;
    }
    let tree = Tree::new();
    // Another process copies it: see `Tree::kchaos_as_nobody`.
    let program = tree.path("kchaos");
    let copy = std::process::Command::new("install")
        .args(["-m", "4755", KCHAOS])
        .arg(&program)
        .status();
    assert!(copy.unwrap().success());
    let root = program.parent().unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = tree.command("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let text = stderr(command.arg(&program).args(["attach", "vda"]), 4);
    assert!(text.contains("set-user-ID"), "{text}");
    assert!(!tree.path(MEMORY).exists());
}
