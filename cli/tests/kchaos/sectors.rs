// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `--sectors`, and the refusal of volumes whose sectors kchaos cannot tell the driver.

use crate::{
    stack::{injected, tables, volumes},
    tree::{Tree, stderr, stdout},
};

/// Checks that an injection of a device is refused without `--force`, and makes one with it.
fn refused_without_force(tree: &Tree, device: &str, expected: &[&str]) -> (String, String, String) {
    let before = tree.content();
    let command = format!("inject ioem delay --delay 1ms --for 30s --device {device}");
    let said = stderr(&mut tree.kchaos(&command), 2);
    for expected in expected {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(said.contains("or add --force"), "{said}");
    assert_eq!(tree.content(), before);
    injected(tree, device)
}

#[test]
fn without_tables_a_volume_beside_others_is_refused() {
    let tree = volumes();
    let expected = [
        "`dmsetup table` does not tell the sectors of luks and vg-lv",
        "it would reach all of vda1, also the I/O of vg-my--data",
        "say --device vda1, or add --force",
    ];
    let (device, sectors, notes) = refused_without_force(&tree, "luks", &expected);
    assert_eq!((&*device, &*sectors), ("vda1", ""));
    for expected in [
        "luks is on vda1\n",
        "its I/O cannot be told there from that of vg-my--data",
    ] {
        assert!(notes.contains(expected), "{notes}");
    }
    // A change is no other matter.
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name x --device vdb"));
    let before = tree.content();
    let said = stderr(&mut tree.kchaos("change x --device luks"), 2);
    assert!(said.contains("also the I/O of vg-my--data"), "{said}");
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos("change x --device luks --force"));
}

/// Nothing else is on the disk, so that all of it is the volume.
#[test]
fn without_tables_a_volume_alone_on_its_disk_is_that_disk() {
    let tree = volumes();
    tree.mapped("dm-3", "alone", &["vdb"]);
    let command = "inject ioem delay --delay 1ms --name x --device alone";
    stdout(&mut tree.kchaos(command));
    assert_eq!(tree.read("config/ioem/x/device"), "vdb\n");
    // Two that are named, and all that there is, hit nothing else either.
    let both = "inject ioem delay --delay 1ms --device luks,vg-my--data";
    stdout(&mut tree.kchaos(both));
}

#[test]
fn a_table_that_is_not_understood_is_as_none() {
    for (table, what) in [
        ("0 8192 vdo V4 /dev/dm-0 4096", "a path"),
        (
            "0 8192 integrity {vda1} 0 32 J 1 meta_device:{vdb}",
            "an option",
        ),
        ("0 many linear {vda1} 512", "no number"),
        ("0 8192 nothing that is known", "no device"),
    ] {
        let tree = volumes();
        tree.mapped("dm-3", "odd", &["vda1", "vdb"]);
        let table = table.replace("{vda1}", &tree.number("vda1"));
        let table = table.replace("{vdb}", &tree.number("vdb"));
        tree.program("dmsetup", &format!("{}odd: {table}\n", tables(&tree)));
        let expected = ["does not tell the sectors of odd;", "also the I/O of luks"];
        let (device, sectors, _) = refused_without_force(&tree, "odd", &expected);
        assert_eq!((&*device, &*sectors), ("vda1 vdb", ""), "{what}");
    }
}

#[test]
fn sectors_that_cannot_be_meant_are_refused() {
    let tree = volumes();
    tree.program("dmsetup", &tables(&tree));
    for (flags, expected) in [
        (
            "--device luks --sectors 0+8",
            "--device vda --sectors with a part of these",
        ),
        (
            "--device vda1 --sectors 0+2048",
            "vda1 is the sectors 2048+8192",
        ),
        ("--device vda1 --sectors 10240+8", "vda1 is the sectors"),
    ] {
        let before = tree.content();
        let command = format!("inject ioem delay --delay 1ms {flags}");
        let message = stderr(&mut tree.kchaos(&command), 2);
        assert!(message.contains(expected), "{flags}: {message}");
        assert_eq!(tree.content(), before);
    }
    for flags in [
        "--device vda1 --sectors 0+2049",
        "--device vda --sectors 0+8",
    ] {
        stdout(&mut tree.kchaos(&format!("inject ioem delay --delay 1ms {flags}")));
    }
}

