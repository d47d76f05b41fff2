// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! `kchaos inject` with filters, distributions and times: the written files, and the refusals.

use crate::{
    error::mount,
    tree::{Tree, stderr, stdout},
};

fn file(tree: &Tree, name: &str) -> String {
    tree.read(&format!("config/ioem/x/{name}"))
        .trim()
        .to_owned()
}

#[test]
fn each_flag_is_written_as_the_driver_takes_it() {
    for (flags, name, expected) in [
        ("--device vda1", "device", "vda1"),
        ("--device vda --device 8:1,sdy", "device", "vda 8:1 sdy"),
        ("--op read,write,SYNC", "op", "read write sync"),
        ("--pid-ns 12", "pid_ns", "12"),
        ("--sectors 0+8 --sectors 16+8", "sectors", "0+8 16+8"),
        ("--min-bytes 4k", "min_bytes", "4096"),
        ("--max-bytes 1m", "max_bytes", "1048576"),
        ("--probability 0.0001%", "probability", "0.0001"),
        ("--every 3", "every", "3"),
        ("--times 5", "times", "5"),
        (
            "--seed 18446744073709551615",
            "seed",
            "18446744073709551615",
        ),
        (
            "--distribution paretonormal",
            "distribution",
            "paretonormal",
        ),
        ("--hold auto", "hold", "auto"),
        ("--hold REQUEST", "hold", "request"),
        ("--hold completion", "hold", "completion"),
        ("--for 90s", "duration_ms", "90000"),
        ("--duration-ms 5", "duration_ms", "5"),
    ] {
        let tree = Tree::attached();
        tree.write("proc/12/comm", "sh\n");
        stdout(&mut tree.kchaos(&format!("inject ioem delay --delay 1ms --name x {flags}")));
        assert_eq!(file(&tree, name), expected, "{flags}");
        assert_eq!(file(&tree, "enabled"), "1");
    }
    let tree = Tree::attached();
    let percentiles = "--percentiles 50:200us,99:5ms,99.9:80ms";
    stdout(&mut tree.kchaos(&format!("inject ioem delay --name x {percentiles}")));
    assert_eq!(file(&tree, "percentiles"), "50:200 99:5000 99.9:80000");
    // Other settings stay as the driver has them.
    assert_eq!(file(&tree, "hold"), "auto");
}

