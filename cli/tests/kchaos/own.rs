// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject --own`: the command's cgroup.

use crate::tree::{Tree, stderr, stdout};
use std::fs;

const OWN: &str = "inject ioem delay --delay 1ms --name x --own --";

/// A tree with both controllers, enabled.
fn with_cgroups() -> Tree {
    let tree = Tree::attached();
    tree.cgroups("cpu io memory", "cpu io memory");
    tree
}

/// The messages of a run that succeeds.
fn said(tree: &Tree, script: &str) -> String {
    let mut command = tree.kchaos(&format!("{OWN} sh -e -u -c"));
    command.arg(format!("cd {}; {script}", tree.path("").display()));
    String::from_utf8(command.assert().success().get_output().stderr.clone()).unwrap()
}

#[test]
fn the_command_runs_in_a_cgroup_that_the_injection_is_for() {
    let tree = with_cgroups();
    let before = tree.content();
    // The shell is the process that kchaos has started, and a child of kchaos.
    said(
        &tree,
        "test $(cat config/ioem/x/cgroup) = /kchaos-own-$PPID
         test $(cat config/ioem/x/enabled) = 1
         test $(cat cgroup/kchaos-own-$PPID/command/cgroup.procs) = $$
         test \"$(cat cgroup/kchaos-own-$PPID/cgroup.subtree_control)\" = 'io memory'
         test ! -s cgroup/kchaos-own-$PPID/cgroup.procs",
    );
    assert_eq!(tree.content(), before);
}

#[test]
fn its_words_streams_and_exit_code_are_the_commands() {
    let tree = with_cgroups();
    let mut command = tree.kchaos(OWN);
    command.args([
        "sh",
        "-c",
        "cat; echo \"$0 $#\" >&2; exit 7",
        "a b",
        "",
        "--own",
    ]);
    let assert = command.write_stdin("in").assert().code(7).stdout("in");
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(said.contains("a b 2\n"), "{said}");
}

#[test]
fn a_command_that_cannot_be_run_leaves_nothing() {
    let tree = with_cgroups();
    let before = tree.content();
    for (program, exit) in [("/no/such/program", 127), ("/", 126)] {
        let said = stderr(&mut tree.kchaos(&format!("{OWN} {program}")), exit);
        assert!(said.contains(&format!("cannot run {program}: ")), "{said}");
        assert!(!said.contains("no I/O was hit"), "{said}");
        assert_eq!(tree.content(), before);
    }
    // A command that was started can end so, too.
    let mut command = tree.kchaos(&format!("{OWN} sh -c"));
    let said = stderr(command.arg("exit 127"), 127);
    assert!(said.contains("no I/O was hit"), "{said}");
}

/// Its cgroup is not that of kchaos, which starts it.
#[test]
fn io_of_others_is_not_said_to_be_the_commands() {
    let tree = with_cgroups();
    tree.write("proc/self/cgroup", "0::/user.slice\n");
    tree.write(
        "sys/devices/vdb/stat",
        "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
    );
    let text = said(
        &tree,
        "echo 9 0 72 0 0 0 0 0 0 0 0 0 0 0 0 0 0 > sys/devices/vdb/stat",
    );
    assert!(text.contains("vdb had 9 I/Os"), "{text}");
    assert!(
        text.contains("none of it was by cgroup /kchaos-own-"),
        "{text}"
    );
}

#[test]
fn an_injection_that_cannot_be_made_leaves_no_cgroup() {
    let tree = with_cgroups();
    tree.injection("x", &[]);
    let before = tree.content();
    let said = stderr(&mut tree.kchaos(&format!("{OWN} true")), 5);
    assert!(said.contains("named x already"), "{said}");
    assert_eq!(tree.content(), before);
}

#[test]
fn missing_controllers_are_enabled_and_told() {
    let tree = Tree::attached();
    tree.cgroups("cpu io memory", "");
    let text = said(&tree, "true");
    let point = tree.path("cgroup").display().to_string();
    let undo = format!("echo -io -memory > {point}/cgroup.subtree_control");
    assert!(text.contains(&undo), "{text}");
    assert_eq!(tree.read("cgroup/cgroup.subtree_control"), "memory\n");
    tree.write("cgroup/cgroup.subtree_control", "io memory\n");
    let text = said(&tree, "true");
    assert!(!text.contains("enabled"), "{text}");
    // Without the other controller, the kernel does not know whose buffered writes they are.
    let tree = Tree::attached();
    tree.cgroups("cpu io", "io");
    let text = said(&tree, "true");
    assert!(text.contains("no controller memory"), "{text}");
}