#[test]
fn sectors_of_one_disk_can_be_typed() {
    let tree = volumes();
    tree.link("dev/vdb", "dev/disk/by-label/data");
    let made = |flags: &str| {
        let command = format!("inject ioem delay --delay 1ms --name x --no-attach {flags}");
        stdout(&mut tree.kchaos(&command));
        let sectors = tree.read("config/ioem/x/sectors").trim().to_owned();
        stdout(&mut tree.kchaos("recover x"));
        sectors
    };
    let node = tree.path("dev/vdb").display().to_string();
    for name in ["vdb", &node, "LABEL=data", &tree.number("vdb")] {
        assert_eq!(made(&format!("--sectors {name}:0+8")), "vdb:0+8", "{name}");
    }
    let both = "--device vdb,vdc --sectors vdb:0+8 --sectors vdc:0+8";
    assert_eq!(made(both), "vdb:0+8 vdc:0+8");
    assert_eq!(made("--sectors sdz:0+8"), "sdz:0+8");
    for (flags, expected) in [
        (
            "--device vda --sectors vdb:0+8",
            "no I/O to vda is in these",
        ),
        (
            "--sectors vda1:0+8",
            "choose sectors of vda, or all of vda1",
        ),
        (
            "--sectors vdb:0+8,LABEL=data:4+8",
            "vdb:0+8 and vdb:4+8 overlap",
        ),
        (
            "--sectors vdb:16384+8",
            "vdb has no sector of 16384+8; it is the sectors 0+16384",
        ),
        (
            "--device vdb --sectors 16384+8",
            "no I/O to vdb is in these --sectors, which count from the beginning of vdb: vdb is the \
             sectors 0+16384",
        ),
        ("--sectors vdb:0-8", "sdb:0+2048 of one disk alone"),
    ] {
        let before = tree.content();
        let command = format!("inject ioem delay --delay 1ms --no-attach {flags}");
        let said = stderr(&mut tree.kchaos(&command), 2);
        assert!(said.contains(expected), "{flags}: {said}");
        assert_eq!(tree.content(), before);
    }
    stdout(
        &mut tree.kchaos("inject ioem delay --delay 1ms --name x --device vdb --sectors vdb:0+8"),
    );
    stdout(&mut tree.kchaos("change x --sectors vdb:8+8"));
    assert_eq!(tree.read("config/ioem/x/sectors"), "vdb:8+8\n");
}

/// One `--force` allows everything that wants it, so nobody gives it without having seen all.
#[test]
fn a_refusal_names_all_that_force_would_allow() {
    let tree = volumes();
    tree.stacked("md0", &["vdb"]);
    tree.partition("md0", "md0p1", (2_048, 4_096));
    tree.partition("md0", "md0p2", (8_192, 4_096));
    let swaps = "Filename Type\n/dev/vdb partition 1 0 -2\n/dev/md0p2 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    tree.injection("other", &[("delay_us", "1000"), ("enabled", "1")]);
    let uses = "vdb has the active swap /dev/vdb and the active swap /dev/md0p2: once it";
    let mixed = "also the I/O of md0p2; if that is what you want, say --device vdb\n";
    let others = "and these would act on it without an end: other; end them with `kchaos recover \
                  other`\n";
    let last = "kchaos: or add --force, which allows all of this\n";
    let inject = "inject ioem delay --delay 1ms --name x --device md0p1";
    let said = |flags: &str| {
        let before = tree.content();
        let said = stderr(&mut tree.kchaos(&format!("{inject} {flags}")), 2);
        assert_eq!(tree.content(), before);
        assert!(said.ends_with(last), "{said}");
        assert_eq!(said.matches("--force").count(), 1, "{said}");
        said
    };
    let all = said("");
    for reason in [uses, mixed, others] {
        assert!(all.contains(reason), "{all}");
    }
    let with_end = said("--for 30s");
    assert!(!with_end.contains("once it"), "{with_end}");
    assert!(
        with_end.contains(mixed) && with_end.contains(others),
        "{with_end}"
    );
    stdout(&mut tree.kchaos("recover other"));
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --name x --device vda"));
    let before = tree.content();
    let all = stderr(&mut tree.kchaos("change x --device md0p1"), 2);
    assert!(all.contains(uses) && all.contains(mixed), "{all}");
    assert!(all.ends_with(last), "{all}");
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos("change x --device md0p1 --force"));
}

