// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `--device`, `attach` and `detach` go down from volumes and arrays to the disks.

use crate::tree::{Tree, stderr, stdout};
use std::fs;

const DELAY: &str = "inject ioem delay --delay 1ms --device";

/// Makes an injection for a device, and returns the texts of `device` and `sectors`, and the
/// notes.
pub(crate) fn injected(tree: &Tree, device: &str) -> (String, String, String) {
    let mut command = tree.kchaos("inject ioem delay --delay 1ms --name x --force --device");
    let output = command.arg(device).output().unwrap();
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{device}: {notes}");
    let read = |file: &str| {
        let text = tree.read(&format!("config/ioem/x/{file}"));
        text.trim().to_owned()
    };
    let texts = (read("device"), read("sectors"), notes);
    stdout(&mut tree.kchaos("recover x"));
    texts
}

/// Disks vda to vdd, with LUKS on a volume of LVM on a partition, beside another volume.
pub(crate) fn volumes() -> Tree {
    let tree = Tree::new();
    for disk in ["vdb", "vdc", "vdd"] {
        tree.disk(disk, "[none] kyber");
        tree.write(&format!("sys/devices/{disk}/size"), "16384\n");
    }
    tree.mapped("dm-0", "vg-lv", &["vda1"]);
    tree.mapped("dm-1", "luks", &["dm-0"]);
    tree.mapped("dm-2", "vg-my--data", &["vda1"]);
    tree
}

/// The tables of [`volumes`].
pub(crate) fn tables(tree: &Tree) -> String {
    let vda1 = tree.number("vda1");
    format!(
        "vg-lv: 0 4096 linear {vda1} 512\n\
         luks: 0 4000 crypt aes-xts-plain64 :64:logon:k 0 {} 96\n\
         vg-my--data: 0 1024 linear {vda1} 4608\n",
        tree.number("dm-0")
    )
}

/// The PATH of cron has no /usr/sbin, where dmsetup is.
#[test]
fn programs_are_looked_for_where_they_are() {
    let tree = volumes();
    let seen = tree.path("seen").display().to_string();
    tree.script("dmsetup", &format!("echo $PATH > {seen}"));
    injected(&tree, "luks");
    assert!(tree.read("seen").ends_with(":/usr/sbin:/sbin\n"));
}

#[test]
fn a_volume_is_the_sectors_of_its_disk() {
    let tree = volumes();
    tree.program("dmsetup", &tables(&tree));
    tree.link("dev/dm-1", "dev/mapper/luks");
    let node = tree.path("dev/mapper/luks").display().to_string();
    // Partition at 2048, volume at 512 in it, 96 sectors of a header.
    for name in ["luks", "dm-1", &tree.number("dm-1"), &node, "└─luks"] {
        let (device, sectors, notes) = injected(&tree, name);
        assert_eq!((&*device, &*sectors), ("vda1", "vda:2656+4000"), "{name}");
        assert!(
            notes.contains("is on vda1 (sectors 2656+4000 of vda)"),
            "{notes}"
        );
        assert!(
            notes.contains("beside it on the same disks: vg-my--data"),
            "{notes}"
        );
        assert!(!notes.contains("told there"), "{notes}");
    }
    for name in [
        "vg-my--data",
        "vg/my-data",
        "/dev/vg/my-data",
        "/dev/mapper/vg-my--data",
    ] {
        let (device, sectors, _) = injected(&tree, name);
        assert_eq!((&*device, &*sectors), ("vda1", "vda:6656+1024"), "{name}");
    }
}

#[test]
fn all_devices_that_are_named_keep_their_io_beside_a_volume() {
    let tree = volumes();
    tree.program("dmsetup", &tables(&tree));
    tree.partition("vdc", "vdc1", (100, 200));
    let (device, sectors, _) = injected(&tree, "luks,vdb,vdc1");
    assert_eq!(device, "vda1 vdb vdc1");
    let all = u64::MAX;
    assert_eq!(sectors, format!("vda:2656+4000 vdb:0+{all} vdc:100+200"));
    let (device, sectors, _) = injected(&tree, "luks,vda");
    assert_eq!((&*device, sectors), ("vda1 vda", format!("vda:0+{all}")));
    let message = stderr(
        &mut tree.kchaos("inject ioem delay --delay 1ms --device luks,sdz"),
        2,
    );
    assert!(message.contains("make an injection for each"), "{message}");
}

