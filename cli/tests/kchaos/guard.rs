// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The guard of the disks that the machine needs.

use crate::tree::{Tree, stderr, stdout};

/// A tree in which a process has this line as its only mount.
fn with_root(process: &str, line: &str) -> Tree {
    let tree = Tree::new();
    tree.disk("vdb", "[none] kyber");
    tree.write(&format!("proc/{process}/mountinfo"), &format!("{line}\n"));
    tree
}

/// Checks that `attach` and an injection of these disks are refused without `--force`.
fn is_guarded(tree: &Tree, disks: &[&str], expected: &str) {
    for disk in disks {
        let before = tree.content();
        let said = stderr(&mut tree.kchaos(&format!("attach {disk}")), 2);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("--force"), "{said}");
        let inject = format!("inject ioem delay --delay 1ms --name x --device {disk}");
        let said = stderr(&mut tree.kchaos(&inject), 2);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("--for 30s"), "{said}");
        assert_eq!(tree.content(), before);
        stdout(&mut tree.kchaos(&format!("{inject} --for 30s")));
        stdout(&mut tree.kchaos("recover x"));
        stdout(&mut tree.kchaos(&format!("attach {disk} --force")));
        stdout(&mut tree.kchaos(&format!("detach {disk}")));
    }
}

/// A container with the machine's processes sees another root than they do.
#[test]
fn the_first_process_tells_the_root() {
    let tree = with_root("1", "1 1 4000:0 / / rw - ext4 /dev/vda rw");
    assert_eq!(tree.number("vda"), "4000:0");
    is_guarded(&tree, &["vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb"));
    let tree = with_root("1", "9 1 4000:2 / /usr rw - ext4 /dev/vdb rw");
    is_guarded(&tree, &["vdb"], "mounted at /usr");
    stdout(&mut tree.kchaos("attach vda"));
}

#[test]
fn the_layers_of_an_overlay_are_needed() {
    let tree = with_root("1", "");
    tree.disk("vdc", "[none] kyber");
    let upper = tree.placed("h/u", &tree.number("vda1"), 40);
    let lower = tree.placed("h/l", &tree.number("vdb"), 41);
    let line = format!("7 1 0:60 / / rw - overlay none rw,lowerdir={lower},upperdir={upper}");
    tree.write("proc/self/mountinfo", &line);
    is_guarded(&tree, &["vda", "vdb"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdc"));
}

#[test]
fn when_nobody_can_tell_every_disk_is_guarded() {
    let hidden = "7 1 0:60 / / rw - overlay none rw,lowerdir=/no/l,upperdir=/no/u";
    is_guarded(
        &with_root("self", hidden),
        &["vda", "vdb"],
        "cannot tell whether",
    );
    let zfs = "7 1 0:60 / / rw - zfs rpool/ROOT/debian rw";
    let tree = with_root("1", zfs);
    is_guarded(&tree, &["vda", "vdb"], "on the ZFS rpool/ROOT/debian");
    // Another kernel's network root is no disk of this machine.
    let nfs = with_root("1", "7 1 0:60 / / rw - nfs4 box:/root rw");
    stdout(&mut nfs.kchaos("attach vda"));
    let gone = Tree::new();
    std::fs::remove_file(gone.path("proc/1/mountinfo")).unwrap();
    stdout(&mut gone.kchaos("attach vda"));
    stdout(&mut gone.kchaos("detach vda"));
    std::fs::remove_file(gone.path("proc/self/mountinfo")).unwrap();
    is_guarded(&gone, &["vda"], "/proc/self/mountinfo cannot be read");
    let swap = with_root("1", "");
    swap.write("proc/swaps", "Filename Type\n/no/swapfile file 1 0 -2\n");
    is_guarded(&swap, &["vda", "vdb"], "the active swap /no/swapfile");
}

#[test]
fn the_pool_of_a_zfs_root_is_needed() {
    let tree = with_root("1", "7 1 0:60 / / rw - zfs rpool/ROOT/debian rw");
    tree.program("zpool", "rpool\t1G\n\t/dev/vda1\t1G\n");
    is_guarded(&tree, &["vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb"));
}

/// A process in another PID namespace sees another process as the first.
#[test]
fn a_container_of_its_own_cannot_tell() {
    let tree = Tree::new();
    std::fs::create_dir_all(tree.path("proc/1/ns")).unwrap();
    let link = tree.path("proc/1/ns/pid");
    std::os::unix::fs::symlink("pid:[4026532999]", &link).unwrap();
    is_guarded(&tree, &["vda"], "it runs in a container");
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("pid:[4026531836]", &link).unwrap();
    stdout(&mut tree.kchaos("attach vda"));
}

#[test]
fn all_paths_and_layers_below_a_root_are_needed() {
    let tree = with_root("1", "");
    for path in ["nvme0c0n1", "nvme0c1n1"] {
        tree.disk(path, "[none] kyber");
    }
    tree.stacked("nvme0n1", &[]);
    tree.mapped("dm-0", "swap", &["nvme0n1"]);
    tree.write("proc/swaps", "Filename Type\n/dev/dm-0 partition 1 0 -2\n");
    is_guarded(
        &tree,
        &["nvme0c0n1", "nvme0c1n1"],
        "the active swap /dev/dm-0",
    );
    is_guarded(&tree, &["nvme0n1"], "the active swap /dev/dm-0");
    stdout(&mut tree.kchaos("attach vda"));

    // A root in a file, behind a loop device.
    let tree = with_root("1", "");
    tree.disk("loop0", "[none] kyber");
    let image = tree.placed("images", &tree.number("vda1"), 40);
    tree.write("images/root", "");
    tree.write(
        "sys/devices/loop0/loop/backing_file",
        &format!("{image}/root\n"),
    );
    let number = tree.number("loop0");
    tree.mount("1", &format!("7 1 {number} / / rw - ext4 /dev/loop0 rw"));
    is_guarded(&tree, &["loop0", "vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb"));
}
