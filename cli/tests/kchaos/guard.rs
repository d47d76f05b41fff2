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

/// A `/proc` that only shows processes has no list of swap; a kernel without swap has none, either.
#[test]
fn swap_that_no_list_tells_may_be_anywhere() {
    let tree = with_root("1", "1 1 4000:0 / / rw - ext4 /dev/vda rw");
    std::fs::remove_file(tree.path("proc/swaps")).unwrap();
    is_guarded(&tree, &["vdb"], "the list of swap cannot be read");
    tree.write("proc/meminfo", "MemTotal: 1 kB\n");
    stdout(&mut tree.kchaos("attach vdb"));
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
    let first = gone.read("proc/1/mountinfo");
    // Such as with hidepid=invisible.
    std::fs::remove_dir_all(gone.path("proc/1")).unwrap();
    is_guarded(&gone, &["vda"], "/proc/1/mountinfo cannot be read");
    gone.write("proc/1/mountinfo", &first);
    std::fs::remove_file(gone.path("proc/self/mountinfo")).unwrap();
    is_guarded(&gone, &["vda"], "/proc/self/mountinfo cannot be read");
    let half = "7 1 0:60 / / rw - bcachefs /dev/gone:/dev/vdb rw";
    is_guarded(&with_root("1", half), &["vda", "vdb"], "cannot tell");
    let swap = with_root("1", "");
    swap.write("proc/swaps", "Filename Type\n/no/swapfile file 1 0 -2\n");
    is_guarded(&swap, &["vda", "vdb"], "the active swap /no/swapfile");
}

/// Another file system is mounted over the one with the swap, and has such a file, too.
#[test]
fn swap_that_a_mount_covers_is_guarded() {
    let tree = with_root("1", "");
    tree.disk("vdc", "[none] kyber");
    let data = tree.placed("data", &tree.number("vdc"), 41);
    tree.write("data/swap", "");
    for disk in ["vda", "vdc"] {
        let number = tree.number(disk);
        tree.mount(
            "1",
            &format!("40 1 {number} / {data} rw - ext4 /dev/{disk} rw"),
        );
    }
    tree.mount(
        "self",
        &format!("41 1 {} / {data} rw - ext4 /dev/vdc rw", tree.number("vdc")),
    );
    tree.write(
        "proc/swaps",
        &format!("Filename Type\n{data}/swap file 1 0 -2\n"),
    );
    is_guarded(&tree, &["vda", "vdc"], "the active swap");
    stdout(&mut tree.kchaos("attach vdb"));
}

#[test]
fn the_pool_of_a_zfs_root_is_needed() {
    let tree = with_root("1", "7 1 0:60 / / rw - zfs rpool/ROOT/debian rw");
    tree.program("zpool", "rpool\t1G\n\t/dev/vda1\t1G\n");
    is_guarded(&tree, &["vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb"));
}

/// The disk is pulled out while the guard looks at the machine, and another one gets its name.
#[test]
fn another_disk_that_gets_the_name_is_not_the_one_that_was_meant() {
    for verb in ["inject ioem delay --delay 1ms --device", "attach"] {
        let tree = with_root("1", "");
        tree.disk("loop0", "[none] kyber");
        let image = tree.placed("images", &tree.number("vdb"), 40);
        tree.write("images/swap", "");
        tree.write(
            "sys/devices/loop0/loop/backing_file",
            &format!("{image}/swap\n"),
        );
        has_open(&tree, "images/swap", &tree.number("vdb"));
        let told = tree.path("bin/losetup.text").display().to_string();
        tree.write("proc/swaps", "Filename Type\n/dev/loop0 partition 1 0 -2\n");
        tree.write("sys/devices/vda/diskseq", "9\n");
        let number = tree.path("sys/devices/vda/diskseq").display().to_string();
        tree.script("losetup", &format!("echo 77 > {number}; cat {told}"));
        let before = tree.content();
        tree.link("dev/vda", "dev/disk/by-id/ata-A");
        let by_id = tree.path("dev/disk/by-id/ata-A").display().to_string();
        let said = stderr(&mut tree.kchaos(&format!("{verb} {by_id}")), 1);
        assert!(said.contains("vda is gone, or another disk"), "{said}");
        std::fs::remove_dir_all(tree.path("dev/disk")).unwrap();
        tree.write("sys/devices/vda/diskseq", "9\n");
        assert_eq!(tree.content(), before);
    }
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
    has_open(&tree, "images/root", &tree.number("vda1"));
    let number = tree.number("loop0");
    tree.mount("1", &format!("7 1 {number} / / rw - ext4 /dev/loop0 rw"));
    is_guarded(&tree, &["loop0", "vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb"));
}

/// A tree with a disk of this name, without a scheduler, as swap.
fn with_swap_on(name: &str) -> Tree {
    let tree = with_root("1", "");
    tree.stacked(name, &[]);
    tree.write(
        "proc/swaps",
        &format!("Filename Type\n/dev/{name} partition 1 0 -2\n"),
    );
    tree
}