#[test]
fn a_device_may_be_a_path_a_mount_point_or_a_file_on_it() {
    let tree = Tree::new();
    let node = tree.path("dev/vda1").display().to_string();
    stdout(&mut tree.kchaos(&format!(
        "inject ioem delay --delay 1ms --name x --device {node}"
    )));
    assert_eq!(file(&tree, "device"), "vda1");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_would() {
    let tree = Tree::attached();
    let before = tree.content();
    for (flags, expected) in [
        ("--op erase", "read"),
        ("--sectors 8", "--sectors"),
        ("--sectors 0+8,4+8", "overlap"),
        ("--sectors 0+8 --sectors 4+8", "overlap"),
        ("--min-bytes 2k --max-bytes 1k", "exchange them"),
        ("--probability 101%", "from 0 to 100"),
        ("--every 0", "from 1"),
        ("--distribution gauss", "normal"),
        ("--hold requests", "auto, request, completion"),
        (
            "--hold request --hold auto",
            "cannot be used multiple times",
        ),
        ("--percentiles 50:200us", "leave one out"),
        ("--for 10", "10s"),
        ("--pid-ns 0", "--pid-ns"),
        ("--pid-ns 99999", "there is no process 99999; `ps -e`"),
        ("--cgroup /nowhere", "no cgroup"),
    ] {
        let arguments = format!("inject ioem delay --delay 1ms --name x {flags}");
        let output = tree.kchaos(&arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        let code = output.status.code();
        assert!(matches!(code, Some(2 | 5)), "{flags}: {code:?} {message}");
        assert!(message.contains(expected), "{flags}: {message}");
    }
    let falling = "inject ioem delay --name x --percentiles 50:200us,60:100us";
    let message = stderr(&mut tree.kchaos(falling), 2);
    assert!(message.contains("percentiles"), "{message}");
    assert_eq!(tree.content(), before);
}

#[test]
fn a_cgroup_that_may_have_been_meant_is_named() {
    let tree = Tree::attached();
    let point = tree.path("cgroup");
    for cgroup in ["t", "system.slice/db.service", "a/u", "b/u"] {
        std::fs::create_dir_all(point.join(cgroup)).unwrap();
    }
    std::fs::create_dir(tree.path("elsewhere")).unwrap();
    tree.write("proc/12/comm", "sh\n");
    let point = point.display();
    let mount = format!("2 1 0:99 / {point} rw - cgroup2 cgroup2 rw\n");
    tree.mount("self", mount.trim_end());
    let elsewhere = tree.path("elsewhere").display().to_string();
    for (cgroup, expected) in [
        (
            "t",
            format!("no cgroup (v2) t; did you mean /t in {point}?"),
        ),
        ("/sys/fs/cgroup/t", "did you mean /t in ".to_owned()),
        (
            "db.service",
            "did you mean /system.slice/db.service in ".to_owned(),
        ),
        ("12", "the cgroup of process 12 is: --pid 12".to_owned()),
        ("/proc/12/cgroup", "is: --pid 12".to_owned()),
        ("13", "no cgroup (v2) 13; cgroups have".to_owned()),
        ("/u", "did you mean /a/u or /b/u in ".to_owned()),
        (
            "/gone",
            format!("no cgroup (v2) /gone; cgroups have their directories in {point}"),
        ),
        (
            elsewhere.as_str(),
            "is a directory, but no cgroup (v2)".to_owned(),
        ),
    ] {
        let arguments = format!("inject ioem delay --delay 1ms --cgroup {cgroup}");
        let message = stderr(&mut tree.kchaos(&arguments), 5);
        assert!(message.contains(&expected), "{message}");
    }
    for cgroup in ["/t", "0::/t", &format!("{point}/t")] {
        stdout(&mut tree.kchaos(&format!(
            "inject ioem delay --delay 1ms --name x --cgroup {cgroup}"
        )));
        assert_eq!(file(&tree, "cgroup"), "/t");
        stdout(&mut tree.kchaos("recover x"));
    }
}

#[test]
fn a_disk_that_the_system_needs_is_left_alone() {
    let tree = Tree::new();
    // The root file system is on a volume of device-mapper, which is on a partition of vda.
    tree.link("sys/devices/dm-0", "sys/block/dm-0");
    tree.link("sys/devices/dm-0", "sys/class/block/dm-0");
    tree.link("sys/devices/dm-0", "sys/dev/block/253:0");
    tree.link("sys/devices/vda/vda1", "sys/devices/dm-0/slaves/vda1");
    tree.write(
        "proc/self/mountinfo",
        "1 1 253:0 / / rw - ext4 /dev/mapper/root rw\n",
    );
    let message = stderr(&mut tree.kchaos("attach vda"), 2);
    assert!(
        message.contains("mounted at /") && message.contains("--force"),
        "{message}"
    );
    let delay = "inject ioem delay --delay 1ms --name x";
    // The disk may be attached later, and then kchaos could not ask.
    let message = stderr(&mut tree.kchaos(&format!("{delay} --device vda1")), 2);
    assert!(message.contains("--for 30s"), "{message}");
    let idle = ("stats", "active 0\nremaining_ms 0");
    let delay_1ms = ("delay_us", "1000");
    for (name, files) in [
        ("all", vec![("enabled", "1"), delay_1ms]),
        ("empty", vec![("enabled", "1"), ("delay_us", "0")]),
        (
            "named",
            vec![("device", "vdb vda1"), ("duration_ms", "0"), ("quota", "1")],
        ),
        ("never", vec![("probability", "0"), delay_1ms]),
        ("other", vec![("device", "vdb"), delay_1ms]),
        ("over", vec![("duration_ms", "5"), delay_1ms, idle]),
        ("short", vec![("duration_ms", "30000"), delay_1ms]),
        ("used", vec![("times", "5"), delay_1ms, idle]),
        ("waits", vec![("enabled", "0"), delay_1ms]),
    ] {
        tree.injection(name, &files);
    }
    let said =
        "these act on it now without an end: all, named; end them with `kchaos recover all named`";
    tree.kchaos("attach vda --force")
        .assert()
        .success()
        .stderr(predicates::str::contains(said));
    // When all are switched off, no injection acts.
    stdout(&mut tree.kchaos("detach vda"));
    tree.write("config/ioem/enabled", "0\n");
    tree.kchaos("attach vda --force")
        .assert()
        .success()
        .stderr("");
    tree.write("config/ioem/enabled", "1\n");

    let message = stderr(&mut tree.kchaos(delay), 2);
    assert!(message.contains("--for 30s"), "{message}");
    let message = stderr(&mut tree.kchaos(&format!("{delay} --device vda1")), 2);
    assert!(message.contains("mounted at /"), "{message}");
    stdout(&mut tree.kchaos(&format!("{delay} --for 30s")));
    stdout(&mut tree.kchaos("recover x"));
    stdout(&mut tree.kchaos(&format!("{delay} --device sdz")));
    stdout(&mut tree.kchaos("recover x"));
    stdout(&mut tree.kchaos(&format!("{delay} --force")));
}

#[test]
fn swap_is_what_the_system_needs() {
    let tree = Tree::new();
    let swaps = "Filename Type Size Used Priority\n/dev/vda1 partition 1 0 -2\n";
    tree.write("proc/swaps", swaps);
    let message = stderr(&mut tree.kchaos("attach vda"), 2);
    assert!(message.contains("swap"), "{message}");
}

#[test]
fn the_number_of_requests_is_raised_and_given_back() {
    let tree = Tree::new();
    tree.write("sys/devices/vda/queue/nr_requests", "256\n");
    stdout(&mut tree.kchaos("attach --nr-requests 2048 vda"));
    assert_eq!(tree.read("sys/devices/vda/queue/nr_requests"), "2048\n");
    assert_eq!(tree.read("run/kchaos/vda"), "kyber 256\n");
    stdout(&mut tree.kchaos("detach vda"));
    assert_eq!(tree.read("sys/devices/vda/queue/nr_requests"), "256\n");
    assert_eq!(tree.read("sys/devices/vda/queue/scheduler"), "[kyber]\n");
}

/// A commit is no flush to the block layer, but a write.
#[test]
fn the_commits_that_flushes_alone_leave_out_are_told() {
    let commits = "the commit of a journal is a write that flushes: --op write,flush has all writes \
                   and flushes, and --op write,fua, on a disk with FUA, only such writes";
    for (kind, device, op, is_told) in [
        ("ext4", "vda1", "flush", true),
        ("ext4", "vda", "FLUSH,sync", true),
        ("xfs", "vda1", "flush", true),
        ("btrfs", "vda1", "flush", false),
        ("ext4", "vda2", "flush", false),
        ("ext4", "vdb", "flush", false),
        ("ext4", "vda1", "write,flush", false),
        ("ext4", "vda1", "sync", false),
    ] {
        let tree = Tree::attached();
        tree.partition("vda", "vda2", (10_240, 2_048));
        mount(&tree, "vda1", "/data", kind);
        let line = format!("inject ioem delay --delay 1ms --device {device} --op {op} -- true");
        let said = stderr(&mut tree.kchaos(&line), 0);
        let hint = format!("--op flush leaves out the commits of the {kind} at /data on vda; ");
        assert_eq!(said.contains(&hint), is_told, "{line}: {said}");
        assert_eq!(said.contains(commits), is_told, "{line}: {said}");
    }
    // Below a volume, a flush goes ahead of each commit.
    let tree = Tree::attached();
    tree.mapped("dm-0", "vg-lv", &["vda1"]);
    mount(&tree, "dm-0", "/data", "ext4");
    for device in ["vda1", "vda"] {
        let line = format!("inject ioem delay --delay 1ms --device {device} --op flush -- true");
        let said = stderr(&mut tree.kchaos(&line), 0);
        assert!(!said.contains(commits), "{device}: {said}");
    }
    // A disk without a cache has no flush at all, and one reason is enough.
    let tree = Tree::attached();
    mount(&tree, "vdb", "/data", "ext4");
    tree.write("sys/devices/vdb/queue/write_cache", "write through\n");
    let line = "inject ioem delay --delay 1ms --device vdb --op flush -- true";
    let said = stderr(&mut tree.kchaos(line), 0);
    assert!(said.contains("vdb has no volatile write cache"), "{said}");
    assert!(!said.contains(commits), "{said}");
}
