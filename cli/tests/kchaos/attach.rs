// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos attach` and `kchaos detach`

use crate::tree::{Tree, stderr, stdout};
use std::{fs, sync::mpsc, thread};

const VDA: &str = "sys/block/vda/queue/scheduler";
const MEMORY: &str = "run/kchaos/vda";

#[test]
fn a_device_is_switched_and_given_back() {
    let tree = Tree::new();
    assert_eq!(
        stdout(&mut tree.kchaos("attach vda")),
        "vda: kyber -> ioem\n"
    );
    assert_eq!(
        (tree.read(VDA), tree.read(MEMORY)),
        ("[ioem]\n".into(), "kyber\n".into())
    );
    assert_eq!(
        stdout(&mut tree.kchaos("detach vda")),
        "vda: ioem -> kyber\n"
    );
    assert_eq!(tree.read(VDA), "[kyber]\n");
    assert!(!tree.path(MEMORY).exists());
}

#[test]
fn a_device_can_be_named_in_many_ways() {
    let tree = Tree::new();
    tree.link("dev/vda", "dev/disk/by-id/virtio-1");
    tree.link("dev/vda1", "dev/disk/by-id/virtio-1-part1");
    let dev = tree.path("dev");
    for name in [
        "vda",
        "vda1",
        "disk/by-id/virtio-1",
        "disk/by-id/virtio-1-part1",
    ] {
        let node = dev.join(name);
        let attached = stdout(&mut tree.kchaos(&format!("attach {}", node.display())));
        assert_eq!(attached, "vda: kyber -> ioem\n", "{name}");
        stdout(&mut tree.kchaos("detach vda1"));
    }
    // A directory of /dev is part of the name in sysfs, which has `!` in place of a slash.
    tree.disk("cciss!c0d0", "[none] kyber");
    let node = dev.join("cciss/c0d0");
    let attached = stdout(&mut tree.kchaos(&format!("attach {}", node.display())));
    assert_eq!(attached, "cciss!c0d0: none -> ioem\n");
}

#[test]
fn a_device_that_is_named_twice_is_switched_once() {
    let tree = Tree::new();
    assert_eq!(
        stdout(&mut tree.kchaos("attach vda vda1")),
        "vda: kyber -> ioem\n"
    );
    assert_eq!(tree.read(MEMORY), "kyber\n");
}

#[test]
fn attaching_again_keeps_the_memory() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos("attach vda"));
    tree.kchaos("attach vda")
        .assert()
        .success()
        .stdout("")
        .stderr("kchaos: vda is on ioem already\n");
    assert_eq!(tree.read(MEMORY), "kyber\n");
}

/// The kernel gives each scheduler a number of its own.
#[test]
fn a_number_of_requests_that_a_user_chose_comes_back() {
    const REQUESTS: &str = "sys/devices/vda/queue/nr_requests";
    for (scheduler, requests) in [("kyber", "64\n"), ("kyber", "256\n"), ("none", "2\n")] {
        let tree = Tree::new();
        tree.write("sys/devices/vda/queue/scheduler", &format!("[{scheduler}]"));
        for (there, back) in [
            ("attach vda", "detach vda"),
            ("attach vda --nr-requests 512", "detach vda"),
            (
                "inject ioem delay --delay 1ms --device vda --name x",
                "recover x",
            ),
        ] {
            tree.write(REQUESTS, requests);
            stdout(&mut tree.kchaos(there));
            assert_ne!(tree.read(REQUESTS), "64\n", "{there}");
            stdout(&mut tree.kchaos(back));
            assert_eq!(tree.read(VDA), format!("[{scheduler}]\n"), "{there}");
            assert_eq!(tree.read(REQUESTS), requests, "{there} on {scheduler}");
            assert!(!tree.path(MEMORY).exists(), "{there}");
        }
    }
}

#[test]
fn detaching_without_memory_gives_none() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    tree.kchaos("detach vdb")
        .assert()
        .success()
        .stdout("vdb: ioem -> none\n")
        .stderr(predicates::str::contains("has no record"));
}

