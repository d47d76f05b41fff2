// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Files and mount points as names of the disks that they are on.

use crate::tree::{Tree, stderr, stdout};

/// The text of `device` of an injection for a path.
fn device(tree: &Tree, path: &str) -> String {
    let mut command = tree.kchaos("inject ioem delay --delay 1ms --name x --force --device");
    stdout(command.arg(path));
    let text = tree.read("config/ioem/x/device").trim().to_owned();
    stdout(&mut tree.kchaos("recover x"));
    text
}

fn refusal(tree: &Tree, path: &str) -> String {
    let mut command = tree.kchaos("inject ioem delay --delay 1ms --device");
    stderr(command.arg(path), 5)
}

fn two_disks() -> Tree {
    let tree = Tree::new();
    tree.disk("vdb", "[none] kyber");
    tree
}

#[test]
fn a_file_is_on_the_disk_that_the_kernel_says() {
    let tree = two_disks();
    // Two file systems with the same path: one here, one in a container.
    let here = tree.placed("data", &tree.number("vda1"), 40);
    tree.placed("container/data", &tree.number("vdb"), 41);
    tree.link("container", "proc/77/root");
    tree.link("container/data", "proc/77/cwd");
    let root = tree.path("proc/77/root/data").display().to_string();
    let cwd = tree.path("proc/77/cwd").display().to_string();
    for (path, expected) in [(&here, "vda1"), (&root, "vdb"), (&cwd, "vdb")] {
        assert_eq!(device(&tree, path), expected, "{path}");
    }
    let attached = stdout(tree.kchaos("attach").arg(&root));
    assert_eq!(attached, "vdb: none -> ioem\n");
}

#[test]
fn a_btrfs_is_on_all_its_disks() {
    let tree = two_disks();
    tree.disk("vdc", "[none] kyber");
    for disk in ["vda1", "vdb"] {
        let link = format!("sys/fs/btrfs/6a7b/devices/{disk}");
        tree.link(&format!("sys/class/block/{disk}"), &link);
    }
    tree.link("sys/class/block/vdc", "sys/fs/btrfs/1111/devices/vdc");
    // A subvolume has a number that no mount has.
    let place = tree.placed("mnt", "0:52", 40);
    tree.mount(
        "self",
        "40 1 0:50 /sub /mnt rw - btrfs /dev/vdb rw,subvol=/sub",
    );
    assert_eq!(device(&tree, &place), "vda1 vdb");
    let attached = stdout(tree.kchaos("attach").arg(&place));
    assert_eq!(attached, "vda: kyber -> ioem\nvdb: none -> ioem\n");
    let detached = stdout(tree.kchaos("detach").arg(&place));
    assert_eq!(detached, "vda: ioem -> kyber\nvdb: ioem -> none\n");
}

#[test]
fn an_overlay_is_on_the_disk_of_its_upper_directory() {
    let tree = two_disks();
    let upper = tree.placed("h/u", &tree.number("vdb"), 40);
    let lower = tree.placed("h/l", &tree.number("vda1"), 41);
    let place = tree.placed("merged", "0:60", 42);
    let line = format!("42 1 0:60 / /m rw - overlay none rw,lowerdir={lower},upperdir={upper}");
    tree.mount("self", &line);
    assert_eq!(device(&tree, &place), "vdb");
    // Nothing is written to an overlay without an upper directory.
    let only = tree.placed("only", "0:61", 43);
    let line = format!("43 1 0:61 / /o rw - overlay none ro,lowerdir={lower}:{upper}");
    tree.mount("self", &line);
    assert_eq!(device(&tree, &only), "vda1");
    let hidden = tree.placed("hidden", "0:62", 44);
    let line = "44 1 0:62 / /o rw - overlay none rw,lowerdir=/,upperdir=/no/such/folder";
    tree.mount("self", line);
    let said = refusal(&tree, &hidden);
    assert!(
        said.contains("upperdir /no/such/folder cannot be seen from here"),
        "{said}"
    );
}

/// The upper directory of a container's overlay is a path of the host, and of the container.
#[test]
fn a_layer_with_two_meanings_is_refused() {
    let tree = two_disks();
    let upper = tree.placed("h/u", &tree.number("vdb"), 40);
    let inside = format!("container{upper}");
    tree.placed(&inside, &tree.number("vda1"), 41);
    tree.link("container", "proc/77/root");
    tree.placed("container/merged", "0:60", 42);
    let line = format!("42 1 0:60 / /merged rw - overlay none rw,lowerdir=/,upperdir={upper}");
    tree.mount("77", &line);
    let path = tree.path("proc/77/root/merged").display().to_string();
    let said = refusal(&tree, &path);
    assert!(
        said.contains("can be ") && said.contains("name that one itself"),
        "{said}"
    );
}

