// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The line of `kchaos inject ... -- COMMAND` about the I/O that it hit.

use crate::tree::{Tree, stderr};

/// The file `stat` of a device with so many reads, writes, discards and written sectors.
fn stat([reads, writes, discards, written]: [u64; 4]) -> String {
    format!("{reads} 0 0 0 {writes} 0 {written} 0 0 0 0 {discards} 0 0 0 0 0\n")
}

/// A system with vdb and vdc on ioem, each with I/O before the command, and vda not.
fn system() -> Tree {
    let tree = Tree::new();
    for disk in ["vdb", "vdc"] {
        tree.disk(disk, "none [ioem]");
    }
    reset(&tree);
    tree
}

/// Sets the counts of all devices to those before a command.
fn reset(tree: &Tree) {
    for disk in ["vda", "vdb", "vdc"] {
        let counts = stat([100, 50, 7, 3]);
        tree.write(&format!("sys/devices/{disk}/stat"), &counts);
    }
    tree.write("sys/devices/vda/vda1/stat", &stat([0, 0, 0, 0]));
}

/// The line about hits when a command of this injection does so: `script` runs in the tree. The
/// injection's directory is `$x`.
fn said(tree: &Tree, options: &str, script: &str) -> String {
    reset(tree);
    let mut command = tree.kchaos(&format!("inject ioem {options} --name x -- sh -e -u -c"));
    let script = format!("cd {}; x=config/ioem/x; {script}", tree.path("").display());
    let said = stderr(command.arg(&script), 0);
    let mut lines = said.lines().filter(|line| line.starts_with("kchaos: x: "));
    let line = lines.next().unwrap_or_else(|| panic!("{said}"));
    assert_eq!(lines.next(), None, "{said}");
    line["kchaos: x: ".len()..].to_owned()
}

/// A script that writes these numbers of the injection and of devices.
fn numbers(stats: &str, devices: &[(&str, [u64; 4])]) -> String {
    let mut script = format!("printf '{}' > $x/stats", stats.replace('\n', "\\n"));
    for (device, counts) in devices {
        let stat = stat(*counts).replace('\n', "\\n");
        script += &format!("; printf '{stat}' > sys/class/block/{device}/stat");
    }
    script
}

#[test]
fn hits_are_told_with_the_disks_own_counts_and_percentiles() {
    let stats = "active 1\nmatched 1300\ndelayed 1204\nadded_us_lt_9216 1\nadded_us_lt_10240 1000\n\
                 added_us_lt_11264 193\nadded_us_lt_12880 10\n";
    let script = numbers(stats, &[("vdb", [2_100, 1_349, 18, 9])]);
    assert_eq!(
        said(&system(), "delay --delay 10ms --device vdb", &script),
        "1,204 of 3,310 I/Os on vdb delayed, p50 at most 10.3ms, p99 at most 11.3ms"
    );
    // All disks on ioem; the block layer has not counted the I/O that is under way.
    let stats = "active 1\nmatched 20\ndelayed 20\nheld 5\nadded_us_lt_1 3\nadded_us_lt_1024 12\n";
    let script = numbers(stats, &[("vdb", [108, 50, 7, 3]), ("vdc", [104, 50, 7, 3])]);
    assert_eq!(
        said(&system(), "delay --delay 1ms", &script),
        "20 of 20 I/Os on vdb and vdc delayed, p50 at most 1.03ms, p99 at most 1.03ms, 5 held still at \
         the end"
    );
    // Nobody counts the I/O of a disk whose statistics are off.
    let stats = "matched 7\ndelayed 7\nlimited 2\nreleased_early 1\nno_memory 3\n";
    assert_eq!(
        said(
            &system(),
            "delay --delay 1ms --quota 5 --device vdb",
            &numbers(stats, &[])
        ),
        "7 I/Os on vdb delayed, 2 had to wait for the limit, 1 released before their time, 3 not held, \
         as there was no memory"
    );
}

/// No time ends a hang, so that all of its I/O goes before its time.
#[test]
fn io_of_a_hang_hung() {
    let stats = "matched 9\ndelayed 9\nheld 2\nreleased_early 7\nadded_us_lt_1024 7\n";
    let script = numbers(stats, &[("vdb", [110, 50, 7, 3])]);
    assert_eq!(
        said(&system(), "hang --device vdb", &script),
        "9 of 10 I/Os on vdb hung, p50 at most 1.03ms, p99 at most 1.03ms, 2 held still at the end"
    );
}