#[test]
fn a_memory_that_is_broken_is_told() {
    for (text, expected) in [
        ("a; rm b\n", "says \"a; rm b\""),
        ("", "says \"\""),
        ("kyber many\x1b[2J\n", "says \"kyber many\\u{1b}[2J\""),
    ] {
        let tree = Tree::new();
        tree.disk("vdb", "none [ioem]");
        tree.write("run/kchaos/vdb", text);
        let said = stderr(&mut tree.kchaos("detach vdb"), 1);
        let memory = tree.path("run/kchaos/vdb");
        let scheduler = tree.path("sys/block/vdb/queue/scheduler");
        for expected in [
            &*format!("kchaos: {}, the record", memory.display()),
            &*format!("is broken: it {expected}; "),
            "vdb stays as it is",
            &*format!("rm -r {} && kchaos detach vdb", memory.display()),
            &*format!("echo SCHEDULER > {}", scheduler.display()),
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said.contains("has no record"), "{said}");
        assert_eq!(tree.read("run/kchaos/vdb"), text);
        assert!(
            tree.read("sys/block/vdb/queue/scheduler")
                .contains("[ioem]")
        );
    }
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    fs::create_dir_all(tree.path("run/kchaos/vdb")).unwrap();
    let said = stderr(&mut tree.kchaos("detach vdb --dry-run"), 1);
    assert!(said.contains("it cannot be read: Is a directory"), "{said}");
}

#[test]
fn detaching_what_is_not_attached_changes_nothing() {
    let tree = Tree::new();
    let before = tree.content();
    tree.kchaos("detach vda")
        .assert()
        .success()
        .stdout("")
        .stderr("kchaos: vda is not on ioem but on kyber\n");
    assert_eq!(tree.content(), before);
}

