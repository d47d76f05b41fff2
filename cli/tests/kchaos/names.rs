// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The names of devices that kchaos takes, and its answers to others.

use crate::tree::{Tree, stderr, stdout};
use predicates::str::contains;
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

const INJECT: &str = "inject ioem delay --delay 1ms --name x --device";

/// The text of `device` of an injection for a device.
fn device(tree: &Tree, name: &str) -> String {
    stdout(tree.kchaos(INJECT).arg(name));
    let text = tree.read("config/ioem/x/device").trim().to_owned();
    stdout(&mut tree.kchaos("recover x"));
    text
}

/// The message about a name, for an injection and for an attachment, after which nothing is
/// different from before.
fn refusals(tree: &Tree, name: &str, exit: i32) -> [String; 2] {
    let before = tree.content();
    let said = [
        stderr(tree.kchaos(INJECT).arg(name), exit),
        stderr(tree.kchaos("attach").arg(name), exit),
    ];
    assert_eq!(tree.content(), before);
    said
}

fn linked() -> Tree {
    let tree = Tree::new();
    for (link, node) in [
        ("by-id/nvme-Samsung_SSD_990_S1", "vda"),
        ("by-id/wwn-0x5000-part1", "vda1"),
        ("by-path/pci-0000:00:1f.2-ata-1", "vda"),
        ("by-uuid/0a1b-22", "vda1"),
        ("by-uuid/AB12-CD34", "vda1"),
        (r"by-label/my\x20disk", "vda1"),
        ("by-label/data", "vda1"),
        ("by-partuuid/77", "vda1"),
        ("by-partlabel/root", "vda1"),
    ] {
        tree.link(&format!("dev/{node}"), &format!("dev/disk/{link}"));
    }
    tree
}

#[test]
fn persistent_names_are_taken() {
    let tree = linked();
    for (name, expected) in [
        ("nvme-Samsung_SSD_990_S1", "vda"),
        ("wwn-0x5000-part1", "vda1"),
        ("pci-0000:00:1f.2-ata-1", "vda"),
        ("disk/by-id/nvme-Samsung_SSD_990_S1", "vda"),
        ("0a1b-22", "vda1"),
        ("UUID=0A1B-22", "vda1"),
        ("UUID=\"ab12-cd34\"", "vda1"),
        ("LABEL=my disk", "vda1"),
        ("PARTUUID=77", "vda1"),
        ("PARTLABEL=root", "vda1"),
        ("ID=wwn-0x5000-part1", "vda1"),
        ("by-id/nvme-Samsung_SSD_990_S1", "vda"),
        ("by-label/data", "vda1"),
        ("vda1 ", "vda1"),
    ] {
        assert_eq!(device(&tree, name), expected, "{name}");
    }
    let attached = stdout(&mut tree.kchaos("attach LABEL=data"));
    assert_eq!(attached, "vda: kyber -> ioem\n");
}

#[test]
fn names_as_lsblk_prints_them_are_taken() {
    let tree = Tree::new();
    tree.disk("cciss!c0d0", "[none] kyber");
    tree.mapped("dm-0", "vg-lv", &["vda1"]);
    for (name, expected) in [
        ("├─vda1", "vda1"),
        ("  └─vg-lv", "vda1"),
        ("cciss/c0d0", "cciss!c0d0"),
        ("/dev/cciss/c0d0", "cciss!c0d0"),
        ("mapper/vg-lv", "vda1"),
        // As in a container without nodes.
        ("/dev/vda1", "vda1"),
    ] {
        fs::remove_dir_all(tree.path("dev")).unwrap_or_default();
        assert_eq!(device(&tree, name), expected, "{name}");
    }
}

