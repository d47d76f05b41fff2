// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Recordings of disks, and their replay.

use crate::{
    contract::{closed, complaints, schema},
    error::mount,
    scenario::given_back,
    stack::{tables, volumes},
    tree::{Tree, stderr, stdout},
};
use serde_json::Value;

/// A profile of two sizes of reads, of writes and of flushes.
const PROFILE: &str = "\
version = 1
device = \"sda\"

[[classes]]
op = \"read\"
max_bytes = 4096
percentiles = \"0:80us,50:100us,99:1.2ms\"

[[classes]]
op = \"read\"
min_bytes = 32769
max_bytes = 65536
lanes = 4
percentiles = \"50:2ms\"

[[classes]]
op = \"write\"
percentiles = \"50:30us\"

[[classes]]
op = \"flush\"
percentiles = \"50:9ms\"
";

/// A system with a profile in the file `a.toml`.
fn with(text: &str) -> Tree {
    let tree = Tree::new();
    tree.write("a.toml", text);
    tree
}

fn line(tree: &Tree, more: &str) -> String {
    format!("replay {} {more}", tree.path("a.toml").display())
}

/// The value of an injection's file.
fn value(tree: &Tree, injection: &str, file: &str) -> String {
    let text = tree.read(&format!("config/ioem/{injection}/{file}"));
    text.trim_end().to_owned()
}

#[test]
fn each_class_is_an_injection_of_its_sizes() {
    let tree = with(PROFILE);
    let before = tree.content();
    let text = stdout(&mut tree.kchaos(&line(&tree, "--device vda --for 1m")));
    assert_eq!(text, "replay-1\nreplay-2\nreplay-3\nreplay-4\n");
    for (injection, expected) in [
        (
            "replay-1",
            ["read", "0", "4096", "0:80 50:100 99:1200", "0"],
        ),
        ("replay-2", ["read", "4097", "0", "50:2000", "4"]),
        ("replay-3", ["write", "0", "0", "50:30", "0"]),
        ("replay-4", ["flush", "0", "0", "50:9000", "0"]),
    ] {
        let files = ["op", "min_bytes", "max_bytes", "percentiles", "lanes"];
        assert_eq!(files.map(|file| value(&tree, injection, file)), expected);
        for (file, expected) in [
            ("device", "vda"),
            ("hold", "request"),
            ("duration_ms", "60000"),
            ("enabled", "1"),
        ] {
            assert_eq!(value(&tree, injection, file), expected, "{file}");
        }
    }
    stdout(&mut tree.kchaos("recover replay-1 replay-2 replay-3 replay-4"));
    given_back(&tree);
    assert_eq!(tree.content(), before);
}

/// Writes have an injection of their own.
#[test]
fn a_replay_of_writes_and_flushes_leaves_no_commit_out() {
    let tree = with(PROFILE);
    mount(&tree, "vda", "/data", "ext4");
    let mut replay = tree.kchaos(&line(&tree, "--device vda --for 1m"));
    let output = replay.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("commits"),
        "{said}"
    );
    // Without that injection, the commits are left out.
    stdout(&mut tree.kchaos("recover replay-3"));
    let list = stdout(&mut tree.kchaos("list --json"));
    assert!(list.contains("leaves out the commits"), "{list}");
}

#[test]
fn a_part_of_a_disk_leaves_others_requests_alone() {
    let tree = with(PROFILE);
    stdout(&mut tree.kchaos(&line(&tree, "--device vda1 --for 1m --name old")));
    assert_eq!(value(&tree, "old-1", "device"), "vda1");
    assert_eq!(value(&tree, "old-1", "hold"), "auto");
}

#[test]
fn a_volume_is_told_once_and_is_the_same_sectors_for_each_class() {
    let tree = volumes();
    tree.program("dmsetup", &tables(&tree));
    tree.write("a.toml", PROFILE);
    let output = tree
        .kchaos(&line(&tree, "--device vg/lv --for 1m"))
        .output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("vg/lv").count(), 1, "{text}");
    let sectors = ["replay-1", "replay-2", "replay-3"].map(|name| value(&tree, name, "sectors"));
    assert!(!sectors[0].is_empty() && sectors.iter().all(|other| *other == sectors[0]));
    assert_eq!(value(&tree, "replay-3", "hold"), "auto");
}