#[test]
fn no_device_is_switched_when_one_is_wrong() {
    let tree = Tree::new();
    tree.write("elsewhere", "");
    tree.disk("dm-0", "none");
    tree.disk("dm-1", "none");
    tree.write("sys/devices/dm-1/slaves/sda", "");
    tree.write("sys/devices/dm-1/slaves/sdb", "");
    tree.write("sys/devices/ram0/size", "1\n");
    tree.link("sys/devices/ram0", "sys/class/block/ram0");
    let before = tree.content();
    for (device, expected) in [
        ("nope".to_owned(), "no block device nope; `lsblk`"),
        ("..".to_owned(), ".. is no block device"),
        (tree.path("dev/nope").display().to_string(), "`lsblk`"),
        (
            tree.path("elsewhere").display().to_string(),
            "is no block device",
        ),
        ("dm-0".to_owned(), "dm-0 has no blk-mq queue"),
        ("dm-1".to_owned(), "dm-1 has no blk-mq queue"),
        ("ram0".to_owned(), "ram0 has no blk-mq queue"),
    ] {
        let message = stderr(&mut tree.kchaos(&format!("attach vda {device}")), 5);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(tree.content(), before);
}

/// A thread can write its name in any way, and the kernel answers EINVAL to another process that
/// writes it: a scheduler file does the same when no module has the scheduler.
#[test]
fn a_scheduler_that_the_kernel_does_not_know() {
    let tree = Tree::new();
    let (tell, told) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let thread = thread::Builder::new()
        .name("[none] kyber".to_owned())
        .spawn(move || {
            tell.send(fs::read_link("/proc/thread-self").unwrap())
                .unwrap();
            // Waits until the test has ended.
            let _ = ended.recv();
        })
        .unwrap();
    tree.disk("vdb", "");
    let scheduler = tree.path("sys/block/vdb/queue/scheduler");
    fs::remove_file(&scheduler).unwrap();
    let name = std::path::Path::new("/proc")
        .join(told.recv().unwrap())
        .join("comm");
    std::os::unix::fs::symlink(name, scheduler).unwrap();

    let mut command = tree.kchaos("attach vda vdb");
    let message = stderr(&mut command, 3);
    assert!(message.contains("cannot switch vdb to ioem"), "{message}");
    assert!(message.contains("modprobe chaos_driver"), "{message}");
    // kchaos gives back the disk that it has switched.
    assert_eq!(tree.read(VDA), "[kyber]\n");
    let saved = fs::read_dir(tree.path("run/kchaos")).unwrap();
    let saved: Vec<_> = saved.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(saved, ["for"]);
    drop(end);
    thread.join().unwrap();
}

#[test]
fn a_user_who_is_not_root_is_told_so() {
    let tree = Tree::new();
    let message = stderr(&mut tree.kchaos_as_nobody("attach vda"), 4);
    assert!(message.contains("sudo"), "{message}");
    assert_eq!(tree.read(VDA), "none mq-deadline [kyber]\n");
}

#[test]
fn one_device_that_cannot_be_detached_does_not_keep_the_others() {
    let tree = Tree::new();
    stdout(&mut tree.kchaos("attach vda"));
    tree.kchaos("detach nope vda")
        .assert()
        .code(5)
        .stdout("vda: ioem -> kyber\n");
}

#[test]
fn a_number_of_requests_that_no_device_can_have_is_told_the_range() {
    for number in ["3", "2049", "-1", "many"] {
        let mut command = Tree::new().kchaos(&format!("attach vda --nr-requests={number}"));
        let message = stderr(&mut command, 2);
        let expected = if number.parse::<u64>().is_ok() {
            "it has to be from 4 to 2048 requests"
        } else {
            "whole number"
        };
        assert!(message.contains(expected), "{number}: {message}");
    }
}

#[test]
fn a_detached_disk_has_its_injections_told() {
    let tree = Tree::new();
    tree.disk("vdb", "none [ioem]");
    tree.injection("all", &[("delay_us", "5"), ("enabled", "1")]);
    let other = [("device", "vda"), ("delay_us", "5"), ("enabled", "1")];
    tree.injection("other", &other);
    tree.injection("off", &[("delay_us", "5"), ("enabled", "0")]);
    let said = said(&mut tree.kchaos("detach vdb"));
    let told = "kchaos: vdb is not on ioem any more, so these reach it no more: all; to have it \
                back: kchaos attach vdb\n";
    assert!(said.contains(told), "{said}");
    let changed = stderr(&mut tree.kchaos("change other --delay 6us --no-attach"), 0);
    assert!(changed.contains("vda is not on ioem"), "{changed}");
}

/// The program's standard error when it succeeds.
fn said(command: &mut assert_cmd::Command) -> String {
    String::from_utf8(command.assert().success().get_output().stderr.clone()).unwrap()
}

/// Something that is no file in the folder of kchaos keeps nobody waiting, and is named.
#[test]
fn what_is_no_file_is_in_the_way_of_nothing_else() {
    for name in ["vda", "version", "for/x", "for/enabled"] {
        let tree = Tree::attached();
        stdout(&mut tree.kchaos("attach vda"));
        let pipe = tree.path(&format!("run/kchaos/{name}"));
        let _ = fs::remove_file(&pipe);
        assert!(
            tree.command("mkfifo")
                .arg(&pipe)
                .output()
                .unwrap()
                .status
                .success()
        );
        for verb in ["list", "status", "change y --delay 2ms", "attach vda"] {
            let mut kchaos = tree.kchaos(verb);
            let output = kchaos
                .timeout(std::time::Duration::from_secs(60))
                .output()
                .unwrap();
            assert!(output.status.code().is_some(), "{name}: {verb}");
        }
    }
    let tree = Tree::new();
    fs::create_dir_all(tree.path("run/kchaos/version")).unwrap();
    let said = stderr(&mut tree.kchaos("attach vda"), 1);
    assert!(said.contains("run/kchaos/version is in the way"), "{said}");
    assert_eq!(
        tree.read("sys/block/vda/queue/scheduler"),
        "none mq-deadline [kyber]\n"
    );
}
