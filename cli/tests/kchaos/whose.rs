// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject --pid` and `--container`: the cgroup and the disk that they stand for.

use crate::{
    stack::{tables, volumes},
    tree::{Tree, stderr, stdout},
};
use std::fs;

const INJECT: &str = "inject ioem delay --delay 1ms --name x";

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A tree with the process 12 in the cgroup /t, on vda1.
fn with_process() -> Tree {
    let tree = Tree::attached();
    tree.cgroups("io memory", "io memory");
    tree.cgroup("t", "12\n");
    tree.process(12, "/t", "vda1");
    fs::create_dir(tree.path("host")).unwrap();
    for process in ["1", "self"] {
        tree.mount_namespace(process, 1);
        tree.link("host", &format!("proc/{process}/root"));
    }
    tree
}

/// The files `cgroup` and `device` that an injection with these flags gets, and the messages.
fn made(tree: &Tree, flags: &str) -> (String, String, String) {
    let assert = tree.kchaos(&format!("{INJECT} {flags}")).assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let file = |name: &str| {
        tree.read(&format!("config/ioem/x/{name}"))
            .trim()
            .to_owned()
    };
    let made = (file("cgroup"), file("device"), said);
    stdout(&mut tree.kchaos("recover x"));
    made
}

/// The messages about flags that make nothing.
fn refused(tree: &Tree, flags: &str, exit: i32) -> String {
    let before = tree.content();
    let said = stderr(&mut tree.kchaos(&format!("{INJECT} {flags}")), exit);
    assert_eq!(tree.content(), before, "{said}");
    said
}

#[test]
fn a_process_stands_for_its_cgroup_and_its_disk() {
    let tree = with_process();
    let (cgroup, device, said) = made(&tree, "--pid 12");
    assert_eq!((cgroup.as_str(), device.as_str()), ("/t", "vda1"));
    assert!(!said.contains("not alone"), "{said}");
    let (cgroup, device, _) = made(&tree, "--pid 12 --device vdb");
    assert_eq!((cgroup.as_str(), device.as_str()), ("/t", "vdb"));
    // The same cgroup, by hand.
    let mut by_hand = tree.kchaos(&format!("{INJECT} --cgroup"));
    stdout(by_hand.arg("0::/t"));
    assert_eq!(tree.read("config/ioem/x/cgroup"), "/t\n");
}

#[test]
fn others_in_its_cgroup_are_told() {
    let tree = with_process();
    tree.cgroup("t", "12\n13\n");
    tree.cgroup("t/below", "14\n");
    let (_, _, said) = made(&tree, "--pid 12");
    let alone = "process 12 (sh) is not alone in its cgroup, /t: the I/O of 2 more";
    assert!(said.contains(alone), "{said}");
}