#[test]
fn a_mount_that_only_another_process_sees_is_found() {
    let tree = two_disks();
    for disk in ["vda1", "vdb"] {
        let link = format!("sys/fs/btrfs/6a7b/devices/{disk}");
        tree.link(&format!("sys/class/block/{disk}"), &link);
    }
    tree.placed("container/data", "0:52", 41);
    tree.link("container", "proc/77/root");
    tree.mount("78", "41 1 0:50 / /data rw - btrfs /dev/vda1 rw");
    let path = tree.path("proc/77/root/data").display().to_string();
    assert_eq!(device(&tree, &path), "vda1 vdb");
}

#[test]
fn a_zfs_is_on_the_disks_of_its_pool() {
    let tree = two_disks();
    let place = tree.placed("tank", "0:70", 45);
    tree.mount("self", "45 1 0:70 / /tank rw - zfs tank/home rw");
    let said = refusal(&tree, &place);
    assert!(
        said.contains("is on the ZFS tank/home, and `zpool list -vPL tank`"),
        "{said}"
    );
    let pool = "tank\t1G\t-\n\tmirror-0\t1G\n\t/dev/vda1\t1G\n\t/dev/vdb\t1G\n";
    tree.program("zpool", pool);
    assert_eq!(device(&tree, &place), "vda1 vdb");
}

#[test]
fn the_journal_of_an_xfs_is_part_of_it() {
    let tree = two_disks();
    let place = tree.placed("mnt", &tree.number("vda1"), 46);
    let number = tree.number("vda1");
    tree.mount(
        "self",
        &format!("46 1 {number} / /mnt rw - xfs /dev/vda1 rw,logdev=/dev/vdb"),
    );
    assert_eq!(device(&tree, &place), "vda1 vdb");
}

#[test]
fn file_systems_without_a_disk_say_so() {
    let tree = Tree::new();
    for (number, kind, source, expected) in [
        (
            80,
            "tmpfs",
            "tmpfs",
            "is on tmpfs, which has no disk; name a disk",
        ),
        (
            81,
            "nfs4",
            "box:/x",
            "is on nfs4, which has no disk; its files are on another machine: box:/x",
        ),
        (
            82,
            "fuse.encfs",
            "encfs",
            "is on fuse.encfs, which has no disk; a program answers",
        ),
        (79, "ramfs", "/dev/vda1", "is on ramfs, which has no disk"),
        (83, "proc", "proc", "is on proc, which has no disk"),
        (84, "virtiofs", "tag", "is on virtiofs, which has no disk"),
    ] {
        let place = tree.placed(&format!("at/{kind}"), &format!("0:{number}"), number);
        tree.mount(
            "self",
            &format!("{number} 1 0:{number} / /at rw - {kind} {source} rw"),
        );
        let said = refusal(&tree, &place);
        assert!(said.contains(expected), "{said}");
        let said = stderr(tree.kchaos("attach").arg(&place), 5);
        assert!(said.contains(expected), "{said}");
    }
    let lost = tree.placed("lost", "0:90", 90);
    assert!(refusal(&tree, &lost).contains("that no process has mounted"));
}

/// A tag of a file system means all its disks, and a tag of a partition means this one.
#[test]
fn the_uuid_of_a_btrfs_means_all_its_disks() {
    let tree = two_disks();
    for disk in ["vda1", "vdb"] {
        let link = format!("sys/fs/btrfs/6a7b/devices/{disk}");
        tree.link(&format!("sys/class/block/{disk}"), &link);
    }
    tree.link("dev/vdb", "dev/disk/by-uuid/6a7b");
    tree.link("dev/vda1", "dev/disk/by-partuuid/77");
    assert_eq!(device(&tree, "UUID=6A7B"), "vda1 vdb");
    assert_eq!(device(&tree, "PARTUUID=77"), "vda1");
    assert_eq!(device(&tree, "vdb"), "vdb");
}

#[test]
fn the_lower_disk_of_an_overlay_is_told_if_it_is_another() {
    let tree = two_disks();
    let upper = tree.placed("h/u", &tree.number("vdb"), 40);
    for (name, disk, expected) in [
        ("other", "vda1", "are read from vda1, which is not taken"),
        ("same", "vdb", ""),
    ] {
        let lower = tree.placed(&format!("h/{name}"), &tree.number(disk), 41);
        let place = tree.placed(&format!("at/{name}"), "0:60", 42);
        let line = format!("42 1 0:60 / /m rw - overlay none rw,lowerdir={lower},upperdir={upper}");
        let root = "1 1 0:1 / / rw - tmpfs none rw";
        tree.write("proc/self/mountinfo", &format!("{root}\n{line}\n"));
        let assert = tree.kchaos("attach").arg(&place).assert().success();
        let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        assert!(said.contains(expected), "{said}");
        assert_eq!(said.is_empty(), expected.is_empty(), "{said}");
        stdout(tree.kchaos("detach").arg(&place));
    }
}

#[test]
fn a_path_can_have_many_commas() {
    let tree = two_disks();
    let path = tree.placed("at/a,b,c,d,,f,g,h,i,j", &tree.number("vdb"), 41);
    tree.mount("self", "41 1 4000:2 / /m rw - ext4 /dev/vdb rw");
    assert_eq!(device(&tree, &path), "vdb");
    assert_eq!(device(&tree, &format!("vda,{path},")), "vda vdb");
}
