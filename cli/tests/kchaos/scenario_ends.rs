// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Scenarios that end early, or do not begin.

use crate::{
    scenario::{given_back, line, with},
    tree::{KCHAOS, Tree, stderr, stdout},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const LONG: &str = "\
name = \"long\"
device = \"vda\"

[[steps]]
name = \"slow\"
delay = \"10ms\"
for = \"1m\"

[[steps]]
name = \"next\"
quota = 5
for = \"1m\"
";

/// Starts the scenario with default signals, and waits for its first injection.
fn start(tree: &Tree, out: impl Into<Stdio>) -> Child {
    let mut command = Command::new("env");
    command.args(["--default-signal", KCHAOS, "scenario", "run"]);
    command.arg(tree.path("a.toml")).envs(tree.environment());
    command.stdout(out).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    wait_for(|| is_on(tree));
    child
}

fn wait_for(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "in vain");
        sleep(Duration::from_millis(10));
    }
}

/// Whether the first step's injection is at work.
fn is_on(tree: &Tree) -> bool {
    let read = |file| fs::read_to_string(tree.path(&format!("config/ioem/slow-1/{file}")));
    read("enabled").is_ok_and(|text| text == "1\n")
        && read("duration_ms").is_ok_and(|text| text == "60000\n")
}

#[test]
fn a_signal_ends_all_and_the_report_tells_it() {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
        let tree = with(LONG);
        let before = tree.content();
        let child = start(&tree, Stdio::piped());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(128 + number));
        assert!(
            out.starts_with(&format!("long: interrupted by signal {number} after ")),
            "{out}"
        );
        assert!(out.contains(" slow: delay 10ms, on vda, for 1m\n"), "{out}");
        assert!(!out.contains("next"), "{out}");
        given_back(&tree);
        assert_eq!(tree.content(), before);
    }
}

#[test]
fn the_exit_code_stays_if_nobody_reads_the_report() {
    let closed = || std::io::pipe().unwrap().1;
    let tree = with(LONG);
    let mut child = start(&tree, closed());
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let tree = with(&LONG.replace("\"1m\"", "\"100ms\""));
    for (more, expected) in [("", 0), ("--expect-hits", 125)] {
        let mut command = Command::new(KCHAOS);
        let line = line(&tree, "run", more);
        command
            .args(line.split_whitespace())
            .envs(tree.environment());
        command.stdout(closed()).stderr(Stdio::null());
        assert_eq!(command.status().unwrap().code(), Some(expected), "{more}");
    }
}

/// Nobody cleans up then, and each injection ends by its lease.
#[test]
fn after_sigkill_the_leases_end_all() {
    let tree = with(LONG);
    let mut child = start(&tree, Stdio::piped());
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let read = |file: &str| tree.read(&format!("config/ioem/{file}"));
    assert_eq!(read("slow-1/duration_ms"), "60000\n");
    assert_eq!(
        (read("long-1/duration_ms"), read("long-1/enabled")),
        ("1500\n".to_owned(), "0\n".to_owned())
    );
    assert_eq!(read("long-1/delay_us"), "0\n");
    let stats = "active 0\nremaining_ms 0\n";
    tree.write("config/ioem/long-1/stats", stats);
    let message = String::from_utf8(tree.kchaos("list").output().unwrap().stderr).unwrap();
    assert_eq!(message, "", "the other one needs the disk still");
    tree.write("config/ioem/slow-1/stats", stats);
    let message = String::from_utf8(tree.kchaos("list").output().unwrap().stderr).unwrap();
    assert!(
        message.contains("vda: ioem -> kyber, as no injection needs it"),
        "{message}"
    );
}

#[test]
fn a_step_that_the_driver_refuses_keeps_all_from_beginning() {
    let tree = with(LONG);
    let file = tree.path("new/quota");
    fs::remove_file(&file).unwrap();
    symlink("/nowhere/at/all", &file).unwrap();
    let before = tree.content();
    let message = stderr(&mut tree.kchaos(&line(&tree, "run", "")), 3);
    assert!(message.contains("/quota"), "{message}");
    assert!(!message.contains("step 1"), "{message}");
    given_back(&tree);
    assert_eq!(tree.content(), before);
}