/// Nobody can tell where the data of such a device are, so they may be on any disk.
#[test]
fn a_layer_whose_lower_side_cannot_be_read_is_not_without_a_disk() {
    for (name, kind) in [
        ("zd0", "a volume of ZFS"),
        ("nbd3", "a program or another machine serves"),
        ("ublkb0", "a program serves"),
        ("dm-0", "the device mapper"),
        ("md127", "an array of md"),
    ] {
        let expected = format!("the active swap /dev/{name} is on {name}, ");
        let tree = with_swap_on(name);
        is_guarded(&tree, &["vda", "vdb"], &expected);
        is_guarded(&tree, &["vda"], kind);
    }
    // A link to a device that is gone.
    let tree = with_swap_on("md0");
    tree.write("sys/devices/md0/slaves/vdz/size", "8\n");
    is_guarded(&tree, &["vda"], "md0, whose device vdz sysfs does not have");
    // Compressed memory has a disk only if it is told one.
    let tree = with_swap_on("zram0");
    stdout(&mut tree.kchaos("attach vda"));
    stdout(&mut tree.kchaos("detach vda"));
    for (backing, guarded) in [("none", false), ("/dev/vdb", true)] {
        tree.write("sys/devices/zram0/backing_dev", &format!("{backing}\n"));
        if guarded {
            is_guarded(&tree, &["vdb"], "the active swap /dev/zram0");
        }
        stdout(&mut tree.kchaos("attach vda"));
        stdout(&mut tree.kchaos("detach vda"));
    }
    tree.write("sys/devices/zram0/backing_dev", "/dev/vdy\n");
    is_guarded(&tree, &["vda"], "zram0, whose device /dev/vdy is not there");
}

/// Has losetup tell that a loop device has this file open, and its device number.
fn has_open(tree: &Tree, file: &str, device: &str) {
    use std::os::unix::fs::MetadataExt;
    let inode = std::fs::metadata(tree.path(file)).unwrap().ino();
    tree.program("losetup", &format!("{inode:>10} {device:>10}  \n"));
}

#[test]
fn a_loop_device_whose_file_cannot_be_found_may_be_on_any_disk() {
    let backing = "sys/devices/loop0/loop/backing_file";
    let tree = with_swap_on("loop0");
    // One without a file has nothing on it.
    stdout(&mut tree.kchaos("attach vda"));
    stdout(&mut tree.kchaos("detach vda"));
    let on_disk = tree.placed("images", &tree.number("vda1"), 40);
    tree.write("images/swap", "");
    tree.write(backing, &format!("{on_disk}/swap\n"));
    for (told, expected) in [
        // A losetup without these columns, such as that of BusyBox.
        ("", "/swap is not sure: `losetup -O"),
        // A file system that nobody sees, and that has no device.
        ("7 0:77\n", "/swap is on a file system (device 0:77) that"),
    ] {
        tree.program("losetup", told);
        is_guarded(
            &tree,
            &["vda", "vdb"],
            "the active swap /dev/loop0 is on loop0",
        );
        is_guarded(&tree, &["vdb"], expected);
    }
    has_open(&tree, "images/swap", &tree.number("vda1"));
    is_guarded(&tree, &["vda"], "vda has the active swap /dev/loop0");
    stdout(&mut tree.kchaos("attach vdb"));
}

/// The path of a loop device's file can be that of another file by now, or in this mount namespace.
#[test]
fn a_loop_device_is_on_the_disk_of_the_file_that_it_has_open() {
    let tree = with_swap_on("loop0");
    tree.disk("vdc", "[none] kyber");
    let covering = tree.placed("images", &tree.number("vda1"), 40);
    tree.write("images/swap", "");
    tree.placed("below", &tree.number("vdb"), 41);
    tree.write("below/swap", "");
    has_open(&tree, "below/swap", &tree.number("vdb"));
    let backing = "sys/devices/loop0/loop/backing_file";
    for path in [
        format!("{covering}/swap"),
        format!("{covering}/swap (deleted)"),
        "/no/hidden".to_owned(),
    ] {
        tree.write(backing, &format!("{path}\n"));
        is_guarded(&tree, &["vdb"], "vdb has the active swap /dev/loop0");
        stdout(&mut tree.kchaos("attach vda"));
        stdout(&mut tree.kchaos("detach vda"));
    }
    // The same inode number on another device is another file.
    has_open(&tree, "images/swap", &tree.number("vdb"));
    tree.write(backing, &format!("{covering}/swap\n"));
    is_guarded(&tree, &["vdb"], "vdb has the active swap /dev/loop0");
    // The first process sees it.
    tree.placed("proc/1/root/seen", &tree.number("vdc"), 42);
    tree.write("proc/1/root/seen/swap", "");
    has_open(&tree, "proc/1/root/seen/swap", &tree.number("vdc"));
    tree.write(backing, "/seen/swap\n");
    is_guarded(&tree, &["vdc"], "vdc has the active swap /dev/loop0");
    stdout(&mut tree.kchaos("attach vda vdb"));
}