#[test]
fn names_that_can_never_come_true_are_refused() {
    let tree = linked();
    tree.link("dev/vdz", "dev/disk/by-id/dead");
    let dead = tree.path("dev/disk/by-id/dead").display().to_string();
    let below = tree.path("dev/vda/x").display().to_string();
    for (name, exit, expected) in [
        ("UUID=1234", 5, "no block device with UUID=1234; `ls "),
        ("LABEL=nope", 5, "no block device with LABEL=nope"),
        ("LABEL=", 5, "no block device with LABEL="),
        (
            "nvme-Samsung_S1",
            5,
            "no block device nvme-Samsung_S1; `lsblk`",
        ),
        ("vg-lv", 5, "the kernel never gives a disk this name"),
        ("vg/lv", 5, "no device or file vg/lv"),
        (
            "/dev/mapper/delayed",
            5,
            "no device of the device mapper /dev/mapper/delayed",
        ),
        ("/dev/vg/lv", 5, "no block device /dev/vg/lv"),
        ("/dev/root", 5, "no block device /dev/root"),
        ("data", 5, "did you mean LABEL=data?"),
        ("root", 5, "did you mean PARTLABEL=root?"),
        ("tests", 5, "the file here is ./tests"),
        ("md0", 5, "as an array of md it would have no I/O scheduler"),
        ("/mnt/gone", 5, "no device or file /mnt/gone"),
        (&dead, 5, "is a link to "),
        (&below, 5, "Not a directory"),
        ("sd*", 2, "it is a pattern; name each device"),
        ("vd?", 2, "it is a pattern; name each device: vda"),
        ("NAME=x", 2, "before = there can be UUID=, LABEL="),
        ("4096:0", 2, "from 1:0 to 4095:1048575"),
        ("0:41", 2, "from 1:0 to 4095:1048575"),
        ("vda0", 5, "the kernel never gives a disk this name"),
        ("nvme0n0", 5, "the kernel never gives a disk this name"),
        ("/dev/loop0p0", 5, "the kernel never gives a disk this name"),
        ("1:2:3", 2, "no device can be named"),
        ("a\nb", 2, r#"no device can be named "a\nb""#),
    ] {
        for said in refusals(&tree, name, exit) {
            assert!(said.contains(expected), "{name}: {said}");
            assert!(!said.contains("reaches it"), "{said}");
        }
    }
    let machine = Tree::new();
    let said = refusals(&machine, "UUID=1", 5);
    assert!(said[0].contains("which udev makes"), "{said:?}");
    let tty = stderr(tree.kchaos("attach").arg("/dev/null"), 5);
    assert!(tty.contains("/dev/null is a character device"), "{tty}");
}

#[test]
fn a_name_has_the_next_step_for_what_was_meant() {
    let tree = linked();
    tree.disk("vdb", "[none] kyber");
    for (id, line) in [
        "8:1 / /mnt/root rw - ext4 /dev/root rw",
        "0:50 / /mnt/share rw - nfs4 server:/export rw",
        "0:51 / /mnt/tank rw - zfs tank/data rw",
        "0:52 / /mnt/far rw - fuse.sshfs me@far:dir rw",
    ]
    .iter()
    .enumerate()
    {
        tree.mount("self", &format!("{} 1 {line}", 70 + id));
    }
    for (name, exit, expected) in [
        ("VDA", 5, "did you mean vda?"),
        ("all", 5, "attach and detach take --all"),
        ("vda vdb", 5, "--device vda,vdb"),
        ("vda:vdb", 2, "words of attach and detach: vda vdb"),
        ("/dev/root", 5, "the source of the ext4 at /mnt/root"),
        ("server:/export", 5, "the source of the nfs4 at /mnt/share"),
        ("tank/data", 5, "the source of the zfs at /mnt/tank"),
        ("me@far:dir", 2, "the source of the fuse.sshfs at /mnt/far"),
    ] {
        for said in refusals(&tree, name, exit) {
            assert!(said.contains(expected), "{name}: {said}");
        }
    }
    for verb in ["attach", "detach"] {
        let said = stderr(&mut tree.kchaos(&format!("{verb} vda,vdb")), 5);
        assert!(said.contains("attach and detach: vda vdb"), "{said}");
    }
}

#[test]
fn a_directory_of_sysfs_is_its_device() {
    let tree = Tree::new();
    for (path, expected) in [
        ("sys/block/vda", "vda"),
        ("sys/class/block/vda1", "vda1"),
        ("sys/devices/vda/vda1", "vda1"),
    ] {
        let path = tree.path(path).display().to_string();
        assert_eq!(device(&tree, &path), expected, "{path}");
    }
    let queue = tree.path("sys/block/vda/queue").display().to_string();
    refusals(&tree, &queue, 5);
}

#[test]
fn names_that_the_kernel_can_still_give_are_waited_for() {
    let tree = Tree::new();
    for (name, expected) in [
        ("sdb", "sdb"),
        ("/dev/nvme0n1p1", "nvme0n1p1"),
        ("/dev/cciss/c0d1", "cciss!c0d1"),
        ("8:17", "8:17"),
        ("dm-7", "dm-7"),
        ("mmcblk0p2", "mmcblk0p2"),
    ] {
        let mut command = tree.kchaos(INJECT);
        command
            .arg(name)
            .assert()
            .success()
            .stderr(contains(format!(
                "there is no device {expected} yet; the injection reaches it once it is there"
            )));
        assert_eq!(tree.read("config/ioem/x/device").trim(), expected);
        stdout(&mut tree.kchaos("recover x"));
        let said = stderr(tree.kchaos("attach").arg(name), 5);
        assert!(
            said.contains(&format!("no block device {expected}")),
            "{said}"
        );
    }
}

#[test]
fn a_name_with_two_meanings_is_refused() {
    let tree = Tree::new();
    tree.mapped("dm-0", "tests-kchaos", &["vda1"]);
    // The program runs in a folder that has tests/kchaos.
    let said = refusals(&tree, "tests/kchaos", 2);
    assert!(
        said[0].contains("the volume dm-0; name ./tests/kchaos or /dev/"),
        "{said:?}"
    );
    assert_eq!(device(&tree, "/dev/tests/kchaos"), "vda1");
    tree.disk("vdb", "[none] kyber");
    tree.link("dev/vda", "dev/disk/by-id/same");
    tree.link("dev/vdb", "dev/disk/by-path/same");
    let said = refusals(&tree, "same", 5);
    assert!(said[0].contains("same can be vda or vdb"), "{said:?}");
}

#[test]
fn a_path_may_have_commas() {
    let tree = Tree::new();
    tree.disk("vdb", "[none] kyber");
    let number = tree.number("vda1");
    let place = tree.placed("mnt/a,b,c", &number, 50);
    assert_eq!(device(&tree, &place), "vda1");
    assert_eq!(device(&tree, &format!("vdb,{place},,vda")), "vdb vda1 vda");
    tree.placed("mnt/a", &tree.number("vdb"), 51);
    let said = stderr(tree.kchaos(INJECT).arg(&place), 2);
    assert!(said.contains("can be one path or several"), "{said}");
}

#[test]
fn a_path_that_is_no_text_is_told_in_our_words() {
    let tree = Tree::new();
    let number = tree.number("vda1");
    tree.placed("mnt", &number, 50);
    let path = tree.path("mnt").join(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&path).unwrap();
    let before = tree.read("sys/devices/vda/queue/scheduler");
    let said = stderr(tree.kchaos(INJECT).arg(&path), 2);
    assert!(said.contains("--device ."), "{said}");
    assert!(!said.contains("invalid UTF-8"), "{said}");
    assert_eq!(tree.read("sys/devices/vda/queue/scheduler"), before);
    let attached = stdout(tree.kchaos("attach").arg(&path));
    assert_eq!(attached, "vda: kyber -> ioem\n");
}