#[test]
fn a_thin_volume_is_all_of_its_pool() {
    let tree = volumes();
    tree.mapped("dm-3", "vg-pool_tmeta", &["vdb"]);
    tree.mapped("dm-4", "vg-pool_tdata", &["vdb"]);
    tree.mapped("dm-5", "vg-pool-tpool", &["dm-3", "dm-4"]);
    tree.mapped("dm-6", "vg-one", &["dm-5"]);
    tree.mapped("dm-7", "vg-two", &["dm-5"]);
    let number = |name: &str| tree.number(name);
    let table = format!(
        "vg-pool_tmeta: 0 64 linear {0} 128\n\
         vg-pool_tdata: 0 8192 linear {0} 4096\n\
         vg-pool-tpool: 0 8192 thin-pool {1} {2} 128 0 0\n\
         vg-one: 0 4096 thin {3} 1\n\
         vg-two: 0 4096 thin {3} 2\n",
        number("vdb"),
        number("dm-3"),
        number("dm-4"),
        number("dm-5")
    );
    tree.program("dmsetup", &table);
    let (device, sectors, notes) = injected(&tree, "vg/one");
    assert_eq!((&*device, &*sectors), ("vdb", "vdb:128+64 vdb:4096+8192"));
    assert!(
        notes.contains("its I/O cannot be told there from that of vg-two"),
        "{notes}"
    );
    let before = tree.content();
    let said = stderr(&mut tree.kchaos(&format!("{DELAY} vg/one")), 2);
    assert!(said.contains("also the I/O of vg-two; "), "{said}");
    assert!(said.contains("say --device vdb, or add --force"), "{said}");
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos(&format!("{DELAY} vdb")));
}

/// The place of a partition on the disks of an array is not known, and neither is it needed for the
/// whole array.
#[test]
fn a_partition_of_an_array_is_refused_beside_another() {
    let tree = volumes();
    tree.stacked("md0", &["vdb", "vdc"]);
    tree.write("sys/devices/md0/md/level", "raid5\n");
    stdout(&mut tree.kchaos(&format!("{DELAY} md0 --name whole")));
    tree.partition("md0", "md0p1", (2_048, 4_096));
    stdout(&mut tree.kchaos(&format!("{DELAY} md0p1 --name alone")));
    tree.partition("md0", "md0p2", (8_192, 4_096));
    let said = stderr(&mut tree.kchaos(&format!("{DELAY} md0p1")), 2);
    assert!(said.contains("also the I/O of md0p2; "), "{said}");
    stdout(&mut tree.kchaos(&format!("{DELAY} md0 --name all")));
}

/// LUKS on a volume whose sectors nobody tells is not something else.
#[test]
fn a_device_on_top_of_the_volume_is_the_volume() {
    let tree = volumes();
    fs::remove_dir_all(tree.path("sys/devices/dm-2")).unwrap();
    fs::remove_file(tree.path("sys/class/block/dm-2")).unwrap();
    stdout(&mut tree.kchaos(&format!("{DELAY} vg/lv")));
}

#[test]
fn arrays_and_caches_are_on_all_their_disks() {
    let tree = volumes();
    tree.stacked("md127", &["vdb", "vdc"]);
    tree.stacked("bcache0", &["vdd", "md127"]);
    for (name, expected) in [("md127", "vdb vdc"), ("/dev/bcache0", "vdb vdc vdd")] {
        let (device, sectors, _) = injected(&tree, name);
        assert_eq!((&*device, &*sectors), (expected, ""), "{name}");
    }
    let attached = stdout(&mut tree.kchaos("attach bcache0"));
    assert_eq!(
        attached,
        "vdb: none -> ioem\nvdc: none -> ioem\nvdd: none -> ioem\n"
    );
    let detached = stdout(&mut tree.kchaos("detach bcache0"));
    assert_eq!(
        detached,
        "vdb: ioem -> none\nvdc: ioem -> none\nvdd: ioem -> none\n"
    );
}

#[test]
fn sectors_are_the_same_on_each_leg_of_a_mirror_only() {
    let tree = volumes();
    tree.stacked("md0", &["vdb", "vdc"]);
    tree.mapped("dm-3", "vg-mirrored", &["md0"]);
    let table = format!("vg-mirrored: 0 512 linear {} 100\n", tree.number("md0"));
    tree.program("dmsetup", &table);
    for (leg, offset) in [("vdb", "2048"), ("vdc", "4096")] {
        tree.write(&format!("sys/devices/md0/md/dev-{leg}/offset"), offset);
    }
    tree.write("sys/devices/md0/md/level", "raid1\n");
    let (device, sectors, _) = injected(&tree, "vg/mirrored");
    assert_eq!(
        (&*device, &*sectors),
        ("vdb vdc", "vdb:2148+512 vdc:4196+512")
    );
    tree.write("sys/devices/md0/md/level", "raid5\n");
    let (device, sectors, _) = injected(&tree, "vg/mirrored");
    assert_eq!((&*device, &*sectors), ("vdb vdc", ""));
}

/// Paths of NVMe are in a directory, or known by their names.
#[test]
fn a_multipath_namespace_is_on_all_its_paths() {
    for has_directory in [true, false] {
        let tree = volumes();
        for path in ["nvme0c0n1", "nvme0c1n1", "nvme0c0n2"] {
            tree.disk(path, "[none] kyber");
        }
        tree.stacked("nvme0n1", &[]);
        tree.partition("nvme0n1", "nvme0n1p1", (2_048, 4_096));
        if has_directory {
            for path in ["nvme0c0n1", "nvme0c1n1"] {
                let link = format!("sys/devices/nvme0n1/multipath/{path}");
                tree.link(&format!("sys/devices/{path}"), &link);
            }
        }
        let (device, sectors, _) = injected(&tree, "nvme0n1");
        assert_eq!((&*device, &*sectors), ("nvme0c0n1 nvme0c1n1", ""));
        // A path knows no partitions.
        let (device, sectors, _) = injected(&tree, "/dev/nvme0n1p1");
        assert_eq!(
            (&*device, &*sectors),
            (
                "nvme0c0n1 nvme0c1n1",
                "nvme0c0n1:2048+4096 nvme0c1n1:2048+4096"
            )
        );
        let attached = stdout(&mut tree.kchaos("attach nvme0n1p1"));
        assert_eq!(
            attached,
            "nvme0c0n1: none -> ioem\nnvme0c1n1: none -> ioem\n"
        );
    }
}