#[test]
fn a_step_that_cannot_be_taken_ends_all() {
    let tree = with(&LONG.replace("\"1m\"", "\"800ms\""));
    let mut command = tree.kchaos(&line(&tree, "run", ""));
    let child = std::thread::scope(|scope| {
        let run = scope.spawn(|| command.output().unwrap());
        let slow = || tree.path("config/ioem/slow-1/enabled").exists();
        wait_for(slow);
        // The kernel has no such file for further injections.
        fs::remove_file(tree.path("new/quota")).unwrap();
        run.join().unwrap()
    });
    let [out, err] = [child.stdout, child.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(child.status.code(), Some(3), "{err}");
    assert!(out.starts_with("long: failed after "), "{out}");
    assert!(out.contains(" slow: delay 10ms"), "{out}");
    assert!(err.contains("/quota"), "{err}");
    given_back(&tree);
    assert_eq!(fs::read_dir(tree.path("config/ioem")).unwrap().count(), 2);
}

#[test]
fn the_guard_is_that_of_inject() {
    let tree = with(&LONG.replace("\"1m\"", "\"100ms\""));
    tree.write("proc/1/mountinfo", "1 1 4000:0 / / rw - ext4 /dev/vda rw\n");
    tree.injection("other", &[("delay_us", "1000"), ("enabled", "1")]);
    let before = tree.content();
    for verb in ["check", "run"] {
        let message = stderr(&mut tree.kchaos(&line(&tree, verb, "")), 2);
        let expected = "a.toml:4:1: slow: vda has the file system that is mounted at /";
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("without an end: other"), "{message}");
        assert!(message.contains("--force"), "{message}");
    }
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos(&line(&tree, "check", "--force")));
    stdout(&mut tree.kchaos(&line(&tree, "run", "--force")));
    stdout(&mut tree.kchaos("recover other"));
    stdout(&mut tree.kchaos(&line(&tree, "run", "")));
}

/// Between the check and the step, somebody mounts the disk whose writes are to be lost.
#[test]
fn a_step_that_loses_writes_is_checked_again() {
    let lossy = LONG.replace("\"1m\"", "\"500ms\"");
    let lossy = lossy.replace("quota = 5", "drop = true\ndata-loss = true");
    let tree = with(&lossy);
    let mut command = tree.kchaos(&line(&tree, "run", ""));
    let output = std::thread::scope(|scope| {
        let run = scope.spawn(|| command.output().unwrap());
        wait_for(|| tree.path("config/ioem/slow-1/enabled").exists());
        tree.write("proc/1/mountinfo", "1 1 4000:0 / / rw - ext4 /dev/vda rw\n");
        run.join().unwrap()
    });
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("kchaos damages no data there"), "{err}");
    given_back(&tree);
    let message = stderr(&mut tree.kchaos(&line(&tree, "run", "--force")), 2);
    assert!(message.contains("a.toml:9:1: next: vda has"), "{message}");
    let tree = with(&lossy);
    let said = stdout(&mut tree.kchaos(&line(&tree, "run", "")));
    assert!(said.contains(" next: "), "{said}");
}

#[test]
fn a_report_that_cannot_be_written_keeps_all_from_beginning() {
    let tree = with(LONG);
    let before = tree.content();
    let message = stderr(
        &mut tree.kchaos(&line(&tree, "run", "--json /nowhere/at/all")),
        1,
    );
    assert!(
        message.contains("cannot write /nowhere/at/all: "),
        "{message}"
    );
    assert_eq!(tree.content(), before);
    // Both reports in one file would be none.
    let file = tree.path("report").display().to_string();
    let more = format!("--json {file} --html {}", tree.path("./report").display());
    let message = stderr(&mut tree.kchaos(&line(&tree, "run", &more)), 2);
    let expected = format!(
        "{} would be the file of both reports",
        tree.path("./report").display()
    );
    assert!(message.contains(&expected), "{message}");
    assert_eq!(tree.content(), before);
    // An old report stays until there is a new one.
    tree.write("report", "old");
    fs::rename(tree.path("new/quota"), tree.path("quota")).unwrap();
    for kind in ["json", "html"] {
        let more = format!("--{kind} {file}");
        stderr(&mut tree.kchaos(&line(&tree, "run", &more)), 3);
        assert_eq!(tree.read("report"), "old", "{kind}");
    }
    fs::rename(tree.path("quota"), tree.path("new/quota")).unwrap();
    let message = stderr(&mut tree.kchaos("scenario run /nowhere/at/all"), 1);
    assert!(
        message.contains("cannot read /nowhere/at/all: "),
        "{message}"
    );
    for (name, expected) in [
        ("brownout", "named brownout; is it 'brown-out'?"),
        (
            "x",
            "no scenario that comes with kchaos is named x; `kchaos scenario list`",
        ),
    ] {
        let message = stderr(tree.kchaos("scenario run").arg(name), 1);
        assert!(message.contains(expected), "{message}");
    }
    let message = stderr(&mut tree.kchaos("scenario run x --set a"), 2);
    assert!(message.contains("such as for=30s"), "{message}");
}