#[test]
fn a_journal_and_further_devices_are_needed() {
    let ext4 = "7 1 4000:0 / / rw - ext4 /dev/vda rw";
    // A journal in the file system itself; another one has its own on vdc.
    let tree = with_root("1", ext4);
    tree.disk("vdc", "[none] kyber");
    let journal = |name: &str| tree.write(&format!("proc/fs/jbd2/{name}/info"), "");
    journal("vdb");
    journal("vda-8");
    is_guarded(&tree, &["vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb vdc"));
    stdout(&mut tree.kchaos("detach vdb vdc"));
    std::fs::remove_dir_all(tree.path("proc/fs/jbd2/vda-8")).unwrap();
    // Nobody tells which, or that there is none.
    is_guarded(&tree, &["vda"], "mounted at /");
    is_guarded(
        &tree,
        &["vdb", "vdc"],
        "is on ext4, and kchaos does not find",
    );
    tree.write("sys/fs/ext4/vda/journal_task", "<none>\n");
    is_guarded(&tree, &["vda"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdb"));
    stdout(&mut tree.kchaos("detach vdb"));
    tree.write("sys/fs/ext4/vda/journal_task", "77\n");
    tree.write("proc/77/comm", "jbd2/vdb\n");
    is_guarded(&tree, &["vda", "vdb"], "mounted at /");
    stdout(&mut tree.kchaos("attach vdc"));
    // An injection of the file system is about its journal, too.
    let mounted = tree.placed("mnt", "4000:0", 7);
    tree.mount("self", ext4);
    let inject = format!("inject ioem delay --delay 1ms --name x --force --device {mounted}");
    stdout(&mut tree.kchaos(&inject));
    assert_eq!(tree.read("config/ioem/x/device"), "vda vdb\n");

    let f2fs = with_root("1", "7 1 4000:0 / / rw - f2fs /dev/vda rw");
    f2fs.disk("vdc", "[none] kyber");
    let map = "Disk Map for multi devices:\n\
               Disk: 0 (zoned=0): 0x0 - 0xff on /dev/vda\n\
               Disk: 1 (zoned=0): 0x100 - 0x1ff on /dev/vdb\n";
    f2fs.write("proc/fs/f2fs/vda/disk_map", map);
    is_guarded(&f2fs, &["vda", "vdb"], "mounted at /");
    stdout(&mut f2fs.kchaos("attach vdc"));
    let gone = map.replace("vdb", "vdz");
    f2fs.write("proc/fs/f2fs/vda/disk_map", &gone);
    stdout(&mut f2fs.kchaos("detach vdc"));
    is_guarded(&f2fs, &["vdc"], "is on f2fs, whose device /dev/vdz is not");
}

#[test]
fn a_root_whose_disks_are_not_known_is_not_without_one() {
    for (line, expected) in [
        (
            "7 1 0:60 / / rw - fuse.bindfs /data rw",
            "a program answers",
        ),
        (
            "7 1 0:60 / / rw - aufs none rw",
            "whose disks kchaos does not",
        ),
        (
            "7 1 4000:0 / / rw - xfs /dev/vda rw,logdev=/dev/vdz",
            "/dev/vdz is not there",
        ),
    ] {
        is_guarded(&with_root("1", line), &["vdb"], expected);
    }
    let tree = with_root("1", "7 1 0:60 / / rw - zfs rpool/ROOT/debian rw");
    tree.program("zpool", "rpool\t1G\n\t/dev/vda1\t1G\n\t/dev/vdz1\t1G\n");
    is_guarded(&tree, &["vdb"], "on the ZFS rpool/ROOT/debian");
}

/// Without its program, kchaos could not end what it began, nor the first process go on.
#[test]
fn programs_and_their_stores_are_needed() {
    for point in ["/nix", "/nix/store", "/gnu/store"] {
        let tree = with_root("1", &format!("9 1 4000:2 / {point} rw - ext4 /dev/vdb rw"));
        is_guarded(&tree, &["vdb"], &format!("mounted at {point}"));
        stdout(&mut tree.kchaos("attach vda"));
    }
    for (process, expected) in [
        ("1", "the program of the machine's first process"),
        ("self", "the program kchaos"),
    ] {
        let tree = with_root("1", "");
        tree.disk("vdc", "[none] kyber");
        tree.placed("opt", &tree.number("vdb"), 40);
        tree.write("opt/program", "");
        tree.link("opt/program", &format!("proc/{process}/exe"));
        is_guarded(&tree, &["vdb"], expected);
        stdout(&mut tree.kchaos("attach vda"));
        stdout(&mut tree.kchaos("detach vda"));
        // All layers of an overlay.
        let lower = tree.placed("l", &tree.number("vdc"), 41);
        let upper = tree.placed("u", &tree.number("vdb"), 42);
        tree.placed("opt", "0:60", 43);
        let line = format!("43 1 0:60 / /o rw - overlay none rw,lowerdir={lower},upperdir={upper}");
        tree.mount("self", &line);
        is_guarded(&tree, &["vdb", "vdc"], expected);
    }
}