#[test]
fn stripes_and_too_many_ranges() {
    let tree = volumes();
    tree.mapped("dm-3", "striped", &["vdb", "vdc"]);
    tree.mapped("dm-4", "many", &["vdb"]);
    let (vdb, vdc) = (tree.number("vdb"), tree.number("vdc"));
    let many: String = (0..17)
        .map(|place| format!("many: {place} 1 linear {vdb} {}\n", 2 * place))
        .collect();
    let table = format!("striped: 0 8192 striped 2 128 {vdb} 64 {vdc} 32\n{many}");
    tree.program("dmsetup", &table);
    let (device, sectors, _) = injected(&tree, "striped");
    assert_eq!(
        (&*device, &*sectors),
        ("vdb vdc", "vdb:64+4096 vdc:32+4096")
    );
    let expected = ["these are 17 ranges of sectors", "also the I/O of striped"];
    let (device, sectors, notes) = refused_without_force(&tree, "many", &expected);
    assert_eq!((&*device, &*sectors), ("vdb", ""));
    assert!(notes.contains("so it reaches all of vdb"), "{notes}");
    // Both together are all that there is.
    stdout(&mut tree.kchaos("inject ioem delay --delay 1ms --device many,striped"));
}

/// The disks before ranges are named as those of `--device` are.
#[test]
fn the_disks_of_sectors_are_attached_and_told() {
    let tree = Tree::new();
    let vda = "sys/devices/vda/queue/scheduler";
    let inject = "inject ioem delay --delay 1ms --name x";
    stdout(&mut tree.kchaos(&format!("{inject} --sectors vda:0+8")));
    let file = |name: &str| tree.read(&format!("config/ioem/x/{name}"));
    assert_eq!(
        (&*file("device"), &*file("sectors")),
        ("vda\n", "vda:0+8\n")
    );
    assert_eq!(tree.read(vda), "[ioem]\n");
    stdout(&mut tree.kchaos("recover x"));
    assert_eq!(tree.read(vda), "[kyber]\n");
    // Ranges of every disk name none.
    let said = stderr(&mut tree.kchaos(&format!("{inject} --sectors 0+8")), 5);
    assert!(said.contains("no disk is attached"), "{said}");
    // Some of a disk that comes later.
    stdout(&mut tree.kchaos(&format!("{inject} --sectors sdz:0+8")));
    let listed = stdout(&mut tree.kchaos("list"));
    assert!(listed.contains("x: sdz is not there"), "{listed}");
    // Made by a shell, and changed.
    let tree = Tree::attached();
    let stats = ("stats", "active 1");
    tree.injection(
        "x",
        &[
            ("delay_us", "1000"),
            ("device", ""),
            ("sectors", "vda:0+8"),
            stats,
        ],
    );
    let listed = stdout(&mut tree.kchaos("list"));
    assert!(listed.contains("x: vda is not on ioem"), "{listed}");
    stdout(&mut tree.kchaos("change x --sectors vda:8+8"));
    assert_eq!(tree.read("config/ioem/x/device"), "vda\n");
    assert_eq!(tree.read(vda), "[ioem]\n");
}