#[test]
fn percentiles_of_a_limit_are_of_the_ios_that_waited() {
    let stats = "matched 100\nlimited 10\nadded_us_lt_1 90\nadded_us_lt_800000 9\n\
                 added_us_lt_1048576 1\n";
    let script = numbers(stats, &[("vdb", [200, 50, 7, 3])]);
    assert_eq!(
        said(&system(), "limit --quota 5 --device vdb", &script),
        "10 of 100 I/Os on vdb had to wait for the limit, p50 at most 800ms, p99 at most 1.05s"
    );
}

#[test]
fn the_numbers_of_a_removed_injection_are_those_that_were_seen_last() {
    let stats = "matched 9\ndelayed 9\nadded_us_lt_1024 9\n";
    let script = numbers(stats, &[("vdb", [110, 50, 7, 3])]);
    let script = format!("{script}; sleep 1; mv $x gone");
    assert_eq!(
        said(&system(), "delay --delay 1ms --device vdb", &script),
        "9 of 10 I/Os on vdb delayed, p50 at most 1.03ms, p99 at most 1.03ms"
    );
}

#[test]
fn a_reason_is_told_if_nothing_was_hit() {
    let tree = system();
    for (file, text) in [
        ("fua", "0"),
        ("write_cache", "write back"),
        ("discard_max_bytes", "0"),
    ] {
        tree.write(
            &format!("sys/devices/vdb/queue/{file}"),
            &format!("{text}\n"),
        );
    }
    tree.write("proc/self/cgroup", "0::/user.slice\n");
    tree.link("proc/four", "proc/self/ns/pid");
    tree.link("proc/five", "proc/77/ns/pid");
    let some = |counts| numbers("active 1\nmatched 0\n", &[("vdb", counts)]);
    let (none, busy) = (some([100, 50, 7, 3]), some([110, 3_350, 7, 9]));
    let matched = numbers("matched 40\n", &[("vdb", [140, 50, 7, 3])]);
    let cached = "vdb had no I/O while sh ran, ";
    for (options, script, expected) in [
        ("", &none, format!("{cached}nor did any other disk; the page cache answers reads")),
        (
            "",
            &numbers("", &[("vdc", [3_000, 50, 7, 3]), ("vda", [101, 50, 7, 3])]),
            format!("{cached}while vdc had 2,900 and vda had 1; the page cache"),
        ),
        (
            "",
            &some([100, 56, 7, 3]),
            "vdb had 6 flushes without data and nothing else while sh ran, and only --op flush".into(),
        ),
        (
            "--op read",
            &some([100, 3_350, 8, 9]),
            "vdb had 3,301 I/Os (3,300 writes, 1 discards) while sh ran".into(),
        ),
        ("--op write,fua", &busy, "vdb has no FUA: the kernel sends a flush of its own".into()),
        ("--op discard", &none, "vdb cannot discard".into()),
        (
            "--min-bytes 64k --op read",
            &busy,
            "vdb had 3,310 I/Os (10 reads, 3,300 writes) while sh ran, and none of it was of reads of \
             64KiB or more"
                .into(),
        ),
        (
            "--pid-ns 77",
            &busy,
            "vdb had 3,310 I/Os (10 reads, 3,300 writes) while sh ran, none of it by the PID namespace \
             of 77; kchaos and what it runs are in another one"
                .into(),
        ),
        (
            "",
            &busy,
            "vdb had 3,310 I/Os (10 reads, 3,300 writes) while sh ran, and".into(),
        ),
        (
            "--probability 0.1%",
            &matched,
            "40 I/Os matched, and chance chose none of them, with --probability 0.1%".into(),
        ),
        ("--every 50", &matched, "40 I/Os matched, and fewer than the 50 of --every".into()),
        ("", &numbers("matched 4\nno_memory 4\n", &[]), "4 I/Os matched, and there was no".into()),
        ("--enabled 0", &busy, "it was never switched on".into()),
    ] {
        let line = said(&tree, &format!("delay --delay 1ms --device vdb {options}"), script);
        let expected = format!("no I/O was hit: {expected}");
        assert!(line.starts_with(&expected), "{options}: {line}, not {expected}");
    }
    let line = said(&tree, "limit --quota 50 --device vdb", &matched);
    let expected =
        "40 I/Os matched, and never more than the 50 of a window: the limit was not reached";
    assert_eq!(line, format!("no I/O was hit: {expected}"));
    for (options, quotas) in [
        ("bandwidth 10MiB/s", "102KiB"),
        ("limit --bytes-quota 1m", "1MiB"),
        ("limit --quota 50 --bytes-quota 1m", "50 or the 1MiB"),
    ] {
        let line = said(&tree, &format!("{options} --device vdb"), &matched);
        let expected =
            format!("never more than the {quotas} of a window: the limit was not reached");
        assert_eq!(
            line,
            format!("no I/O was hit: 40 I/Os matched, and {expected}")
        );
    }
    // A delay with a limit would have been a hit, whatever the limit.
    for delay in ["delay --delay 1ms", "delay --seek 8ms"] {
        let line = said(
            &tree,
            &format!("{delay} --bytes-quota 1m --device vdb"),
            &matched,
        );
        assert_eq!(
            line,
            "no I/O was hit: 40 I/Os matched, and none of them got a delay"
        );
    }
}