#[test]
fn the_disks_own_time_is_taken_off() {
    let tree = with(PROFILE);
    let output = tree
        .kchaos(&line(&tree, "--device vda --for 1m --subtract 90us"))
        .output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("write would get no delay"), "{text}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "replay-1\nreplay-2\nreplay-3\n"
    );
    assert_eq!(value(&tree, "replay-1", "percentiles"), "0:0 50:10 99:1110");
}

#[test]
fn the_limit_of_a_saturated_disk_is_an_injection_of_all_io() {
    let limited = format!("[limit]\niops = 250\n{}", &PROFILE["version = 1\n".len()..]);
    let limited = limited.replace("device = \"sda\"\n", "");
    let tree = with(&format!("version = 1\n{limited}"));
    let text = stdout(&mut tree.kchaos(&line(&tree, "--device vda --for 1m")));
    assert_eq!(text.lines().count(), 5);
    let files = ["op", "quota", "period_us"].map(|file| value(&tree, "replay-5", file));
    assert_eq!(files, ["", "5", "20000"]);
}

#[test]
fn the_fsyncs_of_a_report_of_fio_are_told_to_be_left_out() {
    let report = |syncs: u64| {
        let times = r#"{"min": 1000, "max": 9000, "mean": 5000, "percentile": {"50.0": 5000}}"#;
        let write =
            format!(r#"{{"io_bytes": 4096, "iops": 1, "total_ios": 1, "clat_ns": {times}}}"#);
        let job = format!(r#"{{"write": {write}, "sync": {{"total_ios": {syncs}}}}}"#);
        format!(r#"{{"fio version": "fio-3.41", "jobs": [{job}]}}"#)
    };
    for (syncs, is_told) in [(1_200, true), (0, false)] {
        let tree = with(&report(syncs));
        let output = tree.kchaos(&line(&tree, "--device vda --for 1m")).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let told = "kchaos: the times of 1,200 fsyncs are left out, as an fsync is several I/Os; \
                    record the disk with `kchaos record` to have its flushes\n";
        assert_eq!(said.contains(told), is_told, "{said}");
    }
}

#[test]
fn commands_are_printed_instead() {
    let tree = with(PROFILE);
    let before = tree.content();
    let text = stdout(&mut tree.kchaos(&line(&tree, "--device vda --for 1m --dry-run")));
    assert_eq!(tree.content(), before);
    for (expected, count) in [
        ("queue/scheduler", 1),
        ("ioem/replay-1\n", 1),
        ("echo 4097 > ", 1),
        ("ioem/replay-3/enabled", 2),
    ] {
        assert_eq!(
            text.matches(expected).count(),
            count,
            "{expected} in {text}"
        );
    }
}

#[test]
fn nothing_stays_if_one_cannot_be_made() {
    let tree = with(PROFILE);
    // A module without the size of the second class.
    std::fs::remove_file(tree.path("new/min_bytes")).unwrap();
    let before = tree.content();
    let text = stderr(&mut tree.kchaos(&line(&tree, "--device vda --for 1m")), 3);
    assert!(text.contains("the loaded module has no"), "{text}");
    given_back(&tree);
    assert_eq!(tree.content(), before);
}

#[test]
fn what_cannot_be_replayed_is_told() {
    for (text, more, exit, expected) in [
        (
            PROFILE,
            "--device nosuch",
            5,
            "there is no block device nosuch",
        ),
        (
            "version = 1\n",
            "--device vda",
            2,
            "a.toml: this is no profile of a disk",
        ),
        (
            "version = 3\nclasses = []\n",
            "--device vda",
            2,
            "has version 3",
        ),
        (
            "version = 1\n[[classes]]\nop = \"fsync\"\npercentiles = \"50:1ms\"\n",
            "--device vda",
            2,
            "a profile has read, write",
        ),
        (
            "version = 1\n[[classes]]\nop = \"flush\"\npercentiles = \"50:0ms\"\n",
            "--device vda",
            2,
            "nothing to replay",
        ),
        (
            "version = 1\n[[classes]]\nop = \"read\"\npercentiles = \"50:1ms\"\n[[classes]]\nop = \
             \"read\"\nmin_bytes = 8192\npercentiles = \"50:2ms\"\n",
            "--device vda",
            2,
            "the classes \"read\" and \"read\" share sizes",
        ),
        (PROFILE, "--device vda --for 2", 2, "a time needs a unit"),
        (PROFILE, "--device vda --for 0s", 2, "it has to be from 1ms"),
    ] {
        let tree = with(text);
        let before = tree.content();
        let message = stderr(&mut tree.kchaos(&line(&tree, more)), exit);
        assert!(message.contains(expected), "{message}");
        assert_eq!(tree.content(), before);
    }
    let message = stderr(
        &mut Tree::new().kchaos("replay nosuch.toml --device vda"),
        1,
    );
    assert!(message.contains("cannot read nosuch.toml"), "{message}");
}

#[test]
fn a_disk_of_the_system_wants_an_end() {
    let tree = with(PROFILE);
    tree.write(
        "proc/swaps",
        "Filename Type Size Used Priority\n/dev/vda partition 1 0 -2\n",
    );
    let before = tree.content();
    let message = stderr(&mut tree.kchaos(&line(&tree, "--device vda")), 2);
    assert!(
        message.contains("--for") && message.contains("--force"),
        "{message}"
    );
    assert_eq!(tree.content(), before);
    stdout(&mut tree.kchaos(&line(&tree, "--device vda --for 1m")));
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let record =
        |tree: &Tree, more: &str| format!("record {more} --output {}", tree.path("b").display());
    let tree = Tree::new();
    tree.write("sys/devices/vda/dev", "252:0\n");
    let before = tree.content();
    for (more, exit, expected) in [
        ("vda --for 1s", 3, "tracefs is not there"),
        ("nosuch", 5, "there is no block device nosuch"),
        ("vda --for 5ms", 2, "it has to be from 10ms to 1h"),
    ] {
        let message = stderr(&mut tree.kchaos(&record(&tree, more)), exit);
        assert!(message.contains(expected), "{message}");
        assert_eq!(tree.content(), before);
    }
    tree.write("tracing/instances/.keep", "");
    tree.write("tracing/events/x", "");
    let message = stderr(&mut tree.kchaos(&record(&tree, "vda")), 3);
    assert!(
        message.contains("no tracepoints of the block layer"),
        "{message}"
    );
    assert!(!tree.path("b").exists());
    // A file that no option names is not replaced.
    tree.write("vda.toml", "mine");
    let mut command = tree.kchaos("record vda");
    let message = stderr(command.current_dir(tree.path("")), 2);
    assert!(message.contains("vda.toml is there already"), "{message}");
    assert_eq!(tree.read("vda.toml"), "mine");
    let svg = format!("vda --svg {}", tree.path("./b").display());
    let message = stderr(&mut tree.kchaos(&record(&tree, &svg)), 2);
    assert!(
        message.contains("of the profile and of the picture"),
        "{message}"
    );
    assert!(!tree.path("b").exists());
}

#[test]
fn a_trace_that_cannot_begin_leaves_nothing() {
    let tree = Tree::new();
    tree.write("sys/devices/vda/dev", "252:0\n");
    tree.write("tracing/instances/.keep", "");
    tree.write("tracing/events/block/x", "");
    // One was left by a process that is gone.
    tree.write("proc/self/stat", "");
    std::fs::create_dir_all(tree.path("tracing/instances/kchaos-4000000")).unwrap();
    let line = format!("record vda --output {}", tree.path("b").display());
    // The instance has no files here.
    let message = stderr(&mut tree.kchaos(&line), 1);
    assert!(
        message.contains("cannot read") && message.contains("block_rq_issue"),
        "{message}"
    );
    let left = || std::fs::read_dir(tree.path("tracing/instances")).unwrap();
    assert_eq!(left().count(), 1);
    for name in ["kchaos-4000000", "kchaos-4000000-1"] {
        std::fs::create_dir_all(tree.path("tracing/instances").join(name)).unwrap();
    }
    stdout(&mut tree.kchaos("gc --dry-run"));
    assert_eq!(left().count(), 3);
    stdout(&mut tree.kchaos("gc"));
    assert_eq!(left().count(), 1);
    assert!(!tree.path("b").exists());
}

#[test]
fn the_schema_of_a_profile_knows_its_keys() {
    let schema = closed(schema("profile"));
    let profile: Value = toml::from_str(PROFILE).unwrap();
    assert_eq!(complaints(&schema, &profile), [""; 0]);
    let wrong: Value = toml::from_str(&PROFILE.replace("version = 1", "version = \"x\"")).unwrap();
    assert!(!complaints(&schema, &wrong).is_empty());
}