#[test]
fn a_machine_that_cannot_account_io_is_told_why() {
    let run = |tree: &Tree, exit| {
        let before = tree.content();
        let said = stderr(&mut tree.kchaos(&format!("{OWN} true")), exit);
        assert_eq!(tree.content(), before, "{said}");
        said
    };
    let said = run(&Tree::attached(), 1);
    assert!(
        said.contains("mount -t cgroup2 none /sys/fs/cgroup"),
        "{said}"
    );
    let tree = Tree::attached();
    tree.cgroups("", "");
    let said = run(&tree, 1);
    assert!(
        said.contains("systemd.unified_cgroup_hierarchy=1"),
        "{said}"
    );
    // In a container, processes are in the cgroup that it sees as the root.
    let tree = Tree::attached();
    tree.cgroups("io", "");
    tree.write("cgroup/cgroup.type", "domain\n");
    tree.write("cgroup/cgroup.procs", &format!("{}\n", std::process::id()));
    let said = run(&tree, 1);
    assert!(said.contains("as in most containers"), "{said}");
}

#[test]
fn who_may_not_make_cgroups_learns_who_may() {
    let tree = with_cgroups();
    let said = stderr(&mut tree.kchaos_as_nobody(&format!("{OWN} true")), 4);
    assert!(
        said.contains("cannot make ") && said.contains("run it as root"),
        "{said}"
    );
}

#[test]
fn its_flag_needs_a_command_and_no_other_cgroup() {
    let tree = with_cgroups();
    let before = tree.content();
    let inject = "inject ioem delay --delay 1ms --own";
    let said = stderr(&mut tree.kchaos(inject), 2);
    assert!(
        said.contains("add -- COMMAND") && said.contains("--pid"),
        "{said}"
    );
    for other in ["--cgroup /t", "--pid 12", "--container 0123456789ab"] {
        let said = stderr(&mut tree.kchaos(&format!("{inject} {other} -- true")), 2);
        assert!(said.contains("cannot be used with"), "{said}");
    }
    assert_eq!(tree.content(), before);
}

#[test]
fn what_a_killed_kchaos_leaves_goes_with_the_last_process() {
    let tree = with_cgroups();
    let left = "kchaos-own-4194303";
    tree.cgroup(
        &format!("{left}/command"),
        &format!("{}\n", std::process::id()),
    );
    tree.cgroup("kchaos-own-mine", "");
    stdout(&mut tree.kchaos("recover --all"));
    assert!(tree.path("cgroup").join(left).exists());
    tree.cgroup(&format!("{left}/command"), "");
    let mut listed = tree.kchaos("list");
    stdout(&mut listed);
    assert!(tree.path("cgroup").join(left).exists());
    stdout(&mut tree.kchaos("recover --all"));
    assert!(!tree.path("cgroup").join(left).exists());
    // No kchaos has made this one.
    assert!(tree.path("cgroup/kchaos-own-mine").exists());
}

#[test]
fn that_of_a_kchaos_that_lives_is_left_alone() {
    let tree = with_cgroups();
    let own = |tree: &Tree| -> Vec<String> {
        let names = fs::read_dir(tree.path("cgroup")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("kchaos-own-"))
            .collect()
    };
    let mut child = std::process::Command::new(crate::tree::KCHAOS)
        .args(OWN.split(' '))
        .args(["sh", "-c", "while test ! -e $0; do sleep 0.01; done"])
        .arg(tree.path("go"))
        .envs(tree.environment())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !tree.path("config/ioem/x/enabled").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let name = own(&tree).remove(0);
    // Even if it has no process any more, or none yet.
    tree.write(&format!("cgroup/{name}/command/cgroup.procs"), "");
    stdout(&mut tree.kchaos("recover --all"));
    let before_end = own(&tree);
    tree.write("go", "");
    child.wait().unwrap();
    assert_eq!(before_end, [name]);
    assert_eq!(own(&tree), Vec::<String>::new());
}