/// Each commit of a journal is a write, which a flush comes with.
#[test]
fn flushes_that_came_with_writes_are_a_reason() {
    let tree = system();
    let script = |flushes: u64| {
        let stat = format!("100 0 0 0 62 0 19 0 0 0 0 7 0 0 0 {flushes} 0");
        format!("echo 'matched 0' > $x/stats; echo {stat} > sys/class/block/vdb/stat")
    };
    let line = |options: &str, flushes| {
        let options = format!("delay --delay 1ms --device vdb {options}");
        said(&tree, &options, &script(flushes))
    };
    let told = "no I/O was hit: vdb had 12 I/Os (12 writes and flushes) while sh ran, and the \
                flushes came with writes; the commit of a journal is a write that flushes: --op \
                write,flush has all writes and flushes, and --op write,fua, on a disk with FUA, \
                only such writes";
    assert_eq!(line("--op flush", 9), told);
    assert_eq!(line("--op flush,sync", 9), told);
    for (options, flushes) in [
        ("--op flush", 0),
        ("--op flush --sectors 0+8", 9),
        ("--op flush --min-bytes 4k", 9),
        ("--op write,flush --min-bytes 1m", 9),
    ] {
        let line = line(options, flushes);
        assert!(!line.contains("journal"), "{options} {flushes}: {line}");
    }
}

/// The kernel counts flushes for whole disks only.
#[test]
fn the_flushes_of_a_partition_likely_came_with_writes() {
    let tree = system();
    tree.write("sys/devices/vda/queue/scheduler", "none [ioem]\n");
    let line = |writes: u64, flushes: u64, op: &str| {
        let part = format!("9 0 0 0 {writes} 0 19 0 0 0 0 0 0 0 0 0 0");
        let whole = format!("109 0 0 0 90 0 99 0 0 0 0 7 0 0 0 {flushes} 0");
        let script = format!(
            "echo 'matched 0' > $x/stats; echo {part} > sys/class/block/vda1/stat; \
             echo {whole} > sys/class/block/vda/stat"
        );
        let options = format!("delay --delay 1ms --device vda1 --op {op}");
        said(&tree, &options, &script)
    };
    let told = "no I/O was hit: vda1 had 21 I/Os (9 reads, 12 writes) while sh ran, and the \
                flushes of vda likely came with writes; the commit of a journal is";
    for op in ["flush", "flush,sync"] {
        let line = line(12, 9, op);
        assert!(line.starts_with(told), "{line}");
    }
    let reads = "no I/O was hit: vda1 had 9 I/Os (9 reads) while sh ran";
    assert_eq!(line(0, 9, "flush"), reads);
    let writes = "no I/O was hit: vda1 had 21 I/Os (9 reads, 12 writes) while sh ran";
    assert_eq!(line(12, 0, "flush"), writes);
    let never = "no I/O was hit: a flush without data is neither meta nor fua";
    assert_eq!(line(12, 9, "flush,meta"), never);
}

#[test]
fn a_cgroup_without_the_command_is_a_reason() {
    let tree = system();
    let groups = tree.path("cgroups");
    tree.write("cgroups/tenant/cgroup.procs", "");
    let mounts = tree.read("proc/self/mountinfo");
    let point = std::fs::canonicalize(groups).unwrap();
    let mount = format!("3 1 0:30 / {} rw - cgroup2 none rw\n", point.display());
    tree.write("proc/self/mountinfo", &format!("{mounts}{mount}"));
    let script = numbers("matched 0\n", &[("vdb", [110, 50, 7, 3])]);
    let line = |own: &str| {
        tree.write("proc/self/cgroup", &format!("0::{own}\n"));
        said(
            &tree,
            "delay --delay 1ms --device vdb --cgroup /tenant",
            &script,
        )
    };
    let told =
        "none of it by the cgroup /tenant; kchaos and what it runs are in the cgroup /tenants";
    assert!(line("/tenants").contains(told), "{}", line("/tenants"));
    let inside = line("/tenant/a");
    assert!(
        inside.ends_with("and none of it was by cgroup /tenant"),
        "{inside}"
    );
    let script = numbers("matched 0\n", &[("vdb", [110, 60, 7, 3])]);
    let options = "delay --delay 1ms --device vdb --cgroup /tenant";
    let buffered = said(&tree, options, &script);
    assert!(
        buffered.contains("counts for the cgroup that first wrote to the file: use direct I/O"),
        "{buffered}"
    );
}

