// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The verbs' work when kchaos cannot print its results.

use crate::tree::{KCHAOS, Tree};
use std::{
    fs::File,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// A system with two injections, a disk to attach and two to detach.
fn busy() -> Tree {
    let tree = Tree::new();
    tree.injection("a", &[]);
    tree.injection("b", &[]);
    for disk in ["vdb", "vdc"] {
        tree.disk(disk, "none [ioem]");
        tree.write(&format!("run/kchaos/{disk}"), "kyber\n");
        tree.write(&format!("sys/devices/{disk}/queue/nr_requests"), "64\n");
    }
    tree
}

/// The exit code and the messages, when results go to `out`.
fn run(tree: &Tree, arguments: &str, out: impl Into<Stdio>) -> (Option<i32>, String) {
    let mut command = Command::new(KCHAOS);
    let output = command
        .envs(tree.environment())
        .args(arguments.split(' '))
        .stdout(out)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

const READING: [&str; 6] = [
    "list",
    "list --json",
    "status",
    "status --watch --interval 10ms",
    "version",
    "list --help",
];

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    for arguments in READING {
        let (_, closed) = std::io::pipe().unwrap();
        assert_eq!(
            run(&busy(), arguments, closed),
            (Some(0), String::new()),
            "{arguments}"
        );
    }
}

#[test]
fn a_reader_that_has_gone_takes_no_exit_code_along() {
    for (arguments, expected) in [
        ("doctor", 1),
        ("doctor --json", 1),
        ("list", 3),
        ("list --json", 3),
        ("recover --dry-run a nosuch", 5),
    ] {
        let code = |out: Stdio| {
            let tree = busy();
            std::fs::remove_dir_all(tree.path("sys")).unwrap();
            run(&tree, arguments, out).0
        };
        let closed = std::io::pipe().unwrap().1;
        let codes = [code(Stdio::null()), code(closed.into())];
        assert_eq!(codes, [Some(expected); 2], "{arguments}");
        assert_eq!(code(full().into()), Some(1), "{arguments}");
    }
}

#[test]
fn output_that_is_lost_is_a_failure() {
    for arguments in READING {
        let (code, said) = run(&busy(), arguments, full());
        assert_eq!(code, Some(1), "{arguments}");
        let expected = "kchaos: cannot write to standard output: No space left on device";
        assert!(said.starts_with(expected), "{arguments}: {said}");
    }
}

#[test]
fn what_nobody_could_be_told_of_is_not_done() {
    for arguments in [
        "inject ioem delay --delay 1ms",
        "attach vda",
        "attach --nr-requests 256 vda vdb",
    ] {
        let tree = busy();
        tree.write("sys/devices/vda/queue/nr_requests", "64\n");
        tree.write("sys/devices/vda/queue/scheduler", "[kyber]\n");
        let before = tree.content();
        let (code, said) = run(&tree, arguments, full());
        assert_eq!(code, Some(1), "{arguments}");
        assert!(
            said.contains("kchaos undoes its changes"),
            "{arguments}: {said}"
        );
        assert_eq!(tree.content(), before, "{arguments}");
    }
}

#[test]
fn what_frees_disks_is_done_to_the_end() {
    for lost in [true, false] {
        for arguments in ["recover --all", "detach vdb vdc"] {
            let tree = busy();
            let (code, said) = if lost {
                run(&tree, arguments, full())
            } else {
                run(&tree, arguments, std::io::pipe().unwrap().1)
            };
            assert_eq!(
                (code, said.is_empty()),
                (Some(i32::from(lost)), !lost),
                "{arguments}: {said}"
            );
            let names = ["a", "b"].map(|name| tree.path("config/ioem").join(name).exists());
            assert_eq!(names, [!arguments.starts_with("recover"); 2]);
            let expected = if arguments.starts_with("detach") {
                "[kyber]\n"
            } else {
                "none [ioem]\n"
            };
            for disk in ["vdb", "vdc"] {
                assert_eq!(
                    tree.read(&format!("sys/devices/{disk}/queue/scheduler")),
                    expected
                );
            }
        }
    }
}

#[test]
fn one_that_waits_stays_without_a_reader() {
    let tree = Tree::new();
    let before = tree.content();
    let mut child = Command::new(KCHAOS)
        .envs(tree.environment())
        .args("inject ioem delay --delay 1ms --device vda --for 1h --wait --name x".split(' '))
        .stdout(std::io::pipe().unwrap().1)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let record = tree.path("run/kchaos/for/x");
    let is_made = || std::fs::read_to_string(&record).is_ok_and(|text| !text.starts_with("0 "));
    while !is_made() {
        assert!(child.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(10));
    }
    sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    // The words of the schedulers are in another order.
    tree.write(
        "sys/devices/vda/queue/scheduler",
        "none mq-deadline [kyber]\n",
    );
    assert_eq!(tree.content(), before);
}