/// Device-mapper multipath of requests has a scheduler itself, as loop devices have.
#[test]
fn a_device_with_a_scheduler_of_its_own_stays() {
    let tree = volumes();
    tree.mapped("dm-3", "mpatha", &["vdb", "vdc"]);
    tree.write("sys/devices/dm-3/queue/scheduler", "[none] kyber\n");
    tree.disk("loop0", "[none] kyber");
    for (name, expected) in [("mpatha", "dm-3"), ("loop0", "loop0")] {
        assert_eq!(injected(&tree, name).0, expected);
    }
    assert_eq!(
        stdout(&mut tree.kchaos("attach mpatha")),
        "dm-3: none -> ioem\n"
    );
}

#[test]
fn a_disk_below_without_a_scheduler_is_told() {
    let tree = volumes();
    tree.stacked("pmem0", &[]);
    tree.stacked("md0", &["pmem0", "vdb"]);
    let (device, _, notes) = injected(&tree, "md0");
    assert_eq!(device, "vdb");
    assert!(
        notes.contains("it is also on pmem0, without an I/O"),
        "{notes}"
    );
    let message = stderr(&mut tree.kchaos("attach pmem0"), 5);
    assert!(message.contains("pmem0 has no blk-mq queue"), "{message}");
}

#[test]
fn more_devices_than_an_injection_can_name_are_refused() {
    let tree = volumes();
    let disks: Vec<String> = (0..9).map(|number| format!("nullb{number}")).collect();
    for disk in &disks {
        tree.disk(disk, "[none] kyber");
    }
    let names: Vec<&str> = disks.iter().map(String::as_str).collect();
    tree.stacked("md0", &names);
    let before = tree.content();
    let mut command = tree.kchaos("inject ioem delay --delay 1ms --device md0");
    let message = stderr(&mut command, 2);
    assert!(message.contains("md0 is on 9 devices"), "{message}");
    assert_eq!(tree.content(), before);
}

#[test]
fn a_machine_without_sysfs_says_so() {
    let tree = Tree::new();
    fs::remove_dir_all(tree.path("sys")).unwrap();
    for arguments in [
        "attach vda",
        "detach vda",
        "inject ioem delay --delay 1ms --device vda",
        "inject ioem delay --delay 1ms",
    ] {
        let message = stderr(&mut tree.kchaos(arguments), 3);
        assert!(message.contains("sysfs is not there"), "{message}");
        assert!(message.contains("mount -t sysfs"), "{message}");
    }
    assert_eq!(fs::read_dir(tree.path("config/ioem")).unwrap().count(), 2);
    tree.injection("x", &[("delay_us", "1000")]);
    for arguments in ["list", "list --json"] {
        let assert = tree.kchaos(arguments).assert().code(3);
        let output = assert.get_output();
        let (out, said) = (&output.stdout, &output.stderr);
        let (out, said) = (String::from_utf8_lossy(out), String::from_utf8_lossy(said));
        assert!(out.contains('x') && !out.contains("no device"), "{out}");
        assert!(said.contains("sysfs is not there"), "{said}");
    }
}

/// The sectors of a volume end with it, and the user's own stay.
#[test]
fn a_change_of_the_device_changes_its_sectors() {
    let tree = volumes();
    tree.program("dmsetup", &tables(&tree));
    let change = |arguments: &str| tree.kchaos(&format!("change x {arguments}"));
    let texts = || {
        let read = |file: &str| tree.read(&format!("config/ioem/x/{file}"));
        (
            read("device").trim().to_owned(),
            read("sectors").trim().to_owned(),
        )
    };
    let expect = |device: &str, sectors: &str| {
        assert_eq!(texts(), (device.to_owned(), sectors.to_owned()));
    };
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name x --device luks"));
    expect("vda1", "vda:2656+4000");
    let said = stderr(&mut change("--sectors 0+8"), 2);
    assert!(said.contains("are the sectors vda:2656+4000"), "{said}");
    stdout(&mut change("--device vg/lv"));
    expect("vda1", "vda:2560+4096");
    stdout(&mut change("--device vdb"));
    expect("vdb", "");
    stdout(&mut change("--sectors 0+8"));
    expect("vdb", "0+8");
    let said = stderr(&mut change("--device luks"), 2);
    assert!(said.contains("--sectors would be others"), "{said}");
    stdout(&mut change("--device vdc"));
    expect("vdc", "0+8");
}