#[test]
fn a_disk_that_is_not_on_ioem_is_a_reason() {
    let tree = system();
    let script = numbers("", &[("vda", [110, 50, 7, 3])]);
    let line = said(
        &tree,
        "delay --delay 1ms --no-attach --device vda1",
        &script,
    );
    assert_eq!(
        line,
        "no I/O was hit: never on ioem: vda1; kchaos attach vda1"
    );
    for disk in ["vdb", "vdc"] {
        tree.write(&format!("sys/devices/{disk}/queue/scheduler"), "[none]\n");
    }
    let line = said(&tree, "delay --delay 1ms --no-attach", &script);
    assert_eq!(
        line,
        "no I/O was hit: no disk was on ioem: kchaos attach DEVICE"
    );
    tree.write("config/ioem/enabled", "0\n");
    let line = said(&tree, "delay --delay 1ms --device vdb", &script);
    assert!(
        line.contains("all injections are switched off: echo 1 > "),
        "{line}"
    );
}

#[test]
fn io_beside_a_partition_is_told() {
    let tree = system();
    tree.write("sys/devices/vda/queue/scheduler", "none [ioem]\n");
    let script = numbers("", &[("vda", [110, 50, 7, 3])]);
    let line = said(
        &tree,
        "delay --delay 1ms --no-attach --device vda1",
        &script,
    );
    assert!(
        line.contains("vda1 had no I/O while sh ran, while vda had 10;"),
        "{line}"
    );
    // A partition of a disk that is meant as a whole counts once.
    let script = numbers(
        "delayed 5\n",
        &[("vda", [110, 50, 7, 3]), ("vda1", [10, 0, 0, 0])],
    );
    let line = said(&tree, "delay --delay 1ms --device vda1,vda", &script);
    assert_eq!(line, "5 of 10 I/Os on vda delayed");
}

#[test]
fn missing_hits_are_a_failure_if_they_are_expected() {
    let tree = system();
    let inject = "inject ioem delay --delay 1ms --device vdb --name x --expect-hits";
    let run = |script: &str, code: i32| {
        let mut command = tree.kchaos(&format!("{inject} -- sh -c"));
        command.arg(format!(
            "cd {}; x=config/ioem/x; {script}",
            tree.path("").display()
        ));
        stderr(&mut command, code)
    };
    let said = run("true", 125);
    assert!(said.contains("kchaos: x: no I/O was hit: "), "{said}");
    run(&numbers("matched 1\ndelayed 1\n", &[]), 0);
    run(&numbers("matched 1\n", &[]), 125);
    // The command's own failure is worse.
    run("exit 7", 7);
    stderr(
        &mut tree.kchaos(&format!("{inject} -- /no/such/program")),
        127,
    );
    let said = stderr(&mut tree.kchaos(inject), 2);
    assert!(
        said.contains("--expect-hits is about the time in which a command runs"),
        "{said}"
    );
    assert!(!tree.path("config/ioem/x").exists());
}

#[test]
fn an_injection_that_ended_early_is_a_reason() {
    let tree = system();
    let busy = numbers("active 1\nmatched 0\n", &[("vdb", [110, 50, 7, 3])]);
    for (script, expected) in [
        ("mv $x gone", "somebody removed it about"),
        (
            "echo '[none] ioem' > sys/devices/vdb/queue/scheduler",
            "vdb was taken off ioem about",
        ),
    ] {
        let line = said(
            &tree,
            "delay --delay 1ms --device vdb",
            &format!("{busy}; {script}"),
        );
        let told = "no I/O was hit: it had ended before sh did: part of it ran without; ";
        assert!(line.starts_with(&format!("{told}{expected}")), "{line}");
        assert!(!line.contains("all of it had begun before"), "{line}");
    }
}

#[test]
fn a_disk_that_was_never_there_is_a_reason() {
    let line = said(&system(), "delay --delay 1ms --device vdz", "true");
    assert_eq!(line, "no I/O was hit: vdz was never there");
}

#[test]
fn a_command_that_cannot_be_started_has_no_line() {
    let tree = system();
    let inject = "inject ioem delay --delay 1ms --device vdb --name x --";
    for (program, code) in [("/no/such/program", 127), ("/", 126)] {
        let said = stderr(tree.kchaos(inject).arg(program), code);
        assert!(!said.contains("no I/O was hit"), "{said}");
    }
    // A command that was started can end so, too.
    for code in [125, 126, 127] {
        let command = ["sh", "-c", &format!("exit {code}")];
        let said = stderr(tree.kchaos(inject).args(command), code);
        assert!(said.contains("no I/O was hit"), "{said}");
    }
}