#[test]
fn a_process_without_a_cgroup_for_it_is_refused() {
    let tree = with_process();
    let kernel = "13 (kworker/0:1) I 2 0 0 0 -1 69238880 0\n";
    for (pid, cgroup, stat, exit, expected) in [
        (13, "/", kernel, 2, "is a thread of the kernel"),
        (
            14,
            "/t",
            "14 (sh) Z 1 1 1 0 -1 0 0\n",
            5,
            "process 14 (sh) has ended",
        ),
        (15, "/", "", 2, "in the root cgroup"),
        (16, "/../docker/x", "", 5, "nsenter -t 1 -C"),
        (17, "/t (deleted)", "", 5, "/t, which was removed"),
        (18, "/gone", "", 5, "there is no cgroup (v2) /gone"),
    ] {
        tree.process(pid, cgroup, "vda1");
        if !stat.is_empty() {
            tree.write(&format!("proc/{pid}/stat"), stat);
        }
        let said = refused(&tree, &format!("--pid {pid}"), exit);
        assert!(said.contains(expected), "{said}");
    }
    // /proc has a folder for each thread, too, which it does not list.
    tree.process(20, "/t", "vda1");
    tree.write("proc/20/status", "Name:\tsh\nTgid:\t12\nPid:\t20\n");
    tree.write("proc/12/status", "Name:\tsh\nTgid:\t12\nPid:\t12\n");
    let said = refused(&tree, "--pid 20", 2);
    assert!(said.contains("20 is a thread of the process 12"), "{said}");
    assert!(said.ends_with(": --pid 12\n"), "{said}");
    made(&tree, "--pid 12");
    let said = refused(&tree, "--pid 99", 5);
    assert!(said.contains("there is no process 99; `ps -e`"), "{said}");
    // The hybrid hierarchy of systemd, and none at all.
    tree.write("proc/12/cgroup", "1:cpu:/x\n");
    let said = refused(&tree, "--pid 12", 5);
    assert!(said.contains("no cgroup (v2)"), "{said}");
    for (flags, expected) in [
        ("--pid nginx", "--pid"),
        ("--pid 0", "from 1 to"),
        ("--pid -1", "--pid"),
        ("--pid 12 --cgroup /t", "cannot be used with"),
        ("--pid 12 --container abcdefabcdef", "cannot be used with"),
    ] {
        let said = refused(&tree, flags, 2);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn in_a_container_the_root_cgroup_is_the_containers() {
    let tree = with_process();
    tree.write("cgroup/cgroup.type", "domain\n");
    tree.write("cgroup/cgroup.procs", "15\n");
    tree.process(15, "/", "vda1");
    assert_eq!(made(&tree, "--pid 15").0, "/");
}

#[test]
fn a_disk_that_cannot_be_found_can_be_named() {
    let tree = with_process();
    tree.link("proc/nowhere", "proc/19/cwd");
    tree.write("proc/19/cgroup", "0::/t\n");
    let said = refused(&tree, "--pid 19", 5);
    assert!(
        said.contains("to choose the disk of process 19 yourself, add --device"),
        "{said}"
    );
}

#[test]
fn a_cgroup_without_accounting_is_told_how_to_get_it() {
    let tree = with_process();
    let point = tree.path("cgroup").display().to_string();
    let control = |folder: &str| format!("cgroup/{folder}/cgroup.subtree_control");
    tree.cgroup("a/b", "");
    tree.write(&control("a"), "\n");
    let said = refused(&tree, "--cgroup /a/b", 1);
    let one = format!(": echo +io > {point}/a/cgroup.subtree_control\n");
    assert!(said.ends_with(&one), "{said}");
    tree.write(&control("."), "memory\n");
    let said = refused(&tree, "--cgroup /a/b", 1);
    let two = format!(
        ": echo +io | tee {point}/cgroup.subtree_control {point}/a/cgroup.subtree_control\n"
    );
    assert!(said.ends_with(&two), "{said}");
    tree.cgroup("system.slice/db.service", "");
    let said = refused(&tree, "--cgroup /system.slice/db.service", 1);
    let systemd = "systemctl set-property --runtime db.service IOAccounting=yes\n";
    assert!(said.ends_with(systemd), "{said}");
    // The hybrid hierarchy of systemd.
    tree.write("cgroup/cgroup.controllers", "\n");
    let said = refused(&tree, "--pid 12", 1);
    assert!(
        said.contains("systemd.unified_cgroup_hierarchy=1"),
        "{said}"
    );
}

#[test]
fn a_container_stands_for_its_cgroup_and_its_disk() {
    let tree = with_process();
    let scope = format!("kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope");
    tree.cgroup(&scope, "30\n12\n");
    tree.cgroup(&format!("system.slice/libpod-conmon-{ID}.scope"), "31\n");
    for id in [ID, &ID[..12], &ID[..8], &format!("containerd://{ID}")] {
        let (cgroup, device, _) = made(&tree, &format!("--container {id}"));
        assert_eq!(
            (cgroup, device.as_str()),
            (format!("/{scope}"), "vda1"),
            "{id}"
        );
    }
    // A container whose processes kchaos does not see.
    tree.cgroup(&scope, "0\n");
    let said = refused(&tree, &format!("--container {ID}"), 5);
    assert!(
        said.contains("PID namespace, so add its disk with --device"),
        "{said}"
    );
    let (cgroup, device, _) = made(&tree, &format!("--container {ID} --device vda"));
    assert_eq!((cgroup, device.as_str()), (format!("/{scope}"), "vda"));
    tree.cgroup(&scope, "");
    let said = refused(&tree, &format!("--container {ID}"), 5);
    assert!(said.contains("has no process, so"), "{said}");
}

/// The first process is the supervisor's, with the root of the host.
#[test]
fn the_disk_of_a_supervisor_is_not_the_containers() {
    let tree = with_process();
    tree.process(9, "/m", "vdb");
    tree.mount_namespace("9", 1);
    let scope = "machine.slice/machine-web.scope";
    tree.cgroup(scope, "");
    tree.cgroup(&format!("{scope}/supervisor"), "9\n");
    let said = refused(&tree, "--container web", 5);
    assert!(
        said.contains("process 9 (sh) has those of the host"),
        "{said}"
    );
    assert!(said.contains("add its disk with --device"), "{said}");
    let (cgroup, device, _) = made(&tree, "--container web --device vdb");
    assert_eq!(
        (&*cgroup, &*device),
        ("/machine.slice/machine-web.scope", "vdb")
    );
    tree.cgroup(&format!("{scope}/other"), "12\n");
    assert_eq!(made(&tree, "--container web").1, "vda1");
    // A process of the supervisor can have mounts of its own, too.
    tree.mount_namespace("9", 9);
    tree.cgroup(&format!("{scope}/other"), "");
    for inner in ["payload", "container"] {
        let inner = format!("{scope}/{inner}/init.scope");
        tree.cgroup(&inner, "12\n");
        assert_eq!(made(&tree, "--container web").1, "vda1");
        tree.cgroup(&inner, "");
    }
    assert_eq!(made(&tree, "--container web").1, "vdb");
    // Nobody can tell whose root this is.
    for (process, number) in [("9", 9), ("1", 1), ("self", 1)] {
        fs::remove_file(tree.path(&format!("proc/{process}/ns/mnt"))).unwrap();
        refused(&tree, "--container web", 5);
        tree.mount_namespace(process, number);
    }
    assert_eq!(made(&tree, "--container web").1, "vdb");
    // QEMU of libvirt has mounts of its own, below the root of the host.
    fs::remove_file(tree.path("proc/9/root")).unwrap();
    tree.link("host", "proc/9/root");
    refused(&tree, "--container web", 5);
}

#[test]
fn a_container_that_is_not_there_is_told_which_are() {
    let tree = with_process();
    let none = refused(&tree, &format!("--container {ID}"), 5);
    assert!(none.contains("nor of any other container"), "{none}");
    let other = format!("0123ffff{}", &ID[8..]);
    for id in [ID, &other] {
        tree.cgroup(&format!("docker/{id}"), "12\n");
    }
    for (id, expected) in [
        ("0123fffe", format!("did you mean {other}?")),
        ("0123", "give at least 8 characters".to_owned()),
        (
            "web",
            format!("there are {ID}, {other}. A name is no id: docker inspect"),
        ),
        ("docker", "docker inspect -f '{{.Id}}' NAME".to_owned()),
        ("t", "A name is no id".to_owned()),
    ] {
        let said = refused(&tree, &format!("--container {id}"), 5);
        assert!(said.contains(&expected), "{said}");
    }
    let mut empty = tree.kchaos(&format!("{INJECT} --container"));
    stderr(empty.arg(""), 2);
    let twin = format!("{}0", &ID[..63]);
    tree.cgroup(&format!("docker/{twin}"), "");
    let said = refused(&tree, &format!("--container {}", &ID[..12]), 5);
    assert!(
        said.contains("several containers: ") && said.contains(&twin),
        "{said}"
    );
    let uid = "6b3d1f00-0000-4000-8000-0123456789ab";
    tree.cgroup(&format!("kubepods/pod{uid}"), "");
    let said = refused(&tree, &format!("--container {uid}"), 5);
    assert!(said.contains("it is a pod's: --cgroup "), "{said}");
    let said = refused(&tree, &format!("--cgroup {}", &ID[..12]), 5);
    assert!(
        said.contains(&format!(": --container {}", &ID[..12])),
        "{said}"
    );
    // One of cgroups v1, and one that this cgroup namespace hides.
    let old = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
    fs::create_dir_all(tree.path("old/docker").join(old)).unwrap();
    let old_root = tree.path("old");
    let line = format!(
        "9 1 0:98 / {} rw - cgroup none rw,blkio",
        old_root.display()
    );
    tree.mount("self", &line);
    let said = refused(&tree, &format!("--container {old}"), 5);
    assert!(said.contains("has a cgroup of v1"), "{said}");
    tree.write("cgroup/cgroup.type", "domain\n");
    let said = refused(&tree, "--container fedcba9876543211", 5);
    assert!(said.contains("run it on the host"), "{said}");
}

/// The driver looks the process up by its number, which can be another one's by then.
#[test]
fn a_number_that_another_process_gets_meanwhile_is_undone() {
    let stat = |start: u32| format!("12 (sh) S {}{start} 0\n", "0 ".repeat(18));
    for verb in [
        "inject ioem delay --delay 1ms --name x --device luks --pid-ns 12",
        "change y --device luks --pid-ns 12 --no-attach",
    ] {
        let tree = volumes();
        tree.write("proc/12/stat", &stat(100));
        tree.program("dmsetup", &tables(&tree));
        let files = [("device", "vdb"), ("pid_ns", ""), ("sectors", "")];
        tree.injection("y", &files);
        let before = tree.content();
        // kchaos asks for the tables after it has looked at the process.
        let script = tree.read("bin/dmsetup");
        let reused = format!(
            "{script}cd {}; cp proc/new proc/12/stat\n",
            tree.path("").display()
        );
        tree.write("proc/new", &stat(200));
        tree.write("bin/dmsetup", &reused);
        let said = stderr(&mut tree.kchaos(verb), 5);
        assert!(said.contains("process 12 ended while kchaos"), "{said}");
        tree.write("bin/dmsetup", &script);
        tree.write("proc/12/stat", &stat(100));
        fs::remove_file(tree.path("proc/new")).unwrap();
        // The words of the schedulers are in another order.
        tree.write(
            "sys/devices/vda/queue/scheduler",
            "none mq-deadline [kyber]\n",
        );
        assert_eq!(tree.content(), before);
        stdout(&mut tree.kchaos(verb));
    }
}
